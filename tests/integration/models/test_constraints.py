"""Rules that the database itself keeps, whoever writes."""

import math

import pytest
from django.db import IntegrityError, transaction

from adaptivity.models import (
    Activity,
    ActivityKnowledgeComponent,
    Collection,
    CollectionActivity,
    DoneActivity,
    EngineState,
    HandSetMastery,
    ItemParameters,
    KnowledgeComponent,
    KnowledgeComponentParameters,
    Learner,
    Mastery,
    ModelVersion,
    PrerequisiteActivity,
    PrerequisiteKnowledgeComponent,
    Score,
    ScoreRevision,
)
from tests.support.builders import NOON, ON_POSTGRESQL

pytestmark = pytest.mark.django_db

OUTSIDE = [-1e-9, 1.0 + 1e-9, -1.0, 7.0, math.inf, -math.inf]


@pytest.fixture
def rows():
    """One of each, that the objects under test may refer to."""
    learner = Learner.objects.create(user_id="ada")
    first, second = (Activity.objects.create(source_launch_url=url) for url in ("first", "second"))
    addition, fractions = (KnowledgeComponent.objects.create(kc_id=kc_id) for kc_id in ("addition", "fractions"))
    score = Score.objects.create(learner=learner, activity=first, score=1.0, timestamp=NOON, arrival=1, event_id="e1")
    return {
        "learner": learner,
        "activity": first,
        "other_activity": second,
        "kc": addition,
        "other_kc": fractions,
        "collection": Collection.objects.create(collection_id="course"),
        "version": ModelVersion.objects.create(name="v1"),
        "score": score,
    }


def tag(rows, **columns):
    return ActivityKnowledgeComponent(activity=rows["activity"], knowledge_component=rows["kc"], **columns)


def item_parameters(rows, **columns):
    columns = {"guess": 0.1, "slip": 0.1, "transit": 0.1} | columns
    return ItemParameters(
        model_version=rows["version"], activity=rows["activity"], knowledge_component=rows["kc"], **columns
    )


def kc_parameters(rows, **columns):
    return KnowledgeComponentParameters(
        model_version=rows["version"], knowledge_component=rows["kc"], **{"mastery_prior": 0.5} | columns
    )


def score(rows, **columns):
    return Score(
        learner=rows["learner"], activity=rows["activity"], **{"score": 0.5, "timestamp": NOON, "arrival": 2} | columns
    )


def revision(rows, **columns):
    columns = {"value": 0.5, "timestamp": NOON, "arrival": 2} | columns
    return ScoreRevision(score=rows["score"], learner=rows["learner"], activity=rows["activity"], **columns)


def mastery(rows, **columns):
    return Mastery(learner=rows["learner"], knowledge_component=rows["kc"], **{"value": 0.5} | columns)


def hand_set(rows, **columns):
    columns = {"value": 0.5, "timestamp": NOON, "arrival": 2} | columns
    return HandSetMastery(learner=rows["learner"], knowledge_component=rows["kc"], **columns)


def kc_edge(rows, **columns):
    return PrerequisiteKnowledgeComponent(
        **{"prerequisite": rows["kc"], "knowledge_component": rows["other_kc"]} | columns
    )


def kc(rows, **columns):
    return KnowledgeComponent(**{"kc_id": "new"} | columns)


def activity(rows, **columns):
    return Activity(**{"source_launch_url": "new"} | columns)


REQUIRED = [
    (tag, "guess"),
    (tag, "slip"),
    (tag, "transit"),
    (item_parameters, "guess"),
    (item_parameters, "slip"),
    (item_parameters, "transit"),
    (kc_parameters, "mastery_prior"),
    (score, "score"),
    (revision, "value"),
    (mastery, "value"),
    (kc_edge, "value"),
]
OPTIONAL = [(activity, "difficulty"), (kc, "mastery_prior"), (hand_set, "value")]


def refused(instance):
    with pytest.raises(IntegrityError), transaction.atomic():
        instance.save()


@pytest.mark.parametrize(("build", "column"), REQUIRED + OPTIONAL)
def test_a_probability_outside_zero_and_one_is_refused(rows, build, column):
    for value in OUTSIDE:
        refused(build(rows, **{column: value}))


@pytest.mark.parametrize(("build", "column"), REQUIRED + OPTIONAL)
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_zero_and_one_themselves_are_accepted(rows, build, column, value):
    others = {"guess": 0.0, "slip": 0.0} if column in ("guess", "slip") else {}
    instance = build(rows, **others | {column: value})
    instance.save()
    instance.refresh_from_db()
    assert getattr(instance, column) == value


