"""Tests policies on simulated learners, whose true knowledge is known.

A *world* is a course: KCs, prerequisites among them, items. A *family* defines how its learners really answer, learn
and forget; the engine sees none of that. The engine's beliefs (guess, slip, transit, priors, difficulties) are
estimated by expectation maximisation, as in practice. The estimates come from other learners of the same family. The
prerequisites are what the authors wrote. Nothing in a family depends on a policy.

Runs are paired: every policy gets the same learners, with the same luck at each item.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from adaptivity.engine.estimation import BktParameters, default_parameters, estimate_em
from adaptivity.engine.parameters import DEFAULT_DIFFICULTY, Booleans, Floats, Integers, difficulty_log_odds, relevance
from adaptivity.engine.policies import POLICIES
from adaptivity.engine.responses import Pairs, Responses
from adaptivity.engine.scoring import (
    DESIGN_POLICY,
    TIE_TOLERANCE,
    CollectionContent,
    EngineSettings,
    LearnerState,
    candidates,
    sub_scores,
)
from adaptivity.engine.tracing import fold
from adaptivity.progress import Steps, silent

KCS, ITEMS_PER_KC = 10, 12
CALIBRATION_LEARNERS, CALIBRATION_ITEMS = 400, 60
ORACLE = "oracle"
BASELINES = ("random", "weights_2018")
AFTER = 40
# Courses differ more than learners do, so there are at least this many, even for few learners.
LEARNERS_A_WORLD, WORLDS_LEAST = 50, 8
BOOTSTRAPS = 2000

# Called with the learners, items and scores of one step.
Record = Callable[[Integers, Integers, Floats], None]


@dataclass(frozen=True)
class World:
    """The truth about a course.

    ``tagged``, ``guess``, ``slip`` and ``transit`` have shape (items, KCs). ``easiness``, shape (items,), is the
    log-odds by which an item is easier than others.

    ``blocks``, shape (KCs, KCs), is the share of learning the first KC that is lost while the second one is not known.
    ``authored`` is what the engine is told about it.
    """

    tagged: Booleans
    guess: Floats
    slip: Floats
    transit: Floats
    easiness: Floats
    blocks: Floats
    authored: Floats


@dataclass(frozen=True)
class Family:
    """How learners really learn.

    ``logistic``: whether knowledge of a KC grows by degrees; otherwise it comes at once.
    ``forgetting``: the probability, with each item, of losing a KC that the item does not practise.
    ``rate_spread``: the standard deviation of the logarithm of a learner's own rate of learning.
    ``ability_spread``: the standard deviation of the log-odds by which a learner answers better or worse.
    ``wrong_graph``: whether the authors' prerequisites differ from the true ones.
    ``conjunctive``: whether an item with several KCs needs all of them; otherwise success is the mean over them.
    """

    summary: str
    logistic: bool = False
    forgetting: float = 0.0
    rate_spread: float = 0.0
    ability_spread: float = 0.0
    wrong_graph: bool = False
    conjunctive: bool = False


FAMILIES: dict[str, Family] = {
    "own_model": Family("the hidden Markov model that the engine itself assumes"),
    "logistic_growth": Family("skill that grows by degrees", logistic=True, conjunctive=True),
    "forgetting": Family("KCs that are not practised are forgotten", forgetting=0.01, conjunctive=True),
    "individual_rates": Family(
        "learners with very different rates and abilities", rate_spread=0.6, ability_spread=0.5, conjunctive=True
    ),
    "wrong_graph": Family("true prerequisites that differ from the authors'", wrong_graph=True, conjunctive=True),
}

# A KC that grows by degrees counts as known from these log-odds of knowing on: about 88 % of the way.
KNOWN_FROM = 2.0
# The share of KCs that is known at the start. With this value and the ranges in ``world``, 40 items in the engine's own
# family give about 4 of 10 KCs in random order. The 2018 weighting reaches 6 to 7, and the oracle 9.8.
PRIOR = 0.15


def world(family: Family, generator: np.random.Generator, *, kcs: int = KCS, items_per_kc: int = ITEMS_PER_KC) -> World:
    """Draws a course at random.

    KCs come in sequence, each with one or two of the three before it as prerequisites. Each item has one KC, and a
    quarter of the items have a second one.
    """
    items = kcs * items_per_kc
    main = np.repeat(np.arange(kcs), items_per_kc)
    tagged = np.zeros((items, kcs), dtype=bool)
    tagged[np.arange(items), main] = True
    second = np.flatnonzero(generator.random(items) < 0.25)
    tagged[second, generator.integers(0, kcs, second.size)] = True
    shape = tagged.shape
    true_graph = _graph(kcs, generator)
    other_graph = _graph(kcs, generator)
    return World(
        tagged=tagged,
        guess=generator.uniform(0.05, 0.3, shape),
        slip=generator.uniform(0.05, 0.2, shape),
        transit=generator.uniform(0.1, 0.45, shape),
        easiness=generator.normal(0.0, 0.5, items),
        blocks=true_graph,
        authored=other_graph if family.wrong_graph else true_graph,
    )


def _graph(kcs: int, generator: np.random.Generator) -> Floats:
    blocks = np.zeros((kcs, kcs))
    for kc in range(1, kcs):
        before = np.arange(max(0, kc - 3), kc)
        count = min(before.size, int(generator.integers(1, 3)))
        blocks[kc, generator.choice(before, count, replace=False)] = generator.uniform(0.7, 1.0, count)
    return blocks


class Learners:
    """The true state of some learners of a family while they work through items.

    All luck is drawn at the start, for each learner and item, so that policies can be compared in pairs.
    """

    def __init__(
        self,
        family: Family,
        course: World,
        learners: int,
        generator: np.random.Generator,
        prior: Floats | float = PRIOR,
    ) -> None:
        items, kcs = course.tagged.shape
        self._family, self._world = family, course
        self.rate = np.exp(generator.normal(0.0, 1.0, learners) * family.rate_spread)
        self.ability = generator.normal(0.0, 1.0, learners) * family.ability_spread
        start = generator.random((learners, kcs))
        self._answer_luck = generator.random((learners, items))
        self._learn_luck = generator.random((learners, items, kcs), dtype=np.float32)
        self._forget_luck = generator.random((learners, items, kcs), dtype=np.float32)
        # A KC that grows by degrees starts beyond KNOWN_FROM as often as one that comes at once starts known.
        self.skill = (
            np.where(start < PRIOR, KNOWN_FROM + 0.5, -2.0 + 3.0 * (start - PRIOR)) if family.logistic else None
        )
        self.is_known = start < prior

    def known(self) -> Booleans:
        """Which KCs each learner truly knows, shape (learners, KCs)."""
        return self.is_known if self.skill is None else self.skill >= KNOWN_FROM

    def ready(self) -> Floats:
        """The share of learning of each KC that its prerequisites leave, shape (learners, KCs)."""
        missing = ~self.known()
        ready: Floats = np.prod(1.0 - self._world.blocks[None] * missing[:, None, :], axis=2)
        return ready

    def gain(self) -> Floats:
        """How many more KCs each learner is expected to know after each item, shape (learners, items): an oracle's
        value.
        """
        lacking = ~self.known() * self.ready()
        if self.skill is not None:
            lacking = lacking / np.maximum(KNOWN_FROM - self.skill, 0.1)
        return lacking @ (self._world.transit * self._world.tagged).T

    def work(self, who: Integers, item: Integers) -> Floats:
        """Lets these learners do these items, updates what they know, and returns their scores, shape (who,)."""
        family, course = self._family, self._world
        tagged, ready = course.tagged[item], self.ready()[who]
        mastery = self.is_known[who] if self.skill is None else 1.0 / (1.0 + np.exp(-1.5 * self.skill[who]))
        guess, slip = course.guess[item], course.slip[item]
        success = mastery * (1.0 - slip) + (1.0 - mastery) * guess
        if family.conjunctive:
            chance = np.prod(np.where(tagged, success, 1.0), axis=1)
        else:
            chance = np.where(tagged, success, 0.0).sum(axis=1) / tagged.sum(axis=1)
        if family.ability_spread or family.conjunctive:
            odds = chance / (1.0 - chance) * np.exp(self.ability[who] + course.easiness[item] * family.conjunctive)
            chance = odds / (1.0 + odds)
        scored: Floats = (self._answer_luck[who, item] < chance).astype(np.float64)
        learning = course.transit[item] * ready * self.rate[who, None] * tagged
        if self.skill is not None:
            # A success teaches more than a failure; 4 log-odds are the way from nothing to known.
            self.skill[who] += 4.0 * learning * np.where(scored > 0.0, 1.2, 0.8)[:, None]
            self.skill[who] -= 4.0 * family.forgetting * ~tagged
        else:
            luck = self._learn_luck[who, item]
            lost = ~tagged & (self._forget_luck[who, item] < family.forgetting)
            self.is_known[who] = (self.is_known[who] & ~lost) | (luck < learning)
        return scored


@dataclass(frozen=True)
class Belief:
    """The engine's estimate of a course: its content and the priors of the KCs, shape (KCs,)."""

    content: CollectionContent
    prior: Floats


