"""The evidence log and what follows from it: every kind of write, by itself, against numbers computed by hand.

With the default parameters one KC goes from 0.2 to 0.712 by a right answer and to 0.136 by a wrong one (the worked
examples of tests/unit/engine/test_tracing.py); 276.5/762.5 is right then wrong, 3106/5050 wrong then right.
"""

from datetime import timedelta

import pytest
from django.utils import timezone

from adaptivity.errors import Conflict, InvalidInput
from adaptivity.evidence.selectors.log import scores_current
from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.evidence.services.masteries import MasterySetting, masteries_set, mastery_delete
from adaptivity.evidence.services.scores import score_correct, score_create, score_delete
from adaptivity.models import Activity, HandSetMastery, Learner, Mastery, Score, ScoreRevision
from tests.support.builders import ADA, activity, done, knowledge_component, learner, masteries, minutes

pytestmark = pytest.mark.django_db

RIGHT, WRONG = 0.712, 0.136
RIGHT_RIGHT = 1900.25 / 1981.25
RIGHT_WRONG, WRONG_RIGHT = 276.5 / 762.5, 3106 / 5050
BEN = LearnerIdentity("ben")


@pytest.fixture(autouse=True)
def world():
    """Activities "a" and "b" on addition, "f" on fractions (prior 0.5), "af" on both, "plain" on nothing."""
    addition, fractions = knowledge_component("addition"), knowledge_component("fractions", prior=0.5)
    activity("a", [addition])
    activity("b", [addition])
    activity("f", [fractions])
    activity("af", [addition, fractions])
    activity("plain")


def scored(url, value, at=None, **more):
    return score_create(learner=ADA, activity=url, score=value, timestamp=None if at is None else minutes(at), **more)


def set_by_hand(kc_id, value, who=ADA):
    (mastery,) = masteries_set(settings=[MasterySetting(who, kc_id, value)])
    return mastery


def stored(kc_id="addition"):
    return Mastery.objects.get(learner=learner(), knowledge_component__kc_id=kc_id)


def close(**expected):
    return pytest.approx(expected, abs=1e-9)


class TestScores:
    def test_the_first_score_starts_from_the_prior(self):
        scored("a", 1.0)
        assert masteries() == close(addition=RIGHT)
        assert done() == {"a"}
        assert learner().last_activity.source_launch_url == "a"

    def test_every_score_counts_also_an_identical_one(self):
        scored("a", 1.0)
        scored("a", 1.0)
        assert masteries() == close(addition=RIGHT_RIGHT)
        assert Score.objects.count() == 2
        assert done() == {"a"}

    def test_an_activity_with_two_kcs_is_an_observation_of_both(self):
        # fractions: O = 1; O' = 1/9 + 10/9 * 8.5 = 86/9; p' = 86/95
        scored("af", 1.0)
        assert masteries() == close(addition=RIGHT, fractions=86 / 95)

    def test_an_activity_without_kcs_is_done_and_moves_no_mastery(self):
        scored("plain", 1.0)
        assert masteries() == {}
        assert done() == {"plain"}
        assert learner().last_activity.source_launch_url == "plain"

    def test_a_later_timestamp_is_appended(self):
        scored("a", 1.0, at=0)
        scored("b", 0.0, at=5)
        assert masteries() == close(addition=RIGHT_WRONG)
        assert learner().last_activity.source_launch_url == "b"
        assert learner().latest_timestamp == minutes(5)

    def test_an_earlier_timestamp_is_put_in_its_place(self):
        scored("a", 1.0, at=5)
        scored("b", 0.0, at=0)
        assert masteries() == close(addition=WRONG_RIGHT)
        assert done() == {"a", "b"}
        assert learner().last_activity.source_launch_url == "a"
        assert learner().latest_timestamp == minutes(5)

    def test_of_equal_timestamps_the_one_that_arrived_first_comes_first(self):
        scored("a", 1.0, at=5)
        scored("b", 0.0, at=5)
        assert masteries() == close(addition=RIGHT_WRONG)
        assert learner().last_activity.source_launch_url == "b"
        # ... also where both were late
        scored("plain", 1.0, at=9)
        score_create(learner=BEN, activity="plain", score=1.0, timestamp=minutes(9))
        for url, value in [("a", 1.0), ("b", 0.0)]:
            score_create(learner=BEN, activity=url, score=value, timestamp=minutes(5))
        assert masteries(BEN) == close(addition=RIGHT_WRONG)

    def test_without_timestamp_the_server_s_time_is_taken_and_never_before_what_is_there(self, monkeypatch):
        now = timezone.now()
        monkeypatch.setattr("django.utils.timezone.now", lambda: now)
        assert scored("a", 1.0).timestamp == now
        # The clock of another server is ten seconds behind.
        monkeypatch.setattr("django.utils.timezone.now", lambda: now - timedelta(seconds=10))
        assert scored("b", 0.0).timestamp == now
        assert masteries() == close(addition=RIGHT_WRONG)

    def test_a_time_in_the_future_and_an_unknown_activity_change_nothing(self):
        with pytest.raises(InvalidInput) as refused:
            score_create(learner=ADA, activity="a", score=1.0, timestamp=timezone.now() + timedelta(minutes=1))
        assert refused.value.field == "timestamp"
        with pytest.raises(InvalidInput) as refused:
            scored("nowhere", 1.0)
        assert refused.value.field == "activity"
        assert Learner.objects.count() == 0
        assert Score.objects.count() == 0

    def test_arrival_numbers_are_one_series_for_each_learner(self):
        first = scored("a", 1.0)
        set_by_hand("addition", 0.5)
        score_correct(score=first, value=0.0)
        other = score_create(learner=BEN, activity="a", score=1.0)
        last = scored("a", 1.0)
        arrivals = (
            first.arrival,
            HandSetMastery.objects.get().arrival,
            ScoreRevision.objects.get().arrival,
            last.arrival,
        )
        assert arrivals == (1, 2, 3, 4)
        assert other.arrival == 1
        assert learner().evidence_count == 4


