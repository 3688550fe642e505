"""Experiments: who is in which group, and that every setting of a group does what it says."""

import pytest
from django.db import IntegrityError, connection, transaction
from structlog.testing import capture_logs

from adaptivity.engine.experiments import assign
from adaptivity.engine.recommendation import Outcome
from adaptivity.engine.scoring import EngineSettings
from adaptivity.errors import Conflict, InvalidInput
from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.evidence.services.masteries import MasterySetting, masteries_set
from adaptivity.evidence.services.scores import score_create
from adaptivity.models import Experiment, ExperimentalGroup, ExperimentPin, Learner, PrerequisiteKnowledgeComponent
from adaptivity.recommendation.services.experiments import (
    experiment_create,
    experiment_delete,
    experiment_end,
    experiment_pin,
    experiment_pin_delete,
    experiment_start,
    experiment_update,
    experimental_group_create,
    experimental_group_delete,
    experimental_group_update,
)
from adaptivity.recommendation.services.recommendation import activity_recommend
from tests.support.builders import ADA, activity, collection, knowledge_component
from tests.support.reference import Tag

pytestmark = pytest.mark.django_db

NOTHING = {
    "remediation_weight": 0.0,
    "continuity_weight": 0.0,
    "difficulty_weight": 0.0,
    "readiness_weight": 0.0,
}


@pytest.fixture
def course():
    """A course in which each sub-score has a favourite of its own; ada has done "first", of which "next" goes on."""
    held = collection("course")
    kcs = {name: knowledge_component(name) for name in ("last", "gap", "known", "unready", "before")}
    strong, weak = Tag(0.05, 0.05, 0.1), Tag(0.3, 0.3, 0.1)
    activity("first", {kcs["last"]: strong}, into=held)
    activity("next", {kcs["last"]: strong}, into=held, difficulty=0.02)
    activity("gap", {kcs["gap"]: strong}, into=held, difficulty=0.99)
    activity("fits", {kcs["known"]: weak}, into=held, difficulty=0.3)
    activity("unready", {kcs["unready"]: strong}, into=held, difficulty=0.99)
    PrerequisiteKnowledgeComponent.objects.create(
        prerequisite=kcs["before"], knowledge_component=kcs["unready"], value=1.0
    )
    score_create(learner=ADA, activity="first", score=0.5)
    values = {"last": 0.88, "gap": 0.05, "known": 0.3, "unready": 0.02, "before": 0.5}
    masteries_set(settings=[MasterySetting(ADA, kc, value) for kc, value in values.items()])
    return held


def run(course, name="experiment", **groups):
    """A running experiment with these groups and their settings."""
    experiment = experiment_create(name=name, collection=course)
    for group, settings in groups.items():
        experimental_group_create(experiment=experiment, name=group, **settings)
    return experiment_start(experiment=experiment)


def recommended(learner=ADA, **more):
    return activity_recommend(learner=learner, collection_id="course", **more)


