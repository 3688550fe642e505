"""Estimates of guess, slip, transit and priors."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adaptivity.engine.estimation import (
    BktParameters,
    default_parameters,
    estimate_em,
    estimate_empirical,
    mastery_after,
    mastery_before,
    trace,
)
from adaptivity.engine.parameters import clip_probability
from adaptivity.engine.responses import Pairs, Responses
from adaptivity.engine.tracing import fold
from tests.support.strategies import guess_and_slip, nearly_neutral, probabilities


def simulated(*, learners, opportunities, prior, guess, slip, transit, items=1, seed=0):
    """Responses of learners of one KC who learn as the model says; ``guess`` and ``slip`` are the items'."""
    random = np.random.default_rng(seed)
    mastered = random.random(learners) < prior
    item = random.integers(0, items, (opportunities, learners))
    score = np.empty((opportunities, learners))
    for step in range(opportunities):
        success = np.where(mastered, 1 - np.asarray(slip)[item[step]], np.asarray(guess)[item[step]])
        score[step] = random.random(learners) < success
        mastered |= random.random(learners) < transit
    pairs = Pairs.of([(0,)] * items, 1)
    return Responses(np.tile(np.arange(learners), opportunities), item.ravel(), score.ravel(), pairs, learners)


def of(*histories, tags=((0,),), kcs=1):
    """Each history is a learner's (item, score) pairs."""
    rows = [(learner, item, score) for learner, history in enumerate(histories) for item, score in history]
    learner, item, score = (np.array(column) for column in zip(*rows, strict=True))
    return Responses(learner, item, score.astype(float), Pairs.of(list(tags), kcs), len(histories))


def test_em_finds_what_made_the_responses():
    responses = simulated(
        learners=4000, opportunities=12, prior=0.3, guess=[0.15, 0.3], slip=[0.1, 0.2], transit=0.12, items=2
    )

    found = estimate_em(responses, tolerance=1e-6, iterations=300)

    assert found.prior == pytest.approx([0.3], abs=0.03)
    assert found.guess == pytest.approx([0.15, 0.3], abs=0.03)
    assert found.slip == pytest.approx([0.1, 0.2], abs=0.03)
    assert found.transit == pytest.approx([0.12, 0.12], abs=0.02)


def test_the_trace_is_the_engine_s_own_tracing():
    scores = [1.0, 0.0, 0.5, 1.0]
    responses = of([(0, score) for score in scores])
    parameters = BktParameters(*(np.array([value]) for value in (0.2, 0.1, 0.15, 0.1)))

    found = trace(responses, parameters)

    for index in range(len(scores)):
        n = index
        mastery = fold(
            initial=0.2, chain=[0] * n, score=scores[:n], guess=[0.1] * n, slip=[0.15] * n, transit=[0.1] * n
        )[0]
        assert found.success[index] == pytest.approx(mastery * 0.85 + (1 - mastery) * 0.1, abs=1e-9)
        assert found.mastery_log_odds[index] == pytest.approx(np.log(mastery / (1 - mastery)), abs=1e-9)


@given(probabilities(), guess_and_slip() | nearly_neutral(), probabilities())
def test_the_trace_is_the_engine_s_own_tracing_with_any_parameters(prior, pair, t):
    """Also with what authors give: no guess, no slip, or an item that says nothing."""
    prior, g, s, t = (float(clip_probability(each)) for each in (prior, *pair, t))
    parameters = BktParameters(*(np.array([value]) for value in (prior, g, s, t)))
    for score in (0.0, 0.4, 1.0):
        opportunities = of([(0, score), (0, score)]).opportunities
        once, twice = (
            float(
                fold(initial=prior, chain=[0] * n, score=[score] * n, guess=[g] * n, slip=[s] * n, transit=[t] * n)[0]
            )
            for n in (1, 2)
        )

        before = mastery_before(opportunities, parameters)

        assert before == pytest.approx([prior, once], abs=1e-12)
        assert mastery_after(opportunities, parameters, before) == pytest.approx([once, twice], abs=1e-9)


