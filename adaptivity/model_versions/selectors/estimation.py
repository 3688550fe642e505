"""The evidence log as an estimate reads it: opportunities of some knowledge components, streamed."""

import zlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress, islice
from typing import Any

import numpy as np
from django.db.models import Count, Exists, Max, OuterRef, QuerySet

from adaptivity.database.sql import fetch, rows_among
from adaptivity.engine.parameters import DEFAULT_PRIOR, Booleans, Integers
from adaptivity.engine.promotion import KnowledgeComponentHealth
from adaptivity.engine.responses import Pairs, Responses, is_held_out
from adaptivity.evidence.selectors.log import EPOCH, MICROSECOND
from adaptivity.models import (
    ActivityKnowledgeComponent,
    HandSetMastery,
    Learner,
    Score,
    ScoreRevision,
)

ROWS = 5000
ROW = np.dtype(
    [("learner", "i8"), ("kc", "i8"), ("activity", "i8"), ("score", "f8"), ("time", "i8"), ("arrival", "i8")]
)


@dataclass(frozen=True)
class LogEnd:
    """Where reading of the log ends: the newest score and the newest revision."""

    score: int
    revision: int


def log_end() -> LogEnd:
    """The newest entries at present."""
    return LogEnd(
        Score.objects.aggregate(last=Max("id"))["last"] or 0,
        ScoreRevision.objects.aggregate(last=Max("id"))["last"] or 0,
    )


def opportunity_counts() -> dict[int, int]:
    """The number of scores on activities tagged with each KC, by KC in order of id; KCs without scores are left out."""
    rows = (
        ActivityKnowledgeComponent.objects.values("knowledge_component")
        .annotate(scores=Count("activity__scores"))
        .filter(scores__gt=0)
        .order_by("knowledge_component")
    )
    return {row["knowledge_component"]: row["scores"] for row in rows}


@dataclass(frozen=True)
class KnowledgeComponentResponses:
    """Opportunities of some KCs.

    An item of ``responses`` is a pair: its ids are in ``activity`` and ``knowledge_component``, shape (pairs,). Its KCs
    are ``knowledge_components``, shape (KCs,), ids in ascending order.
    """

    responses: Responses
    activity: Integers
    knowledge_component: Integers
    knowledge_components: Integers


def training_responses(kc_ids: Sequence[int], end: LogEnd, *, share: float = 1.0) -> KnowledgeComponentResponses:
    """The opportunities of these KCs up to the end, after corrections, of learners that are not held out.

    What a learner did on a KC that was set by hand tells nothing about it, and is left out.

    If ``share`` is less than 1, only that share of the learners counts. They are drawn by a hash of the name, so a
    greater share includes all learners of a smaller one. Memory use grows only with what is taken.
    """
    learners_drawn = _drawn(share) if share < 1.0 else None
    revised = ScoreRevision.objects.filter(id__lte=end.revision)
    later = revised.filter(score=OuterRef("score"), arrival__gt=OuterRef("arrival"))
    scores = Score.objects.filter(~Exists(revised.filter(score=OuterRef("pk"))), id__lte=end.score)
    rows = np.concatenate(
        (
            _rows(scores, kc_ids, "score", learners_drawn),
            _rows(
                revised.filter(~Exists(later), deleted=False, score_id__lte=end.score), kc_ids, "value", learners_drawn
            ),
        )
    )
    rows = rows[~_set_by_hand(rows, kc_ids)]
    learners, learner = np.unique(rows["learner"], return_inverse=True)
    kept = ~_held_out(learners)[learner]
    rows = rows[kept]
    rows = rows[np.lexsort((rows["arrival"], rows["time"], rows["learner"]))]
    return _as_responses(rows)


def _drawn(share: float) -> Integers:
    """The ids, ascending, of learners that are not held out and whose name hashes to less than the share."""
    ids = array("q")
    for learner_id, name in Learner.objects.order_by("id").values_list("id", "user_id").iterator(chunk_size=ROWS):
        if not is_held_out(name) and zlib.crc32(f"estimate {name}".encode()) < share * 2**32:
            ids.append(learner_id)
    return np.array(ids, dtype=np.int64)


def _of(rows: Iterator[tuple[Any, ...]], learners: Integers | None) -> Iterator[tuple[Any, ...]]:
    """The rows of these learners, ids in ascending order; None means all rows."""
    if learners is None:
        yield from rows
        return
    while some := list(islice(rows, ROWS)):
        ids = np.array([row[0] for row in some], dtype=np.int64)
        at = np.searchsorted(learners, ids)
        yield from compress(some, (np.append(learners, -1)[at] == ids).tolist())