class TestCorrections:
    def test_of_the_value(self):
        first = scored("a", 1.0, at=0)
        scored("b", 0.0, at=5)
        score_correct(score=first, value=0.0)
        # wrong, wrong: O = 34/216; O' = 1/9 + 10/9 * 34/216 / 6 = 0.140260631...; 1296/11664 + 340/11664 = 1636/11664
        assert masteries() == close(addition=1636 / 13300)
        first.refresh_from_db()
        assert first.score == 1.0, "the log keeps what was first reported"

    def test_of_the_activity(self):
        first = scored("a", 1.0, at=0)
        score_correct(score=first, activity="f")
        assert masteries() == close(fractions=86 / 95)
        assert done() == {"f"}
        assert learner().last_activity.source_launch_url == "f"

    def test_of_the_timestamp(self):
        first = scored("a", 1.0, at=0)
        scored("b", 0.0, at=5)
        score_correct(score=first, timestamp=minutes(9))
        assert masteries() == close(addition=WRONG_RIGHT)
        assert learner().last_activity.source_launch_url == "a"
        assert learner().latest_timestamp == minutes(9)
        # to the time of the other: arrival decides, and that stays what it was
        score_correct(score=first, timestamp=minutes(5))
        assert masteries() == close(addition=RIGHT_WRONG)
        assert learner().last_activity.source_launch_url == "b"

    def test_the_newest_of_several_holds(self):
        first = scored("a", 1.0, at=0)
        score_correct(score=first, value=0.3)
        score_correct(score=first, activity="f", value=0.0)
        score_correct(score=first, activity="b", value=1.0)
        assert masteries() == close(addition=RIGHT)
        assert done() == {"b"}
        assert ScoreRevision.objects.count() == 3

    def test_what_changes_nothing_is_not_logged(self):
        first = scored("a", 1.0, at=0)
        score_correct(score=first, value=1.0, activity="a", timestamp=minutes(0))
        assert ScoreRevision.objects.count() == 0
        assert learner().evidence_count == 1

    def test_to_an_unknown_activity_or_a_future_time_changes_nothing(self):
        first = scored("a", 1.0, at=0)
        with pytest.raises(InvalidInput) as refused:
            score_correct(score=first, activity="nowhere", value=0.0)
        assert refused.value.field == "activity"
        with pytest.raises(InvalidInput) as refused:
            score_correct(score=first, value=0.0, timestamp=timezone.now() + timedelta(minutes=1))
        assert refused.value.field == "timestamp"
        assert masteries() == close(addition=RIGHT)
        assert ScoreRevision.objects.count() == 0


