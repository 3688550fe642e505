"""Receipts: handed over and written, replayed bit for bit whatever changed since, purged, and estimated from."""

import json
from dataclasses import fields
from datetime import timedelta
from importlib import import_module

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from adaptivity.content.selectors.arrays import cache_clear
from adaptivity.content.services.activities import activity_update
from adaptivity.content.services.collections import collection_activities_replace
from adaptivity.engine.receipts import pack, state_pack, state_unpack
from adaptivity.errors import InvalidInput, Stopped
from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.evidence.services.scores import score_create
from adaptivity.models import (
    Activity,
    ContentSnapshot,
    DecisionReceipt,
    Experiment,
    ExperimentalGroup,
    KnowledgeComponent,
    Learner,
    Score,
)
from adaptivity.recommendation.jobs.off_policy import off_policy
from adaptivity.recommendation.jobs.purge_receipts import purge_receipts
from adaptivity.recommendation.jobs.replay import replay_recommendations
from adaptivity.recommendation.services import receipts as module
from adaptivity.recommendation.services.experiments import experiment_start
from adaptivity.recommendation.services.receipts import Recorder, receipt_enqueue, receipts_write
from adaptivity.recommendation.services.recommendation import SequenceItem, activity_recommend
from tests.support.builders import ADA, activity, collection, knowledge_component, model_version_activate
from tests.support.reference import Tag

pytestmark = pytest.mark.django_db

BEN = LearnerIdentity("ben")


@pytest.fixture
def course():
    held = collection("course", max_problems=4)
    kcs = [knowledge_component(name) for name in ("one", "two")]
    for number in range(6):
        activity(str(number), [kcs[number % 2]], into=held, difficulty=0.3)
    return held


def recommended(learner=ADA, **more):
    return activity_recommend(learner=learner, collection_id="course", **more)


def recorded(*found):
    now = timezone.now()
    receipts_write([(now, each) for each in found])
    return list(DecisionReceipt.objects.order_by("id"))


def run(course, **settings):
    experiment = Experiment.objects.create(name="experiment", collection=course)
    group = ExperimentalGroup.objects.create(experiment=experiment, name="group", **settings)
    experiment_start(experiment=experiment)
    return group


class TestWritten:
    def test_what_a_receipt_holds(self, course):
        item, kc = Activity.objects.get(source_launch_url="0"), KnowledgeComponent.objects.get(kc_id="one")
        version = model_version_activate("v1", {(item, kc): Tag(0.2, 0.2, 0.2)}, {kc: 0.3})
        group = run(course, policy="random", mastery_threshold=0.8)
        score_create(learner=ADA, activity="0", score=1.0)

        found = recommended(sequence=[SequenceItem("1", is_problem=False)])
        (receipt,) = recorded(found)

        learner = Learner.objects.get()
        assert (receipt.learner, receipt.collection, receipt.model_version, receipt.group) == (
            learner, course, version, group,
        )  # fmt: skip
        assert (receipt.policy, receipt.settings["mastery_threshold"], receipt.outcome) == (
            "random", 0.8, "recommended",
        )  # fmt: skip
        assert receipt.activity == Activity.objects.get(source_launch_url=found.url).pk
        assert (receipt.propensity, receipt.candidate_count) == (0.25, 4)
        assert (receipt.counted, receipt.max_problems, receipt.stop_on_mastery, receipt.history) == (1, 4, False, 1)
        assert {entry["activity"] for entry in receipt.candidates} == set(
            Activity.objects.filter(source_launch_url__in=["2", "3", "4", "5"]).values_list("pk", flat=True)
        )
        scores, at = found.recommendation.scores, found.recommendation.item
        (chosen,) = [entry for entry in receipt.candidates if entry["activity"] == receipt.activity]
        assert chosen == {
            "activity": receipt.activity,
            "remediation": scores.remediation[at],
            "continuity": scores.continuity[at],
            "difficulty": scores.difficulty[at],
            "readiness": scores.readiness[at],
            "total": scores.total[at],
            "propensity": 0.25,
        }

    def test_of_a_new_learner_and_of_a_complete_collection(self, course):
        new = recommended(BEN)
        complete = recommended(BEN, sequence=[SequenceItem(str(number)) for number in range(4)])

        first, second = recorded(new, complete)

        assert first.learner == second.learner == Learner.objects.get(user_id="ben")
        assert (second.outcome, second.activity, second.propensity) == ("max_problems", None, None)
        assert replay_recommendations().different == ()

    def test_content_is_kept_once(self, course):
        recorded(recommended(), recommended(BEN))
        cache_clear()
        recorded(recommended())
        assert ContentSnapshot.objects.count() == 1
        activity_update(activity=Activity.objects.first(), difficulty=0.9)
        recorded(recommended())
        assert ContentSnapshot.objects.count() == 2

    def test_content_that_was_purged_meanwhile_is_kept_again(self, course):
        found = recommended()
        recorded(found)
        DecisionReceipt.objects.all().delete()
        ContentSnapshot.objects.all().delete()
        (receipt,) = recorded(found)
        assert receipt.snapshot == ContentSnapshot.objects.get()
        assert replay_recommendations().different == ()

    def test_more_than_a_statement_takes(self, course):
        receipts = recorded(*[recommended()] * (2 * module.ROWS_OF_A_STATEMENT + 1))
        assert len(receipts) == 2 * module.ROWS_OF_A_STATEMENT + 1
        assert {receipt.digest for receipt in receipts} == {receipts[0].digest}

    def test_the_best_candidates_are_named(self, course):
        for number in range(6, 20):
            activity(str(number), [KnowledgeComponent.objects.get(kc_id="one")], into=course, difficulty=0.3)
        (receipt,) = recorded(recommended())
        assert (receipt.candidate_count, len(receipt.candidates)) == (20, module.BEST)

    def test_those_of_the_former_form_are_converted(self, course):
        score_create(learner=ADA, activity="0", score=1.0)
        (receipt,) = recorded(recommended())
        migration = import_module("adaptivity.migrations.0011_compact_receipts")
        state = state_unpack(bytes(receipt.state))
        former = pack({field.name: getattr(state, field.name) for field in fields(state)})

        assert migration.state_as_bytes(former) == state_pack(state) == bytes(receipt.state)
        again = migration.state_as_bytes(migration.state_as_archive(bytes(receipt.state)))
        assert again == bytes(receipt.state)
        assert migration.candidates_as_bytes(receipt.candidates) == bytes(receipt.best)
        assert migration.candidates_as_objects(bytes(receipt.best)) == receipt.candidates

    def test_of_a_learner_or_collection_that_is_gone_there_is_none(self, course):
        of_ada, of_ben = recommended(), recommended(BEN)
        known = recommended(BEN)
        Learner.objects.filter(user_id="ada").delete()
        assert [receipt.learner.user_id for receipt in recorded(of_ada, of_ben, known)] == ["ben", "ben"]
        DecisionReceipt.objects.all().delete()
        course.delete()
        assert recorded(known) == []


