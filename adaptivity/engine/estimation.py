"""Estimates guess, slip, transit and priors from the history of scores.

There are two methods:

``estimate_empirical`` takes each chain's likeliest moment of mastery as true and counts. Source: Rushkin, Lopez, Ang
    and Rosen, "Adaptive Engine for MOOC", section 5. The heuristic is that of Hawkins, Heffernan and Baker, 2014.
``estimate_em`` maximises the posterior of the hidden Markov model by expectation maximisation (Baum et al. 1970).
    Guess, slip and transit of each item's pair are shrunk toward those of its KC. Rare items have too few responses for
    parameters of their own. The KC's values are the mean of a Beta prior worth ``strength`` responses.

KCs are independent: the estimate for some KCs does not depend on which others are in the arrays. The one exception is a
KC without a response, which gets the mean of the KCs that have some.
"""

from dataclasses import dataclass

import numpy as np

from adaptivity.engine.parameters import (
    DEFAULT_GUESS,
    DEFAULT_PRIOR,
    DEFAULT_SLIP,
    DEFAULT_TRANSIT,
    EPSILON,
    Floats,
    Integers,
)
from adaptivity.engine.responses import Opportunities, Pairs, Responses
from adaptivity.engine.tracing import likelihood_ratio
from adaptivity.progress import Steps, silent

# Bounds of an estimate: inside them every answer is informative (g + s < 1), and no chain starts out certain.
LEAST, MOST = 0.001, 0.98
INFORMATIVE = 0.98
TRANSIT_BOUNDS = (1e-4, 0.6)
PRIOR_BOUNDS = (0.01, 0.99)
# The defaults weigh this many responses or learners in a KC's own values.
KC_STRENGTH = 10.0
# Transit varies less between items than guess and slip do, and there is less evidence for it.
TRANSIT_STRENGTH = 5.0


@dataclass(frozen=True)
class BktParameters:
    """Probabilities: the prior of each KC, shape (KCs,), and guess, slip and transit of each pair, shape (pairs,)."""

    prior: Floats
    guess: Floats
    slip: Floats
    transit: Floats


@dataclass(frozen=True)
class Trace:
    """Before each response, shape (responses,): the probability of success, and the mean log-odds of mastery of its
    KCs.
    """

    success: Floats
    mastery_log_odds: Floats


def default_parameters(pairs: Pairs) -> BktParameters:
    """The parameters to use before anything is estimated."""
    size = pairs.knowledge_component.size
    return BktParameters(
        prior=np.full(pairs.knowledge_components, DEFAULT_PRIOR),
        guess=np.full(size, DEFAULT_GUESS),
        slip=np.full(size, DEFAULT_SLIP),
        transit=np.full(size, DEFAULT_TRANSIT),
    )


def trace(responses: Responses, parameters: BktParameters, empty: float = 0.5) -> Trace:
    """What the parameters predict before each response, from the learner's own past alone.

    Success is the mean over the item's KCs of p(1-s) + (1-p)g. For prediction, averaging several KCs does better than
    multiplying their odds. ``empty`` is the success of an item without KCs.
    """
    opportunities = responses.opportunities
    before = mastery_before(opportunities, parameters)
    guess, slip = parameters.guess[opportunities.pair], parameters.slip[opportunities.pair]
    size = responses.item.size
    success = opportunities.mean_by_response(before * (1.0 - slip) + (1.0 - before) * guess, size, empty)
    inside = np.clip(before, EPSILON, 1.0 - EPSILON)
    return Trace(success, opportunities.mean_by_response(np.log(inside / (1.0 - inside)), size))


def mastery_before(opportunities: Opportunities, parameters: BktParameters) -> Floats:
    """The mastery of the KC before each opportunity, from the learner's own past alone, shape (opportunities,)."""
    return _forward(opportunities, parameters, _likelihood_ratio(opportunities, parameters))


def mastery_after(opportunities: Opportunities, parameters: BktParameters, before: Floats) -> Floats:
    """The mastery after each opportunity, including what was learned from it, shape (opportunities,)."""
    with_mastery = before * _likelihood_ratio(opportunities, parameters)
    after = with_mastery / (with_mastery + (1.0 - before))
    learned: Floats = after + (1.0 - after) * parameters.transit[opportunities.pair]
    return learned


