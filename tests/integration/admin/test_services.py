"""No page of the admin writes a row of ours but through a service."""

import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Model
from django.test import Client, RequestFactory

from adaptivity.models import (
    Activity,
    ActivityKnowledgeComponent,
    Collection,
    CollectionActivity,
    CourseSource,
    Experiment,
    ExperimentalGroup,
    ExperimentPin,
    KnowledgeComponent,
    Learner,
    PrerequisiteActivity,
    PrerequisiteKnowledgeComponent,
)
from tests.support.admin_pages import add_row, page_data, save, url_of

pytestmark = pytest.mark.django_db

WRITE = re.compile(r'^(INSERT INTO|UPDATE|DELETE FROM) "(?P<table>adaptivity_\w+)"')
SERVICE = re.compile(r"adaptivity\.(\w+\.)*services(\.|$)")
GROUP = {
    "name": "a", "weight": 1, "policy": "design", "remediation_weight": 2, "continuity_weight": 1,
    "difficulty_weight": 0.5, "readiness_weight": 2, "forgiveness": 0, "mastery_threshold": 0.9,
}  # fmt: skip


def writable() -> set[type[Model]]:
    """The models of ours whose pages let a superuser write."""
    request = RequestFactory().get("/")
    request.user = User(is_superuser=True, is_active=True, is_staff=True)
    return {
        model
        for model, page in admin.site._registry.items()
        if model._meta.app_label == "adaptivity"
        and (
            page.has_add_permission(request)
            or page.has_change_permission(request)
            or page.has_delete_permission(request)
        )
    }


def rows() -> dict[str, Model]:
    """What is there before, by the names that PAGES has for it."""
    course = Collection.objects.create(collection_id="course")
    experiment = Experiment.objects.create(name="experiment", collection=course)
    return {
        "a": Activity.objects.create(source_launch_url="a"),
        "b": Activity.objects.create(source_launch_url="b"),
        "easy": KnowledgeComponent.objects.create(kc_id="easy"),
        "hard": KnowledgeComponent.objects.create(kc_id="hard"),
        "course": course,
        "experiment": experiment,
        "group": ExperimentalGroup.objects.create(experiment=experiment, name="control"),
        "other": ExperimentalGroup.objects.create(experiment=experiment, name="other"),
        "learner": Learner.objects.create(user_id="anna"),
    }


PARAMETERS = {"guess": 0.1, "slip": 0.1, "transit": 0.1}
# Of each page: what is added, what of it is changed then, and a row of each inline.
PAGES: dict[type[Model], tuple[dict[str, Any], dict[str, Any], dict[str, dict[str, Any]]]] = {
    Activity: (
        {"source_launch_url": "new"},
        {"name": "New"},
        {
            "tagged": {"knowledge_component": "easy", **PARAMETERS},
            "prerequisite_edges": {"to_activity": "a"},
            "memberships": {"collection": "course"},
        },
    ),
    ActivityKnowledgeComponent: (
        {"activity": "a", "knowledge_component": "easy", **PARAMETERS},
        {"guess": 0.2},
        {},
    ),
    Collection: ({"collection_id": "new"}, {"name": "New"}, {"memberships": {"activity": "a"}}),
    CollectionActivity: ({"collection": "course", "activity": "a"}, {"activity": "b"}, {}),
    CourseSource: (
        {"slug": "new", "kind": "website", "start_urls": "https://uni.example/"},
        {"name": "New", "start_urls": "https://uni.example/a", "collection_id": "course"},
        {},
    ),
    Experiment: ({"name": "new", "collection": "course"}, {"name": "newer"}, {"groups": GROUP}),
    ExperimentPin: ({"learner": "learner", "group": "group"}, {"group": "other"}, {}),
    ExperimentalGroup: ({"experiment": "experiment", **GROUP}, {"weight": 2}, {}),
    KnowledgeComponent: (
        {"kc_id": "new"},
        {"mastery_prior": 0.3},
        {"prerequisite_edges": {"prerequisite": "easy", "value": 1}},
    ),
    PrerequisiteActivity: ({"from_activity": "a", "to_activity": "b"}, {"from_activity": "b", "to_activity": "a"}, {}),
    PrerequisiteKnowledgeComponent: (
        {"knowledge_component": "hard", "prerequisite": "easy", "value": 1},
        {"value": 0.5},
        {},
    ),
}


@pytest.fixture
def written() -> Iterator[list[tuple[str, bool]]]:
    """The tables that are written, and whether a function of a service was at work then."""
    seen: list[tuple[str, bool]] = []

    def look(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if match := WRITE.match(sql):
            frame, by_service = sys._getframe(), False
            while frame is not None and not by_service:
                by_service = bool(SERVICE.match(frame.f_globals.get("__name__", "")))
                frame = frame.f_back  # type: ignore[assignment]
            seen.append((match["table"], by_service))
        return execute(sql, *rest)

    with connection.execute_wrapper(look):
        yield seen


def test_every_page_that_writes_is_tested() -> None:
    assert writable() == set(PAGES)


@pytest.mark.parametrize("delete", ["page", "action"])
@pytest.mark.parametrize("model", sorted(PAGES, key=lambda model: model.__name__), ids=lambda model: model.__name__)
def test_only_services_write(
    client: Client, model: Any, delete: str, written: list[tuple[str, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adaptivity.tasks.read_source.delay", lambda *_: None)
    client.force_login(get_user_model().objects.create_superuser("admin", password="a long enough password"))
    there = rows()
    added, changed, inlines = PAGES[model]
    written.clear()

    def named(fields: dict[str, Any]) -> dict[str, Any]:
        """The fields, with the keys of the rows that they name."""
        return {
            name: there[value].pk if name not in {"name"} and value in there else value
            for name, value in fields.items()
        }

    def add_rows(data: dict[str, Any]) -> None:
        for prefix, fields in inlines.items():
            add_row(data, prefix, **named(fields))

    def tables(*, of: type[Model]) -> list[str]:
        found = [table for table, _ in written]
        assert all(by_service for _, by_service in written), written
        assert of._meta.db_table in found
        written.clear()
        return found

    # A new object with its rows.
    url = url_of(model, "add")
    data = page_data(client, url) | named(added)
    add_rows(data)
    assert save(client, url, data) == []
    assert len(tables(of=model)) >= 1 + len(inlines)
    row = model.objects.latest("pk")

    # It is changed, and its rows go.
    url = url_of(model, "change", row.pk)
    gone = {f"{prefix}-0-DELETE": "on" for prefix in inlines}
    assert save(client, url, page_data(client, url) | named(changed) | gone) == []
    assert len(tables(of=model)) >= 1 + len(inlines)

    if delete == "page":
        response = client.post(url_of(model, "delete", row.pk), {"post": "yes"})
    else:
        selected = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
        response = client.post(url_of(model, "changelist"), selected)
    assert response.status_code == 302
    tables(of=model)
    assert not model.objects.filter(pk=row.pk).exists()
