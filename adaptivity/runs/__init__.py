"""Work that runs to an end: the record of each job, and pipelines of steps that depend on one another.

It knows no subject, because a step names a command. Other rooms may import `services`, `selectors` and `pipelines`.
"""