class TestSettings:
    """The 2018 engine read none of them."""

    @pytest.mark.parametrize(
        ("weight", "favourite"),
        [("remediation", "unready"), ("continuity", "next"), ("difficulty", "fits"), ("readiness", None)],
    )
    def test_each_weight_decides_where_it_is_alone(self, course, weight, favourite):
        run(course, only=NOTHING | {f"{weight}_weight": 3.0})

        found = recommended()

        scores, items = found.recommendation.scores, range(len(found.arrays.urls))
        assert [scores.total[item] for item in items] == [3.0 * getattr(scores, weight)[item] for item in items]
        if favourite is None:
            # Only one is not ready, and that one it is not.
            assert [url for url, value in zip(found.arrays.urls, scores.readiness, strict=True) if value] == ["unready"]
            assert found.url != "unready"
        else:
            assert found.url == favourite

    def test_readiness_turns_the_choice(self, course):
        run(course, without=NOTHING | {"remediation_weight": 1.0})
        assert recommended().url == "unready"
        experiment_end(experiment=Experiment.objects.get())
        run(course, "second", **{"with": NOTHING | {"remediation_weight": 1.0, "readiness_weight": 50.0}})
        assert recommended().url == "gap"
        experiment_end(experiment=Experiment.objects.get(name="second"))
        forgiving = NOTHING | {"remediation_weight": 1.0, "readiness_weight": 50.0, "forgiveness": 10.0}
        run(course, "third", forgiving=forgiving)
        assert recommended().url == "unready"

    def test_the_threshold_decides_what_is_a_gap(self, course):
        run(course, low=NOTHING | {"remediation_weight": 1.0, "mastery_threshold": 0.1})

        found = recommended()

        demand = dict(zip(found.arrays.urls, found.recommendation.scores.remediation.tolist(), strict=True))
        assert {url for url, value in demand.items() if value} == {"gap", "unready"}

    def test_the_policy_stops_its_group_alone(self, course):
        masteries_set(settings=[MasterySetting(ADA, kc, 0.99) for kc in ("last", "gap", "known", "unready")])
        assert recommended().recommendation.outcome is Outcome.RECOMMENDED

        run(course, stop={"policy": "stop_on_mastery"})

        assert recommended().recommendation.outcome is Outcome.MASTERED
        assert recommended(LearnerIdentity("new")).recommendation.outcome is Outcome.RECOMMENDED

    def test_the_policy_chooses(self, course):
        run(course, gain={"policy": "expected_gain"}, design={"weight": 0.0})
        # Equal transits: where most is missing and nothing is in the way.
        assert recommended().url == "gap"
        assert recommended().settings.policy == "expected_gain"

    def test_every_setting_reaches_the_engine(self, course):
        settings = {
            "remediation_weight": 1.5, "continuity_weight": 2.5, "difficulty_weight": 3.5, "readiness_weight": 4.5,
            "forgiveness": 0.25, "mastery_threshold": 0.8, "policy": "guarded_exploration",
        }  # fmt: skip
        run(course, all=settings)
        assert recommended().settings == EngineSettings(**settings)

    def test_a_policy_of_another_version_is_replaced_and_logged(self, course):
        experiment = run(course, odd={"policy": "expected_gain"})
        experiment.groups.update(policy="from the future")
        with capture_logs() as logs:
            assert recommended().settings == EngineSettings()
        assert [(entry["event"], entry["policy"]) for entry in logs] == [("unknown_policy", "from the future")]


class TestGroups:
    def test_a_group_is_found_without_a_write_and_for_ever(self, course):
        run(course, a={}, b={}, c={"weight": 2.0})
        learners = [LearnerIdentity(f"learner {n}", "campus") for n in range(60)]
        for each in learners:
            recommended(each)
        before = list(Learner.objects.values())

        found = [recommended(each).group.name for each in learners]

        weights = [1.0, 1.0, 2.0]
        assert found == ["abc"[assign("experiment", (each.user_id, "campus"), weights)] for each in learners]
        assert set(found) == {"a", "b", "c"}
        assert list(Learner.objects.values()) == before
        assert not ExperimentPin.objects.exists()

    def test_another_experiment_falls_otherwise(self, course):
        learners = [LearnerIdentity(f"learner {n}") for n in range(60)]
        first = run(course, "first", a={}, b={})
        groups = [recommended(each).group.name for each in learners]
        experiment_end(experiment=first)
        run(course, "second", a={}, b={})

        agreeing = sum(recommended(each).group.name == group for each, group in zip(learners, groups, strict=True))

        assert 15 <= agreeing <= 45

    def test_pinning_wins(self, course):
        experiment = run(course, chosen={"weight": 0.0, "policy": "random"}, rest={})
        assert recommended().group.name == "rest"

        pin = experiment_pin(group=experiment.groups.get(name="chosen"), learner=ADA)

        assert (recommended().group.name, recommended().settings.policy) == ("chosen", "random")
        assert recommended(LearnerIdentity("ben")).group.name == "rest"
        again = experiment_pin(group=experiment.groups.get(name="rest"), learner=ADA)
        assert (again.pk, recommended().group.name) == (pin.pk, "rest")
        experiment_pin_delete(pin=pin)
        assert recommended().group.name == "rest"

    def test_an_unknown_learner_can_be_pinned(self, course):
        experiment = run(course, chosen={"weight": 0.0}, rest={})
        experiment_pin(group=experiment.groups.get(name="chosen"), learner=LearnerIdentity("new"))
        assert recommended(LearnerIdentity("new")).group.name == "chosen"

    def test_only_while_it_runs_and_only_in_its_collection(self, course):
        collection("elsewhere")
        experiment = experiment_create(name="experiment", collection=course)
        experimental_group_create(experiment=experiment, name="random", policy="random")
        groups = [recommended().group]
        experiment_start(experiment=experiment)
        groups += [recommended().group, activity_recommend(learner=ADA, collection_id="elsewhere").group]
        experiment_end(experiment=experiment)
        groups += [recommended().group]
        assert [group and group.name for group in groups] == [None, "random", None, None]
        assert recommended().settings == EngineSettings()