class TestDeletions:
    def test_the_rest_of_the_log_counts_as_if_it_had_never_been(self):
        first = scored("a", 1.0, at=0)
        scored("b", 0.0, at=5)
        score_delete(score=first)
        assert masteries() == close(addition=WRONG)
        assert done() == {"b"}
        assert [score.pk for score in scores_current()] == [Score.objects.get(activity__source_launch_url="b").pk]
        assert Score.objects.count() == 2, "the log keeps it"

    def test_of_the_only_score_makes_the_activity_undone_and_the_mastery_row_disappear(self):
        score_delete(score=scored("a", 1.0))
        assert masteries() == {}
        assert done() == set()
        assert learner().last_activity is None
        assert learner().latest_timestamp is None

    def test_of_one_of_two_scores_leaves_the_activity_done(self):
        first = scored("a", 1.0)
        scored("a", 0.0)
        score_delete(score=first)
        assert masteries() == close(addition=WRONG)
        assert done() == {"a"}

    def test_of_the_last_score_gives_the_last_activity_back_to_the_one_before(self):
        scored("f", 1.0, at=0)
        score_delete(score=scored("a", 1.0, at=5))
        assert learner().last_activity.source_launch_url == "f"
        assert learner().latest_timestamp == minutes(0)

    def test_of_a_corrected_score(self):
        first = scored("a", 1.0, at=0)
        score_correct(score=first, activity="f")
        score_delete(score=first)
        assert masteries() == {}
        assert done() == set()

    def test_what_is_deleted_can_be_neither_deleted_nor_corrected(self):
        first = scored("a", 1.0)
        score_delete(score=first)
        with pytest.raises(Score.DoesNotExist):
            score_delete(score=first)
        with pytest.raises(Score.DoesNotExist):
            score_correct(score=first, value=0.0)
        assert ScoreRevision.objects.count() == 1

    def test_after_the_deletion_the_next_score_starts_from_the_prior(self):
        score_delete(score=scored("a", 0.0))
        scored("b", 1.0)
        assert masteries() == close(addition=RIGHT)


class TestHandSetMasteries:
    def test_the_next_score_starts_from_it(self):
        scored("a", 0.0)
        set_by_hand("addition", 0.2)
        assert masteries() == {"addition": 0.2}
        scored("a", 1.0)
        assert masteries() == close(addition=RIGHT)

    def test_it_makes_no_activity_done_and_is_no_last_activity(self):
        set_by_hand("addition", 0.7)
        assert done() == set()
        assert learner().last_activity is None

    def test_a_score_that_arrives_late_from_before_it_does_not_move_it(self):
        scored("a", 0.0, at=5)
        set_by_hand("addition", 0.65)
        scored("b", 1.0, at=0)
        assert masteries() == {"addition": 0.65}
        assert done() == {"a", "b"}

    @pytest.mark.parametrize("value", [0.0, 1.0])
    def test_zero_and_one_are_answered_as_given(self, value):
        assert set_by_hand("addition", value).value == value
        assert masteries() == {"addition": value}
        # ... also after a replay for another reason
        scored("f", 1.0, at=5)
        assert masteries()["addition"] == value

    def test_evidence_still_moves_zero_and_one(self):
        # 0 is held at 1e-10: O' = 1/9 + 10/9 * 1e-10 * 8.5 = 1/9 + 9.444e-10; p' = 0.1 + 0.81 * 9.444e-10
        # 1 is held at 1 - 1e-10: O' = 10/9 * 1e10 / 6 = 1e11/54; 1 - p' = 5.4e-10
        set_by_hand("addition", 0.0)
        set_by_hand("fractions", 1.0)
        scored("a", 1.0)
        scored("f", 0.0)
        expected = {"addition": 0.1 + 7.65e-10, "fractions": 1 - 5.4e-10}
        assert masteries() == pytest.approx(expected, abs=1e-14, rel=1e-14)

    def test_of_a_pair_that_is_repeated_the_last_holds_and_is_logged_once(self):
        answered = masteries_set(
            settings=[
                MasterySetting(ADA, "addition", 0.3),
                MasterySetting(BEN, "addition", 0.4),
                MasterySetting(ADA, "addition", 0.6),
            ]
        )
        assert [mastery.value for mastery in answered] == [0.6, 0.4, 0.6]
        assert masteries() == {"addition": 0.6}
        assert masteries(BEN) == {"addition": 0.4}
        assert HandSetMastery.objects.count() == 2

    def test_all_or_none(self):
        settings = [MasterySetting(ADA, "addition", 0.3), MasterySetting(ADA, "nowhere", 0.4)]
        with pytest.raises(InvalidInput) as refused:
            masteries_set(settings=settings)
        assert refused.value.field == "1.knowledge_component.kc_id"
        assert Learner.objects.count() == 0

    def test_nothing_to_set(self):
        assert masteries_set(settings=[]) == []

    def test_deleting_returns_to_the_prior_from_there_on(self):
        scored("a", 1.0)
        mastery_delete(mastery=stored())
        assert masteries() == {}
        assert done() == {"a"}
        scored("a", 0.0)
        assert masteries() == close(addition=WRONG)

    def test_deleting_leaves_the_other_kcs_alone(self):
        scored("af", 1.0)
        mastery_delete(mastery=stored("addition"))
        assert masteries() == close(fractions=86 / 95)

    def test_deleting_twice(self):
        set_by_hand("addition", 0.5)
        mastery = stored()
        mastery_delete(mastery=mastery)
        with pytest.raises(Mastery.DoesNotExist):
            mastery_delete(mastery=mastery)

    def test_the_deletion_holds_when_an_earlier_score_changes(self):
        first = scored("a", 1.0)
        mastery_delete(mastery=stored())
        score_correct(score=first, value=0.5)
        assert masteries() == {}


