"""course_source: create, read, change, delete; and a new one is read, once."""

import os
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth import get_user_model
from structlog.testing import capture_logs

from adaptivity import tasks
from adaptivity.models import Activity, CourseSource, CrawledPage, SourceItem, SourceSection
from adaptivity.sources.jobs.source_reports import sources_chosen
from tests.support.api import CAMPUS, refusals
from tests.support.servers.broker import broker, broker_away

SITE = {"slug": "site", "kind": "website", "start_urls": ["https://uni.example/course/"]}

pytestmark = pytest.mark.django_db


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The ids of the sources whose job was sent for."""
    sent: list[int] = []
    monkeypatch.setattr(tasks, "read_source_on_commit", lambda source, **_: sent.append(source.pk))
    return sent


def test_a_website(api: Any, read: list[int]) -> None:
    response = api.post("course_source", SITE)

    assert response.status_code == 201
    source = CourseSource.objects.get()
    assert response.json() == {
        "id": source.id,
        "slug": "site",
        "kind": "website",
        "name": "",
        "enabled": True,
        "interval_hours": 0,
        "address_exceptions": [],
        "base_url": "",
        "course_id": "",
        "launch_url": "student_view_url",
        "credentials": "",
        "start_urls": ["https://uni.example/course/"],
        "allowed_domains": [],
        "max_depth": 20,
        "max_pages": 10_000,
        "delay": 1.0,
        "collection_id": "",
        "last_started_at": None,
        "last_finished_at": None,
        "last_outcome": "",
        "last_message": "",
    }
    assert read == [source.id]
    assert api.get("course_source/site").json() == response.json()
    assert api.get("course_source?kind=open_edx").json()["count"] == 0


def test_changing_one_sends_for_no_job(api: Any, read: list[int]) -> None:
    api.post("course_source", CAMPUS)
    read.clear()

    changed = api.put("course_source/campus", {"slug": "north", "kind": "open_edx", "launch_url": "lti_url"})

    assert (changed.status_code, changed.json()["launch_url"], changed.json()["credentials"]) == (
        200,
        "lti_url",
        "campus",
    )
    assert api.get("course_source/campus").status_code == 404
    assert api.patch("course_source/north", {"interval_hours": "24"}).json()["interval_hours"] == 24
    assert read == []


def test_one_that_is_not_enabled_is_not_read(api: Any, read: list[int]) -> None:
    assert api.post("course_source", CAMPUS | {"enabled": False}).status_code == 201
    assert read == []


def test_the_job_is_sent_for_after_the_commit_once(api: Any, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        api.post("course_source", SITE)
        api.post("course_source", SITE)

    assert len(callbacks) == 1


def test_the_job_is_told_who_has_saved_the_source(
    api: Any, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(tasks.read_source, "delay", lambda *arguments: sent.append(arguments))

    with django_capture_on_commit_callbacks(execute=True):
        api.post("course_source", SITE)

    assert sent == [(CourseSource.objects.get().pk, "platform")]


@pytest.mark.django_db(transaction=True)
def test_without_an_answer_of_the_broker_a_source_is_saved_all_the_same(api: Any) -> None:
    with broker_away(), capture_logs() as logs:
        posted = api.post("course_source", SITE)
        again = api.post("course_source", SITE)

    assert (posted.status_code, posted.json()["slug"]) == (201, "site")
    assert (again.status_code, refusals(again)) == (400, [("slug", "unique")])
    assert [entry for entry in logs if entry["event"] == "source_not_sent"] == [
        {"event": "source_not_sent", "log_level": "warning", "source": "site", "error": "OperationalError"}
    ]
    # It is due: whichever job reads sources next reads it.
    assert sources_chosen([], ["website"]) == [CourseSource.objects.get()]


@pytest.mark.rabbitmq
@pytest.mark.django_db(transaction=True)
def test_so_it_is_where_the_broker_lets_nobody_in(api: Any) -> None:
    url = urlsplit(os.environ["TEST_BROKER_URL"])
    refused = url._replace(netloc=f"{url.username}:wrong@{url.netloc.rpartition('@')[2]}").geturl()

    with broker(refused), capture_logs() as logs:
        posted = api.post("course_source", SITE)

    assert (posted.status_code, CourseSource.objects.get().slug) == (201, "site")
    assert [entry["error"] for entry in logs if entry["event"] == "source_not_sent"] == ["AccessRefused"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (SITE | {"slug": "with space"}, "slug"),
        (SITE | {"slug": "ü"}, "slug"),
        (SITE | {"slug": "a/b"}, "slug"),
        (SITE | {"kind": "moodle"}, "kind"),
        (SITE | {"start_urls": []}, "start_urls"),
        (SITE | {"start_urls": "https://uni.example/"}, "start_urls"),
        (SITE | {"start_urls": [7]}, "start_urls.0"),
        (SITE | {"start_urls": ["file:///etc/passwd"]}, "start_urls"),
        (SITE | {"start_urls": ["https://user:password@uni.example/"]}, "start_urls"),
        (SITE | {"start_urls": ["https:///path"]}, "start_urls"),
        (SITE | {"start_urls": [f"https://{'漢' * 100}.example/"], "allowed_domains": []}, "start_urls"),
        (SITE | {"start_urls": ["https://uni.example:99999/"]}, "start_urls"),
        (SITE | {"allowed_domains": ["other.example"]}, "start_urls"),
        (SITE | {"allowed_domains": ["https://uni.example"]}, "allowed_domains"),
        (SITE | {"allowed_domains": ["uni.example:8000"]}, "allowed_domains"),
        (SITE | {"address_exceptions": ["127.0.0.1"]}, "address_exceptions"),
        (SITE | {"address_exceptions": ["127.0.0.1:0"]}, "address_exceptions"),
        (SITE | {"address_exceptions": ["*:80"]}, "address_exceptions"),
        (SITE | {"max_pages": 0}, "max_pages"),
        (SITE | {"max_depth": -1}, "max_depth"),
        (SITE | {"interval_hours": 2147483647}, "interval_hours"),
        (SITE | {"delay": 61}, "delay"),
        (SITE | {"delay": "nan"}, "delay"),
        (CAMPUS | {"base_url": ""}, "base_url"),
        (CAMPUS | {"base_url": "lms.example"}, "base_url"),
        (CAMPUS | {"base_url": "https://lms.example/?x=1"}, "base_url"),
        (CAMPUS | {"credentials": ""}, "credentials"),
        (CAMPUS | {"launch_url": "some_url"}, "launch_url"),
    ],
)
def test_refusals(api: Any, unchanged: Any, read: list[int], body: dict[str, Any], field: str) -> None:
    get_user_model().objects.update(is_staff=True)
    with unchanged():
        response = api.post("course_source", body)

    assert response.status_code == 400
    assert [name for name, _ in refusals(response)] == [field]
    assert read == []


def test_a_slug_is_unique_and_a_kind_stays(api: Any, unchanged: Any, read: list[int]) -> None:
    api.post("course_source", SITE)
    api.post("course_source", CAMPUS)

    with unchanged():
        again = api.post("course_source", SITE)
        taken = api.patch("course_source/campus", {"slug": "site"})
        other = api.patch("course_source/campus", {"kind": "website"})

    assert [response.status_code for response in (again, taken, other)] == [400] * 3
    assert refusals(again) == refusals(taken) == [("slug", "unique")]
    assert refusals(other) == [("kind", "unchangeable")]


def test_only_staff_adds_address_exceptions(api: Any, unchanged: Any, read: list[int]) -> None:
    exception = {"address_exceptions": ["lms.internal:8000"]}
    get_user_model().objects.update(is_staff=False)
    with unchanged():
        refused = api.post("course_source", SITE | exception)
    api.post("course_source", SITE)
    with unchanged():
        again = api.patch("course_source/site", exception)

    assert refusals(refused) == refusals(again) == [("address_exceptions", "staff_only")]

    get_user_model().objects.update(is_staff=True)
    assert api.patch("course_source/site", exception).status_code == 200
    get_user_model().objects.update(is_staff=False)
    assert api.patch("course_source/site", exception | {"name": "Site"}).json()["name"] == "Site"
    assert api.patch("course_source/site", {"address_exceptions": []}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "0xa9fea9fe",
        "2852039166",
        "169.254.43518",
        "[fe80::1]",
        "[::ffff:a9fe:a9fe]",
        "[fd00:ec2::254]",
        "[64:ff9b::a9fe:a9fe]",
    ],
)
def test_no_exception_is_good_for_link_local_addresses(api: Any, unchanged: Any, read: list[int], host: str) -> None:
    get_user_model().objects.update(is_staff=True)
    with unchanged():
        response = api.post("course_source", SITE | {"address_exceptions": ["127.0.0.1:80", f"{host}:80"]})

    assert response.status_code == 400
    assert [error["message"] for error in response.json()["errors"]] == ["Link-local addresses cannot be allowed."]
    assert [name for name, _ in refusals(response)] == ["address_exceptions"]
    assert read == []


def test_deleting_one_leaves_its_activities(api: Any, read: list[int]) -> None:
    api.post("course_source", SITE)
    source = CourseSource.objects.get()
    activity = Activity.objects.create(source_launch_url="https://uni.example/course/")
    CrawledPage.objects.create(source=source, url=activity.source_launch_url, crawl=1, activity=activity)

    assert api.delete("course_source/site").status_code == 204
    assert (CourseSource.objects.count(), CrawledPage.objects.count(), Activity.objects.count()) == (0, 0, 1)
    assert not SourceItem.objects.exists()
    assert not SourceSection.objects.exists()


def test_what_a_change_of_a_website_begins_anew(api: Any, read: list[int]) -> None:
    api.post("course_source", SITE | {"collection_id": "old"})
    source = CourseSource.objects.get()
    CourseSource.objects.update(crawl=3, crawl_open=True)
    CrawledPage.objects.create(source=source, url="https://uni.example/", crawl=3, published="x", fingerprint="x")

    api.patch("course_source/site", {"name": "The site"})
    source.refresh_from_db()
    assert source.crawl_open

    api.patch("course_source/site", {"max_depth": 3, "collection_id": "new"})
    source.refresh_from_db()
    assert not source.crawl_open
    assert CrawledPage.objects.get().published == ""


@pytest.mark.parametrize("field", ["kind", "launch_url"])
def test_a_choice_with_a_lone_surrogate(api: Any, field: str) -> None:
    response = api.post("course_source", {**SITE, field: "\ud800"})

    assert response.status_code == 400
    assert refusals(response) == [(field, "surrogate_characters_not_allowed")]
    assert not CourseSource.objects.exists()
