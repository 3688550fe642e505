"""Assigns learners to groups of an experiment, and gives intervals that stay valid however often you look.

``assign`` keeps no state: the same experiment and learner give the same group in every process. A learner's group in
one experiment says nothing about the group in another.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adaptivity.engine.parameters import Booleans, Floats, Integers

# The largest bet of the confidence sequence; this is the source's default.
LARGEST_BET = 0.5


def assign(experiment: str, learner: Sequence[str], weights: Sequence[float]) -> int:
    """The index of the learner's group, from a stable hash of the experiment's name and the learner's identity.

    Each group gets the share that its weight has of all weights; a group of weight 0 gets nobody. Raises ValueError if
    no weight is positive.
    """
    total = float(sum(weights))
    if not total > 0.0:
        raise ValueError("no group has a weight")
    digest = hashlib.blake2b("\0".join((experiment, *learner)).encode(), digest_size=8).digest()
    point = int.from_bytes(digest, "big") / 2.0**64 * total
    reached = 0.0
    for index, weight in enumerate(weights):
        reached += weight
        if point < reached:
            return index
    # Rounding left the point at the very end.
    return max(index for index, weight in enumerate(weights) if weight > 0.0)


@dataclass(frozen=True)
class Interval:
    """A mean and its bounds, at a confidence that holds at all times together."""

    mean: float
    low: float
    high: float


def confidence_sequence(values: Floats, alpha: float) -> tuple[Floats, Floats]:
    """Lower and upper bounds of the mean after each value, both shaped as ``values``.

    Values lie in [0, 1], in the order in which they became known, along the last axis. Other axes are separate streams.
    With probability 1 - ``alpha`` all the bounds of a stream hold at once. You may therefore look after every value and
    stop whenever you like.

    The bounds cover the weighted mean of each value's expectation given the values before it. The weights are the bets,
    which give earlier values somewhat more weight. That mean may change over time, so the bounds are not intersected.
    Intersecting assumes a single mean, and goes wrong in the end if there is a trend.

    Source: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86 (2024),
    theorem 2 (predictable plug-in empirical Bernstein).
    """
    count = np.arange(1, values.shape[-1] + 1, dtype=np.float64)
    means = (0.5 + np.cumsum(values, axis=-1)) / (count + 1.0)
    variances = (0.25 + np.cumsum((values - means) ** 2, axis=-1)) / (count + 1.0)

    def before(estimates: Floats, first: float) -> Floats:
        return np.concatenate((np.full_like(estimates[..., :1], first), estimates[..., :-1]), axis=-1)

    bets = np.sqrt(2.0 * np.log(2.0 / alpha) / (before(variances, 0.25) * count * np.log1p(count)))
    bets = np.minimum(bets, LARGEST_BET)
    surprise = 4.0 * (values - before(means, 0.5)) ** 2
    total = np.cumsum(bets, axis=-1)
    centre = np.cumsum(bets * values, axis=-1) / total
    penalty = np.cumsum(surprise * (-np.log1p(-bets) - bets) / 4.0, axis=-1)
    margin = (np.log(2.0 / alpha) + penalty) / total
    return np.clip(centre - margin, 0.0, 1.0), np.clip(centre + margin, 0.0, 1.0)


def effect_sequence(values: Floats, treated: Booleans, share: Floats | float, alpha: float) -> tuple[Floats, Floats]:
    """Lower and upper bounds, after each value, of how much higher one group's values are than another's.

    Both are shaped as ``values``. These lie in [0, 1] and belong to both groups, in the order in which they became
    known. ``treated`` marks those of the first group. Chance puts a value there with probability ``share``, between 0
    and 1.

    Each value's deviation from the mean of all before it is divided by the probability of its group, and negated for
    the other group. Its expectation is the effect on just this value, however values change over time. Two groups that
    are treated alike therefore differ by 0 at any time. With probability 1 - ``alpha`` all bounds hold at once.

    Source: Ham, Bojinov, Lindon and Tingley, "Design-based inference for multi-arm bandits" (2023), inverse propensity
    weights; the bounds are those of confidence_sequence.
    """
    count = np.arange(1, values.shape[-1] + 1, dtype=np.float64)
    sums = np.cumsum(values, axis=-1)
    before = (0.5 + sums - values) / count
    weight = np.where(treated, 1.0 / share, -1.0 / (1.0 - share))
    most = max(1.0 / share, 1.0 / (1.0 - share))
    low, high = confidence_sequence((1.0 + (values - before) * weight / most) / 2.0, alpha)
    return most * (2.0 * low - 1.0), most * (2.0 * high - 1.0)


def sample_ratio(counts: Integers, weights: Sequence[float]) -> float:
    """An anytime-valid p-value for the ``counts`` of learners in groups with these ``weights``.

    It bounds the probability that chance alone ever takes the groups this far from the shares of their weights. It
    stays valid however often you look. A small value means that the group influences who takes part, so the groups are
    not comparable.

    Source: Lindon and Malek, "Anytime-valid inference for multinomial count data", NeurIPS 2022, with the uniform
    prior.
    """
    share = [weight / sum(weights) for weight in weights if weight > 0.0]
    found = [int(count) for count, weight in zip(counts, weights, strict=True) if weight > 0.0]
    total, groups = sum(found), len(found)
    evidence = math.lgamma(groups) - math.lgamma(groups + total)
    evidence += sum(math.lgamma(1 + count) - count * math.log(part) for count, part in zip(found, share, strict=True))
    return min(1.0, math.exp(-evidence)) if evidence < 700.0 else 0.0


def interval(values: Floats, alpha: float, bounds: tuple[float, float] = (0.0, 1.0)) -> Interval:
    """The mean of values in ``bounds``, shape (values,), in the order in which they became known, and its interval.

    Without values the mean is NaN, and the interval is ``bounds``.
    """
    least, most = bounds
    if not values.size:
        return Interval(float("nan"), least, most)
    low, high = confidence_sequence((values - least) / (most - least), alpha)
    return Interval(
        float(values.mean()), float(least + (most - least) * low[-1]), float(least + (most - least) * high[-1])
    )


def effect(
    values: Floats, treated: Booleans, share: float, alpha: float, bounds: tuple[float, float] = (0.0, 1.0)
) -> Interval:
    """How much higher one group's mean is than the other's, with the interval of effect_sequence.

    Values lie in ``bounds``. The mean is NaN if either group has no values. If ``share`` is 0 or 1, the interval is as
    wide as possible.
    """
    least, most = bounds
    width = most - least
    mean = float(values[treated].mean() - values[~treated].mean()) if 0 < treated.sum() < treated.size else math.nan
    if not values.size or not 0.0 < share < 1.0:
        return Interval(mean, -width, width)
    low, high = effect_sequence((values - least) / width, treated, share, alpha)
    return Interval(mean, width * max(float(low[-1]), -1.0), width * min(float(high[-1]), 1.0))