class TestEventIds:
    def test_the_same_body_again_gets_the_first_answer(self):
        first = scored("a", 1.0, at=0, event_id="e1")
        again = scored("a", 1.0, at=0, event_id="e1")
        assert again.pk == first.pk
        assert masteries() == close(addition=RIGHT)
        assert Score.objects.count() == 1
        assert learner().evidence_count == 1

    def test_also_without_timestamp(self):
        first = scored("a", 1.0, event_id="e1")
        again = scored("a", 1.0, event_id="e1")
        assert (again.pk, again.timestamp) == (first.pk, first.timestamp)

    @pytest.mark.parametrize(
        "other",
        [{"url": "b"}, {"value": 0.5}, {"at": 1}, {"at": None}],
        ids=["activity", "score", "timestamp", "no timestamp"],
    )
    def test_another_body_is_a_conflict_and_changes_nothing(self, other):
        body = {"url": "a", "value": 1.0, "at": 0}
        scored(**body, event_id="e1")
        with pytest.raises(Conflict) as refused:
            scored(**body | other, event_id="e1")
        assert (refused.value.field, refused.value.code) == ("event_id", "event_id_reused")
        assert masteries() == close(addition=RIGHT)
        assert Score.objects.count() == 1

    def test_a_timestamp_where_the_first_had_none_is_a_conflict(self):
        first = scored("a", 1.0, event_id="e1")
        with pytest.raises(Conflict):
            score_create(learner=ADA, activity="a", score=1.0, timestamp=first.timestamp, event_id="e1")

    def test_another_learner_may_use_the_same_event_id(self):
        scored("a", 1.0, event_id="e1")
        score_create(learner=BEN, activity="b", score=0.0, event_id="e1")
        assert masteries(BEN) == close(addition=WRONG)

    def test_after_a_correction_the_first_body_is_still_harmless_and_the_corrected_one_a_conflict(self):
        first = scored("a", 1.0, at=0, event_id="e1")
        score_correct(score=first, value=0.0)
        assert scored("a", 1.0, at=0, event_id="e1").pk == first.pk
        assert masteries() == close(addition=WRONG)
        with pytest.raises(Conflict):
            scored("a", 0.0, at=0, event_id="e1")

    def test_after_a_deletion_it_stays_deleted(self):
        first = scored("a", 1.0, at=0, event_id="e1")
        score_delete(score=first)
        assert scored("a", 1.0, at=0, event_id="e1").pk == first.pk
        assert masteries() == {}
        assert done() == set()
        with pytest.raises(Conflict):
            scored("b", 1.0, at=0, event_id="e1")


def test_nothing_of_the_log_is_ever_removed():
    first = scored("a", 1.0)
    score_correct(score=first, value=0.5)
    score_delete(score=first)
    set_by_hand("addition", 0.5)
    mastery_delete(mastery=stored())
    counts = (Score.objects.count(), ScoreRevision.objects.count(), HandSetMastery.objects.count())
    assert counts == (1, 2, 2)
    assert Activity.objects.count() == 5