def estimate_em(
    responses: Responses,
    *,
    strength: float = 8.0,
    iterations: int = 60,
    tolerance: float = 5e-3,
    progress: Steps = silent,
) -> BktParameters:
    """Runs expectation maximisation over all chains at once; fractional scores interpolate multiplicatively.

    ``strength`` is the number of responses that the KC's values weigh against a pair's own. A KC has converged when an
    iteration changes each of its parameters by less than ``tolerance``. It is then left unchanged, so that no KC's
    estimate depends on the others. Ends when all KCs have converged, or after ``iterations``.
    """
    pairs, opportunities = responses.pairs, responses.opportunities
    pair_kc, kc = pairs.knowledge_component, pairs.knowledge_component[opportunities.pair]
    kcs, score = pairs.knowledge_components, opportunities.score
    first = opportunities.steps[0] if opportunities.steps else slice(0, 0)
    found = default_parameters(pairs)
    # Starting from the defaults, whose guess and slip are low, learners would never seem to learn a hard KC.
    found = BktParameters(
        np.full_like(found.prior, 0.3), np.full_like(found.guess, 0.2), np.full_like(found.slip, 0.2), found.transit
    )
    active = np.ones(kcs, dtype=bool)
    for iteration in range(iterations):
        progress(iteration, iterations)
        expected = _expect(opportunities, found)
        unmastered = 1.0 - expected.mastered

        def estimate(events: Floats, trials: Floats, default: float, weight: float) -> Floats:
            of_kc = _ratio(events, trials, kc, kcs, np.full(kcs, default), KC_STRENGTH)
            return _ratio(events, trials, opportunities.pair, pair_kc.size, of_kc[pair_kc], weight)

        starts = np.ones(first.stop - first.start)
        prior = _ratio(expected.mastered[first], starts, kc[first], kcs, np.full(kcs, DEFAULT_PRIOR), KC_STRENGTH)
        new = _admissible(
            prior,
            estimate(unmastered * score, unmastered, DEFAULT_GUESS, strength),
            estimate(expected.mastered * (1.0 - score), expected.mastered, DEFAULT_SLIP, strength),
            estimate(expected.learned, unmastered, DEFAULT_TRANSIT, strength * TRANSIT_STRENGTH),
        )
        change = np.abs(new.prior - found.prior)
        for name in ("guess", "slip", "transit"):
            np.maximum.at(change, pair_kc, np.abs(getattr(new, name) - getattr(found, name)))
        of_pairs = active[pair_kc]
        found = BktParameters(
            np.where(active, new.prior, found.prior),
            np.where(of_pairs, new.guess, found.guess),
            np.where(of_pairs, new.slip, found.slip),
            np.where(of_pairs, new.transit, found.transit),
        )
        active &= change >= tolerance
        if not active.any():
            break
    progress(iterations, iterations)
    return _with_usual(found, responses)


def estimate_empirical(responses: Responses, *, strength: float = 8.0) -> BktParameters:
    """Counts events, taking each chain's likeliest moment of mastery as true.

    A chain of n scores is split at the moment that leaves the fewest errors. Errors are right answers before the moment
    and wrong answers after it. If several moments tie, each counts its share.

    Guess is the mean score before mastery.
    Slip is one minus the mean score after it.
    Transit is the share of opportunities that end in mastery.
    The prior is the share of chains that begin with mastery.
    """
    pairs, opportunities = responses.pairs, responses.opportunities
    by_chain = np.argsort(opportunities.chain, kind="stable")
    chain, score = opportunities.chain[by_chain], opportunities.score[by_chain]
    size = chain.size
    starts = np.flatnonzero(np.r_[True, chain[1:] != chain[:-1]]) if size else np.zeros(0, np.int64)
    lengths = np.diff(np.r_[starts, size])
    # The errors if mastery came just before opportunity j: the scores before it, and one minus each score from it on.
    before = np.cumsum(score) - score
    before -= np.repeat(before[starts], lengths)
    wrong = 1.0 - score
    to_here = np.cumsum(wrong) - wrong
    after = np.repeat(np.add.reduceat(wrong, starts) if size else wrong, lengths) - (
        to_here - np.repeat(to_here[starts], lengths)
    )
    # Each chain has one more possible moment: after its last opportunity.
    never = np.add.reduceat(score, starts) if size else score
    least = np.minimum(np.minimum.reduceat(before + after, starts) if size else never, never)
    at = (np.abs(before + after - np.repeat(least, lengths)) < 1e-9).astype(np.float64)
    ties = (np.add.reduceat(at, starts) if size else never) + (np.abs(never - least) < 1e-9)
    share = at / np.repeat(ties, lengths)
    mastered = np.cumsum(share)
    mastered -= np.repeat(mastered[starts] - share[starts], lengths)
    # Learned between this opportunity and the next one, or after the last.
    learned = np.r_[share[1:], 0.0]
    learned[starts[1:] - 1] = 0.0
    last = np.r_[starts[1:], size] - 1 if size else starts
    # Nothing shows whether the last opportunity ended in mastery, so it is not a trial.
    learned[last] = 0.0
    pair, kc = opportunities.pair[by_chain], pairs.knowledge_component[opportunities.pair[by_chain]]
    pair_kc, kcs = pairs.knowledge_component, pairs.knowledge_components
    unmastered = 1.0 - mastered
    trials = unmastered.copy()
    trials[last] = 0.0

    def estimate(events: Floats, among: Floats, default: float, weight: float) -> Floats:
        of_kc = _ratio(events, among, kc, kcs, np.full(kcs, default), KC_STRENGTH)
        return _ratio(events, among, pair, pair_kc.size, of_kc[pair_kc], weight)

    prior = _ratio(share[starts], np.ones(starts.size), kc[starts], kcs, np.full(kcs, DEFAULT_PRIOR), KC_STRENGTH)
    found = _admissible(
        prior,
        estimate(unmastered * score, unmastered, DEFAULT_GUESS, strength),
        estimate(mastered * wrong, mastered, DEFAULT_SLIP, strength),
        estimate(learned, trials, DEFAULT_TRANSIT, strength * TRANSIT_STRENGTH),
    )
    return _with_usual(found, responses)


