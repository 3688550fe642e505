"""Receipts of recommendations: handed over with the answer, written by a thread beside, read by jobs."""

import atexit
import queue
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import numpy as np
import structlog
from django.conf import settings
from django.db import close_old_connections, connection
from django.utils import timezone

from adaptivity.engine.receipts import content_arrays, digest, outcome_digest, pack
from adaptivity.models import Collection, ContentSnapshot, DecisionReceipt, Learner
from adaptivity.selectors.content import CollectionArrays
from adaptivity.services.recommendation import Explained

log = structlog.get_logger(__name__)
# Of the candidates, so many are written down one by one; the digest vouches for the rest.
BEST = 50
QUEUED = 1000
BATCH = 100
TRIES = 2
# Fargate kills a container 30 seconds after asking it to stop.
FLUSH_SECONDS = 10.0
SECONDS_BETWEEN_LINES = 10.0

Handed = tuple[datetime, Explained]


def receipts_write(handed: Sequence[Handed]) -> None:
    """Writes receipts of recommendations; of learners and collections that are gone, none."""
    snapshots = {id(explained.arrays): _snapshot(explained.arrays) for _, explained in handed}
    unknown = {explained.inputs.learner for _, explained in handed if not explained.inputs.learner_id}
    ids: dict[tuple[str, str], int] = {}
    if unknown:
        rows = Learner.objects.filter(user_id__in=[each.user_id for each in unknown])
        ids = {(row.user_id, row.tool_consumer_instance_guid): row.pk for row in rows}
    receipts = []
    for at, explained in handed:
        who = explained.inputs.learner
        learner_id = explained.inputs.learner_id or ids.get((who.user_id, who.tool_consumer_instance_guid))
        if learner_id is not None:
            receipts.append(_receipt(at, explained, learner_id, snapshots[id(explained.arrays)]))
    learners = _there(Learner, {receipt.learner_id for receipt in receipts})
    collections = _there(Collection, {receipt.collection_id for receipt in receipts})
    DecisionReceipt.objects.bulk_create(
        receipt for receipt in receipts if receipt.learner_id in learners and receipt.collection_id in collections
    )


def _there(model: type[Learner] | type[Collection], ids: set[int]) -> set[int]:
    return set(model._default_manager.filter(pk__in=ids).values_list("pk", flat=True))


def _snapshot(arrays: CollectionArrays) -> int:
    """The id of the snapshot of this content, made where it is not there."""
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


def _receipt(at: datetime, explained: Explained, learner_id: int, snapshot_id: int) -> DecisionReceipt:
    found, inputs = explained.recommendation, explained.inputs
    item = found.item
    propensities = found.propensity if item is not None else np.zeros(found.candidates.size)
    return DecisionReceipt(
        at=at,
        learner_id=learner_id,
        collection_id=inputs.version.id,
        snapshot_id=snapshot_id,
        model_version_id=inputs.version.model_version_id,
        group_id=explained.group.id if explained.group else None,
        policy=explained.settings.policy,
        settings=asdict(explained.settings),
        outcome=found.outcome.value,
        activity=None if item is None else int(explained.arrays.activity_ids[item]),
        propensity=None if item is None else float(propensities[np.searchsorted(found.candidates, item)]),
        candidate_count=found.candidates.size,
        candidates=_best(explained, propensities),
        counted=inputs.counted,
        max_problems=inputs.version.max_problems,
        stop_on_mastery=bool(inputs.version.stop_on_mastery),
        history=inputs.history,
        state=pack(
            {
                "mastery": inputs.state.mastery,
                "done": inputs.state.done,
                "last_relevance": inputs.state.last_relevance,
            }
        ),
        digest=outcome_digest(found),
        commit=settings.APP_COMMIT[:64],
    )


