"""A write that fails at its last step leaves every table as it was."""

import pytest
from django.apps import apps

from adaptivity.content.services.activities import activity_create, activity_delete, activity_update
from adaptivity.content.services.collections import (
    collection_activities_replace,
    collection_activity_create,
    collection_activity_delete,
    collection_activity_update,
)
from adaptivity.content.services.knowledge_components import (
    knowledge_component_delete,
    knowledge_component_update,
    prerequisite_knowledge_component_create,
    prerequisite_knowledge_component_delete,
    prerequisite_knowledge_component_update,
)
from adaptivity.content.services.prerequisite_activities import (
    prerequisite_activity_create,
    prerequisite_activity_delete,
    prerequisite_activity_update,
)
from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.evidence.services.masteries import MasterySetting, masteries_set, mastery_delete
from adaptivity.evidence.services.scores import score_correct, score_create, score_delete
from adaptivity.models import (
    CollectionActivity,
    Learner,
    Mastery,
    PrerequisiteActivity,
    PrerequisiteKnowledgeComponent,
    Score,
)
from tests.support.builders import ADA, activity, collection, knowledge_component, minutes

pytestmark = pytest.mark.django_db

NEW = LearnerIdentity("new")
CONTENT = {
    "activities": "adaptivity.content.services.activities.content_changed",
    "collections": "adaptivity.content.services.collections.content_changed",
    "knowledge components": "adaptivity.content.services.knowledge_components.content_changed",
    "prerequisite activities": "adaptivity.content.services.prerequisite_activities.content_changed",
}
LEARNER_SAVE = "adaptivity.models.Learner.save"
RETRACED = "adaptivity.evidence.services.retracing.learners_write"
SET_BY_HAND = "adaptivity.evidence.services.masteries.learners_write"


class Broken(Exception):
    """What the patched step raises."""


@pytest.fixture
def rows():
    addition, fractions, unused = (knowledge_component(kc_id) for kc_id in ("addition", "fractions", "unused"))
    course, other = collection("course"), collection("other")
    first = activity("first", [addition], into=course)
    second = activity("second", [addition, fractions], into=course, after=[first])
    third = activity("third", into=course)
    PrerequisiteKnowledgeComponent.objects.create(prerequisite=addition, knowledge_component=fractions)
    score = score_create(learner=ADA, activity="first", score=0.4, timestamp=minutes(5))
    return {
        "addition": addition,
        "fractions": fractions,
        "unused": unused,
        "other": other,
        "first": first,
        "second": second,
        "third": third,
        "score": score,
    }


WRITES = {
    "a first score": (LEARNER_SAVE, lambda rows: score_create(learner=NEW, activity="second", score=1.0)),
    "a score": (LEARNER_SAVE, lambda rows: score_create(learner=ADA, activity="second", score=1.0)),
    "a late score": (
        RETRACED,
        lambda rows: score_create(learner=ADA, activity="second", score=1.0, timestamp=minutes(0)),
    ),
    "a correction": (RETRACED, lambda rows: score_correct(score=rows["score"], activity="second")),
    "a deletion": (RETRACED, lambda rows: score_delete(score=rows["score"])),
    "hand-set masteries": (
        SET_BY_HAND,
        lambda rows: masteries_set(settings=[MasterySetting(who, "addition", 0.9) for who in (ADA, NEW)]),
    ),
    "a mastery taken back": (LEARNER_SAVE, lambda rows: mastery_delete(mastery=Mastery.objects.get())),
    "activity_create": (
        CONTENT["activities"],
        lambda rows: activity_create(source_launch_url="new", knowledge_components=[rows["addition"].pk]),
    ),
    "activity_update": (
        CONTENT["activities"],
        lambda rows: activity_update(
            activity=rows["second"],
            name="renamed",
            collections=[],
            knowledge_components=[],
            prerequisite_activities=[rows["third"].pk],
        ),
    ),
    "activity_delete": (CONTENT["activities"], lambda rows: activity_delete(activity=rows["second"])),
    "collection_activities_replace": (
        CONTENT["collections"],
        lambda rows: collection_activities_replace(
            collection_id="brand new",
            activities=[{"source_launch_url": "first", "name": "renamed"}, {"source_launch_url": "new"}],
        ),
    ),
    "collection_activity_create": (
        CONTENT["collections"],
        lambda rows: collection_activity_create(activity=rows["first"], collection=rows["other"]),
    ),
    "collection_activity_update": (
        CONTENT["collections"],
        lambda rows: collection_activity_update(
            membership=CollectionActivity.objects.get(activity=rows["first"]), collection=rows["other"]
        ),
    ),
    "collection_activity_delete": (
        CONTENT["collections"],
        lambda rows: collection_activity_delete(membership=CollectionActivity.objects.get(activity=rows["first"])),
    ),
    "knowledge_component_update": (
        CONTENT["knowledge components"],
        lambda rows: knowledge_component_update(knowledge_component=rows["addition"], mastery_prior=0.7),
    ),
    "knowledge_component_delete": (
        CONTENT["knowledge components"],
        lambda rows: knowledge_component_delete(knowledge_component=rows["fractions"]),
    ),
    "prerequisite_knowledge_component_create": (
        CONTENT["knowledge components"],
        lambda rows: prerequisite_knowledge_component_create(
            prerequisite=rows["addition"], knowledge_component=rows["unused"]
        ),
    ),
    "prerequisite_knowledge_component_update": (
        CONTENT["knowledge components"],
        lambda rows: prerequisite_knowledge_component_update(
            edge=PrerequisiteKnowledgeComponent.objects.get(), value=0.1
        ),
    ),
    "prerequisite_knowledge_component_delete": (
        CONTENT["knowledge components"],
        lambda rows: prerequisite_knowledge_component_delete(edge=PrerequisiteKnowledgeComponent.objects.get()),
    ),
    "prerequisite_activity_create": (
        CONTENT["prerequisite activities"],
        lambda rows: prerequisite_activity_create(from_activity=rows["third"], to_activity=rows["first"]),
    ),
    "prerequisite_activity_update": (
        CONTENT["prerequisite activities"],
        lambda rows: prerequisite_activity_update(edge=PrerequisiteActivity.objects.get(), to_activity=rows["third"]),
    ),
    "prerequisite_activity_delete": (
        CONTENT["prerequisite activities"],
        lambda rows: prerequisite_activity_delete(edge=PrerequisiteActivity.objects.get()),
    ),
}


def copies(rows):
    """As they are in the database, so that a write that fails leaves no trace in the objects either."""
    return {name: type(row).objects.get(pk=row.pk) for name, row in rows.items()}


def everything():
    """All rows of all tables."""
    return {
        model.__name__: list(model._default_manager.order_by("pk").values_list())
        for model in apps.get_app_config("adaptivity").get_models()
    }


@pytest.mark.parametrize("name", list(WRITES))
def test_nothing_is_half_done(rows, monkeypatch, name):
    step, write = WRITES[name]
    before = everything()

    def broken(*arguments, **named):
        raise Broken

    with monkeypatch.context() as patched:
        patched.setattr(step, broken)
        with pytest.raises(Broken):
            write(copies(rows))
    assert everything() == before

    # The write itself was in order: without the fault it changes something.
    write(copies(rows))
    assert everything() != before


def test_everything_looks_at_the_tables_that_matter(rows):
    tables = everything()
    assert tables["Learner"] == list(Learner.objects.values_list())
    assert tables["Score"] == list(Score.objects.values_list())
    assert len(tables) == len(list(apps.get_app_config("adaptivity").get_models()))
