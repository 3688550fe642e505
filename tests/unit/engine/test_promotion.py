"""The promotion gate's arithmetic: what chance lets through, and what is too little to tell."""

import numpy as np
import pytest

from adaptivity.engine import promotion
from adaptivity.engine.metrics import Metrics
from adaptivity.engine.promotion import KnowledgeComponentHealth, gate, improvement
from benchmarks.gate import KINDS, accepted

FIGURES = Metrics(0.7, 0.5, 0.4, 0.7, 0.01, 100)


def compared(gains, responses=None, seed=0):
    gains = np.asarray(gains, dtype=float)
    responses = np.ones(gains.size, dtype=int) if responses is None else np.asarray(responses)
    baseline = np.linspace(1.0, 2.0, gains.size)
    return improvement(
        candidate=baseline - gains, baseline=baseline, responses=responses, generator=np.random.default_rng(seed)
    )


def judged(found):
    """The gate's checks of what was found, by name; parameters without a fault."""
    parameters = np.full((1, 4), 0.2)
    health = KnowledgeComponentHealth(parameters, parameters, np.array([100]), np.array([50]))
    return {check.name: check for check in gate(found=found, candidate=FIGURES, baseline=FIGURES, health=health)}


@pytest.mark.parametrize(
    ("kind", "learners", "most"), [("scores", 30, 0.02), ("skewed", 30, 0.0), ("skewed", 120, 0.035)]
)
def test_of_a_hundred_equal_versions_about_one_is_accepted_though_differences_are_skewed(kind, learners, most):
    """Quantiles of resampled means accept 5, 19 and 10 of them."""
    draw, spread = KINDS[kind]

    assert accepted(draw, spread, learners=learners, better=0.0, runs=300) <= most


def test_a_better_version_is_accepted():
    draw, spread = KINDS["even"]

    assert accepted(draw, spread, learners=120, better=1.0, runs=100) > 0.9


def test_the_bound_is_that_of_student_where_differences_are_normal():
    """Of 40 learners with one response each: the mean less 2.4258 standard errors, which is t's quantile for 39."""
    gains = np.random.default_rng(1).normal(0.1, 0.2, 40)
    bounds = [compared(gains, seed=seed).low for seed in range(20)]

    assert compared(gains).mean == pytest.approx(gains.mean())
    assert np.mean(bounds) == pytest.approx(gains.mean() - 2.4258 * gains.std(ddof=1) / 40**0.5, abs=0.02)


def test_a_learner_counts_by_their_responses():
    found = compared([2.0, 0.5, -1.0], [10, 2, 8])

    assert (found.mean, found.learners, found.responses) == (pytest.approx(1.5 / 20), 3, 20)


@pytest.mark.parametrize(
    "gains",
    [
        [0.1] * 40,  # everybody alike: whoever would differ is not there
        [0.1] * 39 + [-0.05],  # one who differs is in two of three resamples
    ],
)
def test_too_few_learners_who_differ_tell_nothing(gains):
    found = compared(gains)
    checks = judged(found)

    assert found.low is None
    assert found.mean > 0.0
    assert checks["held_out_learners"].passed
    assert not checks["improvement"].passed
    assert checks["improvement"].message == (
        f"On held-out learners it cannot be distinguished from the version in force: the improvement of the mean log "
        f"loss is {found.mean:.5f}, without a confidence bound, because too few learners differ from each other."
    )


def test_a_version_that_predicts_the_same_is_not_better():
    found = compared(np.zeros(50))

    assert (found.mean, found.low) == (0.0, None)
    assert "it is not better than" in judged(found)["improvement"].message


def test_rounding_is_no_difference():
    """A gain in exact proportion to responses: what residuals are left of it is rounding."""
    responses = np.random.default_rng(0).integers(1, 50, 60)

    assert compared(responses * 0.1, responses).low is None


def test_many_learners_are_drawn_in_parts(monkeypatch):
    gains = np.random.default_rng(2).normal(0.1, 0.2, 100)
    at_once = compared(gains)
    monkeypatch.setattr(promotion, "CHUNK", 700)

    assert compared(gains).low == pytest.approx(at_once.low, abs=1e-12)


def test_nothing_to_compare():
    with pytest.raises(ValueError, match="no responses"):
        compared([])
