"""Parameters in force: what a model version estimated overrides the authors' base, on every path; and what happens to
a learner whose masteries were traced before the parameters changed.

Numbers: with the default parameters one right answer leads from 0.2 to 0.712; with the ones estimated here
(g = 0.25, s = 0.2, t = 0.5, prior 0.6) from 0.6 to 10.6/11.6, as worked out in tests/unit/engine/test_tracing.py.
"""

import math

import pytest

from adaptivity.content.selectors.parameters import current_stamp
from adaptivity.content.services.activities import activity_update
from adaptivity.content.services.knowledge_components import knowledge_component_update
from adaptivity.evidence.selectors.log import stale
from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.evidence.services.masteries import MasterySetting, masteries_set, mastery_delete
from adaptivity.evidence.services.scores import score_correct, score_create, score_delete
from adaptivity.models import Activity, EngineState, KnowledgeComponent, Learner, Mastery
from adaptivity.recommendation.selectors.grades import learner_grade
from adaptivity.recommendation.services.recommendation import activity_recommend
from tests.support import reference
from tests.support.builders import (
    ADA,
    activity,
    collection,
    knowledge_component,
    learner,
    masteries,
    minutes,
    model_version_activate,
)
from tests.support.reference import Entry, Tag

pytestmark = pytest.mark.django_db

RIGHT = 0.712
RIGHT_RIGHT = 1900.25 / 1981.25
ESTIMATED = Tag(0.25, 0.2, 0.5)
# O = 10.6; O' = 1 + 2 * 10.6 * 3.2 = 68.84
ESTIMATED_RIGHT, ESTIMATED_RIGHT_RIGHT = 10.6 / 11.6, 68.84 / 69.84
LN51 = 3.9318256327243257
# (1-g)(1-s)/(g s) = 0.75 * 0.8 / (0.25 * 0.2) = 12
LN12 = 2.4849066497880004
BEN = LearnerIdentity("ben")


@pytest.fixture
def rows():
    """The collection "course" holds "a" and "b", both tagged with addition; "elsewhere" is in another collection."""
    addition = knowledge_component("addition")
    course, other = collection("course"), collection("other")
    return {
        "addition": addition,
        "fractions": knowledge_component("fractions"),
        "a": activity("a", [addition], into=course),
        "b": activity("b", [addition], into=course),
        "elsewhere": activity("elsewhere", [addition], into=other),
    }


def activate(rows, *, urls=("a", "b", "elsewhere"), prior=0.6, name="v1"):
    items = {(rows[url], rows["addition"]): ESTIMATED for url in urls}
    return model_version_activate(name, items, {} if prior is None else {rows["addition"]: prior})


def right(url, at=None, who=ADA):
    return score_create(learner=who, activity=url, score=1.0, timestamp=None if at is None else minutes(at))


def is_stale(identity=ADA):
    return Learner.objects.filter(stale(current_stamp()), pk=learner(identity).pk).exists()


def explained(who=ADA):
    """The sub-scores of the collection's activities, by URL."""
    answer = activity_recommend(learner=who, collection_id="course")
    scores = answer.recommendation.scores
    terms = (scores.remediation, scores.continuity, scores.difficulty, scores.readiness)
    return {url: tuple(float(term[item]) for term in terms) for item, url in enumerate(answer.arrays.urls)}


def change_tags(rows):
    activity_update(activity=rows["a"], knowledge_components=[rows["addition"].pk, rows["fractions"].pk])


def change_prior(rows):
    knowledge_component_update(knowledge_component=rows["addition"], mastery_prior=0.6)


CHANGES = {
    # what changes, and what the log "a" right, "b" right leads to after it
    "tags": (change_tags, {"addition": RIGHT_RIGHT, "fractions": RIGHT}),
    # O = 1.5: 1/9 + 10/9 * 1.5 * 8.5 = 128.5/9; again: 1/9 + 10/9 * 128.5/9 * 8.5 = 10931.5/81
    "prior": (change_prior, {"addition": 10931.5 / 11012.5}),
    "model version": (activate, {"addition": ESTIMATED_RIGHT_RIGHT}),
}


TOUCHES = {
    # the write; then the scores on "b" and what the log ends with after it
    "correction": (lambda scores: score_correct(score=scores["b"], value=1.0), [1.0, 0.6], []),
    "deletion": (lambda scores: score_delete(score=scores["second b"]), [0.3], []),
    "hand-set mastery": (
        lambda scores: masteries_set(settings=[MasterySetting(ADA, "other_kc", 0.5)]),
        [0.3, 0.6],
        [Entry(set_kc="other_kc", value=0.5)],
    ),
    "mastery taken back": (
        lambda scores: mastery_delete(mastery=Mastery.objects.get(knowledge_component__kc_id="other_kc")),
        [0.3, 0.6],
        [Entry(set_kc="other_kc")],
    ),
}