class TestLife:
    def test_a_started_one_is_fixed(self, course):
        experiment = run(course, a={})
        group = experiment.groups.get()
        for change in (
            lambda: experiment_update(experiment=experiment, name="other"),
            lambda: experiment_delete(experiment=experiment),
            lambda: experiment_start(experiment=experiment),
            lambda: experimental_group_create(experiment=experiment, name="b"),
            lambda: experimental_group_update(group=group, weight=2.0),
            lambda: experimental_group_delete(group=group),
        ):
            with pytest.raises(Conflict) as error:
                change()
            assert error.value.code == "started"
        assert Experiment.objects.values("name").get() == {"name": "experiment"}
        assert ExperimentalGroup.objects.values("name", "weight").get() == {"name": "a", "weight": 1.0}

    def test_one_at_a_time_in_a_collection(self, course):
        run(course, "first", a={})
        second = experiment_create(name="second", collection=course)
        experimental_group_create(experiment=second, name="a")
        with pytest.raises(Conflict) as error:
            experiment_start(experiment=second)
        assert (error.value.field, error.value.code) == ("collection", "running")
        run(collection("elsewhere"), "third", a={})

        experiment_end(experiment=Experiment.objects.get(name="first"))

        assert experiment_start(experiment=second).started_at is not None
        with pytest.raises(IntegrityError), transaction.atomic():
            Experiment.objects.filter(name="first").update(ended_at=None)

    def test_what_is_not_running_cannot_end(self, course):
        draft = experiment_create(name="draft", collection=course)
        ended = experiment_end(experiment=run(course, a={}))
        for experiment in (draft, ended):
            with pytest.raises(Conflict) as error:
                experiment_end(experiment=experiment)
            assert error.value.code == "not_running"
        with pytest.raises(Conflict) as error:
            experiment_pin(group=ended.groups.get(), learner=ADA)
        assert error.value.code == "ended"

    def test_bad_input(self, course):
        experiment = experiment_create(name="experiment", collection=course)
        with pytest.raises(InvalidInput) as error:
            experiment_create(name="experiment", collection=course)
        assert (error.value.field, error.value.code) == ("name", "unique")
        with pytest.raises(InvalidInput) as error:
            experiment_start(experiment=experiment)
        assert error.value.field == "groups"
        experimental_group_create(experiment=experiment, name="a", weight=0.0)
        with pytest.raises(InvalidInput) as error:
            experiment_start(experiment=experiment)
        assert error.value.field == "groups"
        with pytest.raises(InvalidInput) as error:
            experimental_group_create(experiment=experiment, name="b", policy="magic")
        assert error.value.field == "policy"
        with pytest.raises(InvalidInput) as error:
            experimental_group_create(experiment=experiment, name="a")
        assert (error.value.field, error.value.code) == ("name", "unique")

    @pytest.mark.parametrize(
        "settings",
        [
            {"weight": -1.0},
            {"weight": float("inf")},
            {"forgiveness": -0.1},
            {"readiness_weight": 2e6},
            {"mastery_threshold": 1.1},
            {"name": " "},
        ],
    )
    def test_the_database_keeps_settings_in_their_range(self, course, settings):
        experiment = experiment_create(name="experiment", collection=course)
        with pytest.raises(IntegrityError), transaction.atomic():
            ExperimentalGroup.objects.create(experiment=experiment, **({"name": "a"} | settings))
        assert connection.is_usable()
