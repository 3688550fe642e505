"""One table says which changes make learners stale, and every way in that writes content obeys it."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Model
from django.test import Client
from rest_framework.test import APIClient

from adaptivity.content.services.courses import course_load
from adaptivity.content.services.revisions import ADDED, DELETED, STALE_AFTER
from adaptivity.evidence.services.imports import ScoreRow, items_ensure
from adaptivity.models import (
    Activity,
    ActivityKnowledgeComponent,
    Collection,
    CollectionActivity,
    CourseSource,
    EngineState,
    KnowledgeComponent,
    PrerequisiteActivity,
    PrerequisiteKnowledgeComponent,
)
from adaptivity.sources.services.course_sources import course_source_create
from adaptivity.sources.services.crawling import PageContent, crawl_begin, page_store, pages_publish
from adaptivity.sources.services.sections import CourseItem, CourseSection, section_write
from tests.support.admin_pages import add_row, page_data, save, url_of

pytestmark = pytest.mark.django_db

CONTENT: list[type[Model]] = [
    Activity,
    ActivityKnowledgeComponent,
    Collection,
    CollectionActivity,
    KnowledgeComponent,
    PrerequisiteActivity,
    PrerequisiteKnowledgeComponent,
]
Table = dict[type[Model], frozenset[str]]
EVERYTHING: Table = {
    model: frozenset({ADDED, DELETED, *(column.name for column in model._meta.fields if not column.primary_key)})
    for model in CONTENT
}
PAGE = "https://uni.example/page"
COURSE: dict[str, Any] = {
    "format": 1,
    "course": {"title": "Course"},
    "knowledge_components": [
        {"kc_id": "easy", "name": "Easy"},
        {"kc_id": "hard", "name": "Hard", "prerequisites": [{"kc_id": "easy", "value": 1.0}]},
    ],
    "collections": [{"collection_id": "course", "name": "Course"}],
    "activities": [
        {
            "source_launch_url": url,
            "name": url,
            "type": "",
            "collections": ["course"],
            "knowledge_components": [{"kc_id": "easy"}] if url == "a" else [],
        }
        for url in "ab"
    ],
}


@dataclass
class World:
    """The ways in, and what is there: what COURSE says, an Open edX section with the item ``a``, and a website."""

    staff: Client
    api: APIClient
    platform: CourseSource
    website: CourseSource

    def post(self, path: str, body: object) -> None:
        self._sent(self.api.post(f"/api/v2/{path}", body, format="json"))

    def patch(self, path: str, body: object) -> None:
        self._sent(self.api.patch(f"/api/v2/{path}", body, format="json"))

    def delete(self, path: str) -> None:
        self._sent(self.api.delete(f"/api/v2/{path}"))

    def _sent(self, response: Any) -> None:
        assert response.status_code < 300, response.content

    def save(self, row: Model, **changes: Any) -> None:
        """Changes a row on its page of the admin; a key of an inline has "__" for the hyphens."""
        url = url_of(type(row), "change", row.pk)
        named = {name.replace("__", "-"): value for name, value in changes.items()}
        assert save(self.staff, url, page_data(self.staff, url) | named) == []

    def remove(self, row: Model) -> None:
        response = self.staff.post(url_of(type(row), "delete", row.pk), {"post": "yes"})
        assert response.status_code == 302

    def load(self, change: Callable[[dict[str, Any]], object]) -> None:
        course = copy.deepcopy(COURSE)
        change(course)
        course_load(course=course)

    def section(self, *, url: str = "a", name: str = "a", title: str = "Course") -> None:
        section_write(
            source=self.platform,
            section=CourseSection("course", title, [CourseItem("item", name, "", url)]),
            position=0,
        )

    def publish(self) -> None:
        crawl = crawl_begin(source=self.website, start_urls=[PAGE])
        page = crawl.source.pages.get()
        page_store(crawl=crawl, page_id=page.pk, http_status=200, content=PageContent("Page", "Text", []))
        pages_publish(source=crawl.source)

    def add_tagged_activity(self) -> None:
        url = url_of(Activity, "add")
        data = page_data(self.staff, url) | {"source_launch_url": "new"}
        add_row(data, "tagged", knowledge_component=kc("easy").pk, guess=0.1, slip=0.1, transit=0.1)
        assert save(self.staff, url, data) == []


def activity(url: str) -> Activity:
    return Activity.objects.get(source_launch_url=url)


def kc(kc_id: str) -> KnowledgeComponent:
    return KnowledgeComponent.objects.get(kc_id=kc_id)


@pytest.fixture
def world(client: Client) -> World:
    user = get_user_model().objects.create_superuser("admin", password="a long enough password")
    client.force_login(user)
    api = APIClient()
    api.force_authenticate(user)
    course_load(course=COURSE)
    made = World(
        client,
        api,
        course_source_create(slug="lms", kind="open_edx", base_url="https://lms.example", credentials="lms"),
        course_source_create(slug="site", kind="website", start_urls=[PAGE], collection_id="course"),
    )
    made.section()
    return made


Way = Callable[[World], object]
Changes = Mapping[type[Model], set[str]]
WAYS: dict[str, tuple[Way, Changes]] = {
    # what is done, and what of which model it changes
    "API: an activity's name and type": (
        lambda world: world.patch(f"activity/{activity('a').pk}", {"name": "A", "type": "problem"}),
        {Activity: {"name", "type"}},
    ),
    "API: an activity's tags": (
        lambda world: world.patch(f"activity/{activity('a').pk}", {"knowledge_components": [kc("hard").pk]}),
        {ActivityKnowledgeComponent: {ADDED, DELETED}},
    ),
    "API: a new activity with tags": (
        lambda world: world.post(
            "activity", {"source_launch_url": "new", "name": "new", "knowledge_components": [kc("easy").pk]}
        ),
        {Activity: {ADDED}},
    ),
    "API: an activity deleted": (
        lambda world: world.delete(f"activity/{activity('b').pk}"),
        {Activity: {DELETED}},
    ),
    "API: a collection's activities": (
        lambda world: world.post("collection/course/activities", [{"source_launch_url": "a", "difficulty": 0.5}]),
        {Activity: {"difficulty"}, CollectionActivity: {DELETED}},
    ),
    "API: a collection's name": (
        lambda world: world.patch("collection/course", {"name": "New"}),
        {Collection: {"name"}},
    ),
    "API: a KC's prior": (
        lambda world: world.patch("knowledge_component/easy", {"name": "Easy", "mastery_prior": 0.5}),
        {KnowledgeComponent: {"mastery_prior"}},
    ),
    "API: a new KC": (
        lambda world: world.post("knowledge_component", {"kc_id": "new", "name": "new", "mastery_prior": 0.5}),
        {KnowledgeComponent: {ADDED}},
    ),
    "API: a KC deleted": (
        lambda world: world.delete("knowledge_component/hard"),
        {KnowledgeComponent: {DELETED}},
    ),
    "API: a prerequisite of a KC": (
        lambda world: world.patch(
            f"prerequisite_knowledge_component/{PrerequisiteKnowledgeComponent.objects.get().pk}", {"value": 0.5}
        ),
        {PrerequisiteKnowledgeComponent: {"value"}},
    ),
    "API: a prerequisite of an activity": (
        lambda world: world.post(
            "prerequisite_activity", {"from_activity": activity("a").pk, "to_activity": activity("b").pk}
        ),
        {PrerequisiteActivity: {ADDED}},
    ),
    "admin: an activity's name and a tag's guess": (
        lambda world: world.save(activity("a"), name="A", tagged__0__guess=0.2),
        {Activity: {"name"}, ActivityKnowledgeComponent: {"guess"}},
    ),
    "admin: a tag taken off": (
        lambda world: world.save(activity("a"), tagged__0__DELETE="on"),
        {ActivityKnowledgeComponent: {DELETED}},
    ),
    "admin: a tag on its own page": (
        lambda world: world.save(ActivityKnowledgeComponent.objects.get(), activity=activity("b").pk, transit=0.3),
        {ActivityKnowledgeComponent: {"activity", "transit"}},
    ),
    "admin: a new activity with a tag": (World.add_tagged_activity, {Activity: {ADDED}}),
    "admin: a KC's name": (
        lambda world: world.save(kc("easy"), name="Easier"),
        {KnowledgeComponent: {"name"}},
    ),
    "admin: a KC's prior and a prerequisite": (
        lambda world: world.save(kc("hard"), mastery_prior=0.3, prerequisite_edges__0__value=0.5),
        {KnowledgeComponent: {"mastery_prior"}, PrerequisiteKnowledgeComponent: {"value"}},
    ),
    "admin: a KC deleted": (lambda world: world.remove(kc("hard")), {KnowledgeComponent: {DELETED}}),
    "admin: a membership deleted": (
        lambda world: world.remove(CollectionActivity.objects.get(activity=activity("b"))),
        {CollectionActivity: {DELETED}},
    ),
    "course: nothing": (lambda world: world.load(lambda course: None), {}),
    "course: a prior and a name": (
        lambda world: world.load(
            lambda course: course["knowledge_components"][0].update(name="Easier", mastery_prior=0.3)
        ),
        {KnowledgeComponent: {"name", "mastery_prior"}},
    ),
    "course: a tag's slip": (
        lambda world: world.load(lambda course: course["activities"][0]["knowledge_components"][0].update(slip=0.3)),
        {ActivityKnowledgeComponent: {"slip"}},
    ),
    "course: other tags": (
        lambda world: world.load(
            lambda course: course["activities"][0].update(knowledge_components=[{"kc_id": "hard"}])
        ),
        {ActivityKnowledgeComponent: {ADDED, DELETED}},
    ),
    "course: a new activity with a tag": (
        lambda world: world.load(
            lambda course: course["activities"].append({**course["activities"][0], "source_launch_url": "new"})
        ),
        {Activity: {ADDED}, CollectionActivity: {ADDED}},
    ),
    "import: new items with KCs": (
        lambda world: items_ensure(rows=[ScoreRow(1, "ada", "new", ("new KC",), 1.0)], collection_id="course"),
        {Activity: {ADDED}, KnowledgeComponent: {ADDED}, CollectionActivity: {ADDED}},
    ),
    "source: an item's name and its section's": (
        lambda world: world.section(name="A", title="Section"),
        {Activity: {"name"}, Collection: {"name"}},
    ),
    "source: an item's URL": (
        lambda world: world.section(url="elsewhere"),
        {Activity: {"source_launch_url"}},
    ),
    "source: a page of a website": (World.publish, {Activity: {ADDED}, CollectionActivity: {ADDED}}),
}


def are_stale(world: World, way: Way, table: Table) -> bool:
    """Whether learners would be stale after the way in was taken, with this table. Nothing of it remains."""
    with mock.patch.dict(STALE_AFTER, table, clear=True), transaction.atomic():
        before = EngineState.objects.get().tracing_revision
        way(world)
        after = EngineState.objects.get().tracing_revision
        transaction.set_rollback(True)
    return after > before


@pytest.mark.parametrize("name", list(WAYS))
def test_the_table_decides(world: World, name: str) -> None:
    way, changes = WAYS[name]

    # given the table as it is
    expected = any(STALE_AFTER.get(model, frozenset()) & what for model, what in changes.items())
    assert are_stale(world, way, dict(STALE_AFTER)) == expected

    # given one with no more than one of the changes
    for model, what in changes.items():
        for change in what:
            assert are_stale(world, way, {model: frozenset({change})}), (model, change)

    # given one with everything else
    others = {model: what - changes.get(model, set()) for model, what in EVERYTHING.items()}
    assert not are_stale(world, way, others)


def test_the_table_names_fields_of_content() -> None:
    assert all(what <= EVERYTHING[model] for model, what in STALE_AFTER.items())
