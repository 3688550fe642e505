"""What a recommendation or a grade needs to know about a learner; the rows read are bounded by the collection."""

import numpy as np

from adaptivity.content.selectors.arrays import CollectionArrays, CollectionState
from adaptivity.database.sql import among, fetch
from adaptivity.engine.parameters import Floats, Integers, relevance
from adaptivity.evidence.selectors.learners import KnownLearner

# On PostgreSQL, one index lookup takes as long as reading four to eight rows in index order.
READ_RATHER_THAN_LOOK_UP = 4


LAST_ITEM = """
UNION ALL
SELECT tag.knowledge_component_id, NULL,
       COALESCE(estimated.guess, tag.guess), COALESCE(estimated.slip, tag.slip)
FROM adaptivity_activityknowledgecomponent tag
LEFT JOIN adaptivity_itemparameters estimated
    ON estimated.model_version_id = %s AND estimated.activity_id = tag.activity_id
    AND estimated.knowledge_component_id = tag.knowledge_component_id
WHERE tag.activity_id = %s
"""


def masteries_and_last_item(
    learner: KnownLearner, version: CollectionState, arrays: CollectionArrays
) -> tuple[Floats, Floats]:
    """The learner's mastery of each KC and the relevance of the last item for it, both of shape (KCs,). One query.

    The mastery of a KC without evidence is its prior.
    """
    mastery, last_relevance = arrays.priors.copy(), np.zeros(arrays.priors.size)
    condition, kc_ids = among(arrays.knowledge_component_ids.tolist())
    sql = f"""
SELECT knowledge_component_id, value, NULL, NULL
FROM adaptivity_mastery WHERE learner_id = %s AND knowledge_component_id {condition}"""  # noqa: S608 - no input in it
    parameters = [learner.id, kc_ids]
    if learner.last_activity_id is not None:
        item = arrays.items(np.array([learner.last_activity_id]))
        if item.size:
            last_relevance = arrays.item_relevance(int(item[0]))
        else:
            sql += LAST_ITEM
            parameters += [version.model_version_id, learner.last_activity_id]
    rows = fetch(sql, parameters)
    held = [(kc_id, value) for kc_id, value, _, _ in rows if value is not None]
    if held:
        kcs, values = np.array(held).T
        mastery[np.searchsorted(arrays.knowledge_component_ids, kcs.astype(np.int64))] = values
    for kc_id, value, guess, slip in rows:
        if value is None and kc_id in arrays.knowledge_component_ids:
            last_relevance[np.searchsorted(arrays.knowledge_component_ids, kc_id)] = relevance(guess, slip)
    return mastery, last_relevance


def done_items(learner: KnownLearner, arrays: CollectionArrays) -> Integers:
    """The items of the collection that the learner has a score on, in any order. One query.

    The rows that it reads are bounded by the collection. It reads everything the learner has done. If that may be far
    more than the collection holds, it looks up each item of the collection instead.
    """
    sql, parameters = "SELECT activity_id FROM adaptivity_doneactivity WHERE learner_id = %s", [learner.id]
    if learner.evidence_count > READ_RATHER_THAN_LOOK_UP * arrays.activity_ids.size:
        condition, activity_ids = among(arrays.activity_ids.tolist())
        sql, parameters = f"{sql} AND activity_id {condition}", [learner.id, activity_ids]
    rows = fetch(sql, parameters)
    return arrays.items(np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows)))
