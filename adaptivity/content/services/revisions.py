"""What every write of content shares: one lock, and the revisions.

The lock protects rules that span several rows. The revisions tell every process when its cached arrays are out of date,
and which learners are stale.
"""

from collections.abc import Iterable, Mapping

from django.db.models import F, Model

from adaptivity.database.sql import querysets_among, rows_among
from adaptivity.models import (
    ActivityKnowledgeComponent,
    Collection,
    CollectionActivity,
    EngineState,
    KnowledgeComponent,
)

# What can happen to a row besides a change of its fields.
ADDED, DELETED = "added", "deleted"
Changes = Mapping[type[Model], Iterable[str]]

# The changes that make learners stale, by model: changed fields of a row, an added row, or a deleted row. Models that
# are missing here never make learners stale. Tags created with a new activity are part of its addition.
STALE_AFTER: dict[type[Model], frozenset[str]] = {
    ActivityKnowledgeComponent: frozenset(
        {ADDED, DELETED, "activity", "knowledge_component", "guess", "slip", "transit"}
    ),
    # A new KC has no tags yet; a deleted KC's tags are deleted with it.
    KnowledgeComponent: frozenset({DELETED, "mastery_prior"}),
}


def content_lock() -> None:
    """Makes writers of content take turns until the transaction ends. Readers and scores need not wait.

    Must run inside a transaction, before the first read that a rule depends on.
    """
    locked = EngineState.objects.select_for_update().filter(pk=EngineState.SINGLETON)
    if not locked:
        EngineState.objects.bulk_create([EngineState()], ignore_conflicts=True)
        locked.get()


def content_changed(*, changes: Changes, collection_ids: Iterable[int] = (), shared: bool = False) -> None:
    """Counts changes to the content of some collections, and to what all of them may use (``shared``).

    ``changes`` names what changed, by model. STALE_AFTER decides whether that makes the learners stale. Every writer of
    content calls this, inside the transaction of the change.
    """
    tracing = any(STALE_AFTER.get(model, frozenset()).intersection(what) for model, what in changes.items())
    for collections in querysets_among(Collection.objects, "id", collection_ids):
        collections.update(revision=F("revision") + 1)
    if shared or tracing:
        EngineState.objects.filter(pk=EngineState.SINGLETON).update(
            content_revision=F("content_revision") + (1 if shared else 0),
            tracing_revision=F("tracing_revision") + (1 if tracing else 0),
        )


def rows_changed(*, added: object = (), deleted: object = ()) -> list[str]:
    """The entry in ``changes`` for rows that were added and deleted; empty if there are none."""
    return [what for what, rows in ((ADDED, added), (DELETED, deleted)) if rows]


def collections_of(activity_ids: Iterable[int]) -> set[int]:
    """The collections that hold any of the activities."""
    memberships = CollectionActivity.objects.values_list("collection_id", flat=True)
    return set(rows_among(memberships, "activity", activity_ids))
