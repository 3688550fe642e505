"""Gaps of content: exact on cases small enough to work out by hand."""

import itertools

import numpy as np
import pytest
from hypothesis import given

from adaptivity.engine.content_gaps import (
    MOST_MISSING,
    item_fit,
    missing_items,
    practice,
    running_out,
    suggestions,
)
from adaptivity.engine.estimation import BktParameters
from adaptivity.engine.parameters import relevance
from adaptivity.engine.responses import Pairs, Responses
from tests.support.strategies import nearly_neutral


def responses(rows, tags, kcs):
    learner, item, score = (np.array(column) for column in zip(*rows, strict=True))
    return Responses(learner, item, score.astype(float), Pairs.of(tags, kcs), int(learner.max()) + 1)


def parameters(pairs, prior, guess=0.2, slip=0.1, transit=0.1):
    size = pairs.knowledge_component.size
    return BktParameters(
        np.array(prior), np.full(size, guess), np.full(size, slip), np.full(size, transit)
    )  # fmt: skip


def test_practice_after_mastery_and_leaving_before_it_are_counted_apart() -> None:
    # Prior 0.5; right: 0.45 / 0.55 = 0.818, + transit = 0.836; right again: 0.9585, + transit = 0.9626.
    # Learner 0 does all three rightly: the third is over-practice. Learner 1 leaves after a failure, items left.
    # Learner 2 fails at all three items: below the threshold, but nothing is left to do.
    rows = [(0, 0, 1), (0, 1, 1), (0, 2, 1), (1, 0, 0), (2, 0, 0), (2, 1, 0), (2, 2, 0)]
    data = responses(rows, [(0,), (0,), (0,), (1,)], 2)
    found = practice(data, parameters(data.pairs, [0.5, 0.5]))
    assert found.learners.tolist() == [3, 0]
    assert found.opportunities.tolist() == [7, 0]
    assert found.over_practice[0] == pytest.approx(1 / 7)
    assert found.under_practice[0] == pytest.approx(1 / 3)
    assert np.isnan(found.over_practice[1])
    assert np.isnan(found.wheel_spinning[1])


def test_an_item_answered_twice_leaves_the_others_to_do() -> None:
    data = responses([(0, 0, 0), (0, 0, 0)], [(0,), (0,)], 1)
    assert practice(data, parameters(data.pairs, [0.5])).under_practice.tolist() == [1.0]


@pytest.mark.parametrize(
    ("scores", "determined", "share"),
    [
        ([1, 1, 1], 1, 0.0),
        ([1, 1, 0] * 3, 0, None),
        ([1, 1, 0] * 3 + [1], 1, 1.0),
        ([0] * 7 + [1, 1, 1], 1, 0.0),
        ([0] * 8 + [1, 1, 1], 1, 1.0),  # the third in a row comes at the 11th
        ([1, 1, 1] + [0] * 10, 1, 0.0),
    ],
)
def test_ten_opportunities_without_three_right_in_a_row_are_wheel_spinning(scores, determined, share) -> None:
    data = responses([(0, number, score) for number, score in enumerate(scores)], [(0,)] * len(scores), 1)
    found = practice(data, parameters(data.pairs, [0.1]))
    assert found.determined.tolist() == [determined]
    assert (None if np.isnan(found.wheel_spinning[0]) else found.wheel_spinning[0]) == share


def enumerated(prior, guess, slip, transit, threshold):
    """The probability of never being at the threshold, over all sequences of answers."""
    total = 0.0
    for answers in itertools.product((0, 1), repeat=len(guess)):
        p, weight, below = prior, 1.0, prior < threshold
        for answer, g, s, t in zip(answers, guess, slip, transit, strict=True):
            success = p * (1 - s) + (1 - p) * g
            weight *= success if answer else 1 - success
            p = p * (1 - s) / success if answer else p * s / (1 - success)
            p += (1 - p) * t
            below &= p < threshold
        total += weight * below
    return total


def test_the_bank_runs_out_as_often_as_all_sequences_of_answers_say() -> None:
    generator = np.random.default_rng(5)
    guess, slip, transit = generator.uniform(0.05, 0.3, (3, 8))
    found = running_out(0.2, guess, slip, transit, threshold=0.9)
    for items in range(9):
        assert found[items] == pytest.approx(enumerated(0.2, guess[:items], slip[:items], transit[:items], 0.9))
    # One item: at the threshold after a right answer alone, which comes with 0.5 * 0.9 + 0.5 * 0.1.
    one = (np.array([0.1]), np.array([0.1]), np.array([0.0]))
    assert running_out(0.5, *one, threshold=0.9) == pytest.approx([1.0, 0.5])
    assert running_out(0.95, *one).tolist() == [0.0, 0.0]


