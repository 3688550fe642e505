"""Estimates what another policy would have earned, from decisions that were logged with their propensities.

Arrays have shape (decisions,):

``reward``: the reward of the chosen item.
``logged``: the probability with which that item was chosen.
``target``: the probability with which the other policy would have chosen it.
``learner``: the learner that the decision was made for.

Decisions of one learner resemble each other, so the standard error counts a learner as one observation.
"""

from dataclasses import dataclass

import numpy as np

from adaptivity.engine.parameters import Floats, Integers

# A regression on one half of the learners predicts the decisions of the other half.
HALVES = 2


@dataclass(frozen=True)
class Estimate:
    """The mean reward of a decision, its standard error, and the effective number of equally weighted decisions."""

    value: float
    standard_error: float
    effective: float
    decisions: int


def inverse_propensity(reward: Floats, logged: Floats, target: Floats, learner: Integers) -> Estimate:
    """Weights each reward by how much more often the target would have chosen the item.

    The estimate is unbiased if the logged policy may choose whatever the target chooses. Raises ValueError if there is
    no decision, or if a propensity is 0.

    Source: Horvitz and Thompson, 1952; Dudik, Langford and Li, "Doubly robust policy evaluation and learning", 2011.
    """
    weight = _weight(logged, target)
    return _estimate(weight * reward, weight, learner)


def self_normalised(reward: Floats, logged: Floats, target: Floats, learner: Integers) -> Estimate:
    """The weighted mean: slightly biased, with far less variance. NaN if the target agrees with no decision.

    Source: Swaminathan and Joachims, "The self-normalized estimator for counterfactual learning", 2015.
    """
    weight = _weight(logged, target)
    total = float(weight.sum())
    if not total > 0.0:
        return Estimate(float("nan"), float("nan"), 0.0, reward.size)
    value = float((weight * reward).sum() / total)
    residual = _by_learner(weight * (reward - value), learner)
    return Estimate(value, float(np.sqrt((residual**2).sum()) / total), _effective(weight), reward.size)


def doubly_robust(
    reward: Floats, logged: Floats, target: Floats, learner: Integers, *, expected: Floats, expected_of_target: Floats
) -> Estimate:
    """A model's expectation, corrected where the target agrees with what was logged.

    The estimate is right if either the model or the propensities are. ``expected`` is the model's reward of the chosen
    item. ``expected_of_target`` is the model's reward of what the target would have chosen, averaged over its
    propensities.

    Source: Dudik, Langford and Li, 2011, equation 3.
    """
    weight = _weight(logged, target)
    return _estimate(expected_of_target + weight * (reward - expected), weight, learner)


def rewards_expected(feature: Floats, reward: Floats, learner: Integers, other: Floats) -> tuple[Floats, Floats]:
    """Fits a line of reward by ``feature``, and returns its values at ``feature`` and at ``other``.

    ``feature`` belongs to the chosen item, ``other`` to what the target would have chosen. Each line is fitted to the
    other half of the learners, so that no reward predicts itself.
    """
    fitted, fitted_other = np.empty(reward.size), np.empty(reward.size)
    _, index = np.unique(learner, return_inverse=True)
    for half in range(HALVES):
        held = index % HALVES == half
        known = ~held if np.any(~held) else held
        x, y = feature[known], reward[known]
        spread = float(((x - x.mean()) ** 2).sum())
        slope = float(((x - x.mean()) * (y - y.mean())).sum()) / spread if spread > 1e-12 else 0.0
        fitted[held] = y.mean() + slope * (feature[held] - x.mean())
        fitted_other[held] = y.mean() + slope * (other[held] - x.mean())
    return fitted, fitted_other


def _weight(logged: Floats, target: Floats) -> Floats:
    if not logged.size:
        raise ValueError("there are no decisions")
    if np.any(logged <= 0.0):
        raise ValueError("a chosen item has a propensity of 0")
    return target / logged


def _estimate(terms: Floats, weight: Floats, learner: Integers) -> Estimate:
    value = float(terms.mean())
    residual = _by_learner(terms - value, learner)
    return Estimate(value, float(np.sqrt((residual**2).sum()) / terms.size), _effective(weight), terms.size)


def _by_learner(values: Floats, learner: Integers) -> Floats:
    _, index = np.unique(learner, return_inverse=True)
    return np.bincount(index, values).astype(np.float64, copy=False)


def _effective(weight: Floats) -> float:
    """Source: Kish, 1965."""
    squares = float((weight**2).sum())
    return float(weight.sum() ** 2 / squares) if squares > 0.0 else 0.0
