"""Two sessions on PostgreSQL: what another one writes between the load and the save of an admin page stays written."""

from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.messages import ERROR, get_messages
from django.db import connection, connections
from django.db.models.signals import pre_save
from django.test import Client

from adaptivity.models import Collection, CourseSource, Experiment
from adaptivity.recommendation.services.experiments import (
    experiment_create,
    experiment_start,
    experimental_group_create,
)
from adaptivity.sources.services.course_sources import (
    RUNNING,
    course_source_create,
    course_source_delete,
    course_source_started,
)
from adaptivity.sources.services.crawling import crawl_begin
from tests.support.admin_pages import page_data, url_of

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time"),
]

BEFORE_THE_SAVE, DURING_THE_SAVE = "before the save", "during the save"
# Long enough for a session that nothing holds up.
SECONDS = 2.0


class OtherSession:
    """Writes once, in a session of its own, when the admin has loaded the row."""

    def __init__(self, write: Callable[[], object]) -> None:
        self.failed: list[Exception] = []
        self._thread = Thread(target=self._run, args=[write])

    def _run(self, write: Callable[[], object]) -> None:
        try:
            write()
        except Exception as error:
            self.failed.append(error)
        finally:
            connections.close_all()

    def begin(self, *_: Any, **__: Any) -> None:
        """Gives the other session time to write. Where the admin holds the row's lock, it writes after the commit."""
        if self._thread.ident is None:
            self._thread.start()
            self._thread.join(SECONDS)

    def end(self) -> None:
        self._thread.join()
        assert self.failed == []


@pytest.fixture(params=[BEFORE_THE_SAVE, DURING_THE_SAVE])
def race(request: pytest.FixtureRequest, client: Client, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Saves an object's page while another session writes; answers the messages of errors."""
    client.force_login(get_user_model().objects.create_superuser("admin", password="a long enough password"))

    def run(row: Any, change: dict[str, Any], write: Callable[[], object]) -> list[str]:
        other, model = OtherSession(write), type(row)
        url = url_of(model, "change", row.pk)
        data = page_data(client, url) | change
        page = type(admin.site.get_model_admin(model))
        if request.param == BEFORE_THE_SAVE:
            save_form = page.save_form
            monkeypatch.setattr(page, "save_form", lambda *args, **kw: other.begin() or save_form(*args, **kw))
        else:
            pre_save.connect(other.begin, sender=model)
        try:
            response = client.post(url, data)
        finally:
            pre_save.disconnect(other.begin, sender=model)
        other.end()
        assert response.status_code == 302
        return [str(message) for message in get_messages(response.wsgi_request) if message.level == ERROR]

    run.moment = request.param  # type: ignore[attr-defined]
    return run


def test_a_crawl_that_starts_meanwhile(race: Any) -> None:
    source = course_source_create(slug="site", kind="website", start_urls=["https://uni.example/"])

    def crawl() -> None:
        course_source_started(source=source)
        crawl_begin(source=source, start_urls=source.start_urls)

    errors = race(source, {"name": "A site"}, crawl)

    assert errors == []
    stored = CourseSource.objects.get()
    assert stored.name == "A site"
    assert (stored.last_outcome, stored.crawl, stored.crawl_open) == (RUNNING, 1, True)
    assert stored.last_started_at is not None


def test_an_experiment_that_is_started_meanwhile(race: Any) -> None:
    course = Collection.objects.create(collection_id="course")
    experiment = experiment_create(name="stop", collection=course)
    experimental_group_create(experiment=experiment, name="control")

    errors = race(experiment, {"name": "renamed"}, lambda: experiment_start(experiment=experiment))

    stored = Experiment.objects.get()
    assert stored.started_at is not None
    # What was started before the save keeps its name, which decides who is in which group.
    if race.moment == BEFORE_THE_SAVE:
        assert stored.name == "stop"
        assert errors == ["Nothing was changed. 'stop' has already started and can no longer be changed."]
    else:
        assert stored.name == "renamed"
        assert errors == []


def test_a_group_of_an_experiment_that_is_started_meanwhile(race: Any) -> None:
    course = Collection.objects.create(collection_id="course")
    experiment = experiment_create(name="stop", collection=course)
    group = experimental_group_create(experiment=experiment, name="control")

    errors = race(group, {"weight": 2}, lambda: experiment_start(experiment=experiment))

    assert Experiment.objects.get().started_at is not None
    group.refresh_from_db()
    if race.moment == BEFORE_THE_SAVE:
        assert (group.weight, errors) == (
            1.0,
            ["Nothing was changed. 'stop' has already started and can no longer be changed."],
        )
    else:
        assert (group.weight, errors) == (2.0, [])


def test_a_source_that_is_deleted_meanwhile(race: Any) -> None:
    source = course_source_create(slug="site", kind="website", start_urls=["https://uni.example/"])

    errors = race(source, {"name": "A site"}, lambda: course_source_delete(source=source))

    assert not CourseSource.objects.exists()
    if race.moment == BEFORE_THE_SAVE:
        assert errors == ["Nothing was changed. In the meantime, another session changed it or began to refer to it."]
    else:
        assert errors == []