@pytest.mark.parametrize(("build", "column"), REQUIRED)
def test_nan_is_refused(rows, build, column):
    refused(build(rows, **{column: math.nan}))


@pytest.mark.parametrize(("build", "column"), OPTIONAL)
def test_nan_is_never_stored_where_null_is_allowed(rows, build, column):
    instance = build(rows, **{column: math.nan})
    if ON_POSTGRESQL:
        refused(instance)
    else:
        # SQLite has no NaN: the value arrives as NULL.
        instance.save()
        instance.refresh_from_db()
        assert getattr(instance, column) is None


@pytest.mark.parametrize("build", [tag, item_parameters])
@pytest.mark.parametrize(("guess", "slip"), [(0.6, 0.41), (1.0, 1e-9), (0.5, 0.5000000001)])
def test_guess_and_slip_of_more_than_one_together_are_refused(rows, build, guess, slip):
    refused(build(rows, guess=guess, slip=slip))


@pytest.mark.parametrize("build", [tag, item_parameters])
@pytest.mark.parametrize(("guess", "slip"), [(0.5, 0.5), (0.3, 0.7), (0.9, 0.1), (1.0, 0.0), (0.0, 1.0)])
def test_guess_and_slip_of_one_together_are_accepted(rows, build, guess, slip):
    instance = build(rows, guess=guess, slip=slip)
    instance.save()
    assert type(instance).objects.get(pk=instance.pk).guess == guess


@pytest.mark.parametrize(
    "build",
    [
        lambda rows: Activity(source_launch_url="first"),
        lambda rows: KnowledgeComponent(kc_id="addition"),
        lambda rows: Collection(collection_id="course"),
        lambda rows: Learner(user_id="ada", tool_consumer_instance_guid=""),
        lambda rows: ModelVersion(name="v1"),
        lambda rows: score(rows, arrival=1),
        lambda rows: score(rows, event_id="e1"),
    ],
    ids=["activity", "kc", "collection", "learner", "model version", "arrival", "event_id"],
)
def test_a_duplicate_of_what_is_there_is_refused(rows, build):
    refused(build(rows))


@pytest.mark.parametrize(
    "build",
    [
        tag,
        item_parameters,
        kc_parameters,
        mastery,
        hand_set,
        revision,
        kc_edge,
        lambda rows: CollectionActivity(collection=rows["collection"], activity=rows["activity"]),
        lambda rows: DoneActivity(learner=rows["learner"], activity=rows["activity"]),
        lambda rows: PrerequisiteActivity(from_activity=rows["activity"], to_activity=rows["other_activity"]),
    ],
    ids=[
        "tag",
        "item parameters",
        "kc parameters",
        "mastery",
        "hand-set arrival",
        "revision arrival",
        "kc prerequisite",
        "membership",
        "done activity",
        "activity prerequisite",
    ],
)
def test_a_second_row_for_the_same_is_refused(rows, build):
    build(rows).save()
    refused(build(rows))


def test_scores_without_event_id_may_be_many_and_another_learner_may_use_the_same_one(rows):
    score(rows, arrival=2).save()
    score(rows, arrival=3).save()
    other = Learner.objects.create(user_id="ben")
    Score(learner=other, activity=rows["activity"], score=0.5, timestamp=NOON, arrival=1, event_id="e1").save()
    assert Score.objects.count() == 4


@pytest.mark.parametrize(
    "build",
    [
        lambda rows: kc_edge(rows, knowledge_component=rows["kc"]),
        lambda rows: PrerequisiteActivity(from_activity=rows["activity"], to_activity=rows["activity"]),
    ],
    ids=["kc", "activity"],
)
def test_nothing_is_its_own_prerequisite(rows, build):
    refused(build(rows))


@pytest.mark.parametrize(
    "build",
    [
        lambda rows: Activity(source_launch_url=""),
        lambda rows: KnowledgeComponent(kc_id=""),
        lambda rows: Collection(collection_id=""),
        lambda rows: Learner(user_id=""),
        lambda rows: ModelVersion(name=""),
        lambda rows: score(rows, event_id=""),
    ],
    ids=["activity", "kc", "collection", "learner", "model version", "event_id"],
)
def test_a_blank_id_is_refused(rows, build):
    refused(build(rows))


def test_there_is_one_engine_state(rows):
    EngineState.objects.create()
    refused(EngineState(id=2))
    refused(EngineState(id=0))


def test_max_problems_is_not_negative(rows):
    refused(Collection(collection_id="new", max_problems=-1))