def _rows(
    queryset: "QuerySet[Any]", kc_ids: Sequence[int], value: str, learners: Integers | None
) -> "np.ndarray[Any, Any]":
    found = queryset.filter(activity__tagged__knowledge_component__in=kc_ids).values_list(
        "learner_id", "activity__tagged__knowledge_component_id", "activity_id", value, "timestamp", "arrival"
    )
    return np.fromiter(
        (
            (*row[:4], (row[4] - EPOCH) // MICROSECOND, row[5])
            for row in _of(iter(found.iterator(chunk_size=ROWS)), learners)
        ),
        dtype=ROW,
    )


def _set_by_hand(rows: "np.ndarray[Any, Any]", kc_ids: Sequence[int]) -> Booleans:
    """Which rows belong to a learner and a KC that were set by hand, shape (rows,)."""
    pairs = HandSetMastery.objects.filter(knowledge_component__in=kc_ids).values_list(
        "learner_id", "knowledge_component_id"
    )
    kcs = np.array(sorted(kc_ids), dtype=np.int64)
    by_hand = np.array(list(set(pairs.iterator(chunk_size=ROWS))), dtype=np.int64).reshape(-1, 2)
    keys = by_hand[:, 0] * kcs.size + np.searchsorted(kcs, by_hand[:, 1])
    result: Booleans = np.isin(rows["learner"] * kcs.size + np.searchsorted(kcs, rows["kc"]), keys)
    return result


def _held_out(learner_ids: Integers) -> Booleans:
    names = rows_among(Learner.objects.values_list("id", "user_id"), "id", learner_ids.tolist(), ROWS)
    held = sorted(learner_id for learner_id, name in names if is_held_out(name))
    return np.isin(learner_ids, np.array(held, dtype=np.int64))


def _as_responses(rows: "np.ndarray[Any, Any]") -> KnowledgeComponentResponses:
    pairs, item = np.unique(np.stack((rows["activity"], rows["kc"]), axis=1), axis=0, return_inverse=True)
    kcs, kc = np.unique(pairs[:, 1], return_inverse=True)
    learners, learner = np.unique(rows["learner"], return_inverse=True)
    return KnowledgeComponentResponses(
        Responses(
            learner=learner,
            item=item.reshape(-1),
            score=rows["score"],
            pairs=Pairs(np.arange(len(pairs) + 1), np.arange(len(pairs)), kc, kcs.size),
            learners=learners.size,
        ),
        activity=pairs[:, 0],
        knowledge_component=pairs[:, 1],
        knowledge_components=kcs,
    )


def held_out_learners() -> dict[int, int]:
    """Learners with evidence that no version is fitted to, by id in order, with the number of entries of each."""
    found = Learner.objects.filter(evidence_count__gt=0).order_by("id").values_list("id", "user_id", "evidence_count")
    return {
        learner_id: entries
        for learner_id, name, entries in found.iterator(chunk_size=ROWS)
        if is_held_out(name)
    }  # fmt: skip


HEALTH = """
SELECT of_kc.knowledge_component_id, of_kc.responses, of_kc.learners,
       of_kc.mastery_prior,
       SUM(weight * found.guess) / SUM(weight),
       SUM(weight * found.slip) / SUM(weight),
       SUM(weight * found.transit) / SUM(weight),
       COALESCE(before_kc.mastery_prior, kc.mastery_prior, %s),
       SUM(weight * COALESCE(before.guess, tag.guess)) / SUM(weight),
       SUM(weight * COALESCE(before.slip, tag.slip)) / SUM(weight),
       SUM(weight * COALESCE(before.transit, tag.transit)) / SUM(weight)
FROM adaptivity_knowledgecomponentparameters of_kc
JOIN adaptivity_knowledgecomponent kc ON kc.id = of_kc.knowledge_component_id
JOIN (
    SELECT *, responses + 0.001 AS weight FROM adaptivity_itemparameters
) found ON found.model_version_id = of_kc.model_version_id AND found.knowledge_component_id = kc.id
JOIN adaptivity_activityknowledgecomponent tag
    ON tag.activity_id = found.activity_id AND tag.knowledge_component_id = kc.id
LEFT JOIN adaptivity_itemparameters before
    ON before.model_version_id = %s AND before.activity_id = tag.activity_id
    AND before.knowledge_component_id = tag.knowledge_component_id
LEFT JOIN adaptivity_knowledgecomponentparameters before_kc
    ON before_kc.model_version_id = %s AND before_kc.knowledge_component_id = kc.id
WHERE of_kc.model_version_id = %s
GROUP BY of_kc.knowledge_component_id, of_kc.responses, of_kc.learners, of_kc.mastery_prior, before_kc.mastery_prior,
         kc.mastery_prior
ORDER BY of_kc.knowledge_component_id
"""


def knowledge_component_health(
    model_version_id: int, in_force_id: int | None
) -> tuple[Integers, KnowledgeComponentHealth]:
    """The ids of the KCs that the version estimated, ascending, shape (KCs,), and their parameters beside those in
    force.

    None as ``in_force_id`` means the authors' base. Items are weighted by their responses. One query.
    """
    rows = fetch(HEALTH, [DEFAULT_PRIOR, in_force_id, in_force_id, model_version_id])
    table = np.array(rows, dtype=np.float64).reshape(-1, 11)
    return table[:, 0].astype(np.int64), KnowledgeComponentHealth(
        estimated=table[:, 3:7],
        in_force=table[:, 7:],
        responses=table[:, 1].astype(np.int64),
        learners=table[:, 2].astype(np.int64),
    )
