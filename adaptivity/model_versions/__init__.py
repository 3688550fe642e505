"""Model versions: how parameters are estimated, evaluated, put in force and rolled back.

Estimation, evaluation, the promotion gate and predictions live here. Only the ways in import this subject.
"""