@given(probabilities(), guess_and_slip() | nearly_neutral())
@example(0.5, (1e-9, 1.0 - 1e-9))
@example(0.5, (1.0 - 1e-9, 1e-9))
def test_before_transit_a_right_answer_never_lowers_mastery_and_a_wrong_one_never_raises_it(prior, pair):
    prior, g, s = (float(clip_probability(each)) for each in (prior, *pair))
    parameters = BktParameters(*(np.array([value]) for value in (prior, g, s, 0.0)))
    before = np.array([prior])

    right, wrong = (mastery_after(of([(0, score)]).opportunities, parameters, before)[0] for score in (1.0, 0.0))

    assert wrong - 2.0**-52 <= prior <= right + 2.0**-52


def test_several_kcs_are_averaged():
    responses = of([(0, 1.0)], tags=((0, 1),), kcs=2)
    parameters = BktParameters(np.array([0.5, 0.9]), np.array([0.2, 0.1]), np.array([0.1, 0.1]), np.array([0.1, 0.1]))

    # The one KC gives 0.5 of 0.9 and 0.5 of 0.2, the other 0.9 of 0.9 and 0.1 of 0.1.
    assert trace(responses, parameters).success == pytest.approx([(0.55 + 0.82) / 2], abs=1e-12)


def test_an_item_without_kcs_is_predicted_by_what_the_caller_gives():
    responses = of([(0, 1.0), (1, 0.0)], tags=((), (0,)))

    assert trace(responses, default_parameters(responses.pairs), empty=0.7).success[0] == 0.7


@pytest.mark.parametrize("estimate", [estimate_em, estimate_empirical])
@pytest.mark.parametrize("score", [0.0, 0.5, 1.0])
def test_no_estimate_is_degenerate(estimate, score):
    responses = of(*[[(0, score)] * 30] * 50)

    found = estimate(responses)

    assert np.all(found.guess + found.slip <= 0.98 + 1e-12)
    assert np.all((found.transit > 0) & (found.transit <= 0.6))
    assert np.all((found.prior >= 0.01) & (found.prior <= 0.99))
    # A right answer raises mastery.
    before = trace(of([(0, 1.0), (0, 1.0)]), found).mastery_log_odds
    assert before[1] > before[0]


@pytest.mark.parametrize("estimate", [estimate_em, estimate_empirical])
def test_a_rare_item_is_drawn_toward_its_kc(estimate):
    common = [(0, 1.0), (0, 0.0), (0, 1.0), (0, 1.0)]
    responses = of(*[common] * 200, [(1, 0.0)], tags=((0,), (0,)))

    found = estimate(responses)

    # One response to item 1, wrong: next to what 800 of the KC say, it moves little.
    assert found.slip[1] == pytest.approx(found.slip[0], abs=0.1)
    assert found.guess[1] == pytest.approx(found.guess[0], abs=0.1)
    assert estimate(responses, strength=1e6).guess[1] == pytest.approx(estimate(responses, strength=1e6).guess[0], 1e-3)


@pytest.mark.parametrize("estimate", [estimate_em, estimate_empirical])
def test_a_kc_is_estimated_alone_as_among_others(estimate):
    random = np.random.default_rng(1)
    learner, item = random.integers(0, 40, 2000), random.integers(0, 6, 2000)
    score = (random.random(2000) < 0.6).astype(float)
    together = Responses(learner, item, score, Pairs.of([(q % 3,) for q in range(6)], 3), 40)
    kept = item % 3 == 1
    alone = Responses(
        learner[kept], item[kept], score[kept], Pairs.of([(q % 3,) if q % 3 == 1 else () for q in range(6)], 3), 40
    )

    whole, part = estimate(together), estimate(alone)

    of_kc = np.flatnonzero(together.pairs.knowledge_component == 1)
    assert part.guess == pytest.approx(whole.guess[of_kc], abs=1e-12)
    assert part.transit == pytest.approx(whole.transit[of_kc], abs=1e-12)
    assert part.prior[1] == pytest.approx(whole.prior[1], abs=1e-12)


