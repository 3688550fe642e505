"""Verifies that the derived state is what the evidence log leads to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Max

from adaptivity.content.selectors.parameters import current_stamp
from adaptivity.evidence.selectors.log import stale
from adaptivity.evidence.services.retracing import derive, learners_in_batches, stored
from adaptivity.models import HandSetMastery, Learner, Score, ScoreRevision

TOLERANCE = 1e-9


@dataclass(frozen=True)
class StateDifference:
    """A part of a learner's state that differs from a replay of the log; ``learner_id`` is the row's id."""

    learner_id: int
    what: str
    stored: object
    replayed: object


@dataclass(frozen=True)
class Verification:
    """One batch: how many learners of the total are checked so far, how many of it are stale, and what differs."""

    checked: int
    total: int
    stale: int
    differences: Sequence[StateDifference]


def state_verify() -> Iterator[Verification]:
    """Recomputes every learner's masteries, done activities and last activity from the log. Writes nothing.

    Stale learners are counted but not compared, because their state is that of an earlier model. Another process's
    write can cause a difference, so each one is checked again under the learner's lock.
    """
    batches = learners_in_batches(Learner.objects.all())
    total, checked = sum(map(len, batches)), 0
    for batch in batches:
        out_of_date, differences = _compare(batch)
        suspects = sorted({difference.learner_id for difference in differences})
        if suspects:
            with transaction.atomic():
                list(Learner.objects.select_for_update(of=("self",)).filter(id__in=suspects).order_by("id"))
                again, differences = _compare(suspects)
                out_of_date |= again
        checked += len(batch)
        yield Verification(checked, total, len(out_of_date), differences)


def _compare(learner_ids: Sequence[int]) -> tuple[set[int], list[StateDifference]]:
    learners = Learner.objects.filter(id__in=learner_ids)
    out_of_date = set(learners.filter(stale(current_stamp())).values_list("id", flat=True))
    fresh = [learner for learner in learners.order_by("id") if learner.id not in out_of_date]
    ids = [learner.id for learner in fresh]
    _, derived = derive(ids)
    held, arrivals = stored(ids), _last_arrivals(ids)
    differences: list[StateDifference] = []
    for learner in fresh:
        state, (masteries, done) = derived[learner.id], held[learner.id]
        for kc_id in sorted(masteries.keys() | state.masteries.keys()):
            before, after = masteries.get(kc_id), state.masteries.get(kc_id)
            if before is None or after is None or abs(before - after) > TOLERANCE:
                differences.append(
                    StateDifference(learner.id, f"mastery of knowledge component {kc_id}", before, after)
                )
        pairs: list[tuple[str, object, object]] = [
            ("done activities", sorted(done), sorted(state.done)),
            ("last activity", learner.last_activity_id, state.last_activity_id),
            ("latest timestamp", learner.latest_timestamp, state.latest_timestamp),
            ("evidence count", learner.evidence_count, arrivals.get(learner.id, 0)),
        ]
        differences += [
            StateDifference(learner.id, what, before, after) for what, before, after in pairs if before != after
        ]
    return out_of_date, differences


def _last_arrivals(learner_ids: Sequence[int]) -> dict[int, int]:
    """The greatest arrival number in each learner's log."""
    last: dict[int, int] = {}
    for model in (Score, ScoreRevision, HandSetMastery):
        rows = model.objects.filter(learner__in=learner_ids).values_list("learner_id").annotate(last=Max("arrival"))
        for learner_id, arrival in rows:
            last[learner_id] = max(arrival, last.get(learner_id, 0))
    return last
