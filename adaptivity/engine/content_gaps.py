"""Gaps in a collection's content: too much or too little practice, too few items, and doubtful tags and items.

Each measure covers one collection. It uses what the collection's learners did there and the parameters in force.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from adaptivity.engine.estimation import BktParameters, mastery_after, mastery_before
from adaptivity.engine.parameters import MASTERY_THRESHOLD, Booleans, Floats, Integers, log_odds
from adaptivity.engine.promotion import LEAST_KC_LEARNERS
from adaptivity.engine.responses import Responses
from adaptivity.engine.tracing import answer_ratios

# Wheel-spinning: this many opportunities without this many right answers in a row (Beck and Gong, 2013).
SPINNING_OPPORTUNITIES, SPINNING_STREAK = 10, 3
# Scores of at least this count as right answers.
RIGHT = 0.5
# A KC needs attention when one of its shares is above these.
MOST_OVER_PRACTICE = 0.3
MOST_UNDER_PRACTICE = 0.5
MOST_SPINNING = 0.25
MOST_RUNNING_OUT = 0.1
# The largest number of additional items that is tried.
MOST_MISSING = 50
# An item is judged if at least this many learners have answered both it and another item of the KC.
LEAST_ITEM_LEARNERS = 30
# An item discriminates badly below this item-rest correlation (Ebel and Frisbie, 1991, chapter 13).
LEAST_DISCRIMINATION = 0.2
Z95 = 1.96
# The number of different masteries kept while a bank is worked through. Exact for up to 12 items with different
# parameters.
STATES = 4096


@dataclass(frozen=True)
class Practice:
    """What learners did on each KC, shape (KCs,). A share is NaN if it covers nobody.

    ``learners`` and ``opportunities`` are counts. ``over_practice`` is the share of opportunities that began with
    mastery at the threshold. ``under_practice`` is the share of learners who ended below it with items left to do.

    ``determined`` counts the learners for whom wheel-spinning can be decided. They had either SPINNING_STREAK right
    answers in a row, or SPINNING_OPPORTUNITIES opportunities without such a streak. ``wheel_spinning`` is the share of
    the latter among them.
    """

    learners: Integers
    opportunities: Integers
    over_practice: Floats
    under_practice: Floats
    determined: Integers
    wheel_spinning: Floats


def practice(responses: Responses, parameters: BktParameters, *, threshold: float = MASTERY_THRESHOLD) -> Practice:
    """Returns over-practice, under-practice and wheel-spinning for each KC.

    Over- and under-practice use the masteries from tracing; wheel-spinning uses the scores alone.

    Source: Beck and Gong, "Wheel-spinning: students who fail to master a skill", AIED 2013.
    """
    pairs, opportunities = responses.pairs, responses.opportunities
    kcs, chains = pairs.knowledge_components, opportunities.chain_kc.size
    kc = pairs.knowledge_component[opportunities.pair]
    before = mastery_before(opportunities, parameters)
    after = mastery_after(opportunities, parameters, before)
    last = np.zeros(chains)
    streak, count = np.zeros(chains, np.int64), np.zeros(chains, np.int64)
    reached, spun = np.zeros(chains, dtype=bool), np.zeros(chains, dtype=bool)
    for step in opportunities.steps:
        chain = opportunities.chain[step]
        last[chain] = after[step]
        count[chain] += 1
        streak[chain] = np.where(opportunities.score[step] >= RIGHT, streak[chain] + 1, 0)
        reached[chain] |= (streak[chain] >= SPINNING_STREAK) & ~spun[chain]
        spun[chain] |= (count[chain] >= SPINNING_OPPORTUNITIES) & ~reached[chain]
    # Count an item once, however often it was answered: repeating it uses up no more of the bank.
    done = np.unique(np.stack((opportunities.chain, opportunities.pair), axis=1), axis=0)[:, 0]
    left = np.bincount(done, minlength=chains) < np.bincount(pairs.knowledge_component, minlength=kcs)[
        opportunities.chain_kc
    ]  # fmt: skip
    learners = np.bincount(opportunities.chain_kc, minlength=kcs)
    determined = np.bincount(opportunities.chain_kc, reached | spun, kcs).astype(np.int64)
    total = np.bincount(kc, minlength=kcs)
    return Practice(
        learners=learners,
        opportunities=total,
        over_practice=_share(np.bincount(kc, before >= threshold, kcs), total),
        under_practice=_share(np.bincount(opportunities.chain_kc, (last < threshold) & left, kcs), learners),
        determined=determined,
        wheel_spinning=_share(np.bincount(opportunities.chain_kc, spun, kcs), determined),
    )


def _share(part: Floats | Integers, whole: Integers) -> Floats:
    share: Floats = np.where(whole > 0, part / np.maximum(whole, 1), np.nan)
    return share


def running_out(
    prior: float, guess: Floats, slip: Floats, transit: Floats, *, threshold: float = MASTERY_THRESHOLD
) -> Floats:
    """The probability that a new learner has never reached the threshold after 0, 1, ... all items of a bank.

    The answer has shape (items + 1,). ``guess``, ``slip`` and ``transit`` have shape (items,), in the order of
    practice.

    Mastery is a Markov chain: an answer is right with probability p(1-s) + (1-p)g, and p moves by Bayes' rule and the
    transit. Its distribution is exact while it has at most STATES values, which 12 items cannot exceed. Beyond that,
    values with nearly equal log-odds are merged into their mean.
    """
    mastery, weight = np.array([prior]), np.ones(1)
    weight = weight[mastery < threshold]
    mastery = mastery[mastery < threshold]
    left = [float(weight.sum())]
    wrong, right = answer_ratios(guess, slip)
    for g, s, t, *ratios in zip(
        guess.tolist(), slip.tolist(), transit.tolist(), right.tolist(), wrong.tolist(), strict=True
    ):
        success = mastery * (1.0 - s) + (1.0 - mastery) * g
        likely = np.concatenate((weight * success, weight * (1.0 - success)))
        after = np.concatenate([mastery * ratio / (mastery * ratio + (1.0 - mastery)) for ratio in ratios])
        after = after + (1.0 - after) * t
        below = (after < threshold) & (likely > 0.0)
        mastery, weight = after[below], likely[below]
        if mastery.size > STATES:
            mastery, weight = _merged(mastery, weight)
        left.append(float(weight.sum()))
    return np.array(left)


def _merged(mastery: Floats, weight: Floats) -> tuple[Floats, Floats]:
    at = log_odds(mastery)
    width = max(float(np.ptp(at)), 1e-9) / (STATES // 2)
    cell = ((at - at.min()) / width).astype(np.int64)
    total = np.bincount(cell, weight).astype(np.float64, copy=False)
    kept = total > 0.0
    mean = np.bincount(cell, weight * mastery)[kept] / total[kept]
    return mean, total[kept]


def missing_items(
    prior: float, guess: Floats, slip: Floats, transit: Floats, *, threshold: float = MASTERY_THRESHOLD
) -> int:
    """How many additional items would keep the bank from running out for all but MOST_RUNNING_OUT of new learners.

    Each additional item has the mean parameters of the existing ones. Returns MOST_MISSING if even that many are not
    enough. The bank must have at least one item.
    """
    more = [np.concatenate((each, np.full(MOST_MISSING, each.mean()))) for each in (guess, slip, transit)]
    enough = np.flatnonzero(running_out(prior, *more, threshold=threshold)[guess.size :] <= MOST_RUNNING_OUT)
    return int(enough[0]) if enough.size else MOST_MISSING


@dataclass(frozen=True)
class ItemFit:
    """How well an item's scores agree with those of the other items of each of its KCs, shape (pairs,).

    ``learners`` counts those who answered the item and another item of the KC. ``correlation`` is the correlation
    between the two residuals; ``low`` and ``high`` are the ends of its 95 % interval. These are NaN if there are fewer
    than LEAST_ITEM_LEARNERS such learners, or if their residuals do not vary. ``better`` is a KC that the item is not
    tagged with but clearly fits better, else -1.
    """

    learners: Integers
    correlation: Floats
    low: Floats
    high: Floats
    better: Integers

    @property
    def suspect(self) -> Booleans:
        """Which tags are probably wrong: another KC fits better, or right answers go with failure at the KC."""
        result: Booleans = (self.better >= 0) | (self.high < 0.0)
        return result

    @property
    def discriminates_badly(self) -> Booleans:
        """Which items tell little about a KC, although their tag seems right."""
        result: Booleans = (self.high < LEAST_DISCRIMINATION) & ~self.suspect
        return result


def item_fit(responses: Responses) -> ItemFit:
    """Correlates each item with the rest of each KC: the corrected item-total correlation of test theory.

    A residual is a score minus the item's mean; a learner's answers to one item are averaged first. An item's residuals
    are correlated, over learners, with the mean of each learner's residuals at the other items of the KC. Intervals are
    Fisher's (1921).

    ``better`` requires an interval entirely above 0 and above that of the tag's own KC. Both intervals are widened for
    the number of KCs tried (Bonferroni).
    """
    pairs, size = responses.pairs, responses.item.size
    kcs = pairs.knowledge_components
    item_mean = np.bincount(responses.item, responses.score, pairs.items) / np.maximum(
        np.bincount(responses.item, minlength=pairs.items), 1
    )
    key, at = np.unique(responses.learner * max(pairs.items, 1) + responses.item, return_inverse=True)
    count = np.bincount(at, minlength=key.size)
    residual = np.bincount(at, responses.score - item_mean[responses.item], key.size) / np.maximum(count, 1)
    learner, item = key // max(pairs.items, 1), key % max(pairs.items, 1)
    total, answered = np.zeros((responses.learners, kcs)), np.zeros((responses.learners, kcs))
    row = np.repeat(np.arange(key.size), np.diff(pairs.first)[item])
    within = np.arange(row.size) - np.searchsorted(row, row)
    kc = pairs.knowledge_component[pairs.first[item[row]] + within]
    np.add.at(total, (learner[row], kc), residual[row])
    np.add.at(answered, (learner[row], kc), 1.0)

    count_of = pairs.knowledge_component.size
    learners = np.zeros(count_of, np.int64)
    correlation, low, high = (np.full(count_of, np.nan) for _ in range(3))
    better = np.full(count_of, -1, np.int64)
    by_item = np.argsort(item, kind="stable")
    ends = np.searchsorted(item[by_item], np.arange(pairs.items + 1))
    wide = NormalDist().inv_cdf(1.0 - 0.025 / max(kcs - 1, 1))
    for number in range(pairs.items if size else 0):
        those = by_item[ends[number] : ends[number + 1]]
        of = np.arange(pairs.first[number], pairs.first[number + 1])
        if not those.size or not of.size:
            continue
        own = np.zeros(kcs, dtype=bool)
        own[pairs.knowledge_component[of]] = True
        others = answered[learner[those]] - own
        sums = total[learner[those]] - np.outer(residual[those], own)
        n, r = _correlations(residual[those], sums, others)
        tried = np.flatnonzero(~own & (n >= LEAST_ITEM_LEARNERS) & ~np.isnan(r))
        lowest = _fisher(r[tried], n[tried], -wide)
        for pair in of.tolist():
            k = pairs.knowledge_component[pair]
            learners[pair] = n[k]
            if n[k] < LEAST_ITEM_LEARNERS or np.isnan(r[k]):
                continue
            correlation[pair] = r[k]
            low[pair], high[pair] = (float(_fisher(r[k : k + 1], n[k : k + 1], z)[0]) for z in (-Z95, Z95))
            if tried.size and lowest.max() > max(0.0, float(_fisher(r[k : k + 1], n[k : k + 1], wide)[0])):
                better[pair] = tried[int(lowest.argmax())]
    return ItemFit(learners, correlation, low, high, better)


def _correlations(residual: Floats, sums: Floats, others: Floats) -> tuple[Integers, Floats]:
    """For each KC, the number of learners who answered other items of it, and the correlation; both of shape (KCs,)."""
    has = others > 0.0
    n = has.sum(axis=0)
    rest = np.where(has, sums / np.maximum(others, 1.0), 0.0)
    own = np.where(has, residual[:, None], 0.0)
    mean = np.maximum(n, 1)
    own = np.where(has, own - own.sum(axis=0) / mean, 0.0)
    rest = np.where(has, rest - rest.sum(axis=0) / mean, 0.0)
    spread = np.sqrt((own**2).sum(axis=0) * (rest**2).sum(axis=0))
    return n, np.where(spread > 1e-12, (own * rest).sum(axis=0) / np.maximum(spread, 1e-12), np.nan)


def _fisher(correlation: Floats, n: Integers, z: float) -> Floats:
    """The end of the correlation's interval that is ``z`` standard errors away, same shape."""
    inside = np.clip(correlation, -1.0 + 1e-9, 1.0 - 1e-9)
    end: Floats = np.tanh(np.arctanh(inside) + z / np.sqrt(n - 3.0))
    return end