def calibrate(family: Family, course: World, generator: np.random.Generator) -> Belief:
    """Estimates the engine's parameters from earlier learners, as in practice.

    CALIBRATION_LEARNERS learners do CALIBRATION_ITEMS items each. Half of them work in random order, half by the DESIGN
    policy with the default parameters.
    """
    items, kcs = course.tagged.shape
    pairs = Pairs.of([tuple(np.flatnonzero(row).tolist()) for row in course.tagged], kcs)
    first = _belief(course, pairs, default_parameters(pairs), np.full(items, DEFAULT_DIFFICULTY))
    half = CALIBRATION_LEARNERS // 2
    steps = min(CALIBRATION_ITEMS, items)
    seen = []
    for number, policy in enumerate(("random", DESIGN_POLICY)):
        history: list[tuple[Integers, Integers, Floats]] = []
        run(
            policy,
            Learners(family, course, half, generator),
            first,
            settings=EngineSettings(),
            after=0,
            most=steps,
            generator=generator,
            record=lambda who, item, score: history.append((who, item, score)),  # noqa: B023 - used in this turn only
        )
        seen += [(who + number * half, item, score) for who, item, score in history]
    who, item, score = (np.concatenate(column) for column in zip(*seen, strict=True))
    responses = Responses(who, item, score, pairs, 2 * half)
    count = np.bincount(item, minlength=items)
    failures = np.bincount(item, 1.0 - score, items)
    return _belief(course, pairs, estimate_em(responses), (failures + 2.5) / (count + 5.0))


