"""Readers of evidence files.

Each turns a file into rows with a stable event id, and into refusals with a reason. `formats` finds the reader of a
file. Readers never write to the database; `evidence.jobs.load` does.
"""
