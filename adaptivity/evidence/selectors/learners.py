"""Finds a learner without locking them."""

from dataclasses import dataclass

from adaptivity.database.sql import fetch


@dataclass(frozen=True)
class KnownLearner:
    """A learner's row, without the lock."""

    id: int
    evidence_count: int
    last_activity_id: int | None


def learner_find(user_id: str, tool_consumer_instance_guid: str) -> KnownLearner | None:
    """The learner, or None if unknown. One query."""
    rows = fetch(
        "SELECT id, evidence_count, last_activity_id FROM adaptivity_learner"
        " WHERE user_id = %s AND tool_consumer_instance_guid = %s",
        [user_id, tool_consumer_instance_guid],
    )
    return KnownLearner(*rows[0]) if rows else None
