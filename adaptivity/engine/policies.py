"""How one candidate is chosen: every policy behind one interface, by name in ``POLICIES``.

A policy gives each item a value from what the recommendation knows, and chooses among the candidates with the greatest
value. ``EngineSettings.policy`` names it, so that a learner's experimental group decides. What is drawn comes from the
generator that the caller passes in, and every choice has the propensities that it was drawn with: what off-policy
estimates need.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from adaptivity.engine.parameters import Floats, Integers
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


def _ready(content: CollectionContent, mastery: Floats) -> Floats:
    """The probability that nothing of a KC's direct prerequisites is in the way, shape (KCs,): a prerequisite that is
    not mastered is with the probability that is its strength."""
    in_the_way = content.kc_strength * (1.0 - mastery[content.kc_prerequisite])
    clear = np.log1p(-np.minimum(in_the_way, 1.0 - 1e-12))
    return np.exp(np.bincount(content.kc_dependent, weights=clear, minlength=content.kc_count))


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
    gain = np.bincount(cell.ravel(), (missing[:, kc] * drawn).ravel(), DRAWS * near.size).reshape(DRAWS, near.size)
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


def _equal(content: CollectionContent, _learner: LearnerState, _settings: EngineSettings, _scores: SubScores) -> Floats:
    return np.zeros(content.include_adaptive.size)


POLICIES: dict[str, Policy] = {
    DESIGN_POLICY: Policy("the weighted sum of demand, continuity, difficulty and readiness", _design),
    "stop_on_mastery": Policy("the same, and complete when no demand is left", _design, stops=True),
    "expected_gain": Policy(
        "the greatest expected number of KCs newly mastered", _gain, "highest expected learning gain"
    ),
    "guarded_exploration": Policy(
        "expected gain, with Thompson sampling among near-equal candidates that the learner is ready for",
        _gain,
        "highest expected learning gain, or nearly",
        explores=True,
    ),
    "random": Policy("any candidate, all equally likely", _equal, "same chance as any other"),
    "weights_2018": Policy(
        "the 2018 engine's weighting as shipped: continuity and difficulty with each other's weight, for comparison",
        _as_shipped_in_2018,
        "highest total by the weighting of 2018",
    ),
}
