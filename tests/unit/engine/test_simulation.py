"""Simulated learners: that their truth is as described, that runs are paired, and that policies fare as they should."""

from dataclasses import replace

import numpy as np
import pytest

from adaptivity.engine import simulation
from adaptivity.engine.estimation import BktParameters
from adaptivity.engine.policies import POLICIES, choose
from adaptivity.engine.responses import Pairs
from adaptivity.engine.scoring import EngineSettings, LearnerState, sub_scores
from adaptivity.engine.simulation import (
    FAMILIES,
    KCS,
    KNOWN_FROM,
    ORACLE,
    Difference,
    Family,
    Learners,
    World,
    _as_world,
    _belief,
    calibrate,
    compare_beliefs,
    recommendable,
    run,
    simulate,
    tile,
    world,
)

SIMPLE = Family("for the tests")


def course(**changes):
    """Two KCs with one item each, certain to be answered right by who knows and wrong by who does not."""
    zeros = np.zeros((2, 2))
    plain = World(
        tagged=np.eye(2, dtype=bool), guess=zeros, slip=zeros, transit=zeros, easiness=np.zeros(2), blocks=zeros,
        authored=zeros,
    )  # fmt: skip
    return replace(plain, **changes)


def learners(family, truth, count=4000, seed=1):
    return Learners(family, truth, count, np.random.default_rng(seed))


def everyone(given, item, count=4000):
    return given.work(np.arange(count), np.full(count, item))


class TestTruth:
    def test_who_knows_is_right_and_who_does_not_is_wrong(self):
        given = learners(SIMPLE, course())

        assert np.array_equal(everyone(given, 0), given.known()[:, 0])
        assert given.known().mean() == pytest.approx(simulation.PRIOR, abs=0.02)

    def test_guess_slip_and_transit(self):
        given = learners(SIMPLE, course(guess=np.full((2, 2), 0.3), slip=np.full((2, 2), 0.2), transit=np.eye(2) * 0.4))
        before = given.known().copy()

        score = everyone(given, 0)

        assert score[before[:, 0]].mean() == pytest.approx(0.8, abs=0.05)
        assert score[~before[:, 0]].mean() == pytest.approx(0.3, abs=0.03)
        after = given.known()
        assert after[~before[:, 0], 0].mean() == pytest.approx(0.4, abs=0.03)
        assert np.all(after[before[:, 0], 0])
        assert np.array_equal(after[:, 1], before[:, 1])

    def test_a_prerequisite_takes_its_share_of_learning(self):
        blocks = np.array([[0.0, 0.0], [0.75, 0.0]])
        given = learners(SIMPLE, course(transit=np.eye(2) * 0.8, blocks=blocks))
        before = given.known().copy()

        everyone(given, 1)

        new = given.known()[:, 1][~before[:, 1]]
        ready = before[:, 0][~before[:, 1]]
        assert new[~ready].mean() == pytest.approx(0.2, abs=0.03)
        assert new[ready].mean() == pytest.approx(0.8, abs=0.05)

    def test_forgetting_spares_what_is_practised(self):
        given = learners(Family("", forgetting=0.5), course())
        before = given.known().copy()

        everyone(given, 0)

        assert np.array_equal(given.known()[:, 0], before[:, 0])
        assert given.known()[:, 1][before[:, 1]].mean() == pytest.approx(0.5, abs=0.06)

    def test_growth_by_degrees(self):
        given = learners(Family("", logistic=True), course(transit=np.eye(2) * 0.5, guess=np.full((2, 2), 0.2)))
        before = given.skill.copy()

        score = everyone(given, 0)

        assert given.skill[:, 0] - before[:, 0] == pytest.approx(np.where(score > 0, 2.4, 1.6), abs=1e-9)
        assert np.array_equal(given.skill[:, 1], before[:, 1])
        assert np.array_equal(given.known(), given.skill >= KNOWN_FROM)

    def test_learners_of_different_rate(self):
        given = learners(Family("", rate_spread=0.6, ability_spread=0.5), course())

        assert np.log(given.rate).std() == pytest.approx(0.6, abs=0.03)
        assert given.ability.std() == pytest.approx(0.5, abs=0.03)

    def test_the_authors_graph(self):
        for name, family in FAMILIES.items():
            truth = world(family, np.random.default_rng(3))
            assert np.array_equal(truth.blocks, truth.authored) == (name != "wrong_graph")
            # Nothing comes before itself or after what builds on it.
            assert np.array_equal(truth.blocks, np.tril(truth.blocks, -1))


@pytest.fixture(scope="module")
def known_world():
    truth = world(FAMILIES["own_model"], np.random.default_rng(5), items_per_kc=4)
    return truth, calibrate(FAMILIES["own_model"], truth, np.random.default_rng(6))