def _belief(course: World, pairs: Pairs, found: BktParameters, difficulty: Floats) -> Belief:
    none = np.zeros(0, dtype=np.int64)
    dependent, prerequisite = np.nonzero(course.authored)
    content = CollectionContent(
        include_adaptive=np.ones(pairs.items, dtype=bool),
        kc_count=pairs.knowledge_components,
        tag_item=pairs.item,
        tag_kc=pairs.knowledge_component,
        tag_relevance=relevance(found.guess, found.slip),
        tag_difficulty=difficulty_log_odds(difficulty)[pairs.item],
        tag_guess=found.guess,
        tag_slip=found.slip,
        tag_transit=found.transit,
        kc_dependent=dependent,
        kc_prerequisite=prerequisite,
        kc_strength=course.authored[dependent, prerequisite],
        item_dependent=none,
        item_prerequisite=none,
    )
    return Belief(content, found.prior)


def tile(content: CollectionContent, learners: int) -> CollectionContent:
    """One collection with a copy of the content for each learner.

    The items and KCs of learner l are shifted by l * items and l * KCs. Valuing all its items at once values those of
    all learners.
    """
    items, kcs = content.include_adaptive.size, content.kc_count

    def shifted(index: Integers, by: int) -> Integers:
        return (np.arange(learners)[:, None] * by + index).ravel()

    repeated = {
        name: np.tile(getattr(content, name), learners)
        for name in ("tag_relevance", "tag_difficulty", "tag_guess", "tag_slip", "tag_transit", "kc_strength")
    }
    return CollectionContent(
        include_adaptive=np.tile(content.include_adaptive, learners),
        kc_count=kcs * learners,
        tag_item=shifted(content.tag_item, items),
        tag_kc=shifted(content.tag_kc, kcs),
        kc_dependent=shifted(content.kc_dependent, kcs),
        kc_prerequisite=shifted(content.kc_prerequisite, kcs),
        item_dependent=shifted(content.item_dependent, items),
        item_prerequisite=shifted(content.item_prerequisite, items),
        **repeated,
    )