class TestReplayed:
    def test_bit_for_bit_whatever_has_changed_since(self, course):
        group = run(course, policy="guarded_exploration", readiness_weight=3.0)
        found = [recommended()]
        for number in range(3):
            score_create(learner=ADA, activity=str(number), score=0.3)
            found.append(recommended())
        recorded(*found)

        collection_activities_replace(collection_id="course", activities=[{"source_launch_url": "5"}])
        score_create(learner=ADA, activity="5", score=1.0)
        item, kc = Activity.objects.get(source_launch_url="5"), KnowledgeComponent.objects.get(kc_id="two")
        model_version_activate("v1", {(item, kc): Tag(0.2, 0.2, 0.2)})
        Experiment.objects.all().delete()

        replayed = replay_recommendations()
        assert (replayed.replayed, replayed.different, replayed.unreadable) == (4, (), ())
        assert group.name == "group"
        assert set(DecisionReceipt.objects.values_list("group", flat=True)) == {None}

    def test_what_was_changed_is_found(self, course, capsys):
        first, second, third = recorded(recommended(), recommended(BEN), recommended())
        DecisionReceipt.objects.filter(pk=first.pk).update(history=5, settings=first.settings | {"forgiveness": 1.0})
        DecisionReceipt.objects.filter(pk=second.pk).update(counted=4)
        DecisionReceipt.objects.filter(pk=third.pk).update(state=b"nothing")

        found = replay_recommendations()
        assert second.pk in found.different
        assert found.unreadable == (third.pk,)
        with pytest.raises(CommandError, match=r"3 recommendations replayed, . different, 1 not readable") as error:
            call_command("replay_recommendations")
        assert error.value.returncode == 1
        assert f"receipt {third.pk}: not readable by this version" in capsys.readouterr().err

    def test_what_another_version_of_the_software_answered_otherwise_is_told_apart(self, course, capsys, settings):
        settings.APP_COMMIT = "new"
        same, old, older = recorded(recommended(), recommended(), recommended(BEN))
        DecisionReceipt.objects.filter(pk__in=[old.pk, older.pk]).update(digest="0" * 32)
        DecisionReceipt.objects.filter(pk=old.pk).update(commit="old")
        DecisionReceipt.objects.filter(pk=older.pk).update(commit="")

        found = replay_recommendations()
        assert (found.different, found.of_other_software) == ((), {old.pk: "old", older.pk: ""})
        said = r"3 recommendations replayed, 0 different, 2 by another version of the software different, 0 not read"
        with pytest.raises(CommandError, match=said) as error:
            call_command("replay_recommendations")
        assert error.value.returncode == 1
        made_by = "different recommendation; made by another version of the software"
        assert capsys.readouterr().err.splitlines() == [
            f"receipt {old.pk}: {made_by}, old",
            f"receipt {older.pk}: {made_by}, without a commit",
        ]

        DecisionReceipt.objects.filter(pk=same.pk).update(digest="0" * 32)
        assert replay_recommendations().different == (same.pk,)

    def test_since_and_stopped(self, course):
        recorded(recommended())
        assert replay_recommendations(since=timezone.now() + timedelta(hours=1)).replayed == 0
        with pytest.raises(Stopped):
            replay_recommendations(stop=lambda: True)
        call_command("replay_recommendations", "--days", "1")


