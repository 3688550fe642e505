"""What every write of content shares: one lock, so that rules over several rows hold, and the revisions that tell
every process that its cached arrays are out of date, and which learners are stale."""

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

# What may become of a row besides a change of its fields.
ADDED, DELETED = "added", "deleted"
Changes = Mapping[type[Model], Iterable[str]]

# The changes that make learners stale, by model: other fields of a row, a row that is added, or one that is deleted.
# No change of a model that is missing here does so. Tags that come with a new activity are part of its addition.
STALE_AFTER: dict[type[Model], frozenset[str]] = {
    ActivityKnowledgeComponent: frozenset(
        {ADDED, DELETED, "activity", "knowledge_component", "guess", "slip", "transit"}
    ),
    # A new KC has no tags yet; a deleted one takes its tags along.
    KnowledgeComponent: frozenset({DELETED, "mastery_prior"}),
}


def content_lock() -> None:
    """Makes writers of content take turns until the transaction ends; readers and scores are not held up.

    Must run inside a transaction, before the first read that a rule depends on.
    """
    locked = EngineState.objects.select_for_update().filter(pk=EngineState.SINGLETON)
    if not locked:
        EngineState.objects.bulk_create([EngineState()], ignore_conflicts=True)
        locked.get()


def content_changed(*, changes: Changes, collection_ids: Iterable[int] = (), shared: bool = False) -> None:
    """Counts changes: of the content of some collections, and of what all of them may use (``shared``).

    ``changes`` names what has changed of which model; STALE_AFTER says whether that makes the learners stale. Every
    writer of content calls this, inside the transaction of the change.
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
    """What ``changes`` says of rows that were added and deleted: nothing where there are none."""
    return [what for what, rows in ((ADDED, added), (DELETED, deleted)) if rows]


def collections_of(activity_ids: Iterable[int]) -> set[int]:
    """The collections that hold any of the activities."""
    memberships = CollectionActivity.objects.values_list("collection_id", flat=True)
    return set(rows_among(memberships, "activity", activity_ids))
