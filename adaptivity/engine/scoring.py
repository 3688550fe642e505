"""What the engine knows about a collection and a learner, and the sub-scores of each activity.

All indices are local. Items 0..n-1 are the activities of one collection in the order of their ids. KCs 0..m-1 are those
tagged on them, and their direct prerequisites. The cost is linear in the stored tags and prerequisites.
"""

from dataclasses import dataclass

import numpy as np

from adaptivity.engine.parameters import MASTERY_THRESHOLD, Booleans, Floats, Integers, log_odds

TIE_TOLERANCE = 1e-9
DESIGN_POLICY = "design"


@dataclass(frozen=True)
class CollectionContent:
    """What the engine needs to know about a collection.

    ``include_adaptive``: shape (items,).
    ``kc_count``: m.
    Tags, each shape (tags,), sorted by item: ``tag_item``, ``tag_kc``, ``tag_relevance``, ``tag_difficulty``
        (log-odds of the item's difficulty), and the probabilities ``tag_guess``, ``tag_slip`` and ``tag_transit``.
    KC prerequisites, each shape (edges,): ``kc_dependent``, ``kc_prerequisite``, ``kc_strength`` in [0, 1].
    Activity prerequisites that can block, each shape (edges,): ``item_dependent``, ``item_prerequisite``. A
        prerequisite can block if it is in the collection and include_adaptive.
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
    """A learner's masteries, shape (KCs,), and done items, shape (items,).

    ``last_relevance``, shape (KCs,), is the relevance of the learner's last item for each KC. It is 0 for KCs that the
    item is not tagged with, and all 0 if there is no last item.
    """

    mastery: Floats
    done: Booleans
    last_relevance: Floats


@dataclass(frozen=True)
class EngineSettings:
    """The settings that an experimental group carries.

    These are the weights of the four sub-scores, forgiveness r* >= 0, the mastery threshold whose log-odds is L*, and
    the policy. The policy is a name in ``policies.POLICIES``.
    """

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
    """Demand, continuity, appropriate difficulty and readiness of every item, whether it is a candidate or not.

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
    # Subtracted, not negated, so that an untagged item gets 0.0 and not -0.0.
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
    """Pairs (blocked item, prerequisite not done yet that blocks it), each of shape (blocks,)."""
    blocking = ~done[content.item_prerequisite]
    return content.item_dependent[blocking], content.item_prerequisite[blocking]


def candidates(content: CollectionContent, done: Booleans) -> Integers:
    """The items that may be recommended, ascending: include_adaptive, not done, and not blocked by a prerequisite."""
    eligible = content.include_adaptive & ~done
    blocked, _ = blocking_prerequisites(content, done)
    eligible[blocked] = False
    return np.flatnonzero(eligible)
