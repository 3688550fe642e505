"""What every write of content shares: one lock, so that rules over several rows hold, and the revisions that tell
every process that its cached arrays are out of date."""

from collections.abc import Iterable

from django.db.models import F

from adaptivity.database.sql import batched
from adaptivity.models import Collection, CollectionActivity, EngineState

BATCH = 1000


def content_lock() -> None:
    """Makes writers of content take turns until the transaction ends; readers and scores are not held up.

    Must run inside a transaction, before the first read that a rule depends on.
    """
    locked = EngineState.objects.select_for_update().filter(pk=EngineState.SINGLETON)
    if not locked:
        EngineState.objects.bulk_create([EngineState()], ignore_conflicts=True)
        locked.get()


def content_changed(*, collection_ids: Iterable[int] = (), shared: bool = False, tracing: bool = False) -> None:
    """Counts a change: of the content of some collections; of what all of them may use (``shared``); of tags or base
    parameters of something that may have evidence (``tracing``), which makes the learners stale. Call it inside the
    transaction of the change."""
    for some in batched(sorted(set(collection_ids)), BATCH):
        Collection.objects.filter(id__in=some).update(revision=F("revision") + 1)
    if shared or tracing:
        EngineState.objects.filter(pk=EngineState.SINGLETON).update(
            content_revision=F("content_revision") + (1 if shared else 0),
            tracing_revision=F("tracing_revision") + (1 if tracing else 0),
        )


def collections_of(activity_ids: Iterable[int]) -> set[int]:
    """The collections that hold any of the activities."""
    found: set[int] = set()
    for some in batched(sorted(set(activity_ids)), BATCH):
        found.update(CollectionActivity.objects.filter(activity__in=some).values_list("collection_id", flat=True))
    return found
