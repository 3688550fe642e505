"""Knowledge tracing: worked examples, bounds, order, and the reference implementation."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adaptivity.engine.history import replay
from adaptivity.engine.parameters import EPSILON, clip_probability, relevance
from adaptivity.engine.tracing import answer_ratios, fold, likelihood_ratio
from tests.support import reference
from tests.support.engine_arrays import log_arrays, prior_table, tag_table
from tests.support.reference import Entry, Tag
from tests.support.strategies import guess_and_slip, nearly_neutral, probabilities

ROUNDING = 2.0**-52
LOG_ODDS_BOUND = math.log((1 - EPSILON) / EPSILON)


def after(p: float, *scores: float, g: float = 0.1, s: float = 0.15, t: float = 0.1) -> float:
    """Mastery of one KC after the scores, all on items with the same parameters."""
    n = len(scores)
    return float(fold(initial=p, chain=[0] * n, score=scores, guess=[g] * n, slip=[s] * n, transit=[t] * n)[0])


class TestWorkedExamples:
    """g = 0.1, s = 0.15, t = 0.1: x1 = 0.85/0.1 = 8.5, x0 = 0.15/0.9 = 1/6, o_t = 0.1/0.9 = 1/9."""

    def test_a_right_answer(self):
        # O = 0.2/0.8 = 1/4; O' = 1/9 + 10/9 * 1/4 * 8.5 = 22.25/9; p' = 22.25/31.25
        assert after(0.2, 1.0) == pytest.approx(0.712, abs=1e-12)

    def test_a_wrong_answer(self):
        # O' = 1/9 + 10/9 * 1/4 * 1/6 = 24/216 + 10/216 = 34/216; p' = 34/250
        assert after(0.2, 0.0) == pytest.approx(0.136, abs=1e-12)

    def test_half_a_score_interpolates_multiplicatively(self):
        # x = sqrt(8.5 * 1/6) = 1.190238071423808; O' = 1/9 + 10/36 * x = 0.441732797617725; p' = O'/(1 + O')
        assert after(0.2, 0.5) == pytest.approx(0.306390198202906, abs=1e-12)

    def test_two_right_answers(self):
        # O = 22.25/9; O' = 1/9 + 10/9 * 22.25/9 * 8.5 = 9/81 + 1891.25/81 = 1900.25/81; p' = 1900.25/1981.25
        assert after(0.2, 1.0, 1.0) == pytest.approx(1900.25 / 1981.25, abs=1e-12)

    def test_right_and_wrong_in_either_order_differ(self):
        # right, wrong: O' = 1/9 + 10/9 * 22.25/9 * 1/6 = 54/486 + 222.5/486 = 276.5/486; p' = 276.5/762.5
        assert after(0.2, 1.0, 0.0) == pytest.approx(276.5 / 762.5, abs=1e-12)
        # wrong, right: O' = 1/9 + 10/9 * 34/216 * 8.5 = 216/1944 + 2890/1944 = 3106/1944; p' = 3106/5050
        assert after(0.2, 0.0, 1.0) == pytest.approx(3106 / 5050, abs=1e-12)

    def test_other_parameters(self):
        # g = 0.25, s = 0.2, t = 0.5, p = 0.6: O = 1.5, x1 = 0.8/0.25 = 3.2, o_t = 1; O' = 1 + 2 * 1.5 * 3.2 = 10.6
        assert after(0.6, 1.0, g=0.25, s=0.2, t=0.5) == pytest.approx(10.6 / 11.6, abs=1e-12)
        # x0 = 0.2/0.75 = 4/15; O' = 1 + 2 * 1.5 * 4/15 = 1.8
        assert after(0.6, 0.0, g=0.25, s=0.2, t=0.5) == pytest.approx(1.8 / 2.8, abs=1e-12)

    def test_without_transit_it_is_bayes_rule(self):
        # P(mastered | right) = 0.2 * 0.85 / (0.2 * 0.85 + 0.8 * 0.1) = 0.17/0.25; transit is held at 1e-10
        assert after(0.2, 1.0, t=0.0) == pytest.approx(0.68, abs=1e-9)

    def test_at_guess_plus_slip_of_one_only_transit_acts(self):
        # x = 1: O' = 1/9 + 10/9 * 1/4 = 14/36; p' = 14/50, that is 0.2 + 0.8 * 0.1, whatever the score
        for g, s in [(0.5, 0.5), (0.3, 0.7), (1.0, 0.0), (0.0, 1.0)]:
            for score in (0.0, 0.3, 1.0):
                assert after(0.2, score, g=g, s=s) == pytest.approx(0.28, abs=1e-12)

    def test_mastery_of_zero_and_one_are_where_evidence_may_begin(self):
        # p = 0 is held at 1e-10: O' = 1/9 + 10/9 * 1e-10 * 8.5; p' = 0.1 to nine places
        assert after(0.0, 1.0) == pytest.approx(0.1, abs=2e-9)
        # p = 1: O = 1e10; a wrong answer: O' = 10/54 * 1e10; 1 - p' = 5.4e-10
        assert 1.0 - after(1.0, 0.0) == pytest.approx(5.4e-10, rel=1e-6)

    def test_mastery_is_held_inside_epsilon_after_each_update(self):
        assert after(1.0, 1.0, g=0.0, s=0.0, t=1.0) == 1.0 - EPSILON
        # O' = 1e-10 + 1e-10 * 1e-10: what transit adds is the floor
        assert after(0.0, 0.0, g=0.0, s=0.0, t=0.0) == pytest.approx(EPSILON, rel=1e-9)

    def test_a_chain_without_observations_keeps_what_it_began_with(self):
        nothing: list[float] = []
        result = fold(initial=[0.0, 1.0, 0.3], chain=[], score=nothing, guess=nothing, slip=nothing, transit=nothing)
        assert result.tolist() == [0.0, 1.0, 0.3]

    def test_an_observation_of_no_chain_is_refused(self):
        for chain in ([1], [-1]):
            with pytest.raises(IndexError):
                fold(initial=[0.5], chain=chain, score=[1.0], guess=[0.1], slip=[0.1], transit=[0.1])


class TestRelevance:
    def test_worked_examples(self):
        # (1-g)(1-s)/(g s): 0.9 * 0.85 / (0.1 * 0.15) = 51; 0.9 * 0.9 / (0.1 * 0.1) = 81; 0.8 * 0.8 / (0.2 * 0.2) = 16
        expected = [3.9318256327243257, 4.3944491546724388, 2.7725887222397812]
        assert relevance([0.1, 0.1, 0.2], [0.15, 0.1, 0.2]) == pytest.approx(expected, abs=1e-12)

    def test_at_the_exact_ends(self):
        # g = s = 0, held at 1e-10: 2 * log(1e10 - 1) = 46.0517018596...
        assert float(relevance(0.0, 0.0)) == pytest.approx(2 * math.log(1e10 - 1), abs=1e-9)

    @pytest.mark.parametrize(
        ("guess", "slip"), [(0.5, 0.5), (0.3, 0.7), (0.7, 0.3), (0.9, 0.1), (1.0, 0.0), (0.0, 1.0), (1 / 3, 2 / 3)]
    )
    def test_a_neutral_pair_is_irrelevant(self, guess, slip):
        assert float(relevance(guess, slip)) == 0.0

    def test_every_pair_of_decimals_that_adds_up_to_one_is_irrelevant(self):
        thousandths = np.arange(1001)
        assert np.all(relevance(thousandths / 1000, (1000 - thousandths) / 1000) == 0.0)

    @given(guess_and_slip() | nearly_neutral())
    def test_equals_the_reference_and_is_never_negative(self, pair):
        computed = float(relevance(*pair))
        assert 0.0 <= computed <= 2 * LOG_ODDS_BOUND + 1e-6
        assert computed == pytest.approx(reference.relevance(*pair), rel=1e-12, abs=1e-15)

    @given(st.integers(1, 999), st.integers(1, 999))
    def test_equals_the_reference_closely_away_from_the_ends(self, g, s):
        if g + s <= 1000:
            assert float(relevance(g / 1000, s / 1000)) == pytest.approx(
                reference.relevance(g / 1000, s / 1000), rel=1e-9, abs=1e-12
            )


@st.composite
def histories(draw, *, max_scores=12):
    """Score, guess, slip and transit of each observation of one chain."""
    observations = draw(
        st.lists(st.tuples(probabilities(), guess_and_slip(), probabilities()), min_size=1, max_size=max_scores)
    )
    return [(score, g, s, t) for score, (g, s), t in observations]


def columns(history):
    score, guess, slip, transit = (np.array(column) for column in zip(*history, strict=True))
    return {"score": score, "guess": guess, "slip": slip, "transit": transit}


class TestProperties:
    @given(probabilities(), histories())
    def test_masteries_stay_inside_the_bounds_and_are_never_nan(self, p, history):
        mastery = float(fold(initial=p, chain=[0] * len(history), **columns(history))[0])
        assert EPSILON <= mastery <= 1.0 - EPSILON

    @given(probabilities(), histories())
    def test_equals_the_reference(self, p, history):
        mastery = float(fold(initial=p, chain=[0] * len(history), **columns(history))[0])
        expected = p
        for score, g, s, t in history:
            expected = reference.update(expected, score, g, s, t)
        assert mastery == pytest.approx(expected, abs=1e-9)

    @given(probabilities(), probabilities(), probabilities(), guess_and_slip(), probabilities())
    def test_a_greater_score_never_leads_to_less_mastery(self, p, first, second, pair, t):
        low, high = sorted((first, second))
        # A rounding's worth: at g + s = 1 both are the same number.
        assert after(p, high, g=pair[0], s=pair[1], t=t) >= after(p, low, g=pair[0], s=pair[1], t=t) - 1e-15

    @given(probabilities(), probabilities(), probabilities(), guess_and_slip(), probabilities())
    def test_more_mastery_before_never_leads_to_less_after(self, first, second, score, pair, t):
        low, high = sorted((first, second))
        assert after(high, score, g=pair[0], s=pair[1], t=t) >= after(low, score, g=pair[0], s=pair[1], t=t) - 1e-15

    @given(guess_and_slip() | nearly_neutral())
    def test_the_ratios_of_answers_equal_the_reference(self, pair):
        wrong, right = (float(ratio) for ratio in answer_ratios(*pair))
        assert 0.0 < wrong <= 1.0 <= right
        assert (wrong, right) == pytest.approx(tuple(map(float, reference.answer_ratios(*pair))), rel=1e-14)
        assert likelihood_ratio([0.0, 1.0], *([each] * 2 for each in pair)).tolist() == [wrong, right]

    @given(probabilities(), guess_and_slip() | nearly_neutral())
    @example(0.5, (1e-9, 1.0 - 1e-9))
    @example(0.5, (1.0 - 1e-9, 1e-9))
    def test_before_transit_a_right_answer_never_lowers_mastery_and_a_wrong_one_never_raises_it(self, p, pair):
        # A transit of 0 is held at EPSILON, so that much is learned by any answer.
        before = float(clip_probability(p))
        learned = before + (1.0 - before) * EPSILON
        assert after(p, 1.0, g=pair[0], s=pair[1], t=0.0) >= min(learned, 1.0 - EPSILON) - ROUNDING
        assert after(p, 0.0, g=pair[0], s=pair[1], t=0.0) <= learned + ROUNDING

    @given(guess_and_slip() | nearly_neutral(), st.tuples(probabilities(), probabilities()))
    def test_the_likelihood_ratio_lies_between_that_of_a_wrong_and_of_a_right_answer(self, pair, scores):
        low, high = sorted(scores)
        wrong, lower, higher, right = likelihood_ratio([0.0, low, high, 1.0], [pair[0]] * 4, [pair[1]] * 4).tolist()
        slack = 1.0 + 1e-12
        assert 0.0 < wrong <= lower * slack
        assert lower <= higher * slack
        assert higher <= right * slack

    @settings(max_examples=50)
    @given(st.lists(st.tuples(probabilities(), histories()), min_size=1, max_size=6), st.randoms())
    def test_interleaving_of_chains_does_not_matter_and_bulk_equals_single_bit_for_bit(self, chains, random):
        single = []
        for p, history in chains:
            value = np.array([p])
            for observation in history:
                value = fold(initial=value, chain=[0], **columns([observation]))
            single.append(float(value[0]))

        observations = [(number, one) for number, (_, history) in enumerate(chains) for one in history]
        turns = [number for number, _ in observations]
        random.shuffle(turns)
        waiting = {number: iter(history) for number, (_, history) in enumerate(chains)}
        shuffled = [(number, next(waiting[number])) for number in turns]
        for order in (observations, shuffled):
            bulk = fold(
                initial=[p for p, _ in chains],
                chain=[number for number, _ in order],
                **columns([one for _, one in order]),
            )
            assert bulk.tolist() == single

    def test_many_chains_equal_one_after_another_bit_for_bit(self):
        generator = np.random.default_rng(7)
        chains, observations = 50, 2_000
        initial = generator.random(chains)
        chain = generator.integers(chains, size=observations)
        score, guess, transit = (generator.random(observations) for _ in range(3))
        slip = generator.random(observations) * (1.0 - guess)
        bulk = fold(initial=initial, chain=chain, score=score, guess=guess, slip=slip, transit=transit)
        single = initial.copy()
        for at in range(observations):
            number = chain[at]
            single[number] = fold(
                initial=single[number],
                chain=[0],
                score=score[at : at + 1],
                guess=guess[at : at + 1],
                slip=slip[at : at + 1],
                transit=transit[at : at + 1],
            )[0]
        assert bulk.tolist() == single.tolist()


@st.composite
def logs(draw):
    """Tags of up to 4 activities with up to 4 KCs, priors, and the logs of up to 3 learners."""
    kcs = range(1, draw(st.integers(1, 4)) + 1)
    tag = st.builds(lambda pair, t: Tag(*pair, t), guess_and_slip(), probabilities())
    tags = {activity: draw(st.dictionaries(st.sampled_from(kcs), tag, max_size=4)) for activity in range(10, 14)}
    priors = {kc: draw(probabilities()) for kc in kcs}
    entry = st.one_of(
        st.builds(Entry, activity=st.sampled_from(sorted(tags)), score=probabilities()),
        st.builds(Entry, set_kc=st.sampled_from(kcs), value=st.none() | probabilities()),
    )
    return tags, priors, {learner: draw(st.lists(entry, max_size=10)) for learner in range(draw(st.integers(1, 3)))}


class TestReplay:
    def test_worked_example(self):
        # KC 1 begins at 0.2, KC 2 at 0.5. A right answer on activity 10 (KC 1): 0.712. KC 2 is set to 0.2 and then has
        # a wrong answer on activity 11 (KC 2): 0.136. KC 3 is tagged on nothing that was done.
        tags = {10: {1: Tag()}, 11: {2: Tag()}, 12: {3: Tag()}}
        log = [Entry(activity=10, score=1.0), Entry(set_kc=2, value=0.2), Entry(activity=11, score=0.0)]
        masteries = replay(log_arrays({0: log}), tag_table(tags), prior_table({1: 0.2, 2: 0.5, 3: 0.9}))
        assert masteries.learner.tolist() == [0, 0]
        assert masteries.knowledge_component.tolist() == [1, 2]
        assert masteries.value.tolist() == pytest.approx([0.712, 0.136], abs=1e-12)

    def test_a_deleted_setting_returns_to_the_prior_from_there_on(self):
        tags, priors = tag_table({10: {1: Tag()}}), prior_table({1: 0.2})
        log = [Entry(activity=10, score=1.0), Entry(set_kc=1, value=0.9), Entry(set_kc=1)]
        assert replay(log_arrays({0: log}), tags, priors).value.tolist() == []
        # 0.2 -> 0.136, as if nothing had been before
        log.append(Entry(activity=10, score=0.0))
        assert replay(log_arrays({0: log}), tags, priors).value.tolist() == pytest.approx([0.136], abs=1e-12)

    def test_zero_and_one_stay_as_they_were_set(self):
        log = [Entry(set_kc=1, value=0.0), Entry(set_kc=2, value=1.0)]
        assert replay(log_arrays({0: log}), tag_table({}), prior_table({1: 0.2, 2: 0.2})).value.tolist() == [0.0, 1.0]

    def test_a_kc_without_prior_in_the_table_is_an_error_not_a_nan(self):
        log = log_arrays({0: [Entry(activity=10, score=1.0)]})
        for priors in ({}, {2: 0.5}):
            with pytest.raises(KeyError):
                replay(log, tag_table({10: {1: Tag()}}), prior_table(priors))

    @settings(max_examples=200)
    @given(logs())
    def test_equals_the_reference(self, world):
        tags, priors, entries = world
        masteries = replay(log_arrays(entries), tag_table(tags), prior_table(priors))
        found: dict[int, dict[int, float]] = {learner: {} for learner in entries}
        for learner, kc, value in zip(
            masteries.learner.tolist(), masteries.knowledge_component.tolist(), masteries.value.tolist(), strict=True
        ):
            found[learner][kc] = value
        for learner, log in entries.items():
            assert found[learner] == pytest.approx(reference.replay(log, tags, priors), abs=1e-9)

    @given(probabilities(), probabilities(), guess_and_slip(), guess_and_slip(), probabilities())
    def test_evidence_on_different_kcs_commutes(self, first, second, pair, other, t):
        tags = tag_table({10: {1: Tag(*pair, t)}, 11: {2: Tag(*other, t)}})
        priors = prior_table({1: 0.2, 2: 0.6})
        log = [Entry(activity=10, score=first), Entry(activity=11, score=second)]
        forwards, backwards = (replay(log_arrays({0: order}), tags, priors) for order in (log, log[::-1]))
        assert forwards.value.tolist() == backwards.value.tolist()

    @given(logs())
    def test_learners_do_not_influence_each_other(self, world):
        tags, priors, entries = world
        together = replay(log_arrays(entries), tag_table(tags), prior_table(priors))
        for learner, log in entries.items():
            alone = replay(log_arrays({learner: log}), tag_table(tags), prior_table(priors))
            of_learner = together.learner == learner
            assert together.knowledge_component[of_learner].tolist() == alone.knowledge_component.tolist()
            assert together.value[of_learner].tolist() == alone.value.tolist()


def test_probabilities_are_clipped_at_both_ends():
    assert clip_probability([0.0, 1.0, 0.5]).tolist() == [EPSILON, 1.0 - EPSILON, 0.5]
