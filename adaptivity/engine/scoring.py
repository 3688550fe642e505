"""What is known of a collection and a learner, and what speaks for each activity.

Everything here is indexed locally: items 0..n-1 are the activities of one collection in the order of their ids, KCs
0..m-1 those tagged on them and their direct prerequisites. Cost is linear in the stored tags and prerequisites.
"""

from dataclasses import dataclass

import numpy as np

from adaptivity.engine.parameters import MASTERY_THRESHOLD, Booleans, Floats, Integers, log_odds

TIE_TOLERANCE = 1e-9
DESIGN_POLICY = "design"


@dataclass(frozen=True)
class CollectionContent:
    """What the engine has to know of a collection.

    ``include_adaptive``: shape (items,). ``kc_count``: m. Tags, each shape (tags,), sorted by item: ``tag_item``,
    ``tag_kc``, ``tag_relevance``, ``tag_difficulty`` (log-odds of the item's difficulty), and the probabilities
    ``tag_guess``, ``tag_slip`` and ``tag_transit``. KC prerequisites, each shape (edges,): ``kc_dependent``,
    ``kc_prerequisite``, ``kc_strength`` in [0, 1]. Activity prerequisites that can block (the prerequisite is in the
    collection and include_adaptive), each shape (edges,): ``item_dependent``, ``item_prerequisite``.
    """

    include_adaptive: Booleans
    kc_count: int
    tag_item: Integers
    tag_kc: Integers
    tag_relevance: Floats
    tag_difficulty: Floats
    tag_guess: Floats
    tag_slip: Floats
    tag_transit: Floats
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
    """Weights of the four sub-scores, forgiveness r* >= 0, the mastery threshold whose log-odds is L*, and the policy:
    a name in ``policies.POLICIES``. These are what an experimental group carries."""

    remediation_weight: float = 2.0
    continuity_weight: float = 1.0
    difficulty_weight: float = 0.5
    readiness_weight: float = 2.0
    forgiveness: float = 0.0
    mastery_threshold: float = MASTERY_THRESHOLD
    policy: str = DESIGN_POLICY


@dataclass(frozen=True)
class SubScores:
    """The four sub-scores and their weighted total, each of shape (items,)."""

    remediation: Floats
    continuity: Floats
    difficulty: Floats
    readiness: Floats
    total: Floats


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
