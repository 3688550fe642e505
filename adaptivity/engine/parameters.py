"""The model's constants, and conversions of probabilities to odds.

Symbols follow Rushkin, Lopez, Ang and Rosen, "Adaptive Engine for MOOC". They are guess g, slip s, transit t, mastery
p, odds O = p/(1-p) and log-odds L. Probabilities are stored; odds exist only inside this package.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

EPSILON = 1e-10
DEFAULT_PRIOR = 0.2
DEFAULT_GUESS = 0.1
DEFAULT_SLIP = 0.15
DEFAULT_TRANSIT = 0.1
DEFAULT_DIFFICULTY = 0.5
DIFFICULTY_BOUNDS = (0.01, 0.99)
MASTERY_THRESHOLD = 0.9
# What rounding may leave of 1 - g - s when it should be 0: a few rounding errors of numbers up to 1.
ROUNDING = 1e-15


def clip_probability(probability: ArrayLike) -> Floats:
    """The probability clipped to [EPSILON, 1 - EPSILON], same shape."""
    return np.clip(np.asarray(probability, dtype=np.float64), EPSILON, 1.0 - EPSILON)


def odds(probability: ArrayLike) -> Floats:
    """p/(1-p) of the clipped probability, same shape, dimensionless."""
    clipped = clip_probability(probability)
    return clipped / (1.0 - clipped)


def log_odds(probability: ArrayLike) -> Floats:
    """The natural logarithm of the odds of the clipped probability, same shape."""
    return np.log(odds(probability))


def difficulty_log_odds(difficulty: ArrayLike) -> Floats:
    """The log-odds of an item's difficulty, same shape.

    The difficulty is clipped to DIFFICULTY_BOUNDS, so that an author's 0 or 1 does not outweigh every other term.
    """
    return log_odds(np.clip(np.asarray(difficulty, dtype=np.float64), *DIFFICULTY_BOUNDS))


def informativeness(guess: Floats, slip: Floats) -> Floats:
    """1 - g - s of clipped probabilities, same shape, accurate to the last digits and never negative.

    It is 0 at g + s = 1, even if the decimals of g and s do not add up to exactly 1 in binary.
    """
    rest = (1.0 - np.maximum(guess, slip)) - np.minimum(guess, slip)
    return np.where(rest > ROUNDING, rest, 0.0)


def relevance(guess: ArrayLike, slip: ArrayLike) -> Floats:
    """Relevance k = -log odds(g) - log odds(s) of an item for a KC it is tagged with, same shape, never negative.

    It is computed as log(1 + (1 - g - s) / (g s)), which stays accurate when g + s is near 1.

    Source: "Adaptive Engine for MOOC", section 4.
    """
    g, s = clip_probability(guess), clip_probability(slip)
    return np.log1p(informativeness(g, s) / (g * s))