@dataclass(frozen=True)
class Run:
    """The results of each learner, shape (learners,).

    ``known_after``: KCs truly known after the given number of items.
    ``over_practice``: the share of opportunities (an item's KCs) spent on a KC that was truly known. The opportunities
        that verify it are included.
    ``beyond_threshold``: the share of opportunities spent on a KC whose mastery was at the threshold.
    ``items``: the number done until the stop, or until the end.
    ``stopped``: whether the policy stopped.
    ``confirmed``: whether it stopped because no KC was open any more, not because the items of one had run out.
    ``unknown``: KCs not truly known at that point.
    """

    known_after: Floats
    over_practice: Floats
    beyond_threshold: Floats
    items: Integers
    stopped: Booleans
    confirmed: Booleans
    unknown: Floats


def run(
    policy: str,
    learners: Learners,
    belief: Belief,
    *,
    settings: EngineSettings,
    after: int,
    most: int,
    generator: np.random.Generator,
    progress: Steps = silent,
    record: Record = lambda *_: None,
) -> Run:
    """Lets a policy recommend to learners until it stops, or for ``most`` items.

    ``ORACLE`` in place of a policy knows the truth. What the learners know is counted after ``after`` items.
    ``learners`` are changed: give each run its own.
    """
    single = belief.content
    items, kcs = single.include_adaptive.size, single.kc_count
    size = learners.known().shape[0]
    content = tile(single, size)
    settings = replace(settings, policy=policy) if policy != ORACLE else settings
    chooser = POLICIES.get(policy)
    mastery = np.tile(belief.prior, (size, 1))
    done = np.zeros((size, items), dtype=bool)
    last = np.zeros((size, kcs))
    first = np.searchsorted(single.tag_item, np.arange(items + 1))
    going = np.ones(size, dtype=bool)
    opportunities, wasted, beyond = np.zeros(size), np.zeros(size), np.zeros(size)
    known_after = learners.known().sum(axis=1).astype(np.float64)
    for step in range(most):
        progress(step, most)
        state = LearnerState(mastery.ravel(), done.ravel(), last.ravel())
        scores = sub_scores(content, state, settings)
        if chooser is not None and chooser.stops:
            going &= np.any(chooser.demanded(content, state, settings).reshape(size, items) & ~done, axis=1)
        going &= ~done.all(axis=1)
        who = np.flatnonzero(going)
        if not who.size:
            break
        if chooser is None:
            values = learners.gain()
        else:
            values = chooser.value(content, state, settings, scores).reshape(size, items)
        item = _choose(values, done, generator)
        if chooser is not None and chooser.explores:
            readiness = scores.readiness.reshape(size, items)
            for learner in who.tolist():
                item[learner] = chooser.draw(
                    single,
                    LearnerState(mastery[learner], done[learner], last[learner]),
                    values[learner],
                    readiness[learner],
                    candidates(single, done[learner]),
                    generator,
                ).item
        item = item[who]
        known = learners.known()[who]
        score = learners.work(who, item)
        record(who, item, score)
        row, tag = _tags(item, first)
        kc = single.tag_kc[tag]
        opportunities[who] += np.bincount(row, minlength=who.size)
        wasted[who] += np.bincount(row, known[row, kc], who.size)
        beyond[who] += np.bincount(row, mastery[who[row], kc] >= settings.mastery_threshold, who.size)
        chain = who[row] * kcs + kc
        mastery = fold(
            initial=mastery.ravel(),
            chain=chain,
            score=score[row],
            guess=single.tag_guess[tag],
            slip=single.tag_slip[tag],
            transit=single.tag_transit[tag],
        ).reshape(size, kcs)
        last[who] = 0.0
        last[who[row], kc] = single.tag_relevance[tag]
        done[who, item] = True
        if step + 1 <= after:
            known_after = learners.known().sum(axis=1).astype(np.float64)
    progress(most, most)
    worked = done.sum(axis=1)
    stopped = ~going & (worked < items)
    confirmed = np.zeros(size, dtype=bool)
    if chooser is not None and chooser.open_kcs is not None:
        state = LearnerState(mastery.ravel(), done.ravel(), last.ravel())
        confirmed = stopped & ~chooser.open_kcs(content, state, settings).reshape(size, kcs).any(axis=1)
    return Run(
        known_after=known_after,
        over_practice=wasted / np.maximum(opportunities, 1.0),
        beyond_threshold=beyond / np.maximum(opportunities, 1.0),
        items=worked,
        stopped=stopped,
        confirmed=confirmed,
        unknown=(~learners.known()).sum(axis=1).astype(np.float64),
    )


