"""Evidence in: scores from files that platforms write, as rows with a stable event id, and into the log.

A reader (``score_file``, ``edx``, ``xapi``) turns a file into rows and refusals, ``load`` writes them in batches, and
``files`` takes several files or the inbox.
"""
