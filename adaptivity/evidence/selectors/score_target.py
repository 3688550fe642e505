"""Everything that one score touches, in one query."""

from dataclasses import dataclass

from adaptivity.database.sql import fetch
from adaptivity.engine.parameters import DEFAULT_PRIOR


@dataclass(frozen=True)
class ActivityForLearner:
    """An activity's tags with the parameters in force, and the learner's mastery of each KC.

    ``masteries`` are the stored ones, or the priors if none are stored. All lists have one entry per tag.
    """

    activity_id: int
    done: bool
    knowledge_component_ids: list[int]
    guess: list[float]
    slip: list[float]
    transit: list[float]
    masteries: list[float]


SQL = """
SELECT activity.id,
       done.id IS NOT NULL,
       tag.knowledge_component_id,
       COALESCE(estimated.guess, tag.guess),
       COALESCE(estimated.slip, tag.slip),
       COALESCE(estimated.transit, tag.transit),
       COALESCE(mastery.value, kc_estimated.mastery_prior, kc.mastery_prior, %s)
FROM adaptivity_activity activity
LEFT JOIN adaptivity_doneactivity done ON done.learner_id = %s AND done.activity_id = activity.id
LEFT JOIN adaptivity_activityknowledgecomponent tag ON tag.activity_id = activity.id
LEFT JOIN adaptivity_knowledgecomponent kc ON kc.id = tag.knowledge_component_id
LEFT JOIN adaptivity_mastery mastery
    ON mastery.learner_id = %s AND mastery.knowledge_component_id = tag.knowledge_component_id
LEFT JOIN adaptivity_itemparameters estimated
    ON estimated.model_version_id = %s AND estimated.activity_id = activity.id
    AND estimated.knowledge_component_id = tag.knowledge_component_id
LEFT JOIN adaptivity_knowledgecomponentparameters kc_estimated
    ON kc_estimated.model_version_id = %s AND kc_estimated.knowledge_component_id = tag.knowledge_component_id
WHERE activity.source_launch_url = %s
ORDER BY tag.knowledge_component_id
"""


def activity_for_learner(url: str, *, learner_id: int, model_version_id: int | None) -> ActivityForLearner | None:
    """The activity with this source launch URL, or None. One query."""
    rows = fetch(SQL, [DEFAULT_PRIOR, learner_id, learner_id, model_version_id, model_version_id, url])
    if not rows:
        return None
    tagged = [row[2:] for row in rows if row[2] is not None]
    columns = [list(column) for column in zip(*tagged, strict=True)] or [[], [], [], [], []]
    return ActivityForLearner(rows[0][0], bool(rows[0][1]), *columns)
