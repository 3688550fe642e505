"""Assignment to groups, and intervals that stay valid under continuous peeking."""

import numpy as np
import pytest

from adaptivity.engine.experiments import (
    assign,
    confidence_sequence,
    effect,
    effect_sequence,
    interval,
    sample_ratio,
)


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


def test_coverage_of_skewed_values():
    values = np.random.default_rng(4).beta(0.5, 2.0, (400, 600))
    low, high = confidence_sequence(values, ALPHA / 2)
    assert np.any((low > 0.2) | (high < 0.2), axis=1).mean() <= ALPHA / 2


def drift(generator, shape):
    """Values that are right ever more often, from 2 of 10 to 8 of 10."""
    return (generator.random(shape) < np.linspace(0.2, 0.8, shape[1])).astype(float)


def jump(generator, shape):
    """One right answer in ten of the first half, nine of the second."""
    return (generator.random(shape) < np.where(np.arange(shape[1]) < shape[1] / 2, 0.1, 0.9)).astype(float)


def test_where_values_change_with_time_the_mean_of_all_so_far_is_held():
    """By the weights of the bets, of which earlier values have more: so it lies a little below the plain mean."""
    low, high = confidence_sequence(drift(np.random.default_rng(5), (500, 1000)), ALPHA)
    expected = np.cumsum(np.linspace(0.2, 0.8, 1000)) / np.arange(1, 1001)
    assert np.any((low > expected) | (high < expected - 0.1), axis=1).mean() <= ALPHA


FALSE_ALARMS = 0.05


@pytest.mark.parametrize("share", [0.5, 0.2])
@pytest.mark.parametrize(
    "draw",
    [
        lambda generator, shape: (generator.random(shape) < 0.5).astype(float),
        lambda generator, shape: (generator.random(shape) < 0.02).astype(float),
        lambda generator, shape: generator.beta(0.5, 2.0, shape),
        drift,
        jump,
    ],
    ids=["even", "rare", "skewed", "drift", "jump"],
)
def test_groups_that_are_treated_alike_raise_no_alarm_though_one_looks_after_every_learner(draw, share):
    """1,000 A/A experiments of 600 learners, whose outcomes may change with time as they do during a term."""
    random = np.random.default_rng(6)
    values, treated = draw(random, (1000, 600)), random.random((1000, 600)) < share

    low, high = effect_sequence(values, treated, share, FALSE_ALARMS)

    assert np.any((low > 0.0) | (high < 0.0), axis=1).mean() <= FALSE_ALARMS
    assert np.all(low < high)


def test_an_effect_is_found_and_held():
    """Also where values change with time, and where the groups are of different size."""
    random = np.random.default_rng(7)
    for share in (0.5, 0.2):
        treated = random.random((300, 2000)) < share
        values = (random.random((300, 2000)) < np.linspace(0.1, 0.6, 2000) + 0.3 * treated).astype(float)

        low, high = effect_sequence(values, treated, share, FALSE_ALARMS)

        assert np.any((low > 0.3) | (high < 0.3), axis=1).mean() <= FALSE_ALARMS
        assert (low[:, -1] > 0.0).mean() > 0.95


def test_sizes_of_groups_that_chance_does_not_make():
    """Looking after every tenth learner, of 300 experiments at most one in 20 is ever suspected wrongly."""
    groups = np.random.default_rng(8).random((300, 600)) < 0.25
    found = np.cumsum(groups, axis=1)[:, 9::10]
    total = np.arange(10, 601, 10)
    suspected = [
        min(sample_ratio(np.array([one, all_ - one]), [1.0, 3.0]) for one, all_ in zip(row, total, strict=True)) < 0.05
        for row in found
    ]
    assert np.mean(suspected) <= 0.05
    assert sample_ratio(np.array([150, 450]), [1.0, 3.0]) == 1.0
    assert sample_ratio(np.array([200, 400]), [1.0, 3.0]) < 0.001
    assert sample_ratio(np.array([0, 3000]), [1.0, 1.0]) == 0.0
    # Of a group of weight 0 nobody is expected.
    assert sample_ratio(np.array([0, 0, 0]), [1.0, 0.0, 1.0]) == 1.0


def test_less_variance_means_narrower():
    random = np.random.default_rng(5)
    low, high = confidence_sequence(np.clip(random.normal(0.5, 0.02, 800), 0, 1), 0.05)
    wide_low, wide_high = confidence_sequence((random.random(800) < 0.5).astype(float), 0.05)
    assert high[-1] - low[-1] < 0.4 * (wide_high[-1] - wide_low[-1])


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

    def test_an_effect_in_the_units_of_the_values(self):
        values = np.random.default_rng(7).uniform(-1.0, 1.0, 500)
        treated = np.arange(500) % 3 == 0
        low, high = effect_sequence((values + 1.0) / 2.0, treated, 1 / 3, 0.05)
        found = effect(values, treated, 1 / 3, 0.05, (-1.0, 1.0))
        mean = values[treated].mean() - values[~treated].mean()
        assert (found.mean, found.low, found.high) == pytest.approx((mean, 2 * low[-1], 2 * high[-1]))

    @pytest.mark.parametrize("share", [0.0, 1.0])
    def test_nothing_is_known_of_a_group_without_learners(self, share):
        found = effect(np.ones(9), np.full(9, share == 1.0), share, 0.05, (-1.0, 1.0))
        assert np.isnan(found.mean)
        assert (found.low, found.high) == (-2.0, 2.0)
