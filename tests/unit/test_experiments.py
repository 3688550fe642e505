"""Assignment to groups, and intervals that stay valid under continuous peeking."""

import numpy as np
import pytest

from adaptivity.engine.experiments import Interval, assign, confidence_sequence, difference, interval


class TestAssign:
    def test_shares_are_those_of_the_weights(self):
        groups = [assign("experiment", (f"learner {n}", "campus"), [1.0, 0.0, 3.0]) for n in range(4000)]

        assert groups.count(1) == 0
        # Three standard deviations of a binomial share of 4,000 are 0.021.
        assert groups.count(0) / 4000 == pytest.approx(0.25, abs=0.021)

    def test_it_never_changes(self):
        """Another answer would move running experiments' learners to other groups."""
        found = [
            assign("experiment", (name, "campus"), [1.0, 1.0, 1.0]) for name in ("ada", "ben", "cleo", "dan", "eve")
        ]
        assert found == [1, 0, 1, 1, 1]

    def test_every_part_of_the_identity_counts(self):
        pairs = [
            (assign(e1, l1, [1.0] * 1000), assign(e2, l2, [1.0] * 1000))
            for e1, l1, e2, l2 in (
                ("a", ("x", "y"), "b", ("x", "y")),
                ("a", ("x", "y"), "a", ("z", "y")),
                ("a", ("x", "y"), "a", ("x", "z")),
                ("a", ("xy", ""), "a", ("x", "y")),
            )
        ]
        assert all(one != other for one, other in pairs)

    @pytest.mark.parametrize("weights", [[], [0.0], [0.0, 0.0]])
    def test_without_a_weight(self, weights):
        with pytest.raises(ValueError, match="no group has a weight"):
            assign("experiment", ("ada", ""), weights)


STREAMS, LENGTH, ALPHA = 1000, 1000, 0.1


@pytest.mark.parametrize("mean", [0.1, 0.5, 0.85])
def test_coverage_while_looking_after_every_value(mean):
    """Of 1,000 streams, no more than alpha ever leave the true mean out; an interval for one look does so far more."""
    values = (np.random.default_rng(3).random((STREAMS, LENGTH)) < mean).astype(float)

    low, high = confidence_sequence(values, ALPHA)

    missed = np.any((low > mean) | (high < mean), axis=1).mean()
    count = np.arange(1, LENGTH + 1)
    means = np.cumsum(values, axis=1) / count
    margin = 1.645 * np.sqrt(means * (1 - means) / count)
    naive = np.any((np.abs(means - mean) > margin)[:, 29:], axis=1).mean()
    assert missed <= ALPHA
    assert naive > 3 * ALPHA
    # Valid and of use: with 1,000 values the mean is known to a tenth.
    assert (high - low)[:, -1].mean() < 0.15


def test_coverage_of_skewed_values_and_a_difference():
    """Two groups with the same mean: their difference's interval at alpha / 2 each leaves 0 out for at most alpha."""
    random = np.random.default_rng(4)
    one, other = random.beta(0.5, 2.0, (400, 600)), random.beta(2.0, 8.0, (400, 600))

    (low, high), (other_low, other_high) = (confidence_sequence(each, ALPHA / 2) for each in (one, other))

    missed = np.any((low - other_high > 0) | (high - other_low < 0), axis=1).mean()
    assert missed <= ALPHA
    assert np.any((low > 0.2) | (high < 0.2), axis=1).mean() <= ALPHA / 2


def test_less_variance_means_narrower():
    random = np.random.default_rng(5)
    low, high = confidence_sequence(np.clip(random.normal(0.5, 0.02, 800), 0, 1), 0.05)
    wide_low, wide_high = confidence_sequence((random.random(800) < 0.5).astype(float), 0.05)
    assert high[-1] - low[-1] < 0.4 * (wide_high[-1] - wide_low[-1])


def test_bounds_never_widen():
    low, high = confidence_sequence(np.random.default_rng(6).random((20, 300)), 0.05)
    assert np.all(np.diff(low, axis=1) >= 0)
    assert np.all(np.diff(high, axis=1) <= 0)


class TestInterval:
    def test_in_the_units_of_the_values(self):
        values = np.random.default_rng(7).uniform(-1.0, 1.0, 500)
        low, high = confidence_sequence((values + 1.0) / 2.0, 0.05)
        found = interval(values, 0.05, (-1.0, 1.0))
        assert (found.mean, found.low, found.high) == pytest.approx((values.mean(), 2 * low[-1] - 1, 2 * high[-1] - 1))

    def test_nothing_is_known_of_no_values(self):
        found = interval(np.zeros(0), 0.05, (-1.0, 1.0))
        assert np.isnan(found.mean)
        assert (found.low, found.high) == (-1.0, 1.0)

    def test_nothing_is_known_where_the_values_have_no_one_mean(self):
        found = interval(np.r_[np.zeros(500), np.ones(3000)], 0.05)
        assert (found.mean, found.low, found.high) == (pytest.approx(3000 / 3500), 0.0, 1.0)

    def test_a_difference(self):
        found = difference(Interval(0.5, 0.4, 0.7), Interval(0.3, 0.2, 0.35))
        assert (found.mean, found.low, found.high) == pytest.approx((0.2, 0.05, 0.5))
