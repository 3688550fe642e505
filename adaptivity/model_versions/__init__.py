"""Parameters that were estimated: how they are made, judged, put in force and taken back.

Estimation, evaluation, the promotion gate and predictions live here. Only the ways in import this subject.
"""
