"""The grade: worked examples, the 2018 engine's failures, and the reference."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptivity.engine.grading import grade
from tests.support import reference
from tests.support.strategies import probabilities


def graded(mastery, prior, *, done=0, activities=0):
    return grade(
        mastery=np.array(mastery, dtype=float), prior=np.array(prior, dtype=float), done=done, activities=activities
    )


def test_the_mean_of_the_way_from_prior_to_threshold():
    # (0.55 - 0.2)/(0.9 - 0.2) = 0.5; (0.75 - 0.5)/(0.9 - 0.5) = 0.625; mean 0.5625
    assert graded([0.55, 0.75], [0.2, 0.5]) == pytest.approx(0.5625, abs=1e-12)


def test_each_kc_is_held_inside_zero_and_one_before_the_mean():
    # 0.97 is beyond the threshold: 1, not 1.1; 0.1 is below the prior: 0, not -0.14; mean 0.5
    assert graded([0.97, 0.1], [0.2, 0.2]) == 0.5


def test_nothing_done_is_zero():
    assert graded([0.2, 0.5], [0.2, 0.5]) == 0.0


@pytest.mark.parametrize("prior", [0.9, 0.95, 1.0])
@pytest.mark.parametrize("mastery", [0.0, 0.5, 0.9, 1.0])
def test_a_prior_at_or_above_the_threshold_counts_as_one(prior, mastery):
    assert graded([mastery], [prior]) == 1.0
    # (0.55 - 0.2)/0.7 = 0.5 beside it: the mean is 0.75
    assert graded([mastery, 0.55], [prior, 0.2]) == pytest.approx(0.75, abs=1e-12)


def test_a_prior_of_zero():
    assert graded([0.45], [0.0]) == pytest.approx(0.5, abs=1e-9)


@pytest.mark.parametrize(("done", "activities", "expected"), [(0, 0, 0.0), (0, 4, 0.0), (1, 4, 0.25), (4, 4, 1.0)])
def test_without_kcs_it_is_the_share_of_the_activities_done(done, activities, expected):
    assert graded([], [], done=done, activities=activities) == expected


@given(st.lists(st.tuples(probabilities(), probabilities()), max_size=5), st.integers(0, 3), st.integers(3, 5))
def test_equals_the_reference_and_lies_between_zero_and_one(kcs, done, activities):
    mastery, prior = [p for p, _ in kcs], [p0 for _, p0 in kcs]
    found = graded(mastery, prior, done=done, activities=activities)
    assert 0.0 <= found <= 1.0
    assert found == pytest.approx(reference.grade(mastery, prior, done=done, activities=activities), abs=1e-9)
