"""manage.py content_gaps: of scores as they stand, under the parameters in force."""

import json

import pytest
from django.core.management import CommandError, call_command

from adaptivity.content_gaps.jobs import content_gaps
from adaptivity.errors import Stopped
from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.evidence.services.masteries import MasterySetting, masteries_set
from adaptivity.evidence.services.scores import score_correct
from adaptivity.models import CollectionActivity, ContentGapReport
from tests.support.builders import activity, collection, knowledge_component, model_version_activate
from tests.support.reference import Tag
from tests.support.simulated_learners import simulated_evidence

pytestmark = pytest.mark.django_db


def gaps(capsys, *arguments):
    call_command("content_gaps", "--json", *arguments)
    return json.loads(capsys.readouterr().out)["collections"]


def test_a_collection_and_its_kcs_are_reported_on(capsys) -> None:
    kc = simulated_evidence("hard", [Tag(0.05, 0.1, 0.0)] * 3, prior=0.0, learners=40, responses=10, seed=1)
    course = collection("course")
    collection("empty")
    for item in kc.activities.all():
        CollectionActivity.objects.create(collection=course, activity=item)
    found = gaps(capsys)
    assert [each["collection"] for each in found] == ["course", "empty"]
    assert found[1] == {
        "collection": "empty", "responses": 0, "knowledge_components": [], "items": [], "items_left_out": 0,
    }  # fmt: skip
    assert found[0]["responses"] == 400
    (row,) = found[0]["knowledge_components"]
    assert (row["knowledge_component"], row["items"], row["learners"], row["opportunities"]) == ("hard", 3, 40, 400)
    # Nobody ever learns it, and the few right answers are guesses.
    assert (row["determined"], row["wheel_spinning"], row["over_practice"]) == (40, 1.0, pytest.approx(0.0, abs=0.05))
    assert [each["code"] for each in row["suggestions"]] == ["write_items", "teach_first"]
    # The three items tell nothing: everybody guesses.
    assert {each["suggestions"][0]["code"] for each in found[0]["items"]} <= {"revise_item", "check_key"}
    assert [each["collection"] for each in gaps(capsys, "--collection", "empty")] == ["empty"]


def test_the_bank_is_that_of_the_parameters_in_force_and_of_what_may_be_recommended(capsys) -> None:
    kc, course = knowledge_component("kc", prior=0.5), collection()
    one = activity("one", {kc: Tag(0.1, 0.1, 0.0)}, into=course)
    activity("two", {kc: Tag(0.1, 0.1, 0.0)}, into=course, include_adaptive=False)
    (row,) = gaps(capsys)[0]["knowledge_components"]
    assert (row["items"], row["runs_out"]) == (1, pytest.approx(0.5))
    assert row["over_practice"] is None
    model_version_activate("better", {(one, kc): Tag(0.05, 0.05, 0.0)}, {kc: 0.8})
    (row,) = gaps(capsys)[0]["knowledge_components"]
    assert row["runs_out"] == pytest.approx(1 - (0.8 * 0.95 + 0.2 * 0.05))


def test_scores_count_as_they_stand_and_those_of_masteries_set_by_hand_do_not(capsys) -> None:
    kc = simulated_evidence("kc", [Tag()], prior=0.5, learners=2, responses=1)
    course = collection()
    item = kc.activities.get()
    CollectionActivity.objects.create(collection=course, activity=item)
    first, second = item.scores.order_by("id")
    score_correct(score=first, value=1.0 - first.score)
    assert gaps(capsys)[0]["responses"] == 2
    masteries_set(settings=[MasterySetting(LearnerIdentity(second.learner.user_id), "kc", 0.5)])
    assert gaps(capsys)[0]["responses"] == 1


def test_the_table_says_what_to_do(capsys) -> None:
    kc, course = knowledge_component("kc", prior=0.5), collection()
    activity("one", {kc: Tag(0.1, 0.1, 0.0)}, into=course)
    call_command("content_gaps")
    out = capsys.readouterr().out.splitlines()
    assert out[:4] == [
        "course: 0 responses",
        "KC  items  learners  over-practice  under-practice  wheel-spinning  bank runs out",
        "kc      1         0              -               -               -          50.0%",
        "kc: 50% of new learners run out of items before mastery: write items that discriminate better or teach more.",
    ]


def test_the_last_report_of_each_collection_is_kept(capsys) -> None:
    kc, course = knowledge_component("kc", prior=0.5), collection()
    collection("other")
    activity("one", {kc: Tag(0.1, 0.1, 0.0)}, into=course)
    before = gaps(capsys)
    model_version_activate("v1", {}, {kc: 0.8})

    with pytest.raises(Stopped, match="1 of 2 collections were reported on"):
        content_gaps(stop=lambda: ContentGapReport.objects.get(collection=course).report != before[0])

    now = {each.collection.collection_id: each for each in ContentGapReport.objects.select_related("collection")}
    assert now["other"].report == before[1]
    assert now["course"].report == gaps(capsys, "--collection", "course")[0] != before[0]
    assert now["course"].made_at > now["other"].made_at


def test_of_many_items_the_most_suspect_are_reported_on(capsys, monkeypatch) -> None:
    tags = [Tag(0.05, 0.05, 0.0)] * 3 + [Tag(0.5, 0.5, 0.0)] * 4
    kc, course = simulated_evidence("kc", tags, prior=0.5, learners=120, responses=40, seed=3), collection()
    for item in kc.activities.all():
        CollectionActivity.objects.create(collection=course, activity=item)
    everything = gaps(capsys)[0]
    monkeypatch.setattr("adaptivity.content_gaps.jobs.MOST_ITEMS", 2)

    found = gaps(capsys)[0]

    assert len(everything["items"]) >= 3
    worst = sorted(everything["items"], key=lambda item: item["interval"][1])[:2]
    assert found["items"] == [item for item in everything["items"] if item in worst]
    assert found["items_left_out"] == len(everything["items"]) - 2
    call_command("content_gaps")
    assert f"{found['items_left_out']} more items, which are less suspect" in capsys.readouterr().out


def test_an_unknown_collection_is_named() -> None:
    with pytest.raises(CommandError, match="there is no collection 'nowhere'") as error:
        call_command("content_gaps", "--collection", "nowhere")
    assert error.value.returncode == 2
