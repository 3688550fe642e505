"""Receipts of recommendations: queued with the answer, written by a thread of their own, read by jobs."""

import atexit
import json
import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import structlog
from django.conf import settings
from django.db import close_old_connections, connection, models, transaction
from django.utils import timezone

from adaptivity.content.selectors.arrays import CollectionArrays
from adaptivity.database.sql import batched
from adaptivity.engine.receipts import candidates_pack, content_arrays, digest, outcome_digest, pack, state_pack
from adaptivity.engine.scoring import EngineSettings
from adaptivity.models import Collection, ContentSnapshot, DecisionReceipt, Learner
from adaptivity.recommendation.services.recommendation import ExplainedRecommendation

log = structlog.get_logger(__name__)
# This many candidates are stored one by one; the digest covers the rest. With the state of a learner of 100 KCs a row
# then stays below 2 kB. Above that, PostgreSQL would compress it and store it elsewhere.
BEST = 10
QUEUED = 1000
# Waiting entries are kept as they were handed over: 57 bytes for each activity of the collection.
QUEUED_BYTES = 32 * 2**20
BYTES_OF_AN_ITEM = 57
BATCH = 100
SECONDS_BETWEEN_BATCHES = 0.25
# SQLite before 3.32 accepts 999 values in a statement.
ROWS_OF_A_STATEMENT = 45
TRIES = 2
# Fargate kills a container 30 seconds after asking it to stop.
FLUSH_SECONDS = 10.0
SECONDS_BETWEEN_LINES = 10.0

Handed = tuple[datetime, ExplainedRecommendation]
_snapshot_ids: WeakKeyDictionary[CollectionArrays, int] = WeakKeyDictionary()


def receipts_write(handed: Sequence[Handed]) -> None:
    """Writes receipts of recommendations, except for learners and collections that were deleted."""
    unknown = {explained.inputs.learner for _, explained in handed if not explained.inputs.learner_id}
    ids: dict[tuple[str, str], int] = {}
    if unknown:
        rows = Learner.objects.filter(user_id__in=[each.user_id for each in unknown])
        ids = {(row.user_id, row.tool_consumer_instance_guid): row.pk for row in rows}
    of_learners = []
    for at, explained in handed:
        who = explained.inputs.learner
        learner_id = explained.inputs.learner_id or ids.get((who.user_id, who.tool_consumer_instance_guid))
        if learner_id is not None:
            of_learners.append((at, explained, learner_id))
    learners = _there(Learner, {learner_id for *_, learner_id in of_learners})
    collections = _there(Collection, {explained.inputs.version.id for _, explained, _ in of_learners})
    kept = [
        (at, explained, learner_id)
        for at, explained, learner_id in of_learners
        if learner_id in learners and explained.inputs.version.id in collections
    ]
    snapshots = _snapshots({explained.arrays for _, explained, _ in kept})
    as_stored = connection.ops.adapt_datetimefield_value
    _insert(
        [
            _values(as_stored(at), explained, learner_id, snapshots[explained.arrays])
            for at, explained, learner_id in kept
        ]
    )


def _there(model: type[models.Model], ids: Iterable[int]) -> set[int]:
    return set(model._default_manager.filter(pk__in=set(ids)).values_list("pk", flat=True))


def _snapshots(contents: Iterable[CollectionArrays]) -> dict[CollectionArrays, int]:
    """The ids of the snapshots of these contents; missing snapshots are created."""
    known = {each: _snapshot_ids[each] for each in contents if each in _snapshot_ids}
    # A known snapshot may have been purged.
    there = _there(ContentSnapshot, known.values())
    found = {each: known[each] if known.get(each) in there else _snapshot(each) for each in contents}
    _snapshot_ids.update(found)
    return found


def _snapshot(arrays: CollectionArrays) -> int:
    named = {
        **content_arrays(arrays.content),
        "activity_ids": arrays.activity_ids,
        "knowledge_component_ids": arrays.knowledge_component_ids,
    }
    name = digest(named)
    found = ContentSnapshot.objects.filter(digest=name).values_list("pk", flat=True).first()
    if found is None:
        ContentSnapshot.objects.bulk_create([ContentSnapshot(digest=name, data=pack(named))], ignore_conflicts=True)
        found = ContentSnapshot.objects.values_list("pk", flat=True).get(digest=name)
    return found


def _values(at: object, explained: ExplainedRecommendation, learner_id: int, snapshot_id: int) -> dict[str, Any]:
    """The column values of a receipt."""
    found, inputs, activity_ids = explained.recommendation, explained.inputs, explained.arrays.activity_ids
    item = found.item
    return {
        "at": at,
        "learner_id": learner_id,
        "collection_id": inputs.version.id,
        "snapshot_id": snapshot_id,
        "model_version_id": inputs.version.model_version_id,
        "group_id": explained.group.id if explained.group else None,
        "policy": explained.settings.policy,
        "settings": _as_json(explained.settings),
        "outcome": found.outcome.value,
        "activity": None if item is None else int(activity_ids[item]),
        "propensity": None if item is None else float(found.propensity[np.searchsorted(found.candidates, item)]),
        "candidate_count": found.candidates.size,
        "best": candidates_pack(found, activity_ids, BEST),
        "counted": inputs.counted,
        "max_problems": inputs.version.max_problems,
        "stop_on_mastery": bool(inputs.version.stop_on_mastery),
        "history": inputs.history,
        "state": state_pack(inputs.state),
        "digest": outcome_digest(found),
        "commit": settings.APP_COMMIT[:64],
    }