@pytest.fixture(params=list(CHANGES))
def change(request):
    return CHANGES[request.param]


class TestStaleness:
    def test_a_change_makes_learners_with_evidence_stale_and_moves_nothing_yet(self, rows, change):
        right("a", at=0)
        activity_recommend(learner=BEN, collection_id="course")
        assert not is_stale()
        write, _ = change
        write(rows)
        assert is_stale()
        assert not is_stale(BEN), "without evidence there is nothing to trace"
        assert masteries() == pytest.approx({"addition": RIGHT}, abs=1e-9)

    def test_recommend_does_not_replay(self, rows, change):
        right("a", at=0)
        write, _ = change
        write(rows)
        before = list(Mastery.objects.values_list("pk", "value"))
        demand = explained()["b"][0]
        # The stored mastery 0.712 with b's parameters in force.
        relevance = LN12 if EngineState.objects.get().active_model_version else LN51
        assert demand == pytest.approx(relevance * (math.log(9) - math.log(0.712 / 0.288)), abs=1e-9)
        assert list(Mastery.objects.values_list("pk", "value")) == before
        assert is_stale()

    def test_the_next_score_brings_the_learner_up_whole(self, rows, change):
        right("a", at=0)
        write, expected = change
        write(rows)
        right("b")
        assert masteries() == pytest.approx(expected, abs=1e-9)
        assert not is_stale()

    def test_so_does_a_score_on_something_else(self, rows, change):
        activity("unrelated")
        right("a", at=0)
        right("b", at=1)
        write, expected = change
        write(rows)
        right("unrelated")
        assert masteries() == pytest.approx(expected, abs=1e-9)
        assert not is_stale()

    @pytest.mark.parametrize("name", list(TOUCHES))
    @pytest.mark.parametrize("changed", list(CHANGES))
    def test_so_do_the_other_writes_of_evidence(self, rows, changed, name):
        touch, b_score, more = TOUCHES[name]
        knowledge_component("other_kc")
        scores = {
            "a": right("a", at=0),
            "b": score_create(learner=ADA, activity="b", score=0.3, timestamp=minutes(1)),
            "second b": score_create(learner=ADA, activity="b", score=0.6, timestamp=minutes(2)),
        }
        masteries_set(settings=[MasterySetting(ADA, "other_kc", 0.4)])
        CHANGES[changed][0](rows)
        touch(scores)
        assert not is_stale()

        tag, prior = (ESTIMATED, 0.6) if changed == "model version" else (Tag(), 0.6 if changed == "prior" else 0.2)
        tags = {"a": {"addition": tag}, "b": {"addition": tag}}
        if changed == "tags":
            tags["a"]["fractions"] = Tag()
        log = [
            Entry(activity="a", score=1.0),
            *(Entry(activity="b", score=value) for value in b_score),
            Entry(set_kc="other_kc", value=0.4),
            *more,
        ]
        expected = reference.replay(log, tags, {"addition": prior, "fractions": 0.2, "other_kc": 0.2})
        assert masteries() == pytest.approx(expected, abs=1e-9)

    def test_new_content_that_has_no_evidence_makes_nobody_stale(self, rows):
        right("a")
        activity_update(activity=rows["b"], name="renamed", difficulty=0.7, include_adaptive=False)
        activity_update(activity=rows["b"], knowledge_components=[rows["addition"].pk])
        knowledge_component_update(knowledge_component=rows["addition"], name="renamed")
        assert not is_stale()

    def test_a_stale_learner_who_scores_late_is_brought_up_too(self, rows):
        right("b", at=5)
        activate(rows)
        right("a", at=0)
        assert masteries() == pytest.approx({"addition": ESTIMATED_RIGHT_RIGHT}, abs=1e-9)

    def test_a_mastery_whose_tag_is_gone_disappears_with_the_next_score(self, rows):
        right("a", at=0)
        activity_update(activity=rows["a"], knowledge_components=[])
        assert masteries() == pytest.approx({"addition": RIGHT}, abs=1e-9)
        activity("unrelated")
        right("unrelated")
        assert masteries() == {}

    def test_back_to_the_base_is_stale_again(self, rows):
        activate(rows)
        right("a", at=0)
        EngineState.objects.update(active_model_version=None)
        assert is_stale()
        right("b")
        assert masteries() == pytest.approx({"addition": RIGHT_RIGHT}, abs=1e-9)

    def test_and_back_to_the_version_it_was_traced_under_is_not(self, rows):
        version = activate(rows)
        right("a", at=0)
        EngineState.objects.update(active_model_version=None)
        EngineState.objects.update(active_model_version=version)
        assert not is_stale()


