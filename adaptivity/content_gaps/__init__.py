"""What a collection's content lacks: the report, what makes it, and what it suggests.

Other rooms may import `jobs` to make a report and `selectors` to read one. No subject imports it.
"""