@lru_cache
def _as_json(of_engine: EngineSettings) -> str:
    return json.dumps(asdict(of_engine))


def _insert(rows: Sequence[dict[str, Any]]) -> None:
    """Writes all receipts or none. Plain SQL, because ``bulk_create`` takes twice as long as its statement."""
    with transaction.atomic(), connection.cursor() as cursor:
        for some in batched(rows, ROWS_OF_A_STATEMENT):
            names = ", ".join(map(connection.ops.quote_name, some[0]))
            row = f"({', '.join(['%s'] * len(some[0]))})"
            cursor.execute(
                f"INSERT INTO {DecisionReceipt._meta.db_table} ({names}) VALUES {', '.join([row] * len(some))}",  # noqa: S608 - names of ours
                [value for values in some for value in values.values()],
            )


class Recorder:
    """Queues entries without waiting, and writes them in batches in a thread of its own.

    A batch is written as soon as BATCH entries wait, or when the first has waited SECONDS_BETWEEN_BATCHES.

    An entry is lost if it cannot be written, or if too many or too large ones are waiting. ``lost`` counts these
    entries, and the log reports them. The thread starts with the first entry, so it runs in the process that serves,
    not in one that forks it.
    """

    def __init__(self, write: Callable[[Sequence[Handed]], None], *, capacity: int = QUEUED) -> None:
        self.lost = 0
        self._write = write
        self._capacity = capacity
        self._changed = threading.Condition()
        self._waiting: list[tuple[Handed, int]] = []
        self._bytes = 0
        self._writing = 0
        self._thread: threading.Thread | None = None
        self._told, self._next_line = 0, 0.0

    def hand(self, entry: Handed, *, size: int = 0) -> None:
        """Queues the entry of ``size`` bytes. Never waits for anything slow, and never raises."""
        reason = ""
        with self._changed:
            # An empty queue accepts an entry of any size.
            if self._waiting and (len(self._waiting) >= self._capacity or self._bytes + size > QUEUED_BYTES):
                reason = "Full"
            else:
                try:
                    self._start()
                    self._waiting.append((entry, size))
                    self._bytes += size
                    if len(self._waiting) in {1, BATCH}:
                        self._changed.notify()
                except RuntimeError as error:
                    reason = type(error).__name__
        if reason:
            self._lose(1, reason)

    def _start(self) -> None:
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="receipts", daemon=True)
            thread.start()
            self._thread = thread
            atexit.register(self.flush)

    def flush(self, seconds: float = FLUSH_SECONDS) -> None:
        """Writes what is waiting and ends the thread; what is not written in time is lost."""
        with self._changed:
            thread, self._thread = self._thread, None
            self._changed.notify_all()
        if thread is None:
            return
        atexit.unregister(self.flush)
        thread.join(seconds)
        if thread.is_alive():
            with self._changed:
                left = self._writing + len(self._waiting)
                self._waiting.clear()
                self._bytes = 0
            self._lose(left, "Timeout")

    def _run(self) -> None:
        while batch := self._batch():
            self._write_batch(batch)
        connection.close()

    def _batch(self) -> list[Handed]:
        """The next entries, when it is time; an empty list if this thread should end and everything is written."""
        this = threading.current_thread()
        with self._changed:
            self._writing = 0
            self._changed.wait_for(lambda: self._waiting or self._thread is not this)
            self._changed.wait_for(
                lambda: len(self._waiting) >= BATCH or self._thread is not this, SECONDS_BETWEEN_BATCHES
            )
            taken, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            self._bytes -= sum(size for _, size in taken)
            self._writing = len(taken)
        return [entry for entry, _ in taken]

    def _write_batch(self, batch: list[Handed]) -> None:
        for remaining in reversed(range(TRIES)):
            try:
                close_old_connections()
                self._write(batch)
            except Exception as error:
                # Whatever the error, the client has its recommendation, and the next receipts may be written.
                connection.close()
                if not remaining:
                    self._lose(len(batch), type(error).__name__)
            else:
                return

    def _lose(self, count: int, reason: str) -> None:
        with self._changed:
            self.lost += count
            tell = self.lost > self._told and time.monotonic() >= self._next_line
            if tell:
                self._told, self._next_line = self.lost, time.monotonic() + SECONDS_BETWEEN_LINES
        if tell:
            log.error("receipts_lost", lost=self.lost, reason=reason)


recorder = Recorder(receipts_write)


def receipts_purge(*, before: datetime, limit: int) -> int:
    """Deletes at most ``limit`` of the receipts from before that time, oldest first, and returns their number.

    If the number is less than ``limit``, nothing is left to delete. Snapshots that no receipt needs are then deleted,
    too.
    """
    oldest = DecisionReceipt.objects.filter(at__lt=before).order_by("at").values_list("pk", flat=True)[:limit]
    deleted, _ = DecisionReceipt.objects.filter(pk__in=list(oldest)).delete()
    if deleted < limit:
        # A snapshot created just now may be about to be used.
        ContentSnapshot.objects.filter(receipts=None, created_at__lt=before).delete()
    return deleted


def receipt_hand(*, explained: ExplainedRecommendation) -> None:
    """Queues a receipt of the recommendation, with the probability of the setting RECEIPTS, from 0 to 1."""
    share = settings.RECEIPTS
    # Chance decides which ones: choosing by content would bias what is estimated from them.
    if share and (share >= 1.0 or random.random() < share):  # noqa: S311 - nothing secret
        size = BYTES_OF_AN_ITEM * explained.arrays.activity_ids.size
        recorder.hand((timezone.now(), explained), size=size)