@dataclass(frozen=True)
class Suggestion:
    """Something to do, as a sentence; ``code`` identifies it."""

    code: str
    message: str


def suggestions(
    *,
    learners: int,
    over_practice: float,
    under_practice: float,
    determined: int,
    wheel_spinning: float,
    runs_out: float,
    missing: int,
) -> Sequence[Suggestion]:
    """What to do about a KC, most urgent first. Shares that cover fewer than LEAST_KC_LEARNERS learners are ignored."""
    found = []
    if runs_out > MOST_RUNNING_OUT:
        remedy = (
            f"write {missing} more" if missing < MOST_MISSING else "write items that discriminate better or teach more"
        )
        text = f"{runs_out:.0%} of new learners run out of items before mastery: {remedy}."
        found.append(Suggestion("write_items", text))
    if determined >= LEAST_KC_LEARNERS and wheel_spinning > MOST_SPINNING:
        text = (
            f"{wheel_spinning:.0%} of learners practise without reaching mastery: explain the KC before they practise, "
            "check its prerequisites, and check whether it is really several KCs."
        )
        found.append(Suggestion("teach_first", text))
    if learners >= LEAST_KC_LEARNERS and over_practice > MOST_OVER_PRACTICE:
        text = f"{over_practice:.0%} of practice came after mastery: stop on mastery, or require less practice."
        found.append(Suggestion("stop_on_mastery", text))
    if learners >= LEAST_KC_LEARNERS and under_practice > MOST_UNDER_PRACTICE:
        text = (
            f"{under_practice:.0%} of learners leave below mastery with items left: recommend the KC longer "
            "(raise the limit or the demand weight)."
        )
        found.append(Suggestion("practise_more", text))
    return found