class TestPurged:
    def test_the_old_ones_and_their_content(self, course, settings, monkeypatch):
        monkeypatch.setattr("adaptivity.recommendation.jobs.purge_receipts.PURGE_BATCH", 2)
        settings.RECEIPTS_KEEP_DAYS = 30
        old = recorded(recommended(), recommended(), recommended(), recommended(), recommended())
        ages = DecisionReceipt.objects.filter(pk__in=[receipt.pk for receipt in old])
        ages.update(at=timezone.now() - timedelta(days=31))
        ContentSnapshot.objects.update(created_at=timezone.now() - timedelta(days=31))
        activity_update(activity=Activity.objects.first(), difficulty=0.9)
        new = recorded(recommended())[-1]

        with pytest.raises(Stopped, match="2 of 5 receipts were deleted"):
            purge_receipts(days=30, stop=lambda: True)
        call_command("purge_receipts")

        assert list(DecisionReceipt.objects.all()) == [new]
        assert list(ContentSnapshot.objects.all()) == [new.snapshot]

    def test_bad_days(self):
        with pytest.raises(CommandError, match="days: must be from 0 to 36500") as error:
            call_command("purge_receipts", "--days", "-1")
        assert error.value.returncode == 2


class TestOffPolicy:
    def logged(self, course, learners=40):
        """A random policy's decisions of yesterday; every second recommended activity was then done, and right."""
        run(course, policy="random")
        for number in range(learners):
            found = recommended(LearnerIdentity(f"learner {number}"))
            recorded(found)
            if number % 2:
                score_create(learner=LearnerIdentity(f"learner {number}"), activity=found.url, score=1.0)
        DecisionReceipt.objects.update(at=timezone.now() - timedelta(hours=48))
        Score.objects.update(timestamp=timezone.now() - timedelta(hours=47))

    def test_estimates(self, course):
        self.logged(course)

        same = off_policy(collection_id="course", policy="random")
        other = off_policy(collection_id="course", policy="design")

        assert (same["decisions"], same["agreeing"], same["logged_reward"]) == (40, 40, 0.5)
        for name in ("inverse_propensity", "self_normalised", "doubly_robust"):
            assert same["estimates"][name]["value"] == pytest.approx(0.5)
        # Of six items that are equally good for a new learner the design policy might choose each: the same value.
        assert other["agreeing"] == 40
        assert other["estimates"]["inverse_propensity"]["value"] == pytest.approx(0.5)
        # The logged policy draws from all six, so that the weights are 1 in the mean.
        assert same["mean_weight"] == pytest.approx(1.0)
        assert same["estimates"]["self_normalised"]["standard_error"] > 0.0
        stop = off_policy(collection_id="course", policy="random", hours=47.9)
        assert stop["decisions"] == 40
        assert off_policy(collection_id="course", policy="random", hours=0.5)["logged_reward"] == 0.0
        waiting = off_policy(collection_id="course", policy="random", hours=49)
        assert (waiting["decisions"], waiting["pending"], waiting["estimates"]) == (0, 40, {})

    def test_whoever_asks_again_before_a_score_has_made_one_decision(self, course, capsys):
        """Learners who succeed are asked for three times: three receipts would make 0.75 of a mean reward of 0.5."""
        self.logged(course)
        once = off_policy(collection_id="course", policy="random")
        for receipt in DecisionReceipt.objects.filter(activity__isnull=False):
            if Score.objects.filter(learner=receipt.learner_id).exists():
                for _ in range(2):
                    receipt.pk = None
                    receipt.save()

        thrice = off_policy(collection_id="course", policy="random")

        assert (once["repeated"], thrice["repeated"]) == (0, 40)
        assert thrice == once | {"repeated": 40}
        call_command("off_policy", "course", "random")
        assert "40 more receipts repeat one of these decisions or of those waiting" in capsys.readouterr().out

    def test_the_last_of_receipts_of_one_decision_counts_and_another_activity_or_history_is_another_one(self, course):
        run(course, policy="random")
        found = recommended()
        recorded(found, found, recommended(sequence=[SequenceItem(found.url)]))
        score_create(learner=ADA, activity=found.url, score=1.0)
        recorded(recommended())
        first, again, *_ = DecisionReceipt.objects.order_by("id")
        DecisionReceipt.objects.update(at=timezone.now() - timedelta(hours=48))
        # The score came after the first, and before it was asked for again.
        Score.objects.update(timestamp=timezone.now() - timedelta(hours=47))
        DecisionReceipt.objects.filter(pk=again.pk).update(at=timezone.now() - timedelta(hours=46))

        report = off_policy(collection_id="course", policy="random")

        assert (report["decisions"], report["repeated"], report["logged_reward"]) == (3, 1, 0.0)
        DecisionReceipt.objects.filter(pk=again.pk).update(at=timezone.now() - timedelta(hours=1))
        waiting = off_policy(collection_id="course", policy="random")
        assert (waiting["decisions"], waiting["pending"], waiting["repeated"]) == (2, 1, 1)
        assert first.activity == again.activity

    def test_a_policy_that_prefers(self, course):
        self.logged(course, learners=30)
        best = Activity.objects.get(source_launch_url="0")
        # Snapshots have the tags as they were: make one item teach more than the others before anything is logged.
        DecisionReceipt.objects.all().delete()
        best.tagged.update(transit=0.9)
        cache_clear()
        rewarded = 0
        for number in range(30):
            who = LearnerIdentity(f"again {number}")
            found = recommended(who)
            recorded(found)
            if found.url == "0":
                rewarded += 1
                score_create(learner=who, activity="0", score=1.0)
        DecisionReceipt.objects.update(at=timezone.now() - timedelta(hours=48))
        Score.objects.update(timestamp=timezone.now() - timedelta(hours=47))

        found = off_policy(collection_id="course", policy="expected_gain")

        assert 10 > found["agreeing"] == rewarded > 0
        # That few decisions agree says nothing of how sure it is.
        assert found["estimates"]["self_normalised"]["standard_error"] is None
        assert found["mean_weight"] == pytest.approx(6 * rewarded / 30)
        assert found["logged_reward"] == pytest.approx(rewarded / 30)
        assert found["estimates"]["self_normalised"]["value"] == pytest.approx(1.0)
        assert found["estimates"]["inverse_propensity"]["value"] == pytest.approx(6 * rewarded / 30)

    def test_the_command_and_bad_input(self, course, capsys):
        self.logged(course, learners=4)
        call_command("off_policy", "course", "random", "--json")
        assert json.loads(capsys.readouterr().out.splitlines()[-1])["decisions"] == 4
        call_command("off_policy", "course", "random")
        assert "doubly_robust" in capsys.readouterr().out
        with pytest.raises(CommandError) as error:
            call_command("off_policy", "nowhere", "random")
        assert error.value.returncode == 2
        with pytest.raises(InvalidInput):
            off_policy(collection_id="course", policy="random", hours=-1.0)
        with pytest.raises(InvalidInput):
            off_policy(collection_id="course", policy="magic")