def _tags(item: Integers, first: Integers) -> tuple[Integers, Integers]:
    """The tags of items: for each tag, the position of its item in ``item``, and the tag.

    ``first``, shape (items + 1,), is where the tags of each item begin.
    """
    count = first[item + 1] - first[item]
    row = np.repeat(np.arange(item.size), count)
    within = np.arange(row.size) - np.repeat(np.cumsum(count) - count, count)
    return row, first[item[row]] + within


def _choose(values: Floats, done: Booleans, generator: np.random.Generator) -> Integers:
    """For each learner, the item of the highest value of those not done; ties are drawn as in ``policies.choose``."""
    masked = np.where(done, -np.inf, values)
    tied = masked >= masked.max(axis=1, keepdims=True) - TIE_TOLERANCE
    chosen: Integers = np.argmax(np.where(tied, generator.random(tied.shape), -1.0), axis=1)
    return chosen


@dataclass(frozen=True)
class Difference:
    """How much more one policy's learners truly know than another's.

    ``mean`` is the mean of the paired differences; ``low`` and ``high`` are the ends of its 95 % interval.
    """

    mean: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        return "better" if self.low > 0.0 else "worse" if self.high < 0.0 else "no difference"


@dataclass(frozen=True)
class PolicyResult:
    """A policy's results in a family, as means over the learners.

    ``unknown_at_stop``: the share of the KCs that is unknown at the stop; NaN if nobody was stopped.
    ``confirmed``: the share of learners stopped because no KC was open any more.
    ``unknown_confirmed``: as ``unknown_at_stop``, for the confirmed learners alone.
    ``against``: the differences of ``known`` from each of BASELINES that was run.
    ``intervals``: the ends of the 95 % interval of each of these means, by name, if there is one.
    """

    known: float
    over_practice: float
    beyond_threshold: float
    items: float
    stopped: float
    unknown_at_stop: float
    confirmed: float
    unknown_confirmed: float
    against: dict[str, Difference]
    intervals: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class BeliefComparison:
    """What learners truly know under either belief, as the mean number of KCs.

    ``items`` items were chosen out of ``of_items``, or fewer if the policy stopped. ``worked`` is the mean number of
    items that were done.
    """

    learners: int
    items: int
    of_items: int
    known: float
    known_with_baseline: float
    worked: float
    worked_with_baseline: float
    difference: Difference


