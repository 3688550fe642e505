"""What learners did: scores, hand-set masteries, their log, and the masteries that follow from it.

Files of evidence come in and go out here, and a learner's data is exported and erased. Other rooms may import
`services`, `selectors` and `jobs`. `readers` are for `jobs` alone.
"""
