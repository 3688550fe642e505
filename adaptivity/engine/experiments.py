"""Who is in which group of an experiment, and intervals that stay valid however often one looks.

``assign`` needs no memory: the same experiment and learner give the same group in every process, and how learners fall
in one experiment says nothing about how they fall in another.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adaptivity.engine.parameters import Floats

# The greatest bet of the confidence sequence; the source's default.
LARGEST_BET = 0.5


def assign(experiment: str, learner: Sequence[str], weights: Sequence[float]) -> int:
    """The index of the learner's group, by a stable hash of the experiment's name and the learner's identity. A group
    gets its share of all weights; one of weight 0 nobody. Raises ValueError where no weight is positive."""
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
    # Rounding has left the point at the very end.
    return max(index for index, weight in enumerate(weights) if weight > 0.0)


@dataclass(frozen=True)
class Interval:
    """A mean and what it lies between, at a confidence that holds for all times together."""

    mean: float
    low: float
    high: float


def confidence_sequence(values: Floats, alpha: float) -> tuple[Floats, Floats]:
    """Lower and upper bounds of the mean after each value, both shaped as ``values``.

    Values lie in [0, 1], in the order in which they became known, along the last axis; other axes are streams apart.
    With probability 1 - ``alpha`` the mean lies inside all the bounds of its stream at once, so one may look after
    every value and stop when one likes.

    Source: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86 (2024),
    theorem 2 (predictable plug-in empirical Bernstein), with the running intersection.
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
    low = np.maximum.accumulate(np.maximum(centre - margin, 0.0), axis=-1)
    high = np.minimum.accumulate(np.minimum(centre + margin, 1.0), axis=-1)
    return low, high


def interval(values: Floats, alpha: float, bounds: tuple[float, float] = (0.0, 1.0)) -> Interval:
    """The mean of values in ``bounds``, shape (values,), in the order in which they became known, and where it lies.

    Without values the mean is NaN and the bounds are those of the values.
    """
    least, most = bounds
    if not values.size:
        return Interval(float("nan"), least, most)
    low, high = confidence_sequence((values - least) / (most - least), alpha)
    # Bounds may cross where the values are no sample of one mean: then nothing is known.
    if low[-1] > high[-1]:
        return Interval(float(values.mean()), least, most)
    return Interval(
        float(values.mean()), float(least + (most - least) * low[-1]), float(least + (most - least) * high[-1])
    )


def difference(one: Interval, other: Interval) -> Interval:
    """``one`` less ``other``: valid whenever both intervals are, at the sum of their error probabilities."""
    return Interval(one.mean - other.mean, one.low - other.high, one.high - other.low)
