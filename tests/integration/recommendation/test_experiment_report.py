"""The readout of an experiment, from the log."""

import json
from datetime import timedelta

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from adaptivity.engine.experiments import assign, effect, interval
from adaptivity.errors import InvalidInput, Stopped
from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.evidence.services.retracing import learners_retrace
from adaptivity.models import Experiment, ExperimentalGroup, ExperimentPin, Learner, Score
from adaptivity.recommendation.jobs.experiment_report import experiment_report
from adaptivity.recommendation.selectors.grades import learner_grade
from adaptivity.recommendation.services.experiments import experiment_end, experiment_pin
from tests.support.builders import NOON, activity, collection, knowledge_component

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def experiment():
    """Started at noon: "a" (control) and "b", in a course of two KCs with one activity each."""
    course = collection("course")
    for name in ("one", "two"):
        activity(name, [knowledge_component(name)], into=course)
    activity("elsewhere", [knowledge_component("three")])
    experiment = Experiment.objects.create(name="experiment", collection=course, started_at=NOON)
    for name in "ab":
        ExperimentalGroup.objects.create(experiment=experiment, name=name)
    return experiment


def learner(name, *scores):
    """A learner with scores (activity, score, days after noon)."""
    who = Learner.objects.create(user_id=name, evidence_count=len(scores))
    for arrival, (url, score, day) in enumerate(scores, start=1):
        of = activity_of(url)
        Score.objects.create(learner=who, activity=of, score=score, timestamp=NOON + day * DAY, arrival=arrival)
    learners_retrace(learner_ids=[who.pk])
    return who


def activity_of(url):
    from adaptivity.models import Activity

    return Activity.objects.get(source_launch_url=url)


def names(group, count):
    found = (f"learner {n}" for n in range(1000))
    return [name for name in found if assign("experiment", (name, ""), [1.0, 1.0]) == "ab".index(group)][:count]


def report(**arguments):
    return experiment_report(name="experiment", **({"now": NOON + 30 * DAY} | arguments))


def test_a_learner_s_window(experiment):
    """Before it is where they start from, after it nothing counts, and the grade is what the API would have said."""
    (name,) = names("a", 1)
    learner(
        name,
        ("one", 1.0, -1),
        ("elsewhere", 0.0, 0.5),
        ("one", 0.5, 1),
        ("two", 1.0, 7.9),
        ("two", 0.0, 8),
        ("one", 0.0, 20),
    )
    twin = learner("twin", ("one", 1.0, -1))
    before = learner_grade(user_id="twin", tool_consumer_instance_guid="", collection_id="course")
    for arrival, (url, score) in enumerate((("one", 0.5), ("two", 1.0)), start=2):
        Score.objects.create(
            learner=twin, activity=activity_of(url), score=score, timestamp=NOON - DAY / arrival, arrival=arrival
        )
    learners_retrace(learner_ids=[twin.pk])
    after = learner_grade(user_id="twin", tool_consumer_instance_guid="", collection_id="course")

    found = report()["groups"]["a"]

    assert (found["learners"], found["pending"]) == (1, 0)
    assert found["outcomes"]["grade_gain"]["mean"] == pytest.approx(after - before)
    assert found["outcomes"]["mean_score"]["mean"] == pytest.approx(0.75)
    assert found["outcomes"]["mastered_gain"]["mean"] == 0.0


def test_groups_differences_and_who_does_not_count(experiment):
    for one, other in zip(names("a", 30), names("b", 30), strict=True):
        learner(one, ("one", 0.0, 1))
        learner(other, ("one", 1.0, 1), ("one", 1.0, 2), ("two", 1.0, 3))
    learner(names("b", 31)[30], ("one", 0.0, 25))
    pinned = learner("pinned", ("one", 0.0, 1))
    pin(experiment, pinned, "b", days=1)
    learner("before it began", ("one", 0.0, -1))
    learner("elsewhere", ("elsewhere", 0.0, 1))

    found = report(alpha=0.1)

    a, b = found["groups"]["a"], found["groups"]["b"]
    assert (a["learners"], a["pending"], b["learners"], b["pending"], found["pinned"]) == (30, 0, 30, 1, 1)
    assert a["outcomes"]["mean_score"]["mean"] == 0.0
    # One of two KCs is mastered after two right answers.
    assert b["outcomes"]["mastered_gain"]["mean"] == 0.5
    expected = interval(np.ones(30), 0.05)
    assert b["outcomes"]["mean_score"] == {"mean": 1.0, "low": expected.low, "high": expected.high}
    less = b["differences"]["mean_score"]
    difference = effect(np.tile([0.0, 1.0], 30), np.tile([False, True], 30), 0.5, 0.1)
    assert less == {"mean": 1.0, "low": difference.low, "high": difference.high}
    assert 0.2 < less["low"] < less["high"] == 1.0
    assert (found["sample_ratio"], found["moved"]) == (1.0, 0)
    assert a["differences"] == {}
    turned = report(alpha=0.1, control="b")["groups"]["a"]["differences"]["mean_score"]
    assert turned == {"mean": -1.0, "low": -less["high"], "high": pytest.approx(-less["low"])}


