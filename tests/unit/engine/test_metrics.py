"""Measures of predictions, on examples that can be counted by hand."""

import math

import numpy as np
import pytest

from adaptivity.engine.metrics import metrics


def of(score, predicted):
    return metrics(np.array(score, dtype=float), np.array(predicted, dtype=float))


def test_a_ranking_with_a_tie():
    # Pairs of success and failure: (.9, .2) and (.9, .6) right, (.6, .2) right, (.6, .6) tied: 3.5 of 4.
    assert of([1, 0, 1, 0], [0.9, 0.2, 0.6, 0.6]).auc == 3.5 / 4


def test_a_ranking_of_one_kind_says_nothing():
    assert of([1, 1], [0.1, 0.9]).auc == 0.5


def test_losses():
    found = of([1, 0, 0.5], [0.8, 0.4, 0.5])

    assert found.log_loss == pytest.approx(-(math.log(0.8) + math.log(0.6) + math.log(0.5)) / 3, abs=1e-12)
    assert found.rmse == pytest.approx(math.sqrt((0.04 + 0.16) / 3), abs=1e-12)
    # Half a score counts as success, and so does a prediction of one half.
    assert found.accuracy == 1.0
    assert found.responses == 3


def test_calibration_is_the_distance_within_bins():
    # Fifteen bins of two: predictions of .2 where one in two succeeds, and of .8 where all do.
    predicted = [0.2] * 14 + [0.8] * 16
    score = [0, 1] * 7 + [1] * 16

    assert of(score, predicted).ece == pytest.approx((14 * 0.3 + 16 * 0.2) / 30, abs=1e-12)


def test_a_certain_prediction_that_is_wrong_costs_much_and_not_infinitely():
    assert of([0.0], [1.0]).log_loss == pytest.approx(-math.log(1e-10), rel=1e-6)


def test_nothing_to_compare_with():
    with pytest.raises(ValueError, match="no responses"):
        of([], [])
