"""The grade of a learner in a collection."""

import numpy as np

from adaptivity.engine.parameters import MASTERY_THRESHOLD, Floats, clip_probability


def grade(*, mastery: Floats, prior: Floats, done: int, activities: int) -> float:
    """How far a learner has come in a collection, from 0 to 1.

    ``mastery`` and ``prior``, both of shape (KCs,), cover the KCs tagged on the collection's activities. The grade is
    the mean over the KCs of the progress from the prior to the mastery threshold 0.9. Each KC's progress is clipped to
    [0, 1]. A KC whose prior is at the threshold already counts as 1.

    Without KCs the grade is the share of the ``activities`` that are ``done``, and 0 if there are no activities.
    """
    if not mastery.size:
        return done / activities if activities else 0.0
    start = clip_probability(prior)
    distance = MASTERY_THRESHOLD - start
    ahead = distance <= 0.0
    progress = (clip_probability(mastery) - start) / np.where(ahead, 1.0, distance)
    return float(np.mean(np.where(ahead, 1.0, np.clip(progress, 0.0, 1.0))))