@pytest.mark.parametrize("policy", [name for name, policy in POLICIES.items() if not policy.explores])
def test_all_learners_at_once_are_valued_as_one_by_one(known_world, policy):
    content = known_world[1].content
    random = np.random.default_rng(8)
    items, kcs = content.include_adaptive.size, content.kc_count
    mastery, last = random.random((3, kcs)), random.random((3, kcs))
    done = random.random((3, items)) < 0.3
    settings = EngineSettings()

    together = LearnerState(mastery.ravel(), done.ravel(), last.ravel())
    tiled = tile(content, 3)
    values = POLICIES[policy].value(tiled, together, settings, sub_scores(tiled, together, settings)).reshape(3, items)

    for learner in range(3):
        alone = LearnerState(mastery[learner], done[learner], last[learner])
        expected = POLICIES[policy].value(content, alone, settings, sub_scores(content, alone, settings))
        assert values[learner] == pytest.approx(expected, abs=1e-9)


def test_a_choice_for_all_is_the_choice_for_each():
    values = np.array([[0.2, 0.9, 0.5], [0.4, 0.4, 0.1]])
    done = np.array([[False, True, False], [False, False, False]])

    chosen = {tuple(simulation._choose(values, done, np.random.default_rng(seed)).tolist()) for seed in range(30)}

    assert chosen == {(2, 0), (2, 1)}
    assert choose(values[0], np.array([0, 2]), np.random.default_rng(0)).item == 2


def outcome_of(policy, known_world, **settings):
    truth, belief = known_world
    return run(
        policy,
        Learners(FAMILIES["own_model"], truth, 60, np.random.default_rng(7)),
        belief,
        settings=EngineSettings(**settings),
        after=15,
        most=truth.easiness.size if POLICIES[policy].stops else 15,
        generator=np.random.default_rng(9),
    )


@pytest.fixture(scope="module")
def long_world():
    """With as many items as it takes to learn nearly everything."""
    truth = world(FAMILIES["own_model"], np.random.default_rng(5))
    return truth, calibrate(FAMILIES["own_model"], truth, np.random.default_rng(6))


def test_a_run_counts_what_happens(known_world):
    found = outcome_of("random", known_world)

    assert found.items.tolist() == [15] * 60
    assert not found.stopped.any()
    assert np.array_equal(found.known_after, KCS - found.unknown)
    assert np.all((found.over_practice >= 0) & (found.over_practice <= 1))


def test_a_policy_stops_sooner_at_a_lower_threshold(long_world):
    early, late = (outcome_of("stop_on_mastery", long_world, mastery_threshold=each) for each in (0.1, 0.9))

    assert early.items.mean() < late.items.mean()
    assert early.unknown.mean() > late.unknown.mean()


def test_who_is_confirmed_knows_more_than_who_ran_out_of_items(long_world):
    found = outcome_of("stop_on_mastery", long_world)
    ran_out = found.stopped & ~found.confirmed

    assert found.confirmed.any()
    assert ran_out.any()
    assert not np.any(found.confirmed & ~found.stopped)
    assert found.unknown[found.confirmed].mean() < found.unknown[ran_out].mean()
    assert not outcome_of("random", long_world).confirmed.any()


def test_nothing_depends_on_the_other_policies_nor_on_the_number_of_runs():
    alone = simulate(FAMILIES["forgetting"], ["random"], seed=3, learners=2, after=5)
    among = simulate(FAMILIES["forgetting"], ["expected_gain", "random"], seed=3, learners=2, after=5)

    assert alone["random"].known == among["random"].known
    assert among["expected_gain"].against["random"].mean == pytest.approx(
        among["expected_gain"].known - among["random"].known, abs=1e-12
    )
    assert simulate(FAMILIES["forgetting"], ["random"], seed=4, learners=2, after=5) != alone


def test_the_same_policy_twice_differs_by_nothing(monkeypatch):
    """Paired: a policy that is random order under another name has the same learners, luck and draws."""
    monkeypatch.setitem(POLICIES, "again", POLICIES["random"])

    found = simulate(FAMILIES["individual_rates"], ["random", "again"], seed=1, learners=2, after=10)

    assert found["again"].against["random"] == simulation.Difference(0.0, 0.0, 0.0)
    assert found["again"].against["random"].verdict == "no difference"


@pytest.mark.parametrize("family", ["logistic_growth", "wrong_graph"])
def test_foresight_is_worth_it_and_knowing_the_truth_even_more(family):
    found = simulate(FAMILIES[family], ["random", "weights_2018", "lookahead_gain", ORACLE], seed=11, learners=40)

    against = found["lookahead_gain"].against
    assert against["random"].verdict == "better"
    assert against["weights_2018"].verdict == "better"
    assert found["random"].known < found["lookahead_gain"].known < found[ORACLE].known


