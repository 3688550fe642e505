"""Gaps in a collection's content: the report, the job that makes it, and its suggestions.

Other rooms may import `jobs` to make a report and `selectors` to read one. No subject imports it.
"""
