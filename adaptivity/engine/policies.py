"""Chooses one of the candidates: every policy has the same interface, and its name is in ``POLICIES``.

A policy gives each item a value and chooses among the candidates with the highest value. ``EngineSettings.policy``
names the policy, so a learner's experimental group decides it. Random draws use the caller's generator. Every choice
comes with the propensities that it was drawn with, which off-policy estimates need.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from adaptivity.engine.parameters import Booleans, Floats, Integers, clip_probability, log_odds
from adaptivity.engine.scoring import (
    DESIGN_POLICY,
    TIE_TOLERANCE,
    CollectionContent,
    EngineSettings,
    LearnerState,
    SubScores,
    sub_scores,
)

# Candidates within this share of the best value are near enough to explore.
NEAR = 0.1
# The number of posterior draws of a guarded exploration, and the share that is spread evenly. Spreading some evenly
# gives every near candidate a propensity above 0.
DRAWS = 32
EVENLY = 0.1
# The number of learners that a transit is assumed to have been estimated from.
TRANSIT_STRENGTH = 20.0

# The share of a dependent KC's worth that counts for the missing KC that unlocks it.
UNLOCKING = 0.5
# The longest plan of a look ahead, in responses, and the levels of KCs that build on each other.
STEPS, LEVELS = 12, 2
# The exponent by which missing prerequisites hold a KC back more than their strength does. Tracing ignores
# prerequisites and takes premature practice for learning, hence the square.
CAUTION = 2.0

# Before stopping, a KC must be this many times less likely to be unmastered than the threshold requires. At the
# threshold itself, dependent KCs begin too early, and their items are used up before they can teach.
CONFIRMATION = 5.0
# About half of the learners that transits are estimated from missed a prerequisite. A learner who misses none learns
# about as much from one practice as from UNHINDERED of these. MOST_DOUBT limits what failures at a KC say about its
# prerequisites, because the graph may be wrong.
UNHINDERED, MOST_DOUBT = 2.0, 20.0
# The value of every item for a learner, shape (items,).
Value = Callable[[CollectionContent, LearnerState, EngineSettings, SubScores], Floats]
# Which KCs a learner still has to practise, shape (KCs,).
Open = Callable[[CollectionContent, LearnerState, EngineSettings], Booleans]


@dataclass(frozen=True)
class Selection:
    """The chosen item, and the probability with which each candidate would have been chosen, shape (candidates,)."""

    item: int
    propensity: Floats


@dataclass(frozen=True)
class Policy:
    """A way to choose among candidates.

    ``summary``: says what the policy does.
    ``value``: ranks the items.
    ``reason``: completes "it has the ..." for a person. It is empty if the sub-scores themselves explain the choice.
    ``open_kcs``: the KCs to practise, for a policy that stops. The collection is complete when no remaining item that
        may be recommended tells about an open KC. This holds whatever the collection's own flag says.
    ``explores``: whether it draws among near-equal candidates that the learner is ready for.
    """

    summary: str
    value: Value
    reason: str = ""
    open_kcs: Open | None = None
    explores: bool = False

    @property
    def stops(self) -> bool:
        return self.open_kcs is not None

    def demanded(self, content: CollectionContent, learner: LearnerState, settings: EngineSettings) -> Booleans:
        """Which items, done or not, tell about an open KC, shape (items,); all items if the policy never stops."""
        if self.open_kcs is None:
            return np.ones(content.include_adaptive.size, dtype=bool)
        return _any_tag(content, self.open_kcs(content, learner, settings))

    def select(
        self,
        content: CollectionContent,
        learner: LearnerState,
        settings: EngineSettings,
        scores: SubScores,
        among: Integers,
        generator: np.random.Generator,
    ) -> Selection:
        """Selects the item of ``among`` with the highest value; values within TIE_TOLERANCE tie.

        ``among`` is ascending and not empty. ``scores`` must belong to ``settings``. The generator is used only if
        there is more than one item to draw from.
        """
        return self.draw(
            content, learner, self.value(content, learner, settings, scores), scores.readiness, among, generator
        )

    def draw(
        self,
        content: CollectionContent,
        learner: LearnerState,
        values: Floats,
        readiness: Floats,
        among: Integers,
        generator: np.random.Generator,
    ) -> Selection:
        """As ``select``, with this policy's ``values`` and the ``readiness`` of all items already computed, both of
        shape (items,).
        """
        if self.explores:
            near = near_equal(values, readiness, among)
            if near.size > 1:
                return _explore(content, learner, among, near, generator)
        return choose(values, among, generator)


def choose(values: Floats, among: Integers, generator: np.random.Generator) -> Selection:
    """Chooses the item of ``among`` with the highest ``values``, shape (items,).

    Items within TIE_TOLERANCE of it tie, and one of them is drawn. ``among`` is ascending and not empty. The generator
    is used only if there is a tie.
    """
    of_candidates = values[among]
    tied = of_candidates >= of_candidates.max() - TIE_TOLERANCE
    best = among[tied]
    item = int(best[generator.integers(best.size)] if best.size > 1 else best[0])
    return Selection(item, tied / best.size)


def near_equal(values: Floats, readiness: Floats, among: Integers) -> Integers:
    """The items of ``among`` whose value is within NEAR of the best and whose prerequisites are met.

    Empty if the best item's prerequisites are not met. Nearness is measured from 0, so values that are not positive
    only tie.
    """
    of_candidates = values[among]
    best = of_candidates.max()
    near = of_candidates >= best - max(NEAR * best, TIE_TOLERANCE)
    ready = readiness[among] >= 0.0
    if not np.any(ready & (of_candidates >= best - TIE_TOLERANCE)):
        return np.zeros(0, dtype=np.int64)
    kept: Integers = among[near & ready]
    return kept


def expected_gain(content: CollectionContent, learner: LearnerState) -> Floats:
    """How many more KCs a learner is expected to master through each item, shape (items,).

    This is a sum over the item's KCs. Each term is the probability that the KC is unmastered, its prerequisites are
    mastered, and the item teaches it.
    """
    gain = (1.0 - learner.mastery) * _ready(content, learner.mastery)
    return _per_item(content, gain[content.tag_kc] * content.tag_transit)


def lookahead_gain(content: CollectionContent, learner: LearnerState) -> Floats:
    """The rate at which practising an item's KCs from here on would master them, shape (items,).

    For each tag it is the highest expected gain per response, over plans of up to STEPS responses. A plan ends with the
    first success. The result is a lower bound of the KC's Gittins index. That index values finding out whether a KC is
    mastered as well as teaching it.

    The rate is weighted by the probability that the prerequisites are met, and by what the KC unlocks. It unlocks the
    direct dependents that miss nothing else. An item with several KCs gets their mean, not their sum, because one
    answer does not say which of them it was due to.

    Source: Gittins, "Bandit Processes and Dynamic Allocation Indices", 1979.
    """
    mastery = clip_probability(learner.mastery)
    ready = _ready(content, mastery)
    index = _index(content, mastery) * (ready**CAUTION)[content.tag_kc]
    dependent, prerequisite, strength = content.kc_dependent, content.kc_prerequisite, content.kc_strength
    otherwise_ready = ready[dependent] / _clear(strength * (1.0 - mastery[prerequisite]))
    worth = np.ones(content.kc_count)
    for _ in range(LEVELS):
        unlocked = strength * (1.0 - mastery[dependent]) * otherwise_ready * worth[dependent]
        built_on = np.bincount(prerequisite, weights=unlocked, minlength=content.kc_count)
        worth = np.ones(content.kc_count) + UNLOCKING * built_on
    total = _per_item(content, index * worth[content.tag_kc])
    tags: Floats = np.maximum(np.bincount(content.tag_item, minlength=total.size), 1)
    return total / tags


def doubted(content: CollectionContent, learner: LearnerState) -> Floats:
    """Masteries, lowered for KCs whose dependents are practised in vain, shape (KCs,).

    A KC is hardly learned without its prerequisites. Suppose a KC of mastery p was never learned from its done items.
    That is (1 - p) / Π(1 - t)^UNHINDERED times likelier if the KC cannot be learned than if it can. The ratio is held
    inside [1, MOST_DOUBT]. The odds of a prerequisite fall by it, weighted by the strength and by what the other
    prerequisites explain.

    Success at a KC raises no prerequisite. If skill grows by degrees, that would hide an unmastered prerequisite.
    """
    mastery = clip_probability(learner.mastery)
    teaching = np.log1p(-clip_probability(content.tag_transit)) * learner.done[content.tag_item]
    taught = np.bincount(content.tag_kc, weights=teaching, minlength=content.kc_count)
    hindered = np.exp(np.clip(np.log1p(-mastery) - UNHINDERED * taught, 0.0, np.log(MOST_DOUBT)))
    dependent, prerequisite, strength = content.kc_dependent, content.kc_prerequisite, content.kc_strength
    otherwise_ready = _ready(content, mastery)[dependent] / _clear(strength * (1.0 - mastery[prerequisite]))
    # With the prerequisite mastered, relative to it not being mastered.
    mastered = (1.0 - otherwise_ready) * hindered[dependent] + otherwise_ready
    ratio = strength * hindered[dependent] / mastered + (1.0 - strength)
    doubt = np.bincount(prerequisite, weights=np.log(np.maximum(ratio, 1.0)), minlength=content.kc_count)
    lowered: Floats = 1.0 / (1.0 + np.exp(doubt - log_odds(mastery)))
    return lowered


def unconfirmed(content: CollectionContent, learner: LearnerState, settings: EngineSettings) -> Booleans:
    """The KCs whose doubted mastery is not yet CONFIRMATION times as certain as the threshold, shape (KCs,)."""
    return doubted(content, learner) < 1.0 - (1.0 - settings.mastery_threshold) / CONFIRMATION


def _index(content: CollectionContent, mastery: Floats) -> Floats:
    """For each tag, the highest gain per response of plans that end with the first success, shape (tags,)."""
    p = mastery[content.tag_kc]
    guess, slip = clip_probability(content.tag_guess), clip_probability(content.tag_slip)
    transit = content.tag_transit
    best, gained, responses, reached = np.zeros(p.size), np.zeros(p.size), np.zeros(p.size), np.ones(p.size)
    for _ in range(STEPS):
        gained += reached * (1.0 - p) * transit
        responses += reached
        np.maximum(best, gained / responses, out=best)
        failure = p * slip + (1.0 - p) * (1.0 - guess)
        after = p * slip / failure
        p = after + (1.0 - after) * transit
        reached = reached * failure
    return best


def _ready(content: CollectionContent, mastery: Floats) -> Floats:
    """The probability that none of a KC's direct prerequisites stands in the way, shape (KCs,).

    An unmastered prerequisite stands in the way with a probability equal to its strength.
    """
    clear = np.log(_clear(content.kc_strength * (1.0 - mastery[content.kc_prerequisite])))
    ready: Floats = np.exp(np.bincount(content.kc_dependent, weights=clear, minlength=content.kc_count))
    return ready


def _clear(in_the_way: Floats) -> Floats:
    return np.maximum(1.0 - in_the_way, 1e-9)


def _per_item(content: CollectionContent, of_tags: Floats) -> Floats:
    sums = np.bincount(content.tag_item, weights=of_tags, minlength=content.include_adaptive.size)
    return sums.astype(np.float64, copy=False)


def _any_tag(content: CollectionContent, kcs: Booleans) -> Booleans:
    """The items that tell about at least one of these KCs, shape (items,)."""
    said = kcs[content.tag_kc] & (content.tag_relevance > 0.0)
    return np.bincount(content.tag_item[said], minlength=content.include_adaptive.size) > 0


def _explore(
    content: CollectionContent, learner: LearnerState, among: Integers, near: Integers, generator: np.random.Generator
) -> Selection:
    """Thompson sampling of what the near candidates teach.

    The state of every KC and the transit of every tag are drawn DRAWS times. A candidate's propensity is the share of
    draws in which it is best. One candidate is drawn by these propensities.

    Source: Thompson, 1933; Russo et al., "A Tutorial on Thompson Sampling", 2018.
    """
    tags = np.flatnonzero(np.isin(content.tag_item, near))
    kc, place = content.tag_kc[tags], np.searchsorted(near, content.tag_item[tags])
    missing = generator.random((DRAWS, content.kc_count)) >= learner.mastery
    transit = np.clip(content.tag_transit[tags], 1e-3, 1.0 - 1e-3)
    drawn = generator.beta(transit * TRANSIT_STRENGTH, (1.0 - transit) * TRANSIT_STRENGTH, (DRAWS, tags.size))
    cell = np.arange(DRAWS)[:, None] * near.size + place
    total = np.bincount(cell.ravel(), (missing[:, kc] * drawn).ravel(), DRAWS * near.size).reshape(DRAWS, near.size)
    gain: Floats = total / np.maximum(np.bincount(place, minlength=near.size), 1)
    best = gain >= gain.max(axis=1, keepdims=True)
    share = (best / best.sum(axis=1, keepdims=True)).mean(axis=0)
    share = (1.0 - EVENLY) * share + EVENLY / near.size
    propensity = np.zeros(among.size)
    propensity[np.searchsorted(among, near)] = share
    return Selection(int(generator.choice(near, p=share / share.sum())), propensity)


def _design(
    _content: CollectionContent, _learner: LearnerState, _settings: EngineSettings, scores: SubScores
) -> Floats:
    return scores.total


def _as_shipped_in_2018(
    content: CollectionContent, learner: LearnerState, settings: EngineSettings, _scores: SubScores
) -> Floats:
    """The 2018 engine swapped two weights: continuity had the one meant for difficulty, and difficulty that of
    continuity.
    """
    swapped = replace(
        settings,
        continuity_weight=settings.difficulty_weight,
        difficulty_weight=settings.continuity_weight,
    )
    return sub_scores(content, learner, swapped).total


def _gain(content: CollectionContent, learner: LearnerState, _settings: EngineSettings, _scores: SubScores) -> Floats:
    return expected_gain(content, learner)


def _lookahead(
    content: CollectionContent, learner: LearnerState, _settings: EngineSettings, _scores: SubScores
) -> Floats:
    return lookahead_gain(content, learner)


def _until_confirmed(
    content: CollectionContent, learner: LearnerState, settings: EngineSettings, _scores: SubScores
) -> Floats:
    """The lookahead gain of the unconfirmed KCs, by their doubted masteries; items without such a KC come last.

    Below the threshold, a KC's transit is scaled by the share of its items that is left. This saves the items of a KC
    that cannot be taught yet, whatever the reason.
    """
    lowered = doubted(content, learner)
    still = unconfirmed(content, learner, settings)
    recommendable = content.include_adaptive[content.tag_item]
    left = recommendable & ~learner.done[content.tag_item]
    all_items = np.bincount(content.tag_kc[recommendable], minlength=content.kc_count)
    share = np.bincount(content.tag_kc[left], minlength=content.kc_count) / np.maximum(all_items, 1)
    share = np.where(lowered < settings.mastery_threshold, share, 1.0)
    thrifty = replace(content, tag_transit=content.tag_transit * share[content.tag_kc])
    value = lookahead_gain(thrifty, replace(learner, mastery=np.where(still, lowered, 1.0)))
    return value - ~_any_tag(content, still)


def _equal(content: CollectionContent, _learner: LearnerState, _settings: EngineSettings, _scores: SubScores) -> Floats:
    return np.zeros(content.include_adaptive.size)


POLICIES: dict[str, Policy] = {
    DESIGN_POLICY: Policy("the weighted sum of demand, continuity, difficulty and readiness", _design),
    "stop_on_mastery": Policy(
        "lookahead gain of the KCs that are not confirmed beyond the mastery threshold; complete when no remaining "
        "activity tells about one",
        _until_confirmed,
        "highest expected learning gain among KCs that are not confirmed yet",
        open_kcs=unconfirmed,
    ),
    "expected_gain": Policy(
        "the greatest expected number of KCs newly mastered by this item", _gain, "highest expected learning gain"
    ),
    "lookahead_gain": Policy(
        "expected learning gain of practising an item's KCs from here on, with what they unlock",
        _lookahead,
        "highest expected learning gain from here on",
    ),
    "guarded_exploration": Policy(
        "lookahead gain, with Thompson sampling among near-equal candidates that the learner is ready for",
        _lookahead,
        "highest expected learning gain from here on, or nearly",
        explores=True,
    ),
    "random": Policy("any candidate, all equally likely", _equal, "same chance as any other"),
    "weights_2018": Policy(
        "the 2018 engine's weighting as shipped, for comparison: continuity and difficulty have each other's weight",
        _as_shipped_in_2018,
        "highest total by the 2018 weighting",
    ),
}