class TestOverrides:
    def test_when_a_score_is_recorded(self, rows):
        version = activate(rows)
        assert right("a").model_version_id == version.pk
        assert masteries() == pytest.approx({"addition": ESTIMATED_RIGHT}, abs=1e-9)

    def test_in_a_replay(self, rows):
        activate(rows)
        right("b", at=5)
        right("a", at=0)
        assert masteries() == pytest.approx({"addition": ESTIMATED_RIGHT_RIGHT}, abs=1e-9)

    def test_an_item_s_parameters_without_a_prior_keep_the_author_s_prior(self, rows):
        # O = 0.25; O' = 1 + 2 * 0.25 * 3.2 = 2.6
        activate(rows, prior=None)
        right("a")
        assert masteries() == pytest.approx({"addition": 2.6 / 3.6}, abs=1e-9)

    def test_a_prior_without_item_parameters_keeps_the_author_s_parameters(self, rows):
        # O = 1.5; O' = 1/9 + 10/9 * 1.5 * 8.5 = 128.5/9
        activate(rows, urls=())
        right("a")
        right("b", at=0)
        score_delete(score=learner().scores.get(activity=rows["b"]))
        assert masteries() == pytest.approx({"addition": 128.5 / 137.5}, abs=1e-9)

    def test_another_version_and_another_kc_are_not_looked_at(self, rows):
        activate(rows, name="old")
        model_version_activate("new", {(rows["a"], rows["fractions"]): ESTIMATED}, {rows["fractions"]: 0.9})
        assert explained()["a"] == pytest.approx((LN51 * math.log(36), 0.0, -LN51 * math.log(4), 0.0), abs=1e-9)
        right("a")
        assert masteries() == pytest.approx({"addition": RIGHT}, abs=1e-9)
        right("b", at=0)
        assert masteries() == pytest.approx({"addition": RIGHT_RIGHT}, abs=1e-9)

    def test_in_a_recommendation(self, rows):
        # A new learner stands at the estimated prior 0.6: L = ln 1.5; d is unknown: 0.5
        activate(rows)
        expected = (LN12 * (math.log(9) - math.log(1.5)), 0.0, -LN12 * math.log(1.5), 0.0)
        assert explained() == {"a": pytest.approx(expected, abs=1e-9), "b": pytest.approx(expected, abs=1e-9)}
        assert explained()["a"] == pytest.approx(expected, abs=1e-9), "and the same for the learner known by now"

    def test_in_a_recommendation_only_where_the_version_says_something(self, rows):
        activate(rows, urls=("a",), prior=None)
        terms = explained()
        assert terms["a"][0] == pytest.approx(LN12 * math.log(36), abs=1e-9)
        assert terms["b"][0] == pytest.approx(LN51 * math.log(36), abs=1e-9)

    def test_of_the_last_item_in_this_collection(self, rows):
        activate(rows, urls=("a",))
        right("a")
        assert explained()["b"][1] == pytest.approx(math.sqrt(LN51 * LN12), abs=1e-9)

    @pytest.mark.parametrize(("urls", "relevance"), [(("elsewhere",), LN12), ((), LN51)])
    def test_of_the_last_item_in_another_collection(self, rows, urls, relevance):
        activate(rows, urls=urls)
        right("elsewhere")
        assert explained()["b"][1] == pytest.approx(math.sqrt(LN51 * relevance), abs=1e-9)

    def test_of_the_last_item_in_another_collection_without_a_model_version(self, rows):
        right("elsewhere")
        assert explained()["b"][1] == pytest.approx(LN51, abs=1e-9)

    def test_in_the_grade(self, rows):
        activate(rows)
        right("a")
        grade = learner_grade(
            user_id=ADA.user_id, tool_consumer_instance_guid=ADA.tool_consumer_instance_guid, collection_id="course"
        )
        assert grade == 1.0
        new = learner_grade(user_id="new", tool_consumer_instance_guid="", collection_id="course")
        assert new == 0.0
        masteries_set(settings=[MasterySetting(BEN, "addition", 0.75)])
        # The half of the way from 0.6 to 0.9.
        of_ben = learner_grade(user_id="ben", tool_consumer_instance_guid="", collection_id="course")
        assert of_ben == pytest.approx(0.5, abs=1e-9)

    def test_activating_a_version_reaches_the_very_next_recommendation(self, rows):
        before = explained()["a"][0]
        activate(rows, prior=None)
        after = explained()["a"][0]
        assert (before, after) == pytest.approx((LN51 * math.log(36), LN12 * math.log(36)), abs=1e-9)
        EngineState.objects.update(active_model_version=None)
        assert explained()["a"][0] == pytest.approx(before, abs=1e-12)


def test_kcs_without_a_prior_are_traced_and_recommended_from_the_default(rows):
    """The 2018 engine failed on them."""
    assert KnowledgeComponent.objects.filter(mastery_prior=None).count() == 2
    assert explained()["a"][0] == pytest.approx(LN51 * math.log(36), abs=1e-9)
    right("a")
    assert masteries() == pytest.approx({"addition": reference.update(0.2, 1.0, 0.1, 0.15, 0.1)}, abs=1e-9)
    assert Activity.objects.count() == 3