def compare_beliefs(
    candidate: Belief,
    baseline: Belief,
    *,
    learners: int,
    after: int,
    generator: np.random.Generator,
    settings: EngineSettings | None = None,
    progress: Steps = silent,
) -> BeliefComparison:
    """Compares what learners come to know when the policy traces and chooses with either of two beliefs.

    The learners really are as ``candidate`` says, and the policy is that of ``settings``. Both beliefs get the same
    learners with the same luck. The interval is the 95 % interval of the paired differences. Every item must be tagged,
    and both beliefs must have the same items and KCs.

    Learners do ``after`` items, but at most half of all items: if everything is done anyway, nothing is chosen.
    """
    settings = settings or EngineSettings()
    content = candidate.content
    items = content.include_adaptive.size
    after = min(after, max(1, items // 2))
    course = _as_world(content)
    seed = generator.integers(0, 2**62, 2)
    runs = [
        run(
            settings.policy,
            Learners(FAMILIES["own_model"], course, learners, np.random.default_rng(seed[0]), candidate.prior),
            belief,
            settings=settings,
            after=after,
            most=after,
            generator=np.random.default_rng(seed[1]),
            progress=progress,
        )
        for belief in (candidate, baseline)
    ]
    known = [each.known_after for each in runs]
    paired = known[0] - known[1]
    half = 1.96 * float(paired.std(ddof=1)) / learners**0.5
    mean = float(paired.mean())
    return BeliefComparison(
        learners=learners,
        items=after,
        of_items=items,
        known=float(known[0].mean()),
        known_with_baseline=float(known[1].mean()),
        worked=float(runs[0].items.mean()),
        worked_with_baseline=float(runs[1].items.mean()),
        difference=Difference(mean, mean - half, mean + half),
    )


def _as_world(content: CollectionContent) -> World:
    """A course that matches the content exactly."""
    items, kcs = content.include_adaptive.size, content.kc_count
    blocks = np.zeros((kcs, kcs))
    blocks[content.kc_dependent, content.kc_prerequisite] = content.kc_strength

    def spread(values: Floats) -> Floats:
        table = np.zeros((items, kcs))
        table[content.tag_item, content.tag_kc] = values
        return table

    return World(
        tagged=spread(np.ones(content.tag_item.size)) > 0.0,
        guess=spread(content.tag_guess),
        slip=spread(content.tag_slip),
        transit=spread(content.tag_transit),
        easiness=np.zeros(items),
        blocks=blocks,
        authored=blocks,
    )


def recommendable(content: CollectionContent) -> CollectionContent:
    """The content that a run can use: items that may be recommended and are tagged, without their order among each
    other.
    """
    tagged = np.zeros(content.include_adaptive.size, dtype=bool)
    tagged[content.tag_item] = True
    kept = tagged & content.include_adaptive
    place = np.cumsum(kept) - 1
    tags = kept[content.tag_item]
    none = np.zeros(0, dtype=np.int64)
    return replace(
        content,
        include_adaptive=np.ones(int(kept.sum()), dtype=bool),
        tag_item=place[content.tag_item[tags]],
        tag_kc=content.tag_kc[tags],
        tag_relevance=content.tag_relevance[tags],
        tag_difficulty=content.tag_difficulty[tags],
        tag_guess=content.tag_guess[tags],
        tag_slip=content.tag_slip[tags],
        tag_transit=content.tag_transit[tags],
        item_dependent=none,
        item_prerequisite=none,
    )


def simulate(
    family: Family,
    policies: Sequence[str],
    *,
    seed: int,
    learners: int,
    after: int = AFTER,
    settings: EngineSettings | None = None,
    progress: Steps = silent,
    stop: Callable[[], bool] = lambda: False,
) -> dict[str, PolicyResult]:
    """Simulates learners of a family under each policy, at most LEARNERS_A_WORLD per course.

    The policies of a course get the same learners with the same luck. Intervals are percentiles of BOOTSTRAPS bootstrap
    samples of whole courses, because learners of one course are not independent. Raises InterruptedError if ``stop``
    returns true.
    """
    worlds = max(min(WORLDS_LEAST, learners), -(-learners // LEARNERS_A_WORLD))
    size = -(-learners // worlds)
    settings = settings or EngineSettings()
    runs: dict[str, list[Run]] = {policy: [] for policy in policies}
    for number in range(worlds):
        course = world(family, np.random.default_rng((seed, number, 0)))
        belief = calibrate(family, course, np.random.default_rng((seed, number, 1)))
        for place, policy in enumerate(policies):
            if stop():
                raise InterruptedError("stopped between two runs")
            chooser = POLICIES.get(policy)
            runs[policy].append(
                run(
                    policy,
                    Learners(family, course, size, np.random.default_rng((seed, number, 2))),
                    belief,
                    settings=settings,
                    after=after,
                    # A policy that stops gets the whole course to do so.
                    most=course.easiness.size if chooser is not None and chooser.stops else after,
                    generator=np.random.default_rng((seed, number, 3)),
                )
            )
            progress(number * len(policies) + place + 1, worlds * len(policies))
    # Every figure uses the same drawn courses, so that paired values stay paired.
    sample = np.random.default_rng((seed, worlds)).integers(0, worlds, (BOOTSTRAPS, worlds))
    figures = {policy: _figures(of) for policy, of in runs.items()}
    outcomes = {}
    for policy, of_policy in figures.items():
        found = {name: _bootstrapped(values, among, sample) for name, (values, among) in of_policy.items()}
        known, learners_of = of_policy["known"]
        outcomes[policy] = PolicyResult(
            **{name: mean for name, (mean, _, _) in found.items()},
            against={
                name: Difference(*_bootstrapped(known - figures[name]["known"][0], learners_of, sample))
                for name in BASELINES
                if name in runs and name != policy
            },
            intervals={name: (low, high) for name, (mean, low, high) in found.items() if not np.isnan(mean)},
        )
    return outcomes


def _figures(of: Sequence[Run]) -> dict[str, tuple[Floats, Floats]]:
    """The figures of a PolicyResult: the sum over each course's learners, and the number of those learners.

    Both have shape (courses,).
    """

    def figure(
        values: Callable[[Run], Floats], among: Callable[[Run], Booleans] | None = None
    ) -> tuple[Floats, Floats]:
        chosen = [np.ones(each.stopped.size, dtype=bool) if among is None else among(each) for each in of]
        sums = [float(values(each)[of_these].sum()) for each, of_these in zip(of, chosen, strict=True)]
        return np.array(sums), np.array([float(of_these.sum()) for of_these in chosen])

    return {
        "known": figure(lambda each: each.known_after),
        "over_practice": figure(lambda each: each.over_practice),
        "beyond_threshold": figure(lambda each: each.beyond_threshold),
        "items": figure(lambda each: each.items.astype(np.float64)),
        "stopped": figure(lambda each: each.stopped.astype(np.float64)),
        "unknown_at_stop": figure(lambda each: each.unknown / KCS, lambda each: each.stopped),
        "confirmed": figure(lambda each: each.confirmed.astype(np.float64)),
        "unknown_confirmed": figure(lambda each: each.unknown / KCS, lambda each: each.confirmed),
    }


def _bootstrapped(sums: Floats, counts: Floats, sample: Integers) -> tuple[float, float, float]:
    """The mean over all learners, and the ends of its 95 % interval; NaN if there are no learners.

    ``sums`` and ``counts`` have one entry per course; ``sample`` holds drawn courses, shape (bootstraps, courses).
    """
    if not counts.any():
        return float("nan"), float("nan"), float("nan")
    among = counts[sample].sum(axis=1)
    means = sums[sample].sum(axis=1)[among > 0.0] / among[among > 0.0]
    low, high = np.percentile(means, (2.5, 97.5))
    return float(sums.sum() / counts.sum()), float(low), float(high)
