"""The evidence log in the form that the engine takes."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from django.db import connection
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet

from adaptivity.content.selectors.parameters import Stamp
from adaptivity.database.sql import batched, fetch
from adaptivity.engine.history import Evidence
from adaptivity.models import HandSetMastery, Score, ScoreRevision

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
LEARNERS_A_RUN = 500


def scores_current() -> QuerySet[Score]:
    """The scores that are not deleted, each with its revisions (oldest first), its learner and its activity."""
    deleted = ScoreRevision.objects.filter(score=OuterRef("pk"), deleted=True)
    revisions = ScoreRevision.objects.order_by("arrival").select_related("activity")
    return (
        Score.objects.filter(~Exists(deleted))
        .select_related("learner", "activity")
        .prefetch_related(Prefetch("revisions", queryset=revisions, to_attr="revisions_in_order"))
        .order_by("id")
    )


def activities_scored_by(learner_ids: Sequence[int]) -> Q:
    """Restricts tags to those of activities in the learners' log."""
    return Q(activity__in=Score.objects.filter(learner__in=learner_ids).values("activity")) | Q(
        activity__in=ScoreRevision.objects.filter(learner__in=learner_ids).values("activity")
    )


def evidence(
    learner_ids: Sequence[int], before: Mapping[int, datetime] | None = None
) -> tuple[Evidence, dict[int, datetime]]:
    """The learners' evidence after corrections and deletions, in history order (timestamp, arrival).

    With ``before``, only each learner's entries with an earlier timestamp. Also returns the timestamp of each learner's
    last entry, for learners with evidence. Three queries, whatever the number of learners and entries.
    """
    revised: dict[int, tuple[int, float, datetime, bool]] = {}
    revisions = ScoreRevision.objects.filter(learner__in=learner_ids).order_by("arrival")
    for revision in revisions.values_list("score_id", "activity_id", "value", "timestamp", "deleted"):
        revised[revision[0]] = revision[1:]

    entries: list[tuple[int, int, float]] = []
    times: list[int] = []
    arrivals: list[int] = []
    rows = Score.objects.filter(learner__in=learner_ids).values_list(
        "id", "learner_id", "activity_id", "score", "timestamp", "arrival"
    )
    for score_id, learner_id, activity_id, score, timestamp, arrival in rows.iterator(chunk_size=5000):
        if score_id in revised:
            activity_id, score, timestamp, deleted = revised[score_id]
            if deleted:
                continue
        if before is not None and timestamp >= before[learner_id]:
            continue
        entries.append((learner_id, activity_id, score))
        times.append((timestamp - EPOCH) // MICROSECOND)
        arrivals.append(arrival)
    scores = len(entries)
    for learner_id, kc_id, value, timestamp, arrival in HandSetMastery.objects.filter(
        learner__in=learner_ids
    ).values_list("learner_id", "knowledge_component_id", "value", "timestamp", "arrival"):
        if before is not None and timestamp >= before[learner_id]:
            continue
        entries.append((learner_id, kc_id, np.nan if value is None else value))
        times.append((timestamp - EPOCH) // MICROSECOND)
        arrivals.append(arrival)

    table = np.array(entries, dtype=np.float64).reshape(-1, 3)
    microseconds = np.array(times, dtype=np.int64)
    is_score = np.arange(len(table)) < scores
    order = np.lexsort((np.array(arrivals, dtype=np.int64), microseconds, table[:, 0]))
    table, is_score, microseconds = table[order], is_score[order], microseconds[order]
    position = np.arange(len(table))
    learner = table[:, 0].astype(np.int64)
    target = table[:, 1].astype(np.int64)

    latest = {
        learner_id: EPOCH + last * MICROSECOND
        for learner_id, last in dict(zip(learner.tolist(), microseconds.tolist(), strict=True)).items()
    }
    return (
        Evidence(
            score_learner=learner[is_score],
            score_activity=target[is_score],
            score=table[is_score, 2],
            score_position=position[is_score],
            set_learner=learner[~is_score],
            set_knowledge_component=target[~is_score],
            set_value=table[~is_score, 2],
            set_position=position[~is_score],
        ),
        latest,
    )


def learners_in_runs(entries_of: Iterable[tuple[int, int]], entries_a_run: int) -> list[list[int]]:
    """Groups learners into batches whose evidence fits in memory together.

    ``entries_of`` holds pairs of a learner's id and the number of entries in their log. A learner with more entries
    than a batch may have is a batch alone.
    """
    runs: list[list[int]] = []
    room = 0
    for learner_id, entries in entries_of:
        if entries > room or not runs or len(runs[-1]) >= LEARNERS_A_RUN:
            runs.append([])
            room = entries_a_run
        runs[-1].append(learner_id)
        room -= entries
    return runs


def stale(stamp: Stamp) -> Q:
    """Restricts learners to those whose masteries were not traced under the stamp."""
    version = (
        Q(traced_model_version__isnull=True)
        if stamp.model_version_id is None
        else Q(traced_model_version=stamp.model_version_id)
    )
    return Q(evidence_count__gt=0) & ~(Q(traced_revision=stamp.tracing_revision) & version)


# One index lookup for each pair. With two lists of values, the database would look up every combination.
WANTED_PAIRS = {
    "postgresql": "unnest(%s::bigint[], %s::text[]) AS wanted(learner_id, event_id)",
    "sqlite": "(SELECT json_extract(value, '$[0]') AS learner_id, json_extract(value, '$[1]') AS event_id"
    " FROM json_each(%s)) AS wanted",
}


def events_recorded(pairs: Sequence[tuple[int, str]]) -> dict[tuple[int, str], str]:
    """The fingerprints of the scores recorded under these pairs of a learner's row id and an event id."""
    sql = f"""
SELECT score.learner_id, score.event_id, score.event_fingerprint
FROM {WANTED_PAIRS[connection.vendor]}
JOIN adaptivity_score score ON score.learner_id = wanted.learner_id AND score.event_id = wanted.event_id"""  # noqa: S608 - no input in it
    found: dict[tuple[int, str], str] = {}
    for some in batched(pairs, 1000):
        parameters: list[object] = [json.dumps(some)]
        if connection.vendor == "postgresql":
            parameters = [[learner_id for learner_id, _ in some], [event_id for _, event_id in some]]
        for learner_id, event_id, fingerprint in fetch(sql, parameters):
            found[learner_id, event_id] = fingerprint
    return found
