"""The model of success: fitted with a version's report, and asked about one learner's next answers."""

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from adaptivity.engine.prediction import FEATURES
from adaptivity.engine.responses import Responses, is_held_out
from adaptivity.errors import InvalidInput, Stopped
from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.evidence.services.masteries import MasterySetting, masteries_set
from adaptivity.evidence.services.scores import score_correct, score_create
from adaptivity.model_versions.jobs.estimate import estimate
from adaptivity.model_versions.jobs.success_model import success_model
from adaptivity.model_versions.selectors.prediction import practice, predictor_of
from adaptivity.model_versions.services.model_versions import model_version_promote, model_version_rollback
from adaptivity.model_versions.services.prediction import success_predict
from adaptivity.models import Learner, SuccessModel
from tests.support.builders import ADA, activity, knowledge_component, model_version_activate
from tests.support.reference import Tag
from tests.support.simulated_learners import simulated_evidence

pytestmark = pytest.mark.django_db

EASY = [Tag(0.45, 0.02, 0.3), Tag(0.4, 0.05, 0.3)]
HARD = [Tag(0.05, 0.35, 0.03), Tag(0.08, 0.3, 0.03)]


@pytest.fixture
def version():
    """Estimated from 80 learners on an easy and a hard KC, and in force."""
    for name, truth, prior in (("easy", EASY, 0.5), ("hard", HARD, 0.1)):
        simulated_evidence(name, truth, prior=prior, learners=80, responses=5, seed=len(name))
    found = estimate(name="v1")
    return model_version_promote(name="v1", by="test", force=True, reason="a small log") and found


def practised(*scores):
    for number, (url, score) in enumerate(scores):
        score_create(learner=ADA, activity=url, score=score, event_id=str(number))


class TestFitting:
    def test_it_is_fitted_to_learners_that_are_not_held_out_and_judged_by_those_that_are(self, version):
        held = sum(is_held_out(name) for name in Learner.objects.values_list("user_id", flat=True))

        report = version.report["success"]

        assert report["fitted_to"] == 10 * (80 - held) == version.success_model.responses
        assert report["held_out"]["responses"] == 10 * held
        assert report["held_out"]["auc"] > 0.7
        assert report == version.success_model.report

    def test_it_is_fitted_once(self, version):
        data = bytes(version.success_model.data)

        model_version_promote(name=estimate(name="v2").name, by="test", force=True, reason="to compare with it")
        again = estimate(name="v1")

        assert bytes(again.success_model.data) == data
        assert (version.report["baseline"]["name"], again.report["baseline"]["name"]) == (None, "v2")
        assert again.report["success"] == version.report["success"]

    def test_a_version_in_force_keeps_the_report_that_it_was_promoted_on(self, version):
        assert estimate(name="v1").report == version.report

    def test_no_more_learners_than_the_setting_lets(self, version, settings):
        settings.SUCCESS_MODEL_RESPONSES = 95

        some = practice(held_out=False, most=settings.SUCCESS_MODEL_RESPONSES)
        again = practice(held_out=False, most=settings.SUCCESS_MODEL_RESPONSES)

        assert (some.responses.learners, some.responses.item.size) == (10, 100)
        assert np.array_equal(some.responses.score, again.responses.score)

    def test_learners_with_a_mastery_set_by_hand_are_left_out(self, version):
        before = practice(held_out=False, most=10_000).responses.learners
        name = next(n for n in Learner.objects.values_list("user_id", flat=True) if not is_held_out(n))
        masteries_set(settings=[MasterySetting(LearnerIdentity(name, ""), "easy", 0.9)])

        assert practice(held_out=False, most=10_000).responses.learners == before - 1

    def test_stopped_it_leaves_nothing_behind(self, version):
        SuccessModel.objects.all().delete()
        asked = iter([False, False, True])

        with pytest.raises(Stopped):
            success_model(version, stop=lambda: next(asked))

        assert not SuccessModel.objects.exists()

    def test_without_scores_there_is_nothing_to_fit(self):
        version = model_version_activate("empty")

        assert success_model(version) is None
        assert predictor_of(version.pk) == ("empty", None)


