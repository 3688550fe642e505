"""What learners did: scores, hand-set masteries, their log, and the masteries derived from it.

This room imports and exports files of evidence, and exports and erases a learner's data. Other rooms may import
`services`, `selectors` and `jobs`. `readers` are for `jobs` alone.
"""
