"""A signed-in superuser, and a small course."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from adaptivity.models import (
    Activity,
    ActivityKnowledgeComponent,
    Collection,
    CollectionActivity,
    EngineState,
    KnowledgeComponent,
    PrerequisiteKnowledgeComponent,
)


@pytest.fixture
def staff(client: Client) -> Client:
    """A client signed in as a superuser."""
    client.force_login(get_user_model().objects.create_superuser("admin", password="a long enough password"))
    return client


@pytest.fixture
def course() -> Collection:
    """Three activities a, b, c in a collection, a tagged with easy and b with hard; easy comes before hard."""
    EngineState.objects.create()
    collection = Collection.objects.create(collection_id="course", name="Course")
    activities = [Activity.objects.create(source_launch_url=url, name=f"Activity {url}") for url in "abc"]
    CollectionActivity.objects.bulk_create(CollectionActivity(collection=collection, activity=a) for a in activities)
    easy = KnowledgeComponent.objects.create(kc_id="easy", name="Easy")
    hard = KnowledgeComponent.objects.create(kc_id="hard", name="Hard")
    PrerequisiteKnowledgeComponent.objects.create(prerequisite=easy, knowledge_component=hard)
    ActivityKnowledgeComponent.objects.create(activity=activities[0], knowledge_component=easy)
    ActivityKnowledgeComponent.objects.create(activity=activities[1], knowledge_component=hard)
    return collection
