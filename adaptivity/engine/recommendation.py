"""Which activity helps a learner most now.

Everything here is indexed locally: items 0..n-1 are the activities of one collection in the order of their ids, KCs
0..m-1 those tagged on them and their direct prerequisites. Cost is linear in the stored tags and prerequisites.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from adaptivity.engine.parameters import MASTERY_THRESHOLD, Booleans, Floats, Integers, log_odds

TIE_TOLERANCE = 1e-9


@dataclass(frozen=True)
class CollectionContent:
    """What the engine has to know of a collection.

    ``include_adaptive``: shape (items,). ``kc_count``: m. Tags, each shape (tags,), sorted by item: ``tag_item``,
    ``tag_kc``, ``tag_relevance`` and ``tag_difficulty`` (log-odds of the item's difficulty). KC prerequisites, each
    shape (edges,): ``kc_dependent``, ``kc_prerequisite``, ``kc_strength`` in [0, 1]. Activity prerequisites that can
    block (the prerequisite is in the collection and include_adaptive), each shape (edges,): ``item_dependent``,
    ``item_prerequisite``.
    """

    include_adaptive: Booleans
    kc_count: int
    tag_item: Integers
    tag_kc: Integers
    tag_relevance: Floats
    tag_difficulty: Floats
    kc_dependent: Integers
    kc_prerequisite: Integers
    kc_strength: Floats
    item_dependent: Integers
    item_prerequisite: Integers


@dataclass(frozen=True)
class LearnerState:
    """``mastery``: shape (KCs,). ``done``: shape (items,). ``last_relevance``: shape (KCs,), the relevance of the
    learner's last item for each KC, 0 where it is not tagged, all 0 without a last item."""

    mastery: Floats
    done: Booleans
    last_relevance: Floats


@dataclass(frozen=True)
class EngineSettings:
    """Weights of the four sub-scores, forgiveness r* >= 0, and the mastery threshold whose log-odds is L*."""

    remediation_weight: float = 2.0
    continuity_weight: float = 1.0
    difficulty_weight: float = 0.5
    readiness_weight: float = 2.0
    forgiveness: float = 0.0
    mastery_threshold: float = MASTERY_THRESHOLD


@dataclass(frozen=True)
class SubScores:
    """The four sub-scores and their weighted total, each of shape (items,)."""

    remediation: Floats
    continuity: Floats
    difficulty: Floats
    readiness: Floats
    total: Floats


class Outcome(StrEnum):
    """Why a recommendation is what it is."""

    RECOMMENDED = "recommended"
    MAX_PROBLEMS = "max_problems"
    MASTERED = "mastered"
    EXHAUSTED = "exhausted"


@dataclass(frozen=True)
class Recommendation:
    """``item`` is None unless the outcome is RECOMMENDED; ``candidates`` ascending, shape (candidates,)."""

    outcome: Outcome
    item: int | None
    candidates: Integers
    scores: SubScores


def sub_scores(content: CollectionContent, learner: LearnerState, settings: EngineSettings) -> SubScores:
    """Demand, continuity, appropriate difficulty and readiness of every item, candidate or not.

    Source: "Adaptive Engine for MOOC", section 5, equations for R, C, D and P.
    """
    items = content.include_adaptive.size
    mastery = log_odds(learner.mastery)
    threshold = log_odds(settings.mastery_threshold)

    shortfall = content.kc_strength * np.minimum(0.0, mastery[content.kc_prerequisite] - threshold)
    readiness = np.bincount(content.kc_dependent, weights=shortfall, minlength=content.kc_count)
    unready = np.minimum(0.0, readiness + settings.forgiveness)
    demand = np.maximum(0.0, threshold - mastery)

    def per_item(values: Floats) -> Floats:
        sums = np.bincount(content.tag_item, weights=content.tag_relevance * values, minlength=items)
        return sums.astype(np.float64, copy=False)

    kc = content.tag_kc
    remediation = per_item(demand[kc])
    continuity = np.sqrt(per_item(learner.last_relevance[kc]))
    # Subtracted, not negated: an untagged item's is then 0.0 and not -0.0.
    difficulty = 0.0 - per_item(np.abs(mastery[kc] - content.tag_difficulty))
    ready = per_item(unready[kc])
    total = (
        settings.remediation_weight * remediation
        + settings.continuity_weight * continuity
        + settings.difficulty_weight * difficulty
        + settings.readiness_weight * ready
    )
    return SubScores(remediation, continuity, difficulty, ready, total)


def blocking_prerequisites(content: CollectionContent, done: Booleans) -> tuple[Integers, Integers]:
    """Pairs (blocked item, prerequisite that blocks it), each of shape (blocks,): prerequisites not done yet."""
    blocking = ~done[content.item_prerequisite]
    return content.item_dependent[blocking], content.item_prerequisite[blocking]


def candidates(content: CollectionContent, done: Booleans) -> Integers:
    """Items that may be recommended, ascending: include_adaptive, not done, not blocked by a prerequisite."""
    eligible = content.include_adaptive & ~done
    blocked, _ = blocking_prerequisites(content, done)
    eligible[blocked] = False
    return np.flatnonzero(eligible)


def choose(totals: Floats, among: Integers, generator: np.random.Generator) -> int:
    """The item of ``among`` with the greatest total; those within TIE_TOLERANCE of it tie and one is drawn.

    ``totals`` has shape (items,); ``among``, ascending, is not empty. The generator is used only where there is a tie.
    """
    scores = totals[among]
    tied = among[scores >= scores.max() - TIE_TOLERANCE]
    return int(tied[generator.integers(tied.size)] if tied.size > 1 else tied[0])


def recommend(
    content: CollectionContent,
    learner: LearnerState,
    settings: EngineSettings,
    *,
    counted: int,
    max_problems: int | None,
    stop_on_mastery: bool,
    generator: np.random.Generator,
) -> Recommendation:
    """The item that helps the learner most now, or why there is none.

    ``counted`` is the number of the collection's items that are done and count towards ``max_problems``. With
    ``stop_on_mastery`` the collection is complete when the demand R is zero for every item that is not done.
    """
    eligible = candidates(content, learner.done)
    scores = sub_scores(content, learner, settings)
    if max_problems is not None and counted >= max_problems:
        return Recommendation(Outcome.MAX_PROBLEMS, None, eligible, scores)
    if stop_on_mastery and not np.any(scores.remediation[~learner.done] > 0.0):
        return Recommendation(Outcome.MASTERED, None, eligible, scores)
    if not eligible.size:
        return Recommendation(Outcome.EXHAUSTED, None, eligible, scores)
    return Recommendation(Outcome.RECOMMENDED, choose(scores.total, eligible, generator), eligible, scores)