@given(nearly_neutral())
def test_an_item_that_says_nothing_brings_nobody_to_the_threshold(pair) -> None:
    guess, slip = (np.array([each]) for each in pair)
    # Not even one who is as near to it as a float can be.
    prior = float(np.nextafter(0.9, 0.0))
    if relevance(*pair) == 0.0:
        assert running_out(prior, guess, slip, np.array([0.0])) == pytest.approx([1.0, 1.0], abs=1e-12)


def test_a_long_bank_is_worked_out_nearly_as_exactly() -> None:
    generator = np.random.default_rng(6)
    guess, slip, transit = generator.uniform(0.1, 0.3, (3, 16))
    found = running_out(0.05, guess, slip, transit / 10, threshold=0.97)
    assert found[-1] == pytest.approx(enumerated(0.05, guess, slip, transit / 10, 0.97), abs=1e-3)


def test_how_many_items_are_missing() -> None:
    # Every answer is believed: mastery follows at the first right one, and each item teaches half of the rest.
    guess, slip, transit = np.array([1e-9]), np.array([1e-9]), np.array([0.5])
    left = running_out(0.1, *(np.repeat(each, 6) for each in (guess, slip, transit)))
    # Right at the nth item at last: 0.9 * 0.5^(n - 1); known after the nth, but not seen, is no mastery.
    assert left[1:4] == pytest.approx([0.9, 0.45, 0.225], abs=1e-6)
    assert left[4] == pytest.approx(0.1125, abs=1e-6)
    assert missing_items(0.1, guess, slip, transit) == 4
    assert missing_items(0.1, np.array([0.5]), np.array([0.5]), np.array([0.0])) == MOST_MISSING


def test_items_that_go_with_another_kc_or_with_none_are_found() -> None:
    generator = np.random.default_rng(7)
    # A quarter of the learners knows both KCs, a quarter either one, a quarter none.
    skill = np.stack((np.arange(400) % 2 == 0, np.arange(400) // 2 % 2 == 0), axis=1)
    rows = []
    # Items 0 to 6 are of KC 0, 7 to 10 of KC 1; item 5 has its key turned round; item 6 is tagged with KC 0 and
    # asks for KC 1; item 10 is answered rightly by four learners of eight, whatever they know.
    asks = [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, None]
    for learner, knows in enumerate(skill):
        for item, kc in enumerate(asks):
            chance = float(learner // 4 % 2) if kc is None else 0.9 if knows[kc] else 0.2
            right = generator.random() < chance
            rows.append((learner, item, float(not right if item == 5 else right)))
    data = responses(rows, [(0,)] * 7 + [(1,)] * 4, 2)
    found = item_fit(data)
    assert found.learners.tolist() == [400] * 11
    assert np.flatnonzero(found.suspect).tolist() == [5, 6]
    assert found.better.tolist() == [-1, -1, -1, -1, -1, -1, 1, -1, -1, -1, -1]
    assert np.flatnonzero(found.discriminates_badly).tolist() == [10]
    # By hand: the correlation of item 7 with the mean of 8, 9 and 10, as all residuals are scores less a constant.
    score = np.array([row[2] for row in rows]).reshape(400, 11)
    assert found.correlation[7] == pytest.approx(np.corrcoef(score[:, 7], score[:, 8:].mean(axis=1))[0, 1])


def test_too_few_learners_say_nothing_of_an_item() -> None:
    rows = [(learner, item, float(learner % 2)) for learner in range(29) for item in range(2)]
    found = item_fit(responses(rows, [(0,), (0,)], 1))
    assert found.learners.tolist() == [29, 29]
    assert np.isnan(found.correlation).all()
    assert not found.suspect.any()
    assert not found.discriminates_badly.any()


def test_each_gap_has_something_to_do_about_it() -> None:
    fine = {
        "learners": 10, "over_practice": 0.3, "under_practice": 0.5, "determined": 10, "wheel_spinning": 0.25,
        "runs_out": 0.1, "missing": 0,
    }  # fmt: skip
    assert suggestions(**fine) == []
    gaps = {"over_practice": 0.31, "under_practice": 0.51, "wheel_spinning": 0.26, "runs_out": 0.11, "missing": 3}
    codes = ["write_items", "teach_first", "stop_on_mastery", "practise_more"]
    found = suggestions(**{**fine, **gaps})
    assert [each.code for each in found] == codes
    assert found[0].message == "11% of new learners run out of items before mastery: write 3 more."
    assert [each.code for each in suggestions(**{**fine, **gaps, "learners": 9, "determined": 9})] == codes[:1]
