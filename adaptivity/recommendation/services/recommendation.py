"""Recommends the activity that a learner should do next."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import structlog

from adaptivity.content.selectors.arrays import (
    CollectionArrays,
    CollectionState,
    collection_arrays,
    collection_state,
)
from adaptivity.engine.parameters import Integers
from adaptivity.engine.policies import POLICIES
from adaptivity.engine.recommendation import Outcome, Recommendation, recommend
from adaptivity.engine.scoring import EngineSettings, LearnerState, blocking_prerequisites
from adaptivity.evidence.selectors.learners import KnownLearner, learner_find
from adaptivity.evidence.services.learners import LearnerIdentity, learners_ensure
from adaptivity.recommendation.selectors.experiments import Group, running_experiment
from adaptivity.recommendation.selectors.learner_state import done_items, masteries_and_last_item

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class SequenceItem:
    """An activity that the platform has already given the learner in this sequence, whether scored or not."""

    activity: str
    is_problem: bool | None = None


@dataclass(frozen=True)
class RecommendationInputs:
    """The input of a recommendation besides the content.

    ``learner_id`` is 0 if the learner was unknown. ``history`` is the number of entries in the learner's log.
    """

    learner: LearnerIdentity
    learner_id: int
    version: CollectionState
    state: LearnerState
    counted: int
    history: int


@dataclass(frozen=True)
class ExplainedRecommendation:
    """A recommendation with everything that it was chosen from.

    ``blocked`` pairs items with the prerequisite that keeps them from being candidates because it is not done.
    ``group`` is the learner's group in a running experiment.
    """

    arrays: CollectionArrays
    recommendation: Recommendation
    settings: EngineSettings
    blocked: tuple[Integers, Integers]
    group: Group | None
    inputs: RecommendationInputs

    @property
    def url(self) -> str | None:
        """The source launch URL of the recommended activity; None if the collection is complete."""
        item = self.recommendation.item
        return None if item is None else self.arrays.urls[item]


def activity_recommend(
    *, learner: LearnerIdentity, collection_id: str, sequence: Sequence[SequenceItem] = ()
) -> ExplainedRecommendation:
    """Recommends an activity of the collection. Creates the learner if unknown, and writes nothing else.

    Raises Collection.DoesNotExist.
    """
    known = learner_find(learner.user_id, learner.tool_consumer_instance_guid)
    version = collection_state(collection_id, None if known is None else known.id)
    arrays = collection_arrays(version)
    if known is None:
        learners_ensure(identities=[learner])
        known = KnownLearner(id=0, evidence_count=0, last_activity_id=None)
        mastery, last_relevance = arrays.priors, np.zeros(arrays.priors.size)
        done_before = np.zeros(0, dtype=np.int64)
    else:
        mastery, last_relevance = masteries_and_last_item(known, version, arrays)
        done_before = done_items(known, arrays)

    done = np.zeros(arrays.activity_ids.size, dtype=bool)
    done[done_before] = True
    counts = done.copy()
    unknown = 0
    for entry in sequence:
        item = arrays.item_by_url.get(entry.activity)
        if item is None:
            unknown += 1
        else:
            done[item] = counts[item] = True
    for entry in sequence:
        if entry.is_problem is False and entry.activity in arrays.item_by_url:
            counts[arrays.item_by_url[entry.activity]] = False
    if unknown:
        log.info("sequence_activities_ignored", collection=collection_id, count=unknown)

    group, settings = None, EngineSettings()
    if version.experiment_id is not None:
        experiment = running_experiment(version.experiment_id, version.experiment_started_at)
        group = experiment.group_of(learner.user_id, learner.tool_consumer_instance_guid, version.pinned_group_id)
        settings = group.settings
    inputs = RecommendationInputs(
        learner=learner,
        learner_id=known.id,
        version=version,
        state=LearnerState(mastery=mastery, done=done, last_relevance=last_relevance),
        counted=int(np.count_nonzero(counts)),
        history=known.evidence_count,
    )
    recommendation = recommend(
        arrays.content,
        inputs.state,
        settings,
        counted=inputs.counted,
        max_problems=version.max_problems,
        stop_on_mastery=version.stop_on_mastery,
        generator=tie_breaker(learner, collection_id, known.evidence_count),
    )
    blocked, prerequisites = blocking_prerequisites(arrays.content, done)
    held_back = arrays.content.include_adaptive[blocked] & ~done[blocked]
    return ExplainedRecommendation(
        arrays, recommendation, settings, (blocked[held_back], prerequisites[held_back]), group, inputs
    )


def tie_breaker(learner: LearnerIdentity, collection_id: str, history: int) -> np.random.Generator:
    """A generator seeded by learner, collection and length of history, so that the same state draws
    the same activity.
    """
    return np.random.Generator(np.random.PCG64(tie_seed(learner, collection_id, history)))


def tie_seed(learner: LearnerIdentity, collection_id: str, history: int) -> int:
    """The seed of the generator."""
    state = "\0".join((learner.user_id, learner.tool_consumer_instance_guid, collection_id, str(history)))
    return int.from_bytes(hashlib.blake2b(state.encode(), digest_size=16).digest(), "big")


def sentence(explained: ExplainedRecommendation) -> str:
    """Explains the recommendation to a person in one sentence."""
    recommendation, arrays = explained.recommendation, explained.arrays
    if recommendation.outcome is Outcome.MAX_PROBLEMS:
        return "The collection is complete: the learner has done as many activities as its max_problems allows."
    if recommendation.outcome is Outcome.MASTERED:
        return "The collection is complete: no remaining activity would close a gap."
    if recommendation.item is None:
        return "The collection is complete: no remaining activity may be recommended."
    item, scores, settings = recommendation.item, recommendation.scores, explained.settings
    policy = POLICIES[settings.policy]
    # Compared with the average candidate, because the terms have different scales and signs.
    terms = {
        "it addresses what the learner has not mastered yet": settings.remediation_weight * scores.remediation,
        "it continues what the learner did last": settings.continuity_weight * scores.continuity,
        "its difficulty suits the learner": settings.difficulty_weight * scores.difficulty,
        "the learner is ready for it": settings.readiness_weight * scores.readiness,
    }
    among = recommendation.candidates
    lead = {reason: float(term[item] - term[among].mean()) for reason, term in terms.items()}
    count = f"{among.size} candidate{'s' if among.size != 1 else ''}"
    reason, margin = max(lead.items(), key=lambda entry: entry[1])
    if among.size == 1:
        return f"{arrays.urls[item]} is the only candidate."
    if policy.reason:
        return f"{arrays.urls[item]} has the {policy.reason} of {count}."
    if margin <= 1e-9:
        return f"{arrays.urls[item]} was drawn from {count} that are equally good."
    return f"{arrays.urls[item]} has the highest total of {count}, above all because {reason}."