def test_intervals_are_of_whole_courses_and_of_those_learners_alone_whom_a_figure_is_of():
    """Ten courses, of 4 learners each; in two of them somebody was stopped, 1 and 3 learners, at 20 and 40 %."""
    sums, counts = np.array([0.2, 1.2] + [0.0] * 8), np.array([1.0, 3.0] + [0.0] * 8)
    sample = np.random.default_rng(0).integers(0, 10, (20_000, 10))

    mean, low, high = simulation._bootstrapped(sums, counts, sample)

    # The one course, the other, or a mix; drawings of neither have no say.
    assert mean == pytest.approx(0.35)
    assert (low, high) == (pytest.approx(0.2), pytest.approx(0.4))
    assert np.isnan(simulation._bootstrapped(sums * 0, counts * 0, sample)).all()


def test_an_interval_is_as_wide_as_courses_differ():
    found = simulate(FAMILIES["own_model"], ["stop_on_mastery"], seed=5, learners=80)["stop_on_mastery"]

    assert found.intervals.keys() == {
        "known", "over_practice", "beyond_threshold", "items",
        "stopped", "unknown_at_stop", "confirmed", "unknown_confirmed",
    }  # fmt: skip
    for name, (low, high) in found.intervals.items():
        assert low <= getattr(found, name) <= high
    low, high = found.intervals["known"]
    assert low < found.known < high


def test_stopped_on_request():
    with pytest.raises(InterruptedError):
        simulate(FAMILIES["own_model"], ["random"], seed=1, learners=2, stop=lambda: True)


class TestCompareBeliefs:
    """What a version's parameters bring, where they are the truth."""

    def beliefs(self):
        course = world(FAMILIES["own_model"], np.random.default_rng(3), kcs=4, items_per_kc=6)
        pairs = Pairs.of([tuple(np.flatnonzero(row).tolist()) for row in course.tagged], 4)
        at = pairs.item, pairs.knowledge_component
        difficulty = np.full(24, 0.5)
        true = BktParameters(np.full(4, 0.3), course.guess[at], course.slip[at], course.transit[at])
        # Whoever is right has learned it, says this one: it goes on too early.
        hasty = replace(true, prior=np.full(4, 0.89), guess=np.full_like(true.guess, 0.01))
        return [_belief(course, pairs, each, difficulty) for each in (true, hasty)]

    def test_the_same_parameters_make_no_difference(self):
        true, _ = self.beliefs()
        found = compare_beliefs(true, true, learners=50, after=10, generator=np.random.default_rng(1))
        assert found.known == found.known_with_baseline
        assert found.difference == Difference(0.0, 0.0, 0.0)
        assert (found.learners, found.items, found.of_items) == (50, 10, 24)

    def test_at_most_half_of_the_items_are_done_as_else_nothing_is_chosen(self):
        """Of a collection no larger than the items that are asked for, wrong parameters make a difference, too."""
        true, hasty = self.beliefs()
        settings = EngineSettings(policy="lookahead_gain")
        found = compare_beliefs(
            true, hasty, learners=300, after=40, generator=np.random.default_rng(1), settings=settings
        )
        assert (found.items, found.of_items, found.worked, found.worked_with_baseline) == (12, 24, 12.0, 12.0)
        assert found.difference.low > 0.0

    def test_wrong_parameters_are_worse_where_the_others_are_true(self):
        true, hasty = self.beliefs()
        settings = EngineSettings(policy="lookahead_gain")
        found = compare_beliefs(
            true, hasty, learners=300, after=11, generator=np.random.default_rng(1), settings=settings
        )
        assert found.difference.mean == pytest.approx(found.known - found.known_with_baseline)
        assert found.difference.low > 0.0
        assert found.difference.high - found.difference.mean == pytest.approx(
            found.difference.mean - found.difference.low
        )

    def test_learners_know_at_the_start_what_the_prior_says(self):
        true, _ = self.beliefs()
        none = replace(true, prior=np.array([0.0, 1.0, 0.0, 1.0]))
        learners = Learners(FAMILIES["own_model"], _as_world(none.content), 5, np.random.default_rng(1), none.prior)
        assert learners.known().tolist() == [[False, True, False, True]] * 5

    def test_only_what_may_be_recommended_and_is_tagged_is_simulated(self):
        true, _ = self.beliefs()
        include = np.ones(25, dtype=bool)
        include[1] = False
        with_others = replace(true.content, include_adaptive=include)
        kept = recommendable(with_others)
        assert kept.include_adaptive.tolist() == [True] * 23
        assert np.unique(kept.tag_item).tolist() == list(range(23))
        others = true.content.tag_item != 1
        assert kept.tag_guess.tolist() == true.content.tag_guess[others].tolist()
        assert kept.tag_kc.tolist() == true.content.tag_kc[others].tolist()