def _best(explained: Explained, propensities: Any) -> list[dict[str, float]]:
    found, scores = explained.recommendation, explained.recommendation.scores
    order = np.lexsort((-scores.total[found.candidates], -propensities))[:BEST]
    return [
        {
            "activity": int(explained.arrays.activity_ids[item]),
            "remediation": float(scores.remediation[item]),
            "continuity": float(scores.continuity[item]),
            "difficulty": float(scores.difficulty[item]),
            "readiness": float(scores.readiness[item]),
            "total": float(scores.total[item]),
            "propensity": float(propensity),
        }
        for item, propensity in zip(found.candidates[order].tolist(), propensities[order].tolist(), strict=True)
    ]


class Recorder:
    """Takes what is to be written without waiting, and writes it in a thread of its own, in batches.

    What cannot be written, or comes while ``capacity`` wait, is lost: ``lost`` counts it and the log says so. The
    thread starts with the first entry, so in the process that serves and not in one that forks it.
    """

    def __init__(self, write: Callable[[Sequence[Handed]], None], *, capacity: int = QUEUED) -> None:
        self.lost = 0
        self._write = write
        self._queue: queue.Queue[Handed | None] = queue.Queue(capacity)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._told, self._next_line = 0, 0.0

    def hand(self, entry: Handed) -> None:
        """Takes the entry; never waits and never raises."""
        try:
            self._start()
            self._queue.put_nowait(entry)
        except (queue.Full, RuntimeError) as error:
            self._lose(1, type(error).__name__)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="receipts", daemon=True)
                self._thread.start()
                atexit.register(self.flush)

    def flush(self, seconds: float = FLUSH_SECONDS) -> None:
        """Writes what waits and ends the thread; what is not written in time is lost."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is None:
            return
        atexit.unregister(self.flush)
        until = time.monotonic() + seconds
        try:
            self._queue.put(None, timeout=seconds)
            thread.join(max(0.0, until - time.monotonic()))
        except queue.Full:
            pass
        if thread.is_alive():
            self._lose(self._queue.qsize(), "Timeout")

    def _run(self) -> None:
        ended = False
        while not ended:
            batch, ended = self._batch()
            if batch:
                self._write_batch(batch)
        connection.close()

    def _batch(self) -> tuple[list[Handed], bool]:
        entries = [self._queue.get()]
        while entries[-1] is not None and len(entries) < BATCH:
            try:
                entries.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return [entry for entry in entries if entry is not None], entries[-1] is None

    def _write_batch(self, batch: list[Handed]) -> None:
        for remaining in reversed(range(TRIES)):
            try:
                close_old_connections()
                self._write(batch)
            except Exception as error:
                # Whatever it is, whoever asked for a recommendation has it, and the next receipts may be written.
                connection.close()
                if not remaining:
                    self._lose(len(batch), type(error).__name__)
            else:
                return

    def _lose(self, count: int, reason: str) -> None:
        with self._lock:
            self.lost += count
            tell = self.lost > self._told and time.monotonic() >= self._next_line
            if tell:
                self._told, self._next_line = self.lost, time.monotonic() + SECONDS_BETWEEN_LINES
        if tell:
            log.error("receipts_lost", lost=self.lost, reason=reason)


recorder = Recorder(receipts_write)


def receipts_purge(*, before: datetime, limit: int) -> int:
    """Deletes at most ``limit`` of the receipts from before that time, the oldest, and snapshots that none needs any
    more; answers how many receipts. Nothing is left to do where it is less than ``limit``."""
    oldest = DecisionReceipt.objects.filter(at__lt=before).order_by("at").values_list("pk", flat=True)[:limit]
    deleted, _ = DecisionReceipt.objects.filter(pk__in=list(oldest)).delete()
    if deleted < limit:
        # One that was made just now may be about to be used.
        ContentSnapshot.objects.filter(receipts=None, created_at__lt=before).delete()
    return deleted


def receipt_hand(*, explained: Explained) -> None:
    """Hands a recommendation over for its receipt where the setting RECEIPTS, a share from 0 to 1, lets it."""
    share = settings.RECEIPTS
    # Chance decides which ones, as whoever chose by content would bias what is estimated from them.
    if share and (share >= 1.0 or random.random() < share):  # noqa: S311 - nothing secret
        recorder.hand((timezone.now(), explained))
