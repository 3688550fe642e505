"""Bayesian knowledge tracing with fractional scores: one function folds evidence, in bulk or one score at a time."""

import numpy as np
from numpy.typing import ArrayLike

from adaptivity.engine.parameters import EPSILON, Floats, Integers, clip_probability, informativeness, odds


def answer_ratios(guess: ArrayLike, slip: ArrayLike) -> tuple[Floats, Floats]:
    """x0 = s/(1-g) of a wrong answer and x1 = (1-s)/g of a right one, each of the arguments' shape.

    Each ratio says how many times likelier the answer is with mastery of the KC than without it. The ratio x0 is never
    above 1, and x1 never below. So a wrong answer never counts for mastery, and a right one never against it.

    Source: "Adaptive Engine for MOOC", section 3.
    """
    g, s = clip_probability(guess), clip_probability(slip)
    # Compute 1 - s as g + (1 - g - s), and likewise 1 - g: at g + s = 1, rounding of 1 - s can be a millionth of g.
    informative = informativeness(g, s)
    return s / (s + informative), (g + informative) / g


def likelihood_ratio(score: ArrayLike, guess: ArrayLike, slip: ArrayLike) -> Floats:
    """How many times likelier the score is for a learner who has mastered the KC than for one who has not.

    x = x0 * (x1/x0)^C of the answer_ratios x0 and x1: a fractional score C in [0, 1] interpolates multiplicatively.
    All arguments and the answer have the same shape.

    Source: "Adaptive Engine for MOOC", section 3.
    """
    wrong, right = answer_ratios(guess, slip)
    fraction = np.asarray(score, dtype=np.float64)
    # x0 * (x1/x0)^C would round the ratio of a right answer below 1 if both are nearly 1.
    ratio: Floats = wrong ** (1.0 - fraction) * right**fraction
    return ratio


def fold(
    *, initial: ArrayLike, chain: ArrayLike, score: ArrayLike, guess: ArrayLike, slip: ArrayLike, transit: ArrayLike
) -> Floats:
    """Mastery after a history of scores, for many independent chains at once.

    A chain is one learner and one KC. ``initial``, shape (chains,), is the probability that each chain starts from. The
    other arguments have shape (observations,). They are the observation's chain, its score in [0, 1], and the item's
    guess, slip and transit for that KC.

    Observations of one chain are folded in the order given; how chains interleave does not matter. Each step is
    O <- o_t + (o_t + 1) * O * x with o_t = t/(1-t), and the mastery is clipped after it. A chain without observations
    keeps its initial value, unclipped.

    Returns the masteries, shape (chains,). Raises IndexError if ``chain`` names a chain that does not exist.

    Source: "Adaptive Engine for MOOC", section 3.
    """
    mastery = np.array(initial, dtype=np.float64, ndmin=1)
    chains: Integers = np.asarray(chain, dtype=np.int64)
    if not chains.size:
        return mastery
    if chains.min() < 0 or chains.max() >= mastery.size:
        raise IndexError("an observation names a chain that has no initial mastery")
    gain = odds(transit)
    factor = (gain + 1.0) * likelihood_ratio(score, guess, slip)

    # Different chains are independent, so all first observations are folded together, then all second ones.
    by_chain = np.argsort(chains, kind="stable")
    sorted_chains = chains[by_chain]
    starts = np.flatnonzero(np.r_[True, sorted_chains[1:] != sorted_chains[:-1]])
    lengths = np.diff(np.r_[starts, chains.size])
    rank = np.arange(chains.size) - np.repeat(starts, lengths)
    by_rank = by_chain[np.argsort(rank, kind="stable")]
    chains, gain, factor = chains[by_rank], np.broadcast_to(gain, chains.shape)[by_rank], factor[by_rank]

    start = 0
    for width in np.bincount(rank):
        step = slice(start, start + width)
        start += width
        at = chains[step]
        before = np.clip(mastery[at], EPSILON, 1.0 - EPSILON)
        after = gain[step] + factor[step] * (before / (1.0 - before))
        mastery[at] = np.clip(after / (1.0 + after), EPSILON, 1.0 - EPSILON)
    return mastery
