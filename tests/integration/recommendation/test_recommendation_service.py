"""The recommendation over stored rows: the same numbers as the reference's, and what counts as done."""

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adaptivity.content.selectors.arrays import cache_clear
from adaptivity.engine.recommendation import Outcome
from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.evidence.services.masteries import MasterySetting, masteries_set
from adaptivity.evidence.services.scores import score_create, score_delete
from adaptivity.models import Collection, Learner, PrerequisiteKnowledgeComponent
from adaptivity.recommendation.services.recommendation import SequenceItem, activity_recommend, sentence
from tests.support import reference
from tests.support.builders import ADA, activity, collection, knowledge_component
from tests.support.reference import CLOSE, Item, Situation
from tests.support.rows import rolled_back
from tests.support.strategies import probabilities, situations, tame_guess_and_slip

pytestmark = pytest.mark.django_db

LN51 = 3.9318256327243257


def recommend(sequence=(), who=ADA, collection_id="course"):
    return activity_recommend(learner=who, collection_id=collection_id, sequence=sequence)


def candidates(answer):
    return {answer.arrays.urls[item] for item in answer.recommendation.candidates}


class TestNumbers:
    @settings(
        max_examples=40,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(situations(min_items=1, parameters=tame_guess_and_slip), st.booleans())
    def test_stored_rows_lead_to_the_reference_s_numbers(self, situation, stop_on_mastery):
        with rolled_back():
            cache_clear()
            course = collection("course", stop_on_mastery=stop_on_mastery)
            kcs = [knowledge_component(f"k{number}") for number in range(len(situation.mastery))]
            items = []
            for number, item in enumerate(situation.items):
                items.append(
                    activity(
                        f"a{number}",
                        {kcs[kc]: tag for kc, tag in item.tags.items()},
                        into=course,
                        difficulty=item.difficulty,
                        include_adaptive=item.include_adaptive,
                        after=[items[prerequisite] for prerequisite in sorted(item.prerequisites)],
                    )
                )
            for (dependent, prerequisite), strength in situation.edges.items():
                PrerequisiteKnowledgeComponent.objects.create(
                    knowledge_component=kcs[dependent], prerequisite=kcs[prerequisite], value=strength
                )
            if situation.last is not None:
                activity("last", {kcs[kc]: tag for kc, tag in situation.last.tags.items()})
            done = [f"a{number}" for number in sorted(situation.done)]
            for url in [*done, *(["last"] if situation.last else [])]:
                score_create(learner=ADA, activity=url, score=0.5)
            masteries_set(settings=[MasterySetting(ADA, f"k{number}", p) for number, p in enumerate(situation.mastery)])
            if situation.last is None and done:
                situation = reference_last(situation, max(situation.done))

            situation = Situation(**{**vars(situation), "weights": (2.0, 1.0, 0.5, 2.0), "forgiveness": 0.0})
            answer = recommend()
            scores = answer.recommendation.scores
            for number in range(len(items)):
                terms = (scores.remediation, scores.continuity, scores.difficulty, scores.readiness)
                computed = [float(term[number]) for term in terms]
                assert computed == pytest.approx(list(reference.sub_scores(situation, number)), **CLOSE)
            outcome, best = reference.recommend(situation, stop_on_mastery=stop_on_mastery)
            assert answer.recommendation.outcome == outcome
            assert answer.recommendation.candidates.tolist() == reference.candidates(situation)
            assert answer.url is None or answer.recommendation.item in best or near(situation, answer, best)

    @pytest.mark.parametrize(
        ("difficulty", "log_odds"), [(None, 0.0), (0.0, -math.log(99)), (1.0, math.log(99)), (0.8, math.log(4))]
    )
    def test_difficulty_is_held_inside_its_bounds_and_unknown_is_half(self, difficulty, log_odds):
        activity("a", [knowledge_component("k", prior=0.5)], into=collection(), difficulty=difficulty)
        scores = recommend().recommendation.scores
        assert scores.difficulty.tolist() == pytest.approx([-LN51 * abs(log_odds)], abs=1e-9)

    @given(probabilities())
    @settings(
        max_examples=20,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    def test_a_mastery_at_an_end_is_no_nan(self, p):
        with rolled_back():
            cache_clear()
            activity("a", [knowledge_component("k")], into=collection())
            masteries_set(settings=[MasterySetting(ADA, "k", p)])
            assert math.isfinite(recommend().recommendation.scores.total[0])


def reference_last(situation, number):
    """The situation with the item of this number as the last one."""
    return Situation(**{**vars(situation), "last": Item(situation.items[number].tags)})


def near(situation, answer, best):
    """Whether the chosen item's total is the best one's but for rounding."""
    greatest = max(reference.total(situation, number) for number in best)
    return reference.total(situation, answer.recommendation.item) == pytest.approx(greatest, **CLOSE)


class TestDone:
    @pytest.fixture(autouse=True)
    def _course(self):
        addition = knowledge_component("addition")
        course, other = collection("course"), collection("other")
        for url in "abc":
            activity(url, [addition], into=course)
        shared = activity("shared", [addition], into=course)
        other.memberships.create(activity=shared)
        activity("outside", [addition], into=other)

    def test_scored_in_any_collection_until_the_score_is_deleted(self):
        recorded = score_create(learner=ADA, activity="shared", score=0.0)
        assert candidates(recommend()) == {"a", "b", "c"}
        assert candidates(recommend(collection_id="other")) == {"outside"}
        score_delete(score=recorded)
        assert candidates(recommend()) == {"a", "b", "c", "shared"}

    def test_given_in_the_sequence_scored_or_not_and_only_for_this_request(self):
        sequence = [SequenceItem("a"), SequenceItem("b", is_problem=False), SequenceItem("nowhere")]
        assert candidates(recommend(sequence)) == {"c", "shared"}
        assert candidates(recommend()) == {"a", "b", "c", "shared"}
        assert Learner.objects.get().evidence_count == 0

    def test_everything_done_is_complete(self):
        answer = recommend([SequenceItem(url) for url in ("a", "b", "c", "shared")])
        assert (answer.url, answer.recommendation.outcome) == (None, Outcome.EXHAUSTED)

    def test_of_another_learner_it_says_nothing(self):
        score_create(learner=LearnerIdentity("ada", "another campus"), activity="a", score=1.0)
        assert candidates(recommend()) == {"a", "b", "c", "shared"}

    @pytest.mark.parametrize(
        ("scored", "sequence", "complete"),
        [
            (["a"], [], False),
            (["a", "a", "a"], [], False),
            (["a", "b"], [], True),
            (["a", "outside"], [], False),
            (["a"], [SequenceItem("b")], True),
            (["a"], [SequenceItem("b", is_problem=True)], True),
            (["a"], [SequenceItem("b", is_problem=False)], False),
            (["a"], [SequenceItem("a")], False),
            (["a"], [SequenceItem("nowhere"), SequenceItem("outside")], False),
            ([], [SequenceItem("b"), SequenceItem("b")], False),
        ],
    )
    def test_max_problems_counts_distinct_activities_of_the_collection(self, scored, sequence, complete):
        Collection.objects.filter(collection_id="course").update(max_problems=2)
        for url in scored:
            score_create(learner=ADA, activity=url, score=1.0)
        answer = recommend(sequence)
        assert (answer.url is None) is complete
        assert answer.recommendation.outcome == (Outcome.MAX_PROBLEMS if complete else Outcome.RECOMMENDED)

    @pytest.mark.parametrize("scores", [0, 40])
    @pytest.mark.parametrize("elsewhere", [0, 40])
    def test_whether_read_or_looked_up_the_same_is_done(self, scores, elsewhere):
        """A learner with far more scores than the collection has activities is asked for differently."""
        for number in range(elsewhere):
            activity(f"elsewhere {number}")
            score_create(learner=ADA, activity=f"elsewhere {number}", score=1.0)
        for _ in range(scores):
            score_create(learner=ADA, activity="a", score=1.0)
        assert candidates(recommend()) == {"b", "c", "shared"} | (set() if scores else {"a"})


class TestTies:
    @pytest.fixture(autouse=True)
    def _equal(self):
        course, addition = collection("course"), knowledge_component("addition")
        for number in range(8):
            activity(f"a{number}", [addition], into=course)

    def test_the_same_state_gives_the_same_answer(self):
        assert len({recommend().url for _ in range(5)}) == 1
        cache_clear()
        assert recommend().url == recommend().url

    def test_it_differs_among_learners(self):
        assert len({recommend(who=LearnerIdentity(f"learner {number}")).url for number in range(40)}) == 8

    def test_and_with_the_length_of_history(self):
        drawn = set()
        for _ in range(12):
            drawn.add(recommend().url)
            masteries_set(settings=[MasterySetting(ADA, "addition", 0.5)])
        assert len(drawn) > 1

    def test_the_sentence_says_that_it_was_drawn(self):
        answer = recommend()
        assert sentence(answer) == f"{answer.url} was drawn from 8 candidates that are equally good."