def usual(parameters: BktParameters, kc: Integers, pair_responses: Floats) -> tuple[float, float, float, float]:
    """The mean prior, guess, slip and transit: the best estimate for a KC without responses.

    Each KC and pair is weighted by its responses. ``kc`` and ``pair_responses`` have shape (pairs,); there must be at
    least one response.
    """
    of_kc = np.bincount(kc, pair_responses, parameters.prior.size)
    return (
        float(np.average(parameters.prior, weights=of_kc)),
        float(np.average(parameters.guess, weights=pair_responses)),
        float(np.average(parameters.slip, weights=pair_responses)),
        float(np.average(parameters.transit, weights=pair_responses)),
    )


def _with_usual(found: BktParameters, responses: Responses) -> BktParameters:
    """Uses the mean for KCs without responses. (A pair without responses already has its KC's values.)"""
    kc = responses.pairs.knowledge_component
    of_pair = np.bincount(responses.item, minlength=responses.pairs.items)[responses.pairs.item].astype(np.float64)
    there = np.bincount(kc, of_pair, responses.pairs.knowledge_components) > 0
    if there.all() or not there.any():
        return found
    prior, guess, slip, transit = usual(found, kc, of_pair)
    known = there[kc]
    return BktParameters(
        np.where(there, found.prior, prior),
        np.where(known, found.guess, guess),
        np.where(known, found.slip, slip),
        np.where(known, found.transit, transit),
    )


@dataclass(frozen=True)
class _Expected:
    """For each opportunity, given the whole chain: the probability of mastery at it, and of learning right after it."""

    mastered: Floats
    learned: Floats


def _likelihood_ratio(opportunities: Opportunities, parameters: BktParameters) -> Floats:
    """How many times likelier each score is with mastery than without it, shape (opportunities,)."""
    pair = opportunities.pair
    return likelihood_ratio(opportunities.score, parameters.guess[pair], parameters.slip[pair])


def _forward(opportunities: Opportunities, parameters: BktParameters, ratio: Floats) -> Floats:
    """The probability of mastery before each opportunity, from the chain's past."""
    mastery = parameters.prior[opportunities.chain_kc]
    transit = parameters.transit[opportunities.pair]
    before = np.empty(opportunities.chain.size)
    for step in opportunities.steps:
        chain = opportunities.chain[step]
        p = before[step] = mastery[chain]
        with_mastery = p * ratio[step]
        after = with_mastery / (with_mastery + (1.0 - p))
        mastery[chain] = np.clip(after + (1.0 - after) * transit[step], EPSILON, 1.0 - EPSILON)
    return before


def _expect(opportunities: Opportunities, parameters: BktParameters) -> _Expected:
    """Runs the forward-backward recursion, scaled at every step."""
    ratio = _likelihood_ratio(opportunities, parameters)
    before = _forward(opportunities, parameters, ratio)
    transit = parameters.transit[opportunities.pair]
    chains = opportunities.chain_kc.size
    later_mastered, later_not = np.ones(chains), np.ones(chains)
    at, learned = np.empty(before.size), np.empty(before.size)
    for step in reversed(opportunities.steps):
        chain, t = opportunities.chain[step], transit[step]
        beta1, beta0 = later_mastered[chain], later_not[chain]
        p = before[step]
        stays = p * ratio[step] * beta1
        learns, waits = (1.0 - p) * t * beta1, (1.0 - p) * (1.0 - t) * beta0
        total = stays + learns + waits
        at[step], learned[step] = stays / total, learns / total
        beta1, beta0 = ratio[step] * beta1, t * beta1 + (1.0 - t) * beta0
        scale = beta1 + beta0
        later_mastered[chain], later_not[chain] = beta1 / scale, beta0 / scale
    return _Expected(at, learned)


def _ratio(
    events: Floats,
    trials: Floats,
    group: Integers,
    groups: int,
    mean: Floats,
    strength: float,
) -> Floats:
    """Events per trial of each group, shrunk toward ``mean`` as if by ``strength`` trials; shape (groups,)."""
    ratio: Floats = (np.bincount(group, events, groups) + strength * mean) / (
        np.bincount(group, trials, groups) + strength
    )
    return ratio


def _admissible(prior: Floats, guess: Floats, slip: Floats, transit: Floats) -> BktParameters:
    """The estimates, clipped to where the model is meaningful: a right answer never lowers mastery."""
    guess, slip = np.clip(guess, LEAST, MOST), np.clip(slip, LEAST, MOST)
    excess = np.maximum((guess + slip) / INFORMATIVE, 1.0)
    return BktParameters(
        np.clip(prior, *PRIOR_BOUNDS), guess / excess, slip / excess, np.clip(transit, *TRANSIT_BOUNDS)
    )
