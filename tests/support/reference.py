"""The engine's rules again, one number at a time: plain Python, no numpy, nothing shared with the code under test.

Symbols as in the design: guess g, slip s, transit t, mastery p, difficulty d, log-odds L. Slow on purpose.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

EPSILON = 1e-10
EXACT_EPSILON = Fraction(1, 10**10)
# What rounding may leave of 1 - g - s if the decimals of g and s add up to 1.
ROUNDING = Fraction(1, 10**15)
LOG_ODDS_THRESHOLD = math.log(9.0)
# How close to its numbers others must be, for pytest.approx.
CLOSE = {"rel": 1e-9, "abs": 1e-9}


def clip(p: float) -> float:
    return min(max(p, EPSILON), 1.0 - EPSILON)


def odds(p: float) -> float:
    return clip(p) / (1.0 - clip(p))


def log_odds(p: float) -> float:
    return math.log(odds(p))


def exactly(p: float) -> Fraction:
    """The clipped probability without rounding."""
    return min(max(Fraction(p), EXACT_EPSILON), 1 - EXACT_EPSILON)


def answer_ratios(g: float, s: float) -> tuple[Fraction, Fraction]:
    """How much likelier a wrong and a right answer is with mastery than without. Both are 1 if g + s = 1."""
    guess, slip = exactly(g), exactly(s)
    if 1 - guess - slip <= ROUNDING:
        return Fraction(1), Fraction(1)
    return slip / (1 - guess), (1 - slip) / guess


def relevance(g: float, s: float) -> float:
    """-log odds(g) - log odds(s), from exact fractions."""
    wrong, right = answer_ratios(g, s)
    return math.log1p(float(right / wrong - 1))


def update(p: float, score: float, g: float, s: float, t: float) -> float:
    """The mastery after one score."""
    wrong, right = map(float, answer_ratios(g, s))
    x = wrong ** (1.0 - score) * right**score
    gain = odds(t)
    after = gain + (gain + 1.0) * odds(p) * x
    return clip(after / (1.0 + after))


@dataclass(frozen=True)
class Tag:
    guess: float = 0.1
    slip: float = 0.15
    transit: float = 0.1


Tags = Mapping[Hashable, Mapping[Hashable, Tag]]


@dataclass(frozen=True)
class Entry:
    """One entry of a learner's log: a score on an activity or, with ``set_kc``, a hand-set mastery.

    A mastery of None is its deletion.
    """

    activity: Hashable = None
    score: float = 0.0
    set_kc: Hashable = None
    value: float | None = None


def replay(log: Sequence[Entry], tags: Tags, priors: Mapping[Hashable, float]) -> dict[Hashable, float]:
    """One learner's masteries after the log, which is in history order."""
    masteries: dict[Hashable, float] = {}
    for entry in log:
        if entry.set_kc is not None:
            masteries.pop(entry.set_kc, None)
            if entry.value is not None:
                masteries[entry.set_kc] = entry.value
            continue
        for kc, tag in tags.get(entry.activity, {}).items():
            before = masteries.get(kc, priors[kc])
            masteries[kc] = update(before, entry.score, tag.guess, tag.slip, tag.transit)
    return masteries


@dataclass(frozen=True)
class Item:
    tags: Mapping[int, Tag]
    difficulty: float = 0.5
    include_adaptive: bool = True
    prerequisites: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Situation:
    """A collection and a learner. Items and KCs are numbers; ``edges`` maps (dependent KC, prerequisite KC) to
    strength.
    """

    items: Sequence[Item]
    mastery: Sequence[float]
    edges: Mapping[tuple[int, int], float] = field(default_factory=dict)
    done: frozenset[int] = frozenset()
    last: Item | None = None
    weights: tuple[float, float, float, float] = (2.0, 1.0, 0.5, 2.0)
    forgiveness: float = 0.0


def sub_scores(situation: Situation, number: int) -> tuple[float, float, float, float]:
    """Demand, continuity, appropriate difficulty and readiness of one item."""
    item = situation.items[number]
    demand = continuity = difficulty = readiness = 0.0
    d = min(max(item.difficulty, 0.01), 0.99)
    for kc, tag in item.tags.items():
        k = relevance(tag.guess, tag.slip)
        level = log_odds(situation.mastery[kc])
        demand += k * max(0.0, LOG_ODDS_THRESHOLD - level)
        if situation.last is not None and kc in situation.last.tags:
            last = situation.last.tags[kc]
            continuity += k * relevance(last.guess, last.slip)
        difficulty -= k * abs(level - math.log(d / (1.0 - d)))
        ready = 0.0
        for (dependent, prerequisite), strength in situation.edges.items():
            if dependent == kc:
                ready += strength * min(0.0, log_odds(situation.mastery[prerequisite]) - LOG_ODDS_THRESHOLD)
        readiness += k * min(0.0, ready + situation.forgiveness)
    return demand, math.sqrt(continuity), difficulty, readiness


def total(situation: Situation, number: int) -> float:
    return sum(weight * term for weight, term in zip(situation.weights, sub_scores(situation, number), strict=True))


def candidates(situation: Situation) -> list[int]:
    found = []
    for number, item in enumerate(situation.items):
        blocked = any(
            prerequisite not in situation.done and situation.items[prerequisite].include_adaptive
            for prerequisite in item.prerequisites
        )
        if item.include_adaptive and number not in situation.done and not blocked:
            found.append(number)
    return found


def recommend(
    situation: Situation, *, counted: int = 0, max_problems: int | None = None, stop_on_mastery: bool = False
) -> tuple[str, set[int]]:
    """The outcome, and the items that are all valid answers."""
    if max_problems is not None and counted >= max_problems:
        return "max_problems", set()
    undone = [number for number in range(len(situation.items)) if number not in situation.done]
    if stop_on_mastery and all(sub_scores(situation, number)[0] == 0.0 for number in undone):
        return "mastered", set()
    eligible = candidates(situation)
    if not eligible:
        return "exhausted", set()
    best = max(total(situation, number) for number in eligible)
    return "recommended", {number for number in eligible if total(situation, number) >= best - 1e-9}


def grade(mastery: Sequence[float], prior: Sequence[float], *, done: int, activities: int) -> float:
    if not mastery:
        return done / activities if activities else 0.0
    shares = []
    for p, start in zip(mastery, prior, strict=True):
        p0 = clip(start)
        shares.append(1.0 if p0 >= 0.9 else min(1.0, max(0.0, (clip(p) - p0) / (0.9 - p0))))
    return sum(shares) / len(shares)
