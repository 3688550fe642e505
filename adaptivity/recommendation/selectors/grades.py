"""The grade of a learner in a collection."""

import numpy as np

from adaptivity.content.selectors.arrays import collection_arrays, collection_state
from adaptivity.engine.grading import grade
from adaptivity.evidence.selectors.learners import learner_find
from adaptivity.recommendation.selectors.learner_state import done_items, masteries_and_last_item


def learner_grade(*, user_id: str, tool_consumer_instance_guid: str, collection_id: str) -> float:
    """The grade from 0 to 1; an unknown learner is graded like a new one. Raises Collection.DoesNotExist."""
    version = collection_state(collection_id)
    arrays = collection_arrays(version)
    learner = learner_find(user_id, tool_consumer_instance_guid)
    mastery, done = arrays.priors, np.zeros(0, dtype=np.int64)
    if learner is not None:
        mastery, _ = masteries_and_last_item(learner, version, arrays)
        if not arrays.is_tagged.any():
            done = done_items(learner, arrays)
    return grade(
        mastery=mastery[arrays.is_tagged],
        prior=arrays.priors[arrays.is_tagged],
        done=done.size,
        activities=arrays.activity_ids.size,
    )
