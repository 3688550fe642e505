"""The groups of a running experiment, cached in this process: once it is started they do not change."""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import structlog

from adaptivity.engine.experiments import assign
from adaptivity.engine.policies import POLICIES
from adaptivity.engine.scoring import DESIGN_POLICY, EngineSettings
from adaptivity.models import Experiment, ExperimentalGroup

log = structlog.get_logger(__name__)
CACHED = 64


@dataclass(frozen=True)
class Group:
    """A group of an experiment, as a recommendation uses it."""

    id: int
    name: str
    weight: float
    settings: EngineSettings


@dataclass(frozen=True)
class RunningExperiment:
    """An experiment and its groups, in the order of their names."""

    name: str
    groups: tuple[Group, ...]

    def group_of(self, user_id: str, tool_consumer_instance_guid: str, pinned: int | None) -> Group:
        """The learner's group: the pinned one, or else by chance."""
        for group in self.groups:
            if group.id == pinned:
                return group
        weights = [group.weight for group in self.groups]
        return self.groups[assign(self.name, (user_id, tool_consumer_instance_guid), weights)]


_cache: "OrderedDict[tuple[int, object], RunningExperiment]" = OrderedDict()
_lock = Lock()


def running_experiment(experiment_id: int, started_at: object) -> RunningExperiment:
    """The experiment with this id that was started then: from the cache, or in two queries."""
    key = (experiment_id, started_at)
    with _lock:
        if key in _cache:
            _cache.move_to_end(key)
            return _cache[key]
    found = experiment_groups(Experiment.objects.get(pk=experiment_id))
    with _lock:
        _cache[key] = found
        while len(_cache) > CACHED:
            _cache.popitem(last=False)
    return found


def experiment_groups(experiment: Experiment) -> RunningExperiment:
    """The experiment with its groups. One query."""
    return RunningExperiment(experiment.name, tuple(_group(each) for each in experiment.groups.order_by("name")))


def _group(group: ExperimentalGroup) -> Group:
    policy = group.policy
    if policy not in POLICIES:
        # Of another version of this software: its learners have to be recommended something.
        log.error("unknown_policy", experiment=group.experiment_id, group=group.name, policy=policy)
        policy = DESIGN_POLICY
    return Group(
        id=group.pk,
        name=group.name,
        weight=group.weight,
        settings=EngineSettings(
            remediation_weight=group.remediation_weight,
            continuity_weight=group.continuity_weight,
            difficulty_weight=group.difficulty_weight,
            readiness_weight=group.readiness_weight,
            forgiveness=group.forgiveness,
            mastery_threshold=group.mastery_threshold,
            policy=policy,
        ),
    )
