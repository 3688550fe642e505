"""What an experiment has shown so far, with intervals that stay valid however often it is asked."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.utils import timezone

from adaptivity.content.selectors.arrays import collection_arrays, collection_state
from adaptivity.database.sql import batched
from adaptivity.engine.experiments import Interval, effect, interval, sample_ratio
from adaptivity.engine.parameters import Floats
from adaptivity.errors import InvalidInput, Stopped
from adaptivity.models import Experiment, ExperimentPin
from adaptivity.progress import Progress, Stop, never, silent
from adaptivity.recommendation.selectors.experiments import (
    Participant,
    RunningExperiment,
    Standing,
    experiment_groups,
    participants,
    standings,
)

BATCH = 500
# The name of the default control group, if there is a group with this name.
CONTROL = "control"
# The outcomes of a learner's window: the bounds of the value, and how it is measured.
OUTCOMES: dict[str, tuple[tuple[float, float], Callable[[Standing, Standing], float]]] = {
    "grade_gain": ((-1.0, 1.0), lambda start, end: end.grade - start.grade),
    "mastered_gain": ((-1.0, 1.0), lambda start, end: end.mastered - start.mastered),
    "mean_score": (
        (0.0, 1.0),
        lambda start, end: (end.score_sum - start.score_sum) / max(end.scores - start.scores, 1),
    ),
}


@dataclass(frozen=True)
class GroupResult:
    """The results of one group.

    ``learners`` counts those whose window is complete, ``pending`` those whose window is not. ``differences`` are the
    differences of the outcomes from the control group's.
    """

    policy: str
    weight: float
    learners: int
    pending: int
    outcomes: dict[str, Interval]
    differences: dict[str, Interval]


def experiment_report(
    *,
    name: str,
    control: str | None = None,
    days: float = 7.0,
    alpha: float = 0.05,
    now: datetime | None = None,
    progress: Progress = silent,
    stop: Stop = never,
) -> dict[str, Any]:
    """The outcomes of each group and their differences from ``control``, as JSON.

    ``control`` is by default the group named CONTROL, or else the one that was created first.

    A learner's window is the ``days`` from their first score in the collection while the experiment ran. The learner
    counts if the window is complete before the experiment's end. The outcome is then known and no longer changes,
    whatever the learner does later.

    A learner who was pinned before that first score does not count, because chance did not put them there. One who was
    pinned later counts in the group that chance chose, because being moved may depend on how a learner does.

    With probability 1 - ``alpha`` all differences of one outcome hold together, at all times, and so do all means.
    ``sample_ratio`` is the probability that chance alone makes groups as unequal as they are. Raises InvalidInput,
    Experiment.DoesNotExist, and Stopped.
    """
    if not (math.isfinite(days) and days > 0.0):
        raise InvalidInput("must be more than 0", field="days")
    if not 0.0 < alpha < 1.0:
        raise InvalidInput("must lie between 0 and 1", field="alpha")
    experiment = Experiment.objects.select_related("collection").get(name=name)
    if experiment.started_at is None:
        raise InvalidInput("has not been started", field="name")
    planned = experiment_groups(experiment)
    names = [group.name for group in planned.groups]
    if control is None:
        control = CONTROL if CONTROL in names else min(planned.groups, key=lambda group: group.id).name
    if control not in names:
        raise InvalidInput(f"is not one of {', '.join(names)}", field="control")

    window = timedelta(days=days)
    sample = _sample(experiment, planned, window, experiment.ended_at or now or timezone.now())
    values = _values(experiment, sample.members, window, progress, stop)
    groups, weights = np.array(sample.groups, dtype=object), {group.name: group.weight for group in planned.groups}
    counts = {group: int((groups == group).sum()) for group in names}

    def means(group: str) -> dict[str, Interval]:
        inside = groups == group
        return {
            outcome: interval(values[outcome][inside], alpha / len(names), bounds)
            for outcome, (bounds, _) in OUTCOMES.items()
        }

    def differences(group: str) -> dict[str, Interval]:
        both = (groups == group) | (groups == control)
        total = weights[group] + weights[control]
        return {
            outcome: effect(
                values[outcome][both],
                groups[both] == group,
                weights[group] / total if total else 0.0,
                alpha / (len(names) - 1),
                bounds,
            )
            for outcome, (bounds, _) in OUTCOMES.items()
        }

    results = {
        group.name: GroupResult(
            policy=group.settings.policy,
            weight=group.weight,
            learners=counts[group.name],
            pending=sample.pending[group.name],
            outcomes=means(group.name),
            differences={} if group.name == control else differences(group.name),
        )
        for group in planned.groups
    }
    taking_part = np.array([counts[group] + sample.pending[group] for group in names])
    return {
        "experiment": experiment.name,
        "collection": experiment.collection.collection_id,
        "started_at": experiment.started_at.isoformat(),
        "ended_at": experiment.ended_at.isoformat() if experiment.ended_at else None,
        "days": days,
        "alpha": alpha,
        "control": control,
        "pinned": sample.left_out,
        "moved": sample.moved,
        "sample_ratio": sample_ratio(taking_part, list(weights.values())),
        "groups": {group: _plain(asdict(result)) for group, result in results.items()},
    }


@dataclass(frozen=True)
class Sample:
    """The learners that count, in the order in which their outcomes became known, and the name of each learner's group.

    ``pending`` counts the learners of each group whose window is not complete. ``left_out`` counts the pinned learners
    that do not count, ``moved`` those that count although they were pinned later.
    """

    members: list[Participant]
    groups: list[str]
    pending: dict[str, int]
    left_out: int
    moved: int


def _sample(experiment: Experiment, planned: RunningExperiment, window: timedelta, end: datetime) -> Sample:
    pinned = dict(ExperimentPin.objects.filter(experiment=experiment).values_list("learner_id", "created_at"))
    members: list[Participant] = []
    groups: list[str] = []
    pending = {group.name: 0 for group in planned.groups}
    left_out = moved = 0
    for participant in participants(experiment):
        if participant.learner_id in pinned:
            at = pinned[participant.learner_id]
            if at is None or at <= participant.first:
                left_out += 1
                continue
            moved += 1
        group = planned.group_of(participant.user_id, participant.tool_consumer_instance_guid, None).name
        if participant.first + window <= end:
            members.append(participant)
            groups.append(group)
        else:
            pending[group] += 1
    return Sample(members, groups, pending, left_out, moved)


def _values(
    experiment: Experiment,
    members: list[Participant],
    window: timedelta,
    progress: Progress,
    stop: Stop,
) -> dict[str, Floats]:
    """The outcomes, one value for each learner, in the order in which they became known."""
    version = collection_state(experiment.collection.collection_id)
    arrays = collection_arrays(version)
    values: dict[str, list[float]] = {each: [] for each in OUTCOMES}
    done = 0
    for some in batched(members, BATCH):
        if stop():
            raise Stopped("stopped; nothing was saved, run it again")
        starts = standings({each.learner_id: each.first for each in some}, arrays, version.model_version_id)
        ends = standings({each.learner_id: each.first + window for each in some}, arrays, version.model_version_id)
        for each in some:
            for outcome, (_, measure) in OUTCOMES.items():
                values[outcome].append(measure(starts[each.learner_id], ends[each.learner_id]))
        done += len(some)
        progress("measuring", done, len(members))
    return {outcome: np.array(each) for outcome, each in values.items()}


def _plain(value: Any) -> Any:
    """The value as JSON can hold it: null if there is no mean."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value
