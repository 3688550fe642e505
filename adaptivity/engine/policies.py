"""How one candidate is chosen: every policy behind one interface, by name in ``POLICIES``.

A policy gives each item a value from what the recommendation knows, and chooses among the candidates with the greatest
value. ``EngineSettings.policy`` names it, so that a learner's experimental group decides. What is drawn comes from the
generator that the caller passes in, and every choice has the propensities that it was drawn with: what off-policy
estimates need.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from adaptivity.engine.parameters import Floats, Integers, clip_probability
from adaptivity.engine.scoring import (
    DESIGN_POLICY,
    TIE_TOLERANCE,
    CollectionContent,
    EngineSettings,
    LearnerState,
    SubScores,
    sub_scores,
)

# Candidates whose value is within this share of the best one's are near enough to explore.
NEAR = 0.1
# Posterior draws that a guarded exploration is made of, and what is shared out evenly, so that no near candidate's
# propensity is 0.
DRAWS = 32
EVENLY = 0.1
# A transit is held to be known as well as by so many learners.
TRANSIT_STRENGTH = 20.0

# A missing KC that others build on counts for so much of what each of them would then be worth.
UNLOCKING = 0.5
# Steps that a look ahead goes at most, and levels of KCs that build on each other.
STEPS, LEVELS = 12, 2
# How far a missing prerequisite holds a KC back beyond its strength: squared, because tracing knows nothing of
# prerequisites and takes practice that came too early for learning.
CAUTION = 2.0

# The value of every item, shape (items,), for a learner.
Value = Callable[[CollectionContent, LearnerState, EngineSettings, SubScores], Floats]


@dataclass(frozen=True)
class Selection:
    """The chosen item, and the probability with which each of the candidates would have been, shape (candidates,)."""

    item: int
    propensity: Floats


@dataclass(frozen=True)
class Policy:
    """``value`` ranks the items. ``stops``: the collection is complete for its learners when nothing is demanded any
    more, whatever the collection's own flag. ``explores``: it draws among near-equal candidates that the learner is
    ready for. ``summary`` says what the policy does; ``reason`` completes "it has the ..." for a person, and is empty
    where the sub-scores themselves say why."""

    summary: str
    value: Value
    reason: str = ""
    stops: bool = False
    explores: bool = False

    def select(
        self,
        content: CollectionContent,
        learner: LearnerState,
        settings: EngineSettings,
        scores: SubScores,
        among: Integers,
        generator: np.random.Generator,
    ) -> Selection:
        """One of ``among``, ascending and not empty: that with the greatest value; those within TIE_TOLERANCE tie.

        ``scores`` are those of the settings. The generator is used only where there is more than one to draw from.
        """
        values = self.value(content, learner, settings, scores)
        if self.explores:
            near = near_equal(values, scores.readiness, among)
            if near.size > 1:
                return _explore(content, learner, among, near, generator)
        return choose(values, among, generator)


def choose(values: Floats, among: Integers, generator: np.random.Generator) -> Selection:
    """The item of ``among`` with the greatest value; those within TIE_TOLERANCE of it tie and one is drawn.

    ``values`` has shape (items,); ``among``, ascending, is not empty. The generator is used only where there is a tie.
    """
    of_candidates = values[among]
    tied = of_candidates >= of_candidates.max() - TIE_TOLERANCE
    best = among[tied]
    item = int(best[generator.integers(best.size)] if best.size > 1 else best[0])
    return Selection(item, tied / best.size)


def near_equal(values: Floats, readiness: Floats, among: Integers) -> Integers:
    """Those of ``among`` whose value is within NEAR of the best and whose prerequisites are met; empty where the best
    one's are not. What is near is measured from 0, so values that are not positive only tie."""
    of_candidates = values[among]
    best = of_candidates.max()
    near = of_candidates >= best - max(NEAR * best, TIE_TOLERANCE)
    ready = readiness[among] >= 0.0
    if not np.any(ready & (of_candidates >= best - TIE_TOLERANCE)):
        return np.zeros(0, dtype=np.int64)
    kept: Integers = among[near & ready]
    return kept


def expected_gain(content: CollectionContent, learner: LearnerState) -> Floats:
    """How many KCs more a learner is expected to have mastered after each item, shape (items,): the sum over its KCs of
    the probability that the KC is not mastered, that its prerequisites are, and that the item teaches it."""
    gain = (1.0 - learner.mastery) * _ready(content, learner.mastery)
    return _per_item(content, gain[content.tag_kc] * content.tag_transit)


def lookahead_gain(content: CollectionContent, learner: LearnerState) -> Floats:
    """The rate at which an item's KCs would be mastered by practising them from here on, shape (items,).

    For each tag it is the greatest expected gain a response, over plans of up to STEPS responses that end with the
    first success: a lower bound of Gittins' index of the KC, which rates finding out whether a KC is mastered as well
    as teaching it. It is weighed by the probability that the prerequisites are met, and by what the KC unlocks: the
    direct dependents that miss nothing else. An item of several KCs gets their mean, not their sum, because one answer
    does not say which of them it was due to.

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


def _index(content: CollectionContent, mastery: Floats) -> Floats:
    """The greatest gain a response of plans that end with the first success, for each tag, shape (tags,)."""
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
    """The probability that nothing of a KC's direct prerequisites is in the way, shape (KCs,): a prerequisite that is
    not mastered is with the probability that is its strength."""
    clear = np.log(_clear(content.kc_strength * (1.0 - mastery[content.kc_prerequisite])))
    ready: Floats = np.exp(np.bincount(content.kc_dependent, weights=clear, minlength=content.kc_count))
    return ready


def _clear(in_the_way: Floats) -> Floats:
    return np.maximum(1.0 - in_the_way, 1e-9)


def _per_item(content: CollectionContent, of_tags: Floats) -> Floats:
    sums = np.bincount(content.tag_item, weights=of_tags, minlength=content.include_adaptive.size)
    return sums.astype(np.float64, copy=False)


def _explore(
    content: CollectionContent, learner: LearnerState, among: Integers, near: Integers, generator: np.random.Generator
) -> Selection:
    """Thompson sampling of what the near candidates teach: the state of every KC and the transit of every tag are drawn
    DRAWS times, each candidate's share of being the best is its propensity, and one is drawn by them.

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
    """The 2018 engine gave continuity the weight that was meant for difficulty, and difficulty that of continuity."""
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


def _until_mastery(
    content: CollectionContent, learner: LearnerState, settings: EngineSettings, scores: SubScores
) -> Floats:
    """What is beyond the threshold counts as mastered, and what has no demand comes last."""
    mastery = np.where(learner.mastery >= settings.mastery_threshold, 1.0, learner.mastery)
    return lookahead_gain(content, replace(learner, mastery=mastery)) - (scores.remediation <= 0.0)


def _equal(content: CollectionContent, _learner: LearnerState, _settings: EngineSettings, _scores: SubScores) -> Floats:
    return np.zeros(content.include_adaptive.size)


POLICIES: dict[str, Policy] = {
    DESIGN_POLICY: Policy("the weighted sum of demand, continuity, difficulty and readiness", _design),
    "stop_on_mastery": Policy(
        "lookahead gain of the KCs below the mastery threshold, and complete when none is demanded any more",
        _until_mastery,
        "highest expected learning gain below the threshold",
        stops=True,
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
        "the 2018 engine's weighting as shipped: continuity and difficulty with each other's weight, for comparison",
        _as_shipped_in_2018,
        "highest total by the weighting of 2018",
    ),
}