def test_the_control_group_is_that_of_the_name_or_the_one_made_first(experiment, capsys):
    """By their names, "0 new" would come first."""
    ExperimentalGroup.objects.create(experiment=experiment, name="0 new")
    assert report()["control"] == "a"
    ExperimentalGroup.objects.create(experiment=experiment, name="control")
    assert report()["control"] == "control"
    assert report(control="b")["control"] == "b"
    call_command("experiment_report", "experiment", "--json")
    assert '"control": "control"' in capsys.readouterr().out


def pin(experiment, who, group, days):
    """Pins the learner so many days after noon."""
    found = ExperimentPin.objects.create(experiment=experiment, learner=who, group=experiment.groups.get(name=group))
    ExperimentPin.objects.filter(pk=found.pk).update(created_at=None if days is None else NOON + days * DAY)


def test_who_is_pinned_later_counts_where_chance_had_put_them(experiment):
    """Were those left out whom somebody has moved because they did badly, their group would look better than it is."""
    moved, beforehand, unknown = names("a", 3)
    for name, days in ((moved, 2), (beforehand, 1), (unknown, None)):
        pin(experiment, learner(name, ("one", 0.0, 1)), "b", days=days)

    found = report()

    assert (found["pinned"], found["moved"]) == (2, 1)
    assert (found["groups"]["a"]["learners"], found["groups"]["b"]["learners"]) == (1, 0)


def test_a_pin_that_is_changed_keeps_its_time(experiment):
    for group in "ba":
        experiment_pin(group=experiment.groups.get(name=group), learner=LearnerIdentity("ada"))
        ExperimentPin.objects.filter(group__name="b").update(created_at=NOON)
    assert list(ExperimentPin.objects.values_list("group__name", "created_at")) == [("a", NOON)]


def test_groups_whose_sizes_are_no_chance_are_not_comparable(experiment, capsys):
    """Where one group's learners are kept from taking part, those who do are no longer alike."""
    for name in names("b", 30):
        learner(name, ("one", 1.0, 1))
    assert report()["sample_ratio"] < 1e-6
    call_command("experiment_report", "experiment")
    assert "; the groups are not comparable: who takes part depends on the group" in capsys.readouterr().out


def test_a_group_of_weight_0_and_a_single_group(experiment):
    ExperimentalGroup.objects.filter(name="b").update(weight=0.0)
    learner(names("a", 1)[0], ("one", 1.0, 1))
    less = report()["groups"]["b"]["differences"]["mean_score"]
    assert less == {"mean": None, "low": -1.0, "high": 1.0}
    ExperimentalGroup.objects.filter(name="b").delete()
    assert report()["groups"]["a"]["differences"] == {}


def test_a_window_that_the_end_cuts_short_does_not_count(experiment):
    (name,) = names("a", 1)
    learner(name, ("one", 1.0, 1))
    Experiment.objects.update(ended_at=NOON + 5 * DAY)

    assert report()["groups"]["a"]["learners"] == 0
    assert report(days=4.0)["groups"]["a"]["learners"] == 1


def test_without_anybody(experiment):
    found = report()["groups"]["b"]["outcomes"]
    assert found["grade_gain"] == {"mean": None, "low": -1.0, "high": 1.0}
    assert found["mean_score"] == {"mean": None, "low": 0.0, "high": 1.0}


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"days": 0.0}, "days"),
        ({"days": float("nan")}, "days"),
        ({"alpha": 1.0}, "alpha"),
        ({"control": "c"}, "control"),
    ],
)
def test_bad_input(experiment, arguments, field):
    with pytest.raises(InvalidInput) as error:
        report(**arguments)
    assert error.value.field == field


def test_a_draft_has_no_report(experiment):
    Experiment.objects.update(started_at=None)
    with pytest.raises(InvalidInput, match="has not been started"):
        report()


def test_it_stops(experiment):
    learner(names("a", 1)[0], ("one", 1.0, 1))
    with pytest.raises(Stopped):
        report(stop=lambda: True)


def test_the_command(experiment, capsys):
    for name in names("a", 3):
        learner(name, ("one", 1.0, 1))
    experiment_end(experiment=experiment)

    call_command("experiment_report", "experiment", "--json")
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    call_command("experiment_report", "experiment")
    lines = capsys.readouterr().out.splitlines()

    assert found["groups"]["a"]["learners"] == 3
    (line,) = [line for line in lines if line.startswith("a ") and "mean_score" in line]
    assert line.split()[:6] == ["a", "3", "0", "mean_score", "1.000", "[0.000,"]
    with pytest.raises(CommandError) as error:
        call_command("experiment_report", "nowhere")
    assert error.value.returncode == 2
