"""Courses from files: the shipped one, everybody's, and what is refused."""

import copy
import tomllib
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

import adaptivity
from adaptivity.content.services.courses import CourseSummary, course_check, course_load
from adaptivity.content.services.knowledge_components import prerequisite_knowledge_component_create
from adaptivity.errors import InvalidInput
from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.evidence.services.scores import score_create
from adaptivity.evidence.services.verification import state_verify
from adaptivity.models import (
    Activity,
    ActivityKnowledgeComponent,
    Collection,
    EngineState,
    KnowledgeComponent,
    Learner,
    PrerequisiteActivity,
    PrerequisiteKnowledgeComponent,
    Score,
)
from adaptivity.recommendation.services.recommendation import activity_recommend

DEMO = Path(adaptivity.__file__).parent / "courses" / "fractions.toml"
DOCUMENTED = Path(__file__).resolve().parents[3] / "docs" / "course-format.md"

COURSE: dict[str, Any] = {
    "format": 1,
    "course": {"title": "Halves"},
    "knowledge_components": [
        {"kc_id": "halves", "name": "Halves", "mastery_prior": 0.3},
        {"kc_id": "quarters", "name": "Quarters", "prerequisites": [{"kc_id": "halves", "value": 0.5}]},
    ],
    "collections": [{"collection_id": "c", "name": "C", "max_problems": 5, "stop_on_mastery": True}],
    "activities": [
        {
            "source_launch_url": "u1",
            "name": "One",
            "type": "problem",
            "difficulty": 0.25,
            "tags": "t",
            "include_adaptive": False,
            "collections": ["c"],
            "knowledge_components": [{"kc_id": "halves", "guess": 0.2, "slip": 0.3, "transit": 0.4}],
        },
        {
            "source_launch_url": "u2",
            "name": "Two",
            "type": "reading",
            "collections": ["c"],
            "knowledge_components": [{"kc_id": "quarters"}],
            "prerequisites": ["u1"],
            "prompt": "Read.",
        },
    ],
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The course with one value replaced; the path has dots."""
    course = copy.deepcopy(COURSE)
    *parents, last = path.split(".")
    at: Any = course
    for parent in parents:
        at = at[int(parent) if parent.isdigit() else parent]
    at[int(last) if last.isdigit() else last] = value
    return course


def test_the_demo_course_is_a_real_one() -> None:
    course = tomllib.loads(DEMO.read_text(encoding="utf-8"))

    course_check(course)

    assert len(course["knowledge_components"]) == 13
    assert len(course["activities"]) == 97
    assert len(course["collections"]) == 2
    problems = [activity for activity in course["activities"] if activity["type"] == "problem"]
    assert all(activity["prompt"] and activity["answer"] and activity["explanation"] for activity in problems)


def test_the_documented_example_is_valid() -> None:
    example = DOCUMENTED.read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]

    course_check(tomllib.loads(example))


@pytest.mark.django_db
def test_everything_is_stored() -> None:
    assert course_load(course=COURSE) == CourseSummary(knowledge_components=2, collections=1, activities=2)

    assert list(KnowledgeComponent.objects.order_by("kc_id").values_list("kc_id", "name", "mastery_prior")) == [
        ("halves", "Halves", 0.3),
        ("quarters", "Quarters", None),
    ]
    edge = PrerequisiteKnowledgeComponent.objects.get()
    assert (edge.prerequisite.kc_id, edge.knowledge_component.kc_id, edge.value) == ("halves", "quarters", 0.5)
    collection = Collection.objects.get()
    assert (collection.collection_id, collection.name, collection.max_problems, collection.stop_on_mastery) == (
        "c",
        "C",
        5,
        True,
    )
    one, two = Activity.objects.order_by("source_launch_url")
    assert (one.name, one.type, one.difficulty, one.tags, one.include_adaptive) == ("One", "problem", 0.25, "t", False)
    assert (two.name, two.type, two.difficulty, two.tags, two.include_adaptive) == ("Two", "reading", None, "", True)
    tags = ActivityKnowledgeComponent.objects.order_by("activity__source_launch_url")
    assert list(tags.values_list("knowledge_component__kc_id", "guess", "slip", "transit")) == [
        ("halves", 0.2, 0.3, 0.4),
        ("quarters", 0.1, 0.15, 0.1),
    ]
    before = PrerequisiteActivity.objects.get()
    assert (before.from_activity, before.to_activity) == (two, one)


@pytest.mark.django_db
def test_loading_again_updates_and_keeps_the_evidence() -> None:
    course_load(course=COURSE)
    score_create(learner=LearnerIdentity("7"), activity="u1", score=1.0)
    ids = list(Activity.objects.order_by("id").values_list("id", flat=True))
    state = EngineState.objects.get()

    course_load(course=COURSE)
    assert EngineState.objects.get().tracing_revision == state.tracing_revision, "nothing that tracing reads changed"

    shorter = changed("activities", COURSE["activities"][1:])
    shorter["activities"][0] = {**shorter["activities"][0], "prerequisites": [], "difficulty": 0.9}
    course_load(course=shorter)

    assert list(Activity.objects.order_by("id").values_list("id", flat=True)) == ids
    assert Collection.objects.get().activities.get().difficulty == 0.9
    assert not PrerequisiteActivity.objects.exists()
    assert Score.objects.count() == 1


@pytest.mark.django_db
def test_other_parameters_make_the_learners_stale_and_a_replay_brings_them_up() -> None:
    course_load(course=COURSE)
    score_create(learner=LearnerIdentity("7"), activity="u1", score=1.0)

    course_load(course=changed("activities.0.knowledge_components.0.guess", 0.1))

    assert [batch.stale for batch in state_verify()] == [1]
    call_command("trace_learners")
    assert [(batch.stale, list(batch.differences)) for batch in state_verify()] == [(0, [])]
    # O = 3/7; 0.4/0.6 + (1 + 0.4/0.6) * 3/7 * 0.7/0.1 = 5.666667
    assert Learner.objects.get().masteries.get().value == pytest.approx(5.666667 / 6.666667, abs=1e-6)


@pytest.mark.django_db
def test_the_next_recommendation_is_of_the_loaded_course() -> None:
    course_load(course=changed("activities.0.include_adaptive", value=True))
    assert activity_recommend(learner=LearnerIdentity("7"), collection_id="c").url == "u1"

    reversed_order = changed("activities.0.prerequisites", ["u2"])
    reversed_order["activities"][0]["include_adaptive"] = True
    reversed_order["activities"][1]["prerequisites"] = []
    course_load(course=reversed_order)

    assert activity_recommend(learner=LearnerIdentity("7"), collection_id="c").url == "u2"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("format", 2, "format: must be 1"),
        ("formt", 1, "formt: is not a key of the format"),
        ("course", {}, "course.title: is missing"),
        ("activities.0.dificulty", 0.5, "activities[0].dificulty: is not a key of the format"),
        ("activities.0.difficulty", 1.5, "activities[0].difficulty: must lie between 0 and 1"),
        ("activities.0.difficulty", float("nan"), "activities[0].difficulty: must lie between 0 and 1"),
        ("activities.0.difficulty", True, "activities[0].difficulty: must be a number"),
        ("activities.0.difficulty", "0.5", "activities[0].difficulty: must be a number"),
        ("activities.0.include_adaptive", 1, "activities[0].include_adaptive: must be true or false"),
        ("activities.0.name", "n" * 256, "activities[0].name: must have at most 255 characters and no NUL"),
        ("activities.0.source_launch_url", "", "activities[0].source_launch_url: is blank"),
        ("activities.0.collections", ["d"], "activities[0].collections[0]: d is not defined in this file"),
        ("activities.0.collections", ["c", "c"], "activities[0].collections[1]: c is named twice"),
        ("activities.0.collections", "c", "activities[0].collections: must be a list"),
        ("activities.0.collections", [1], "activities[0].collections[0]: must be a text"),
        ("activities.0.prerequisites", ["u1"], "activities[0].prerequisites[0]: nothing can be its own prerequisite"),
        ("activities.0.prerequisites", ["u2"], "activities.prerequisites: the prerequisites form a cycle"),
        ("activities.1.source_launch_url", "u1", "activities[1].source_launch_url: u1 is defined twice"),
        (
            "activities.0.knowledge_components",
            [{"kc_id": "halves", "guess": 0.9}],
            "activities[0].knowledge_components[0]: guess and slip add up to more than 1",
        ),
        (
            "knowledge_components.0.prerequisites",
            [{"kc_id": "quarters"}],
            "knowledge_components.prerequisites: the prerequisites form a cycle: ",
        ),
        ("knowledge_components.0.mastery_prior", -0.1, "knowledge_components[0].mastery_prior: must lie between 0"),
        ("collections.0.max_problems", -1, "collections[0].max_problems: must lie between 0"),
    ],
)
def test_a_broken_rule_is_named_and_nothing_is_written(path: str, value: Any, message: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        course_load(course=changed(path, value))

    assert str(refused.value).startswith(message)
    assert not Activity.objects.exists()
    assert not KnowledgeComponent.objects.exists()
    assert not Collection.objects.exists()


@pytest.mark.django_db
def test_a_cycle_with_what_was_there_before_is_refused() -> None:
    quarters = KnowledgeComponent.objects.create(kc_id="quarters", name="Q")
    between = KnowledgeComponent.objects.create(kc_id="between", name="B")
    halves = KnowledgeComponent.objects.create(kc_id="halves", name="H")
    prerequisite_knowledge_component_create(prerequisite=quarters, knowledge_component=between, value=1.0)
    third = changed("knowledge_components.0.prerequisites", [])
    prerequisite_knowledge_component_create(prerequisite=between, knowledge_component=halves, value=1.0)
    # The file replaces the prerequisites of the KCs that it names, so between → halves goes, and no cycle is left.
    course_load(course=third)
    assert PrerequisiteKnowledgeComponent.objects.count() == 2

    only_quarters = changed("knowledge_components", [COURSE["knowledge_components"][1]])
    with pytest.raises(InvalidInput, match="halves is not defined in this file"):
        course_load(course=only_quarters)


@pytest.mark.django_db
def test_the_command_says_what_it_loaded_and_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("load_course", str(DEMO))
    assert capsys.readouterr().out == "13 knowledge components, 2 collections and 97 activities loaded\n"

    broken = tmp_path / "broken.toml"
    broken.write_text("format = ", encoding="utf-8")
    with pytest.raises(CommandError, match=r"broken\.toml: .*; nothing was changed") as refused:
        call_command("load_course", str(broken))
    assert refused.value.returncode == 2


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "No such file or directory"),
        (b"", "format: .*; nothing was changed"),
        (b"\xff\x00", "'utf-8' codec can't decode .*; nothing was changed"),
        pytest.param(b"a = " + b"[" * 10_000, "is nested too deeply; nothing was changed", id="10,000 brackets"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_course_is_bad_input(tmp_path: Path, content: bytes | None, problem: str) -> None:
    file = tmp_path / "course.toml"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(CommandError, match=rf"course\.toml: {problem}$") as refused:
        call_command("load_course", str(file))
    assert refused.value.returncode == 2
    with pytest.raises(CommandError, match="Is a directory") as refused:
        call_command("load_course", str(tmp_path))
    assert refused.value.returncode == 2