class TestPrediction:
    def test_it_is_what_the_model_says_of_the_whole_history(self, version):
        practised(("easy/0", 1.0), ("hard/1", 0.5), ("easy/1", 0.0), ("hard/0", 1.0))

        found = success_predict(learner=ADA, activities=["hard/1", "easy/0"])

        _, predictor = predictor_of(version.pk)
        item = {url: np.searchsorted(predictor.activity, pk) for url, pk in activities()}
        for number, url in enumerate(["hard/1", "easy/0"]):
            history = [item[each] for each in ("easy/0", "hard/1", "easy/1", "hard/0", url)]
            whole = Responses(
                np.zeros(5, np.int64), np.array(history), np.array([1.0, 0.5, 0.0, 1.0, 0.0]), predictor.pairs, 1
            )
            assert found.probability[number] == pytest.approx(predictor.model.predict(whole)[-1], abs=1e-9)
        assert found.model_version == "v1"

    def test_its_log_odds_are_the_sum_of_its_terms(self, version):
        practised(("easy/0", 1.0))

        found = success_predict(learner=ADA, activities=["hard/0", "easy/1"])

        explanation = found.explanation(1)
        assert tuple(explanation) == FEATURES
        assert np.log(found.probability[1] / (1 - found.probability[1])) == pytest.approx(sum(explanation.values()))

    def test_a_success_raises_it_and_a_correction_takes_that_back(self, version):
        [before] = success_predict(learner=ADA, activities=["easy/1"]).probability
        [score] = [score_create(learner=ADA, activity="easy/0", score=1.0)]
        [success] = success_predict(learner=ADA, activities=["easy/1"]).probability
        score_correct(score=score, value=0.0)
        [failure] = success_predict(learner=ADA, activities=["easy/1"]).probability

        assert failure < before < success

    def test_a_mastery_set_by_hand_counts_from_then_on(self, version):
        practised(("hard/0", 0.0))
        low = success_predict(learner=ADA, activities=["hard/1", "easy/0"]).probability
        masteries_set(settings=[MasterySetting(ADA, "hard", 0.99)])
        high = success_predict(learner=ADA, activities=["hard/1", "easy/0"]).probability
        practised(*[("hard/0", 0.0)] * 1)
        masteries_set(settings=[MasterySetting(ADA, "hard", 0.01)])
        again = success_predict(learner=ADA, activities=["hard/1"]).probability

        assert high[0] > low[0]
        assert high[1] == low[1]
        assert again[0] < high[0]

    def test_an_activity_and_a_kc_that_are_new_have_a_probability(self, version):
        new = knowledge_component("new")
        activity("new/0", [new])
        activity("new/1")

        found = success_predict(learner=ADA, activities=["new/0", "new/1"]).probability

        assert np.all((found > 0.2) & (found < 0.8))

    def test_after_a_rollback_it_is_bit_for_bit_what_it_was(self, version):
        practised(("easy/0", 1.0), ("hard/0", 0.0))
        before = success_predict(learner=ADA, activities=["easy/1", "hard/1"])
        estimate(name="v2", method="empirical")
        model_version_promote(name="v2", by="test", force=True, reason="to see it change")
        changed = success_predict(learner=ADA, activities=["easy/1", "hard/1"])
        model_version_rollback(by="test")

        after = success_predict(learner=ADA, activities=["easy/1", "hard/1"])

        assert (before.model_version, changed.model_version, after.model_version) == ("v1", "v2", "v1")
        assert np.array_equal(after.terms, before.terms)

    def test_without_a_model_it_is_what_tracing_says(self):
        kcs = {knowledge_component("a", 0.4): Tag(0.2, 0.1, 0.1), knowledge_component("b", 0.6): Tag(0.3, 0.05, 0.2)}
        activity("both", kcs)
        activity("none")

        found = success_predict(learner=ADA, activities=["both", "none", "both"])

        expected = (0.4 * 0.9 + 0.6 * 0.2 + 0.6 * 0.95 + 0.4 * 0.3) / 2
        assert found.probability == pytest.approx([expected, 0.5, expected])
        assert (found.terms, found.model_version) == (None, None)
        masteries_set(settings=[MasterySetting(ADA, "a", 1.0)])
        known = success_predict(learner=ADA, activities=["both"]).probability
        assert known == pytest.approx([(0.9 + 0.6 * 0.95 + 0.4 * 0.3) / 2])

    def test_an_unknown_activity_is_named_by_its_place(self, version):
        with pytest.raises(InvalidInput) as error:
            success_predict(learner=ADA, activities=["easy/0", "nowhere"])

        assert error.value.field == "activities.1"

    def test_the_number_of_queries_does_not_depend_on_what_is_asked_nor_done(self, version):
        success_predict(learner=ADA, activities=["easy/0"])
        with CaptureQueriesContext(
            connection,
        ) as few:
            success_predict(learner=ADA, activities=["easy/0"])
        practised(*[("easy/0", 1.0), ("easy/1", 0.0), ("hard/0", 1.0)] * 5)
        with CaptureQueriesContext(connection) as many:
            success_predict(learner=ADA, activities=["easy/0", "easy/1", "hard/0", "hard/1"])

        assert len(few) == 6
        assert len(many) == 9


def activities():
    from adaptivity.models import Activity

    return Activity.objects.values_list("source_launch_url", "id")