class TestHandedOver:
    @pytest.fixture
    def handed(self, monkeypatch):
        found = []
        recorder = Recorder(found.extend)
        monkeypatch.setattr(module, "recorder", recorder)
        yield lambda: (recorder.flush(), found)[1]
        recorder.flush()

    @pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0, 0), (1.0, 200, 200), (0.3, 30, 90)])
    def test_the_setting_says_how_many(self, course, settings, handed, share, least, most):
        settings.RECEIPTS = share
        explained = recommended()
        for _ in range(200):
            receipt_enqueue(explained=explained)
        assert least <= len(handed()) <= most

    def test_a_recommendation_over_http_is_handed_over_and_never_fails_for_it(
        self, course, settings, monkeypatch, client, django_user_model
    ):
        settings.RECEIPTS = 1.0
        client.force_login(django_user_model.objects.create_user("platform"))
        seen = []

        def broken(batch):
            seen.extend(batch)
            raise OSError

        recorder = Recorder(broken)
        monkeypatch.setattr(module, "recorder", recorder)
        client.handler.enforce_csrf_checks = False
        body = {"learner": {"user_id": "ada"}, "collection": "course"}

        response = client.post("/api/v2/activity/recommend", body, content_type="application/json")
        recorder.flush()

        assert response.status_code == 200
        assert seen[0][1].url == response.json()["source_launch_url"]
        assert recorder.lost == 1
