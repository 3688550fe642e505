"""Off-policy estimates against the truth of simulated decisions."""

import numpy as np
import pytest

from adaptivity.engine.off_policy import doubly_robust, inverse_propensity, rewards_expected, self_normalised

ITEMS, DECISIONS = 3, 20_000
# What each item earns for learners with a trait of 0 and of 1; the target policy takes the last one.
EARNS = np.array([[0.2, 0.5, 0.7], [0.6, 0.4, 0.3]])


def decisions(seed=0):
    """Logged by a policy that prefers the first item: context, item, its propensity, reward, learner."""
    random = np.random.default_rng(seed)
    context = random.integers(0, 2, DECISIONS)
    propensities = np.array([0.6, 0.3, 0.1])
    item = random.choice(ITEMS, DECISIONS, p=propensities)
    reward = (random.random(DECISIONS) < EARNS[context, item]).astype(float)
    return context, item, propensities[item], reward, np.arange(DECISIONS) // 10


TRUTH = EARNS[:, 2].mean()


@pytest.mark.parametrize("estimator", [inverse_propensity, self_normalised])
def test_the_truth_lies_within_three_standard_errors(estimator):
    _, item, logged, reward, learner = decisions()
    found = estimator(reward, logged, (item == 2).astype(float), learner)
    assert abs(found.value - TRUTH) < 3 * found.standard_error
    assert found.standard_error < 0.03
    # Weights are 10 or 0.
    assert found.effective == pytest.approx((item == 2).sum())
    assert abs(reward.mean() - TRUTH) > 0.05


def test_doubly_robust_is_right_with_a_wrong_model_and_better_with_a_right_one():
    context, item, logged, reward, learner = decisions()
    target = (item == 2).astype(float)
    ips = inverse_propensity(reward, logged, target, learner)
    wrong = doubly_robust(
        reward, logged, target, learner, expected=np.full(DECISIONS, 0.9), expected_of_target=np.full(DECISIONS, 0.9)
    )
    right = doubly_robust(
        reward, logged, target, learner, expected=EARNS[context, item], expected_of_target=EARNS[context, 2]
    )
    assert abs(wrong.value - TRUTH) < 3 * wrong.standard_error
    assert abs(right.value - TRUTH) < 3 * right.standard_error
    assert right.standard_error < ips.standard_error


def test_doubly_robust_is_right_with_wrong_propensities_and_a_right_model():
    context, item, _, reward, learner = decisions()
    found = doubly_robust(
        reward,
        np.full(DECISIONS, 1 / 3),
        (item == 2).astype(float),
        learner,
        expected=EARNS[context, item],
        expected_of_target=EARNS[context, 2],
    )
    assert abs(found.value - TRUTH) < 0.01


def test_the_policy_that_was_logged_earned_what_was_earned():
    _, _, logged, reward, learner = decisions()
    for estimator in (inverse_propensity, self_normalised):
        found = estimator(reward, logged, logged, learner)
        assert (found.value, found.effective) == (pytest.approx(reward.mean()), DECISIONS)


def test_decisions_of_one_learner_count_as_one_observation():
    reward = np.repeat(np.random.default_rng(1).random(100), 10)
    ones = np.ones(1000)
    alone = inverse_propensity(reward, ones, ones, np.arange(1000)).standard_error
    together = inverse_propensity(reward, ones, ones, np.repeat(np.arange(100), 10)).standard_error
    assert together == pytest.approx(alone * np.sqrt(10))


def test_where_nothing_agrees_nothing_is_said():
    found = self_normalised(np.ones(5), np.ones(5), np.zeros(5), np.arange(5))
    assert np.isnan(found.value)
    assert found.effective == 0.0


def test_bad_input():
    none = np.zeros(0)
    with pytest.raises(ValueError, match="there are no decisions"):
        inverse_propensity(none, none, none, none.astype(int))
    with pytest.raises(ValueError, match="a propensity of 0"):
        inverse_propensity(np.ones(1), np.zeros(1), np.ones(1), np.zeros(1, int))


def test_a_line_is_fitted_to_the_other_half():
    feature, learner = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]), np.array([1, 2, 1, 2, 1, 2])
    # Learner 1 has reward = feature, learner 2 reward = 1 - feature.
    reward = np.where(learner == 1, feature, 1 - feature)
    fitted, other = rewards_expected(feature, reward, learner, np.ones(6))
    assert fitted == pytest.approx(np.where(learner == 1, 1 - feature, feature))
    assert other == pytest.approx(np.where(learner == 1, 0.0, 1.0))
