"""What is cached of a collection is never out of date: every write of content, and the very next recommendation."""

import inspect
from collections import OrderedDict

import pytest
from django.db import transaction

from adaptivity.content.selectors import arrays
from adaptivity.content.services import activities, collections, knowledge_components, prerequisite_activities
from adaptivity.content.services.activities import (
    activity_create,
    activity_delete,
    activity_knowledge_component_create,
    activity_knowledge_component_delete,
    activity_knowledge_component_update,
    activity_update,
)
from adaptivity.content.services.collections import (
    collection_activities_replace,
    collection_activity_create,
    collection_activity_delete,
    collection_activity_update,
    collection_create,
    collection_delete,
    collection_update,
)
from adaptivity.content.services.knowledge_components import (
    knowledge_component_create,
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
from adaptivity.evidence.services.masteries import MasterySetting, masteries_set
from adaptivity.models import Collection, CollectionActivity, PrerequisiteActivity, PrerequisiteKnowledgeComponent
from adaptivity.recommendation.services.recommendation import activity_recommend
from tests.support.builders import ADA, activity, collection, knowledge_component

pytestmark = pytest.mark.django_db


class Rows:
    """The course holds a, b (after a), c and hidden; outside is in no collection. k1 before k2; k3 is on nothing."""

    def __init__(self):
        self.k1, self.k2, self.k3 = (knowledge_component(f"k{number}") for number in (1, 2, 3))
        self.k2_after_k1 = PrerequisiteKnowledgeComponent.objects.create(
            prerequisite=self.k1, knowledge_component=self.k2, value=0.5
        )
        self.course, self.other = collection("course"), collection("other")
        self.a = activity("a", [self.k1], into=self.course)
        self.b = activity("b", [self.k2], into=self.course, after=[self.a])
        self.c = activity("c", [self.k1, self.k2], into=self.course)
        self.hidden = activity("hidden", [self.k1], into=self.course, include_adaptive=False)
        self.outside = activity("outside", [self.k1])
        self.b_after_a = PrerequisiteActivity.objects.get()
        self.membership_of_c = CollectionActivity.objects.get(activity=self.c)


# Each write by its service function and what it changes; named so that the list can be compared with the services.
WRITES = {
    "activity_create": [
        lambda r: activity_create(source_launch_url="new", collections=[r.course.pk], knowledge_components=[r.k2.pk]),
        lambda r: activity_create(source_launch_url="new", collections=[r.course.pk]),
    ],
    "activity_update": [
        lambda r: activity_update(activity=r.c, source_launch_url="renamed"),
        lambda r: activity_update(activity=r.c, difficulty=0.9),
        lambda r: activity_update(activity=r.c, include_adaptive=False),
        lambda r: activity_update(activity=r.hidden, include_adaptive=True),
        lambda r: activity_update(activity=r.c, collections=[]),
        lambda r: activity_update(activity=r.c, collections=[r.other.pk]),
        lambda r: activity_update(activity=r.outside, collections=[r.course.pk, r.other.pk]),
        lambda r: activity_update(activity=r.c, knowledge_components=[r.k1.pk]),
        lambda r: activity_update(activity=r.c, knowledge_components=[r.k3.pk]),
        lambda r: activity_update(activity=r.c, prerequisite_activities=[r.a.pk]),
        lambda r: activity_update(activity=r.b, prerequisite_activities=[]),
        # A prerequisite that may not be recommended does not block.
        lambda r: activity_update(activity=r.a, include_adaptive=False),
    ],
    "activity_delete": [lambda r: activity_delete(activity=r.c), lambda r: activity_delete(activity=r.a)],
    "activity_knowledge_component_create": [
        lambda r: activity_knowledge_component_create(activity=r.a, knowledge_component=r.k2),
        lambda r: activity_knowledge_component_create(activity_is_new=True, activity=r.a, knowledge_component=r.k2),
    ],
    "activity_knowledge_component_update": [
        lambda r: activity_knowledge_component_update(tag=r.a.tagged.get(), guess=0.3),
        lambda r: activity_knowledge_component_update(tag=r.a.tagged.get(), activity=r.b),
    ],
    "activity_knowledge_component_delete": [lambda r: activity_knowledge_component_delete(tag=r.a.tagged.get())],
    "collection_create": [],
    "collection_update": [
        lambda r: collection_update(collection=r.course, max_problems=0),
        lambda r: collection_update(collection=r.course, collection_id="renamed"),
    ],
    "collection_delete": [lambda r: collection_delete(collection=r.course)],
    "collection_activities_replace": [
        lambda r: replace(r, "course", [{"source_launch_url": "c"}]),
        lambda r: replace(r, "course", [{"source_launch_url": "a"}, {"source_launch_url": "new"}]),
        lambda r: replace(r, "course", []),
        # Through another collection that holds the same activity.
        lambda r: replace(r, "other", [{"source_launch_url": "c", "difficulty": 0.9}]),
    ],
    "collection_activity_create": [lambda r: collection_activity_create(activity=r.outside, collection=r.course)],
    "collection_activity_update": [
        lambda r: collection_activity_update(membership=r.membership_of_c, collection=r.other),
        lambda r: collection_activity_update(membership=r.membership_of_c, activity=r.outside),
    ],
    "collection_activity_delete": [lambda r: collection_activity_delete(membership=r.membership_of_c)],
    "knowledge_component_create": [],
    "knowledge_component_update": [
        lambda r: knowledge_component_update(knowledge_component=r.k2, mastery_prior=0.7),
        # Tagged on c and b only through k2: the prerequisite's prior decides readiness.
        lambda r: knowledge_component_update(knowledge_component=r.k1, mastery_prior=0.95),
    ],
    "knowledge_component_delete": [
        lambda r: knowledge_component_delete(knowledge_component=r.k2),
        lambda r: knowledge_component_delete(knowledge_component=r.k1),
    ],
    "prerequisite_knowledge_component_create": [
        lambda r: prerequisite_knowledge_component_create(prerequisite=r.k3, knowledge_component=r.k1, value=0.5)
    ],
    "prerequisite_knowledge_component_update": [
        lambda r: prerequisite_knowledge_component_update(edge=r.k2_after_k1, value=1.0),
        lambda r: prerequisite_knowledge_component_update(edge=r.k2_after_k1, knowledge_component=r.k3),
    ],
    "prerequisite_knowledge_component_delete": [lambda r: prerequisite_knowledge_component_delete(edge=r.k2_after_k1)],
    "prerequisite_activity_create": [
        lambda r: prerequisite_activity_create(from_activity=r.c, to_activity=r.a),
    ],
    "prerequisite_activity_update": [
        lambda r: prerequisite_activity_update(edge=r.b_after_a, from_activity=r.c),
        lambda r: prerequisite_activity_update(edge=r.b_after_a, to_activity=r.c),
    ],
    "prerequisite_activity_delete": [lambda r: prerequisite_activity_delete(edge=r.b_after_a)],
}
CASES = [
    pytest.param(write, id=f"{name} {number}") for name, writes in WRITES.items() for number, write in enumerate(writes)
]


def replace(rows, collection_id, given):
    return collection_activities_replace(collection_id=collection_id, activities=given)


def seen(collection_id="course"):
    """A recommendation with all that it was chosen from, by name; None where there is no such collection."""
    try:
        answer = activity_recommend(learner=ADA, collection_id=collection_id)
    except Collection.DoesNotExist:
        return None
    urls, scores = answer.arrays.urls, answer.recommendation.scores
    return {
        "outcome": answer.recommendation.outcome,
        "url": answer.url,
        "candidates": {urls[item] for item in answer.recommendation.candidates},
        "blocked": {
            (urls[item], urls[by]) for item, by in zip(*(side.tolist() for side in answer.blocked), strict=True)
        },
        "scores": {
            url: tuple(
                float(term[item])
                for term in (scores.remediation, scores.continuity, scores.difficulty, scores.readiness, scores.total)
            )
            for item, url in enumerate(urls)
        },
    }


class Process:
    """Another process: the same database, a cache of its own."""

    def __init__(self, monkeypatch):
        self.monkeypatch, self.cache = monkeypatch, OrderedDict()

    def seen(self):
        with self.monkeypatch.context() as patched:
            patched.setattr(arrays, "_cache", self.cache)
            return seen()


@pytest.mark.parametrize("write", CASES)
def test_the_very_next_recommendation_sees_the_write_in_every_process(monkeypatch, write):
    rows, other = Rows(), Process(monkeypatch)
    # Masteries other than the priors, so that what depends on a KC cannot be equal by chance; k3 is at its prior.
    masteries_set(settings=[MasterySetting(ADA, "k3", 0.35)])
    before = seen()
    assert (before, other.seen()) == (seen(), before)

    write(rows)

    after = seen()
    assert after != before
    assert other.seen() == after
    arrays.cache_clear()
    assert seen() == after, "what is loaded anew says the same"


def test_every_service_that_writes_content_is_in_the_list():
    modules = (activities, collections, knowledge_components, prerequisite_activities)
    services = {
        name
        for module in modules
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and name.endswith(("_create", "_update", "_delete", "_replace"))
        and not name.startswith("_")
    }
    assert services == set(WRITES)


def test_stop_on_mastery_is_seen_at_once():
    rows = Rows()
    masteries_set(settings=[MasterySetting(ADA, kc_id, 0.95) for kc_id in ("k1", "k2")])
    before = seen()
    collection_update(collection=rows.course, stop_on_mastery=True)
    assert (before["outcome"], seen()["outcome"]) == ("recommended", "mastered")


def test_a_new_collection_is_seen_at_once():
    assert seen("new") is None
    collection_create(collection_id="new", name="")
    assert seen("new")["outcome"] == "exhausted"


def test_a_new_kc_changes_nothing_until_it_is_used():
    rows = Rows()
    before = seen()
    created = knowledge_component_create(kc_id="new", name="", mastery_prior=0.1)
    assert seen() == before
    activity_update(activity=rows.c, knowledge_components=[created.pk])
    assert seen() != before


def test_a_write_to_one_collection_leaves_the_arrays_of_another_in_the_cache(django_assert_num_queries):
    rows = Rows()
    collection_activity_create(activity=rows.outside, collection=rows.other)
    seen()
    seen("other")
    activity_update(activity=rows.c, difficulty=0.9)
    # learner, collection version, masteries, done
    with django_assert_num_queries(4):
        seen("other")


def test_a_write_that_is_rolled_back_is_not_seen():
    rows = Rows()
    before = seen()
    with transaction.atomic():
        activity_update(activity=rows.c, difficulty=0.9)
        assert seen() != before
        transaction.set_rollback(True)
    arrays.cache_clear()
    assert seen() == before


def test_a_write_while_the_arrays_are_loaded_is_noticed(monkeypatch):
    """Another process changes the content after this one read the revision and before it read the activities."""
    rows = Rows()
    load, versions = arrays._load, []

    def load_after_a_write(version):
        if not versions:
            activity_update(activity=rows.c, difficulty=0.9)
        versions.append(version)
        return load(version)

    monkeypatch.setattr(arrays, "_load", load_after_a_write)
    first = seen()
    assert [version.revision for version in versions] == [0, 1]
    assert seen() == first
    arrays.cache_clear()
    assert seen() == first


def test_the_cache_holds_as_many_collections_as_the_setting_says(settings, django_assert_num_queries):
    settings.COLLECTION_CACHE_SIZE = 2
    for name in ("one", "two", "three"):
        collection(name)
    masteries_set(settings=[MasterySetting(ADA, knowledge_component("k").kc_id, 0.5)])
    for name in ("one", "two", "one", "three"):
        seen(name)
    # learner, collection version, masteries, done; "two" was used longest ago and left
    for name in ("one", "three"):
        with django_assert_num_queries(4):
            seen(name)
    # ... activities, tags, both kinds of prerequisite and the version again; there are no KCs to ask for
    with django_assert_num_queries(4 + 5):
        seen("two")
