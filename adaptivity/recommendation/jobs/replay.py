"""Repeats recorded recommendations from their receipts."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from adaptivity.engine.policies import POLICIES
from adaptivity.engine.receipts import Decision, content_of, decide, outcome_digest, state_unpack, unpack
from adaptivity.engine.scoring import CollectionContent, EngineSettings
from adaptivity.errors import Stopped
from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.models import DecisionReceipt
from adaptivity.progress import Progress, Stop, never, silent
from adaptivity.recommendation.services.recommendation import tie_seed

READ_BATCH = 200


@dataclass(frozen=True)
class RestoredDecision:
    """A receipt decoded for the engine; ``activity_ids`` are the ids of the items."""

    receipt: DecisionReceipt
    content: CollectionContent
    activity_ids: Any
    decision: Decision


def restored(receipts: "QuerySet[DecisionReceipt]") -> Iterator[tuple[DecisionReceipt, RestoredDecision | None]]:
    """Decodes each receipt, in order of its snapshot; None if this version of the engine cannot read it."""
    snapshot, content, activity_ids = None, None, None
    rows = receipts.select_related("learner", "collection", "snapshot").order_by("snapshot_id", "id")
    for receipt in rows.iterator(chunk_size=READ_BATCH):
        try:
            if receipt.snapshot_id != snapshot or content is None:
                snapshot, content = receipt.snapshot_id, None
                arrays = unpack(bytes(receipt.snapshot.data))
                content, activity_ids = content_of(arrays), arrays["activity_ids"]
            yield receipt, RestoredDecision(receipt, content, activity_ids, _decision(receipt))
        except (KeyError, TypeError, ValueError):
            yield receipt, None


def _decision(receipt: DecisionReceipt) -> Decision:
    who = LearnerIdentity(receipt.learner.user_id, receipt.learner.tool_consumer_instance_guid)
    return Decision(
        learner=state_unpack(bytes(receipt.state)),
        settings=EngineSettings(**receipt.settings),
        counted=receipt.counted,
        max_problems=receipt.max_problems,
        stop_on_mastery=receipt.stop_on_mastery,
        seed=tie_seed(who, receipt.collection.collection_id, receipt.history),
    )


@dataclass(frozen=True)
class ReplayReport:
    """The number of replayed receipts, and the receipts that differ or cannot be read.

    ``different`` has the ids of those with another outcome. ``of_other_software`` has those with another outcome that
    another version of the software wrote, with its commit. ``unreadable`` has the ids of those that cannot be read.
    """

    replayed: int
    different: tuple[int, ...]
    of_other_software: dict[int, str]
    unreadable: tuple[int, ...]


def replay_recommendations(
    *, since: datetime | None = None, progress: Progress = silent, stop: Stop = never
) -> ReplayReport:
    """Repeats every recorded recommendation and compares it bit for bit.

    Compares the outcome, item, candidates, sub-scores and propensities. Reads only. Raises Stopped.
    """
    receipts = DecisionReceipt.objects.all()
    if since is not None:
        receipts = receipts.filter(at__gte=since)
    total, done = receipts.count(), 0
    different, unreadable = [], []
    of_other_software: dict[int, str] = {}
    for receipt, found in restored(receipts):
        if stop():
            raise Stopped(f"stopped; {done} of {total} receipts were replayed")
        if found is None or found.decision.settings.policy not in POLICIES:
            unreadable.append(receipt.pk)
        elif outcome_digest(decide(found.content, found.decision)) != receipt.digest:
            if receipt.commit != settings.APP_COMMIT[:64]:
                of_other_software[receipt.pk] = receipt.commit
            else:
                different.append(receipt.pk)
        done += 1
        progress("replaying", done, total)
    return ReplayReport(done, tuple(different), of_other_software, tuple(unreadable))
