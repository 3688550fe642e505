"""Measures how good predictions of success are. If a measure needs a binary outcome, scores of 0.5 or more are
successes.
"""

from dataclasses import dataclass

import numpy as np

from adaptivity.engine.parameters import EPSILON, Floats, Integers

SUCCESS = 0.5
BINS = 15


@dataclass(frozen=True)
class Metrics:
    """Measures of predictions against scores.

    ``auc``: the probability that a success was predicted higher than a failure. Ties count half. It is 0.5 if there
        are only successes or only failures.
    ``log_loss``: in nats.
    ``rmse``: the root of the mean squared error.
    ``accuracy``: at a threshold of 0.5.
    ``ece``: the mean distance between prediction and share of success, over 15 bins of equal size.
    """

    auc: float
    log_loss: float
    rmse: float
    accuracy: float
    ece: float
    responses: int


def metrics(score: Floats, predicted: Floats) -> Metrics:
    """The measures of predictions, shape (responses,), against scores in [0, 1] of the same shape.

    Raises ValueError if there are no responses.
    """
    if not score.size:
        raise ValueError("there are no responses to compare with")
    inside = np.clip(predicted, EPSILON, 1.0 - EPSILON)
    success = score >= SUCCESS
    return Metrics(
        auc=_auc(success, predicted),
        log_loss=float(-np.mean(score * np.log(inside) + (1.0 - score) * np.log1p(-inside))),
        rmse=float(np.sqrt(np.mean((score - predicted) ** 2))),
        accuracy=float(np.mean(success == (predicted >= SUCCESS))),
        ece=_calibration_error(score, predicted),
        responses=int(score.size),
    )


def calibration(score: Floats, predicted: Floats) -> list[tuple[float, float, int]]:
    """The mean prediction, mean score and number of responses of each of at most 15 bins of equal size, ascending."""
    return [(float(predicted[each].mean()), float(score[each].mean()), int(each.size)) for each in _bins(predicted)]


def _bins(predicted: Floats) -> list[Integers]:
    order = np.argsort(predicted, kind="stable")
    return np.array_split(order, min(BINS, order.size))


def _auc(success: "np.ndarray[tuple[int], np.dtype[np.bool_]]", predicted: Floats) -> float:
    """The rank-sum statistic, ties counted half. Source: Hanley and McNeil, 1982."""
    _, at, count = np.unique(predicted, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2.0)[at]
    positive = int(success.sum())
    negative = success.size - positive
    if not positive or not negative:
        return 0.5
    return float((rank[success].sum() - positive * (positive + 1) / 2.0) / (positive * negative))


def _calibration_error(score: Floats, predicted: Floats) -> float:
    """All bins hold the same number of predictions, so no bin depends on only a few. Source: Naeini et al., 2015."""
    bins = _bins(predicted)
    return float(sum(abs(score[each].sum() - predicted[each].sum()) for each in bins) / predicted.size)
