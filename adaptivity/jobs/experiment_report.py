"""What an experiment has shown so far, with intervals that hold however often it is asked."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.utils import timezone

from adaptivity.engine.experiments import Interval, difference, interval
from adaptivity.errors import InvalidInput, Stopped
from adaptivity.jobs.evidence.lines import Progress
from adaptivity.models import Experiment, ExperimentPin
from adaptivity.selectors.content import collection_arrays, collection_version
from adaptivity.selectors.experiments import Participant, Standing, experiment_groups, participants, standings
from adaptivity.selectors.sql import batched

BATCH = 500
# What a learner's window is measured by, and between which bounds it lies.
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
    """``learners`` are those whose window is complete, ``pending`` those whose is not yet."""

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
    progress: Progress = lambda *_: None,
    stop: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """The outcomes of each group and their differences from ``control`` (by default the first by name), as JSON.

    A learner counts when their window, ``days`` from their first score in the collection while the experiment ran, is
    complete before its end: the outcome is known then and does not change, whatever the learner does later. Pinned
    learners do not count, as no chance has put them there. All intervals of one outcome hold together, at all times,
    with probability 1 - ``alpha``. Raises InvalidInput, Experiment.DoesNotExist, and Stopped.
    """
    if not (math.isfinite(days) and days > 0.0):
        raise InvalidInput("must be more than 0", field="days")
    if not 0.0 < alpha < 1.0:
        raise InvalidInput("must lie between 0 and 1", field="alpha")
    experiment = Experiment.objects.select_related("collection").get(name=name)
    if experiment.started_at is None:
        raise InvalidInput("was not started", field="name")
    planned = experiment_groups(experiment)
    names = [group.name for group in planned.groups]
    control = names[0] if control is None else control
    if control not in names:
        raise InvalidInput(f"is none of {', '.join(names)}", field="control")

    window = timedelta(days=days)
    end = experiment.ended_at or now or timezone.now()
    pinned = set(ExperimentPin.objects.filter(experiment=experiment).values_list("learner_id", flat=True))
    members: dict[str, list[Participant]] = {each: [] for each in names}
    pending = dict.fromkeys(names, 0)
    left_out = 0
    for participant in participants(experiment):
        if participant.learner_id in pinned:
            left_out += 1
            continue
        group = planned.group_of(participant.user_id, participant.tool_consumer_instance_guid, None).name
        if participant.first + window <= end:
            members[group].append(participant)
        else:
            pending[group] += 1
    values = _values(experiment, members, window, progress, stop)
    share = alpha / len(names)
    outcomes = {
        group: {
            outcome: interval(np.array(values[group][outcome]), share, bounds)
            for outcome, (bounds, _) in OUTCOMES.items()
        }
        for group in names
    }
    results = {
        group.name: GroupResult(
            policy=group.settings.policy,
            weight=group.weight,
            learners=len(members[group.name]),
            pending=pending[group.name],
            outcomes=outcomes[group.name],
            differences={}
            if group.name == control
            else {each: difference(outcomes[group.name][each], outcomes[control][each]) for each in OUTCOMES},
        )
        for group in planned.groups
    }
    return {
        "experiment": experiment.name,
        "collection": experiment.collection.collection_id,
        "started_at": experiment.started_at.isoformat(),
        "ended_at": experiment.ended_at.isoformat() if experiment.ended_at else None,
        "days": days,
        "alpha": alpha,
        "control": control,
        "pinned": left_out,
        "groups": {group: _plain(asdict(result)) for group, result in results.items()},
    }


def _values(
    experiment: Experiment,
    members: dict[str, list[Participant]],
    window: timedelta,
    progress: Progress,
    stop: Callable[[], bool],
) -> dict[str, dict[str, list[float]]]:
    """Each group's outcomes, one value for each learner, in the order in which they became known."""
    version = collection_version(experiment.collection.collection_id)
    arrays = collection_arrays(version)
    values: dict[str, dict[str, list[float]]] = {group: {each: [] for each in OUTCOMES} for group in members}
    total, done = sum(map(len, members.values())), 0
    for group, those in members.items():
        for some in batched(those, BATCH):
            if stop():
                raise Stopped("stopped; nothing was saved, run it again")
            starts = standings({each.learner_id: each.first for each in some}, arrays, version.model_version_id)
            ends = standings({each.learner_id: each.first + window for each in some}, arrays, version.model_version_id)
            for each in some:
                for outcome, (_, measure) in OUTCOMES.items():
                    values[group][outcome].append(measure(starts[each.learner_id], ends[each.learner_id]))
            done += len(some)
            progress("measuring", done, total)
    return values


def _plain(value: Any) -> Any:
    """The value as JSON has it: null where there is no mean."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value
