"""The groups of a running experiment, cached in this process: they do not change once it is started."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

import numpy as np
import structlog
from django.db.models import Min

from adaptivity.content.selectors.arrays import CollectionArrays
from adaptivity.content.selectors.parameters import priors, tag_table
from adaptivity.engine.experiments import assign
from adaptivity.engine.grading import grade
from adaptivity.engine.history import replay
from adaptivity.engine.parameters import MASTERY_THRESHOLD
from adaptivity.engine.policies import POLICIES
from adaptivity.engine.scoring import DESIGN_POLICY, EngineSettings
from adaptivity.evidence.selectors.log import activities_scored_by, evidence
from adaptivity.models import Experiment, ExperimentalGroup, Score

log = structlog.get_logger(__name__)
CACHED = 64


@dataclass(frozen=True)
class Group:
    """A group of an experiment, as recommendations use it."""

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
        """The learner's group: the pinned one, or else one by chance."""
        for group in self.groups:
            if group.id == pinned:
                return group
        weights = [group.weight for group in self.groups]
        return self.groups[assign(self.name, (user_id, tool_consumer_instance_guid), weights)]


_cache: "OrderedDict[tuple[int, object], RunningExperiment]" = OrderedDict()
_lock = Lock()


def running_experiment(experiment_id: int, started_at: object) -> RunningExperiment:
    """The experiment with this id and start time, from the cache or in two queries."""
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


def settings_in_use(collection_id: str) -> list[tuple[str | None, EngineSettings]]:
    """The settings of the collection's learners now.

    Each group of its running experiment gives a name and its settings. Without a running experiment, there are only the
    default settings, without a name. Two queries.
    """
    running = Experiment.objects.filter(
        collection__collection_id=collection_id, started_at__isnull=False, ended_at__isnull=True
    ).first()
    if running is None:
        return [(None, EngineSettings())]
    return [(group.name, group.settings) for group in experiment_groups(running).groups]


def _group(group: ExperimentalGroup) -> Group:
    policy = group.policy
    if policy not in POLICIES:
        # The group comes from another version of this software, but its learners still need recommendations.
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


@dataclass(frozen=True)
class Participant:
    """A learner who got a score in the experiment's collection while it ran, and the time of the first one."""

    learner_id: int
    user_id: str
    tool_consumer_instance_guid: str
    first: datetime


def participants(experiment: Experiment) -> list[Participant]:
    """The participants, in the order in which they began. One query."""
    rows = Score.objects.filter(
        activity__memberships__collection=experiment.collection_id, timestamp__gte=experiment.started_at
    )
    if experiment.ended_at is not None:
        rows = rows.filter(timestamp__lt=experiment.ended_at)
    found = (
        rows.values("learner_id", "learner__user_id", "learner__tool_consumer_instance_guid")
        .annotate(first=Min("timestamp"))
        .order_by("first", "learner_id")
    )
    return [
        Participant(*row)
        for row in found.values_list(
            "learner_id", "learner__user_id", "learner__tool_consumer_instance_guid", "first"
        ).iterator(chunk_size=2000)
    ]


@dataclass(frozen=True)
class Standing:
    """How far a learner had come in a collection at some time.

    ``mastered`` is the share of the collection's KCs that were mastered. ``score_sum`` and ``scores`` are the sum and
    number of the scores on its activities until then.
    """

    grade: float
    mastered: float
    score_sum: float
    scores: int


def standings(
    before: Mapping[int, datetime], arrays: CollectionArrays, model_version_id: int | None
) -> dict[int, Standing]:
    """The standing of each learner just before the time in ``before``, which has a time for each learner's id.

    Replays the learners' logs under the version's parameters. Six queries, however many learners there are.
    """
    ids = list(before)
    log, _ = evidence(ids, before)
    traced = replay(log, tag_table(model_version_id, activities_scored_by(ids)), priors(model_version_id))
    kcs = arrays.knowledge_component_ids
    held = np.isin(traced.knowledge_component, kcs)
    rows = {learner_id: row for row, learner_id in enumerate(ids)}
    mastery = np.tile(arrays.priors, (len(ids), 1))
    row = np.array([rows[each] for each in traced.learner[held].tolist()], dtype=np.int64)
    mastery[row, np.searchsorted(kcs, traced.knowledge_component[held])] = traced.value[held]
    inside = np.isin(log.score_activity, arrays.activity_ids)
    row = np.array([rows[each] for each in log.score_learner[inside].tolist()], dtype=np.int64)
    sums, counts = np.bincount(row, log.score[inside], len(ids)), np.bincount(row, minlength=len(ids))
    pairs = np.unique(np.stack((row, log.score_activity[inside]), axis=1), axis=0)
    done = np.bincount(pairs[:, 0], minlength=len(ids))
    tagged = arrays.is_tagged
    return {
        learner_id: Standing(
            grade=grade(
                mastery=mastery[at][tagged],
                prior=arrays.priors[tagged],
                done=int(done[at]),
                activities=arrays.activity_ids.size,
            ),
            mastered=float((mastery[at][tagged] >= MASTERY_THRESHOLD).mean()) if tagged.any() else 0.0,
            score_sum=float(sums[at]),
            scores=int(counts[at]),
        )
        for at, learner_id in enumerate(ids)
    }
