"""What each policy chooses, with what probability, and that one that stops stops."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptivity.engine.policies import (
    EVENLY,
    MOST_DOUBT,
    POLICIES,
    STEPS,
    UNLOCKING,
    doubted,
    expected_gain,
    lookahead_gain,
    unconfirmed,
)
from adaptivity.engine.recommendation import Outcome, recommend
from adaptivity.engine.scoring import sub_scores
from tests.support.engine_arrays import arrays
from tests.support.reference import Item, Situation, Tag
from tests.support.strategies import probabilities, tame_guess_and_slip

# KC 1 has the prerequisite KC 0, with strength 0.5. Item 3 has no KC, item 4 is both KCs'.
SITUATION = Situation(
    items=[
        Item({0: Tag(0.1, 0.15, 0.1)}),
        Item({1: Tag(0.1, 0.15, 0.2)}),
        Item({1: Tag(0.2, 0.2, 0.19)}, difficulty=0.8),
        Item({}),
        Item({0: Tag(0.1, 0.1, 0.05), 1: Tag(0.1, 0.1, 0.05)}),
    ],
    mastery=[0.4, 0.5],
    edges={(1, 0): 0.5},
    last=Item({0: Tag(0.2, 0.2)}),
)


def recommended(policy, *, situation=SITUATION, seed=0, stop_on_mastery=False, **settings):
    content, state, engine_settings = arrays(situation)
    return recommend(
        content,
        state,
        replace(engine_settings, policy=policy, **settings),
        counted=0,
        max_problems=None,
        stop_on_mastery=stop_on_mastery,
        generator=np.random.default_rng(seed),
    )


def test_expected_gain_by_hand():
    content, state, _ = arrays(SITUATION)

    # KC 0: 0.6 is missing. KC 1: 0.5 is, and its prerequisite is not in the way with 1 - 0.5 * 0.6 = 0.7.
    assert expected_gain(content, state) == pytest.approx(
        [0.6 * 0.1, 0.35 * 0.2, 0.35 * 0.19, 0.0, 0.6 * 0.05 + 0.35 * 0.05], abs=1e-9
    )


def test_a_look_ahead_by_hand():
    """One KC, p = 0.5, and an item with g = 0.2, s = 0.1, t = 0.3.

    One response gains 0.5 * 0.3 = 0.15. With one more after a failure (0.5 * 0.1 + 0.5 * 0.8 = 0.45), p is then
    0.05/0.45 = 1/9, with transit 1/9 + 8/9 * 0.3 = 0.37778, and 0.15 + 0.45 * 0.62222 * 0.3 = 0.234 come from 1.45.
    """
    content, state, _ = arrays(Situation(items=[Item({0: Tag(0.2, 0.1, 0.3)})], mastery=[0.5]))
    rates, p, gained, responses, reached = [], 0.5, 0.0, 0.0, 1.0
    for _ in range(STEPS):
        gained, responses = gained + reached * (1 - p) * 0.3, responses + reached
        rates.append(gained / responses)
        failure = p * 0.1 + (1 - p) * 0.8
        after = p * 0.1 / failure
        p, reached = after + (1 - after) * 0.3, reached * failure

    assert rates[:2] == pytest.approx([0.15, 0.234 / 1.45], abs=1e-9)
    assert lookahead_gain(content, state) == pytest.approx([max(rates)], abs=1e-12)


def test_a_look_ahead_rates_what_is_unlocked_and_what_is_in_the_way():
    item = Tag(0.2, 0.1, 0.3)
    alone, _, _ = arrays(Situation(items=[Item({0: item})], mastery=[0.3]))
    linked = Situation(
        items=[Item({0: item}), Item({1: item}), Item({0: item, 1: item}), Item({})],
        mastery=[0.3, 0.3],
        edges={(1, 0): 0.8},
    )
    content, state, _ = arrays(linked)
    index = float(lookahead_gain(alone, replace(state, mastery=state.mastery[:1]))[0])

    # KC 1's prerequisite is in the way with 0.8 * 0.7 = 0.56; squared, (1 - 0.56)^2. KC 0 unlocks 0.8 * 0.7 of KC 1,
    # which nothing else holds back, and half of that counts.
    first, second = index * (1 + UNLOCKING * 0.56), index * 0.44**2
    assert lookahead_gain(content, state) == pytest.approx([first, second, (first + second) / 2, 0.0], abs=1e-9)


@given(probabilities(), tame_guess_and_slip(), st.floats(0.01, 0.9))
def test_a_look_ahead_is_never_less_than_one_step_nor_more_than_transit(mastery, guess_and_slip, transit):
    guess, slip = guess_and_slip
    content, state, _ = arrays(Situation(items=[Item({0: Tag(guess, slip, transit)})], mastery=[mastery]))

    (value,) = lookahead_gain(content, state)

    assert expected_gain(content, state)[0] - 1e-9 <= value <= transit + 1e-9


class TestStop:
    def doubted(self, situation, done=()):
        content, state, _ = arrays(situation)
        is_done = np.isin(np.arange(len(situation.items)), done)
        return doubted(content, replace(state, done=is_done))

    def test_practice_in_vain_lowers_the_odds_of_the_prerequisite(self):
        # Items 1 and 2 are done, and KC 1 still has p = 0.4: (1 - 0.4) / (0.8 * 0.81)^2 = 1.42893 times likelier if
        # KC 0 holds it back; with strength 0.5, 0.5 * 1.42893 + 0.5 = 1.21447.
        situation = replace(SITUATION, mastery=[0.9, 0.4])

        assert self.doubted(situation, done=[1, 2]) == pytest.approx([9 / 1.21447 / (1 + 9 / 1.21447), 0.4], abs=1e-5)

    @pytest.mark.parametrize(("mastery", "done"), [(0.4, [0]), (0.9, [1, 2]), (0.99, [1, 2])])
    def test_neither_what_succeeds_nor_what_was_not_practised_changes_anything(self, mastery, done):
        assert self.doubted(replace(SITUATION, mastery=[0.9, mastery]), done) == pytest.approx([0.9, mastery], abs=1e-9)

    def test_what_another_prerequisite_explains_is_doubted_less(self):
        def of_first(other):
            situation = Situation(
                items=[Item({2: Tag(0.1, 0.1, 0.4)})] * 6, mastery=[0.9, other, 0.1], edges={(2, 0): 0.8, (2, 1): 0.8}
            )
            return self.doubted(situation, done=range(6))[0]

        assert of_first(0.1) < 0.9
        assert of_first(0.99) < of_first(0.1)

    def test_doubt_is_bounded(self):
        vain = Situation(items=[Item({1: Tag(0.1, 0.1, 1.0)})] * 9, mastery=[0.9, 0.1], edges={(1, 0): 1.0})

        odds = 9 / MOST_DOUBT
        assert self.doubted(vain, done=range(9))[0] == pytest.approx(odds / (1 + odds), abs=1e-7)

    def test_a_kc_is_open_until_it_is_five_times_as_sure_as_the_threshold(self):
        content, state, settings = arrays(replace(SITUATION, mastery=[0.979, 0.981]))

        assert unconfirmed(content, state, settings).tolist() == [True, False]
        strict = replace(settings, mastery_threshold=0.95)
        assert unconfirmed(content, state, strict).tolist() == [True, True]

    def test_what_is_open_is_recommended(self):
        # KC 0 is confirmed: only KC 1's items are chosen, though none is left unpractised otherwise.
        found = recommended("stop_on_mastery", situation=replace(SITUATION, mastery=[0.99, 0.1]))

        assert found.item in {1, 2}

    def test_a_prerequisite_that_is_doubted_is_practised_before_what_builds_on_it(self):
        def chosen(*done):
            items = [Item({0: Tag(0.1, 0.1, 0.3)})] + [Item({1: Tag(0.1, 0.1, 0.3)})] * 20
            content, state, settings = arrays(Situation(items=items, mastery=[0.975, 0.15], edges={(1, 0): 1.0}))
            state = replace(state, done=np.isin(np.arange(21), done))
            scores = sub_scores(content, state, settings)
            values = POLICIES["stop_on_mastery"].value(content, state, settings, scores)
            return int(np.argmax(np.where(state.done, -np.inf, values)))

        assert chosen() == 1
        assert chosen(1, 2, 3, 4) == 0

    def test_of_two_kcs_alike_the_one_with_more_items_left_is_practised(self):
        items = [Item({0: Tag(0.1, 0.1, 0.3)})] * 4 + [Item({1: Tag(0.1, 0.1, 0.3)})] * 4
        content, state, settings = arrays(Situation(items=items, mastery=[0.3, 0.3]))
        half_done = np.isin(np.arange(8), [0, 1])

        def values(mastery):
            learner = replace(state, done=half_done, mastery=np.full(2, mastery))
            return POLICIES["stop_on_mastery"].value(content, learner, settings, sub_scores(content, learner, settings))

        assert values(0.3)[4:].min() > values(0.3)[:4].max()
        # What only has to be confirmed uses nothing up in vain.
        assert values(0.95) == pytest.approx([values(0.95)[0]] * 8)

    def test_it_stops_where_no_item_is_left_that_tells_of_an_open_kc(self):
        silent = Situation(items=[Item({0: Tag(0.5, 0.5, 0.3)}), Item({})], mastery=[0.2])

        assert recommended("stop_on_mastery", situation=silent).outcome == Outcome.MASTERED

    def test_what_may_not_be_recommended_keeps_nobody_going(self):
        """A final exam asks for a KC that is open, and whose other items are done: what is confirmed is not drilled."""
        exam = Item({0: Tag(0.1, 0.15, 0.1)}, include_adaptive=False)
        items = [Item({0: Tag()}), Item({1: Tag()}), Item({1: Tag()}), exam]
        left = Situation(items=items, mastery=[0.3, 0.999], done=frozenset({0}))
        to_practise = replace(left, items=[*items, Item({0: Tag()})])

        assert recommended("stop_on_mastery", situation=left).outcome == Outcome.MASTERED
        assert recommended("stop_on_mastery", situation=to_practise).item == 4
        # A collection's own flag goes by every activity that is not done, as it is prescribed.
        assert recommended("design", situation=left, stop_on_mastery=True).outcome == Outcome.RECOMMENDED


def test_the_greatest_gain_is_chosen():
    found = recommended("expected_gain")

    assert found.item == 1
    assert found.propensity.tolist() == [0.0, 1.0, 0.0, 0.0, 0.0]


def test_ties_share_the_propensity():
    twins = replace(SITUATION, items=[SITUATION.items[1], SITUATION.items[1], SITUATION.items[3]])

    found = [recommended("expected_gain", situation=twins, seed=seed) for seed in range(30)]

    assert {each.item for each in found} == {0, 1}
    assert all(each.propensity.tolist() == [0.5, 0.5, 0.0] for each in found)


def test_random_order_is_even():
    found = [recommended("random", seed=seed) for seed in range(200)]

    assert {each.item for each in found} == {0, 1, 2, 3, 4}
    assert found[0].propensity.tolist() == [0.2] * 5


def test_the_weighting_of_2018_swaps_two_weights():
    content, state, settings = arrays(SITUATION)
    intended = sub_scores(content, state, settings)
    shipped = (
        2.0 * intended.remediation + 0.5 * intended.continuity + 1.0 * intended.difficulty + 2.0 * intended.readiness
    )

    values = POLICIES["weights_2018"].value(content, state, settings, intended)

    assert values == pytest.approx(shipped, abs=1e-12)
    assert not np.allclose(values, intended.total)


class TestGuardedExploration:
    # Only item 2 teaches KC 1 nearly as well as item 1.
    READY = replace(
        SITUATION,
        mastery=[0.95, 0.5],
        items=[*SITUATION.items[:2], Item({1: Tag(0.1, 0.15, 0.19)}, difficulty=0.8), *SITUATION.items[3:]],
    )

    def test_only_near_equal_candidates_are_drawn(self):
        found = [recommended("guarded_exploration", situation=self.READY, seed=seed) for seed in range(200)]

        assert {each.item for each in found} == {1, 2}
        for each in found:
            assert each.propensity[[0, 3, 4]].tolist() == [0.0, 0.0, 0.0]
            assert each.propensity.sum() == pytest.approx(1.0, abs=1e-12)
            assert min(each.propensity[[1, 2]]) >= EVENLY / 2

    def test_it_draws_by_its_propensities(self):
        found = [recommended("guarded_exploration", situation=self.READY, seed=seed) for seed in range(3000)]

        drawn = np.mean([each.item == 1 for each in found])

        assert drawn == pytest.approx(np.mean([each.propensity[1] for each in found]), abs=0.03)

    def test_not_where_prerequisites_are_missing(self):
        found = recommended("guarded_exploration", situation=replace(self.READY, mastery=[0.85, 0.5]))

        # KC 1's prerequisite is below the threshold: what is best there is taken, and nothing is tried out.
        assert found.item == 1
        assert found.propensity.tolist() == [0.0, 1.0, 0.0, 0.0, 0.0]

    def test_the_same_generator_gives_the_same_choice(self):
        first, again = (recommended("guarded_exploration", situation=self.READY, seed=7) for _ in range(2))

        assert first.item == again.item
        assert np.array_equal(first.propensity, again.propensity)

    def test_parameters_at_the_ends(self):
        certain = Situation(
            items=[Item({0: Tag(0.1, 0.1, 1.0)}), Item({0: Tag(0.1, 0.1, 0.95)}), Item({0: Tag(0.1, 0.1, 0.0)})],
            mastery=[0.5],
        )

        assert recommended("guarded_exploration", situation=certain).propensity.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("policy", list(POLICIES))
def test_who_stops(policy):
    mastered = replace(SITUATION, mastery=[0.99, 0.99])
    stops = policy == "stop_on_mastery"

    assert recommended(policy, situation=mastered).outcome == (Outcome.MASTERED if stops else Outcome.RECOMMENDED)
    # A collection's own flag stops under any policy.
    assert recommended(policy, situation=mastered, stop_on_mastery=True).outcome == Outcome.MASTERED
    assert recommended(policy).outcome == Outcome.RECOMMENDED


def test_what_is_not_recommended_has_no_propensity():
    found = recommended("stop_on_mastery", situation=replace(SITUATION, mastery=[0.99, 0.99]))

    assert found.item is None
    assert found.propensity.shape == (0,)


def test_an_unknown_policy():
    with pytest.raises(KeyError, match="greedy"):
        recommended("greedy")
