"""A source is checked like one that the API gets, and a new one is read once, after the commit."""

from typing import Any

import pytest
from django.contrib.messages import SUCCESS, WARNING
from django.test import Client

from adaptivity.models import Activity, CourseSource, CrawledPage
from tests.support.admin_pages import page_data, populate, queries, save, url_of
from tests.support.servers.broker import broker_away

pytestmark = pytest.mark.django_db


class TestSources:
    def data(self, staff: Client, **values: Any) -> dict[str, Any]:
        lines = {"start_urls": "https://uni.example/\n\n https://uni.example/b ", "allowed_domains": "uni.example"}
        fields = {"slug": "site", "kind": "website", **lines}
        return page_data(staff, url_of(CourseSource, "add")) | fields | values

    def test_a_new_one_is_read_once_after_the_commit(
        self, staff: Client, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
    ) -> None:
        read: list[Any] = []
        monkeypatch.setattr("adaptivity.tasks.read_source.delay", lambda *arguments: read.append(arguments))

        with django_capture_on_commit_callbacks() as callbacks:
            assert save(staff, url_of(CourseSource, "add"), self.data(staff)) == []

        source = CourseSource.objects.get()
        assert source.start_urls == ["https://uni.example/", "https://uni.example/b"]
        assert (source.allowed_domains, source.address_exceptions) == (["uni.example"], [])
        assert read == []
        assert [callback() for callback in callbacks] == [None]
        assert read == [(source.pk, "admin")]

        # Changing it reads nothing, and changes no kind.
        url = url_of(CourseSource, "change", source.pk)
        with django_capture_on_commit_callbacks() as callbacks:
            assert save(staff, url, page_data(staff, url) | {"name": "A site", "kind": "open_edx"}) == []
        source.refresh_from_db()
        assert (source.name, source.kind, callbacks) == ("A site", "website", [])

    @pytest.mark.django_db(transaction=True)
    def test_without_an_answer_of_the_broker_it_is_saved_with_a_warning(self, staff: Client) -> None:
        data = self.data(staff)

        with broker_away():
            response = staff.post(url_of(CourseSource, "add"), data, follow=True)

        assert response.redirect_chain == [(url_of(CourseSource, "changelist"), 302)]
        shown = {message.level: str(message) for message in response.context["messages"]}
        assert set(shown) == {SUCCESS, WARNING}
        assert shown[WARNING] == (
            "The source was saved, but the broker did not accept its job. The next scheduled run reads the source."
        )
        assert CourseSource.objects.get().slug == "site"

    def test_one_that_is_not_enabled_is_not_read(self, staff: Client, django_capture_on_commit_callbacks: Any) -> None:
        data = self.data(staff)
        del data["enabled"]

        with django_capture_on_commit_callbacks() as callbacks:
            assert save(staff, url_of(CourseSource, "add"), data) == []

        assert (CourseSource.objects.get().enabled, callbacks) == (False, [])

    @pytest.mark.parametrize(
        ("fields", "error"),
        [
            ({"start_urls": ""}, "A website needs at least one start URL."),
            (
                {"start_urls": "ftp://uni.example/"},
                "Must be an http or https URL, without user, password and fragment.",
            ),
            ({"allowed_domains": "other.example"}, "A start URL is outside allowed_domains."),
            ({"address_exceptions": "localhost"}, 'Each must be "host:port" in lower case, IPv6 in brackets.'),
            ({"kind": "open_edx"}, "Must be an http or https URL, without user, password and fragment."),
            ({"max_pages": "0"}, "max_pages must be at least 1."),
            ({"interval_hours": "8785"}, "Must be 0 to 8784 hours."),
        ],
    )
    def test_refusals(self, staff: Client, fields: dict[str, Any], error: str) -> None:
        assert save(staff, url_of(CourseSource, "add"), self.data(staff, **fields)) == [error]
        assert not CourseSource.objects.exists()

    def test_deleting_one_counts_what_goes_too(self, staff: Client) -> None:
        populate(60)
        source = CourseSource.objects.get(slug="s0")

        count, page = queries(staff, url_of(CourseSource, "delete", source.pk))

        assert "61" in page
        assert "page 1<" not in page
        assert count <= 10
        assert staff.post(url_of(CourseSource, "delete", source.pk), {"post": "yes"}).status_code == 302
        assert (CrawledPage.objects.count(), Activity.objects.count()) == (0, 61)