def test_the_moment_of_mastery_of_the_empirical_method():
    # Wrong, wrong, right, right: mastered from the third on, without one error; two chains make the counts plain.
    history = [(0, 0.0), (0, 0.0), (0, 1.0), (0, 1.0)]
    found = estimate_empirical(of(history, history), strength=1e-9)

    # The pair's own counts: none of four guesses right, none of four slips, two moments of four opportunities.
    assert (found.guess[0], found.slip[0]) == (0.001, 0.001)
    assert found.transit[0] == pytest.approx(0.5, abs=1e-6)
    # The KC's prior is drawn toward the default as by 10 learners: (0 + 10 * 0.2)/(2 + 10).
    assert found.prior == pytest.approx([2.0 / 12.0], abs=1e-12)


def test_progress_ends_at_the_total():
    told = []
    estimate_em(of([(0, 1.0)]), iterations=3, progress=lambda done, total: told.append((done, total)))

    assert told[-1] == (3, 3)


@st.composite
def histories(draw):
    """Up to 6 learners, 4 items of up to 3 of 3 KCs (or of none), any scores."""
    tags = draw(
        st.lists(st.sets(st.integers(0, 2), max_size=3).map(lambda kcs: tuple(sorted(kcs))), min_size=4, max_size=4)
    )
    row = st.tuples(st.integers(0, 3), st.sampled_from([0.0, 0.25, 1.0]))
    return of(*draw(st.lists(st.lists(row, min_size=1, max_size=8), min_size=1, max_size=6)), tags=tags, kcs=3)


@pytest.mark.parametrize("estimate", [estimate_em, estimate_empirical])
@given(histories())
@settings(max_examples=40, deadline=None)
def test_whatever_was_estimated_a_right_answer_never_lowers_mastery(estimate, responses):
    found = estimate(responses)

    for values in (found.prior, found.guess, found.slip, found.transit):
        assert np.all((values > 0.0) & (values < 1.0))
    mastery = np.linspace(0.01, 0.99, 9)
    for guess, slip, transit in zip(found.guess, found.slip, found.transit, strict=True):
        after = fold(
            initial=mastery, chain=np.arange(9), score=np.ones(9), guess=np.full(9, guess), slip=np.full(9, slip),
            transit=np.full(9, transit),
        )  # fmt: skip
        assert np.all(after >= mastery)


@given(histories(), st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_how_learners_interleave_does_not_matter(responses, random):
    # Each learner's own order stays.
    turns = responses.learner.tolist()
    random.shuffle(turns)
    own = {learner: iter(np.flatnonzero(responses.learner == learner).tolist()) for learner in set(turns)}
    order = np.array([next(own[learner]) for learner in turns])
    mixed = replace(
        responses, learner=responses.learner[order], item=responses.item[order], score=responses.score[order]
    )

    one, other = estimate_em(responses), estimate_em(mixed)

    for name in ("prior", "guess", "slip", "transit"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), abs=1e-9)
    assert trace(mixed, other).success == pytest.approx(trace(responses, one).success[order], abs=1e-9)


@pytest.mark.parametrize("estimate", [estimate_em, estimate_empirical])
def test_a_kc_without_a_response_has_the_mean_of_the_others_by_their_responses(estimate):
    """The first KC has an item with three times the responses of its other one, and one that nobody has tried."""
    easy = [[(0, 1.0)] * 3 + [(1, 1.0)], [(0, 1.0), (1, 1.0), (0, 0.0), (0, 1.0)]] * 10
    hard = [[(3, 0.0), (3, 1.0)]] * 10
    tags = ((0,), (0,), (0,), (1,), (2,), (2, 0))
    found = estimate(of(*easy, *hard, tags=tags, kcs=3))

    alone = estimate(of(*easy, *hard, tags=tags[:4], kcs=2))

    weight = np.array([60.0, 20.0, 0.0, 20.0])
    assert found.prior == pytest.approx([*alone.prior, np.average(alone.prior, weights=[80, 20])])
    for name in ("guess", "slip", "transit"):
        value, of_seen = getattr(found, name), getattr(alone, name)
        mean = np.average(of_seen, weights=weight)
        # An item that nobody has tried is like its KC.
        assert value == pytest.approx([*of_seen, mean, mean, of_seen[2]])
