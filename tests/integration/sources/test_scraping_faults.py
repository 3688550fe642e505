"""Faults of an Open edX: which ones pass, how each of the others ends, and what is never sent or reached."""

import math
import socket
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError
from django.db import OperationalError, connection

from adaptivity.management.local_servers.http import send, send_json
from adaptivity.management.local_servers.open_edx import COURSE, Course, usage
from adaptivity.models import Activity, CourseSource, JobRun, SourceSection
from adaptivity.outbound.client import Patience
from adaptivity.sources.jobs.scrape_courses import scrape_courses
from adaptivity.sources.platforms.open_edx import OpenEdX
from adaptivity.sources.services.course_sources import course_source_create
from adaptivity.text import storable
from tests.support.builders import ON_POSTGRESQL
from tests.support.open_edx_course import QUICK, numbers, run, scrape, source_of
from tests.support.servers.faults import half, hang, status
from tests.support.servers.open_edx import FaultyOpenEdX

pytestmark = pytest.mark.django_db


class TestFaults:
    @pytest.mark.parametrize(
        "fault",
        [status(503), status(500), status(429), status(429, Retry_After="0"), hang, half],
        ids=["503", "500", "429", "429 with Retry-After", "slow", "broken off"],
    )
    def test_one_that_passes(self, source: CourseSource, lms: FaultyOpenEdX, fault: Any) -> None:
        lms.faults += [fault, fault]

        assert numbers(scrape(source, lms)) == (2, 4, 0, 0, 0)
        assert lms.requests.count("/api/courses/v1/blocks/") == 3

    @pytest.mark.parametrize(
        ("fault", "outcome"),
        [(status(502), "server_error"), (status(429), "throttled"), (hang, "timeout"), (half, "unreachable")],
        ids=["5xx", "429", "slow", "broken off"],
    )
    def test_one_that_stays(self, source: CourseSource, lms: FaultyOpenEdX, fault: Any, outcome: str) -> None:
        lms.faults += [fault] * 3

        report = scrape(source, lms)

        assert (report.outcome, report.may_help_again) == (outcome, True)
        assert lms.requests.count("/api/courses/v1/blocks/") == 3
        assert not Activity.objects.exists()
        source.refresh_from_db()
        assert source.last_outcome == outcome

    def test_retry_after_is_waited_for(
        self, source: CourseSource, lms: FaultyOpenEdX, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waits: list[float] = []
        monkeypatch.setattr("adaptivity.outbound.client.Client._wait", lambda _, seconds: waits.append(seconds))
        lms.faults += [status(429, Retry_After="7"), status(503, Retry_After="11")]

        scrape(source, lms, patience=Patience())

        assert waits == [7.0, 11.0]

    def test_waits_double_with_jitter(
        self, source: CourseSource, lms: FaultyOpenEdX, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waits: list[float] = []
        monkeypatch.setattr("adaptivity.outbound.client.Client._wait", lambda _, seconds: waits.append(seconds))
        lms.faults += [status(500)] * 4

        scrape(source, lms, patience=Patience())

        assert all(0.5 * 2**n <= wait <= 2**n for n, wait in enumerate(waits))
        assert len(waits) == 4

    def test_a_server_that_asks_for_too_much_patience(self, source: CourseSource, lms: FaultyOpenEdX) -> None:
        lms.faults.append(status(429, Retry_After="3600"))

        report = scrape(source, lms)

        assert (report.outcome, report.may_help_again) == ("throttled", True)
        assert "asks to wait for 3600 s" in report.message
        assert lms.requests.count("/api/courses/v1/blocks/") == 1

    def test_an_expired_token_is_fetched_anew_once(self, source: CourseSource, lms: FaultyOpenEdX) -> None:
        lms.courses.append(Course("course-v1:Uni+Other+1"))
        source = source_of(lms, slug="all", course_id="")
        lms.faults += [None, lambda handler: (lms.tokens.clear(), send_json(handler, 401, {}))]

        assert scrape(source, lms).outcome == "done"
        assert lms.tokens_given == 2

        lms.faults += [status(401)] * 2
        report = scrape(source, lms)
        assert (report.outcome, report.may_help_again) == ("unauthorized", False)

    def test_a_token_is_renewed_before_it_expires(self, source: CourseSource, lms: FaultyOpenEdX) -> None:
        lms.expires_in = 0
        lms.courses.append(Course("course-v1:Uni+Other+1"))

        assert scrape(source_of(lms, slug="all", course_id=""), lms).outcome == "done"
        assert lms.tokens_given == 3

    def test_a_bearer_token(self, source: CourseSource, lms: FaultyOpenEdX) -> None:
        lms.token_type = "Bearer"

        assert scrape(source, lms).outcome == "done"

    @pytest.mark.parametrize(
        ("fault", "outcome", "words"),
        [
            (status(403), "forbidden", f"cannot read {COURSE}; it must be staff"),
            (status(404), "not_found", f"does not have {COURSE}"),
            (status(302, Location="http://169.254.169.254/"), "schema_changed", "status is 302"),
            (status(200), "schema_changed", "the body is not an object"),
            (lambda handler: send(handler, 200, b"<html>"), "schema_changed", "the body is not an object"),
            (lambda handler: send_json(handler, 200, {"root": "r"}), "schema_changed", "blocks is missing"),
            (
                lambda handler: send_json(handler, 200, {"root": "r", "blocks": {}}),
                "schema_changed",
                "root names r, which is not among the blocks",
            ),
            (
                lambda handler: send_json(
                    handler, 200, {"root": "r", "blocks": {"r": {"type": "course", "children": ["r"]}}}
                ),
                "schema_changed",
                "children form a cycle",
            ),
            (
                lambda handler: send_json(
                    handler, 200, {"root": "r", "blocks": {"r": {"type": "course", "block_counts": {"problem": 3}}}}
                ),
                "schema_changed",
                "block_counts has 3 of the type problem, and the blocks have 0",
            ),
        ],
        ids=["403", "404", "redirect", "empty", "HTML", "no blocks", "no root", "cycle", "counts"],
    )
    def test_what_trying_again_does_not_help(
        self, source: CourseSource, lms: FaultyOpenEdX, fault: Any, outcome: str, words: str
    ) -> None:
        lms.faults.append(fault)

        report = scrape(source, lms)

        assert (report.outcome, report.may_help_again) == (outcome, False)
        assert words in report.message
        assert lms.requests.count("/api/courses/v1/blocks/") == 1
        assert not Activity.objects.exists()

    def test_a_field_that_is_gone_changes_nothing(
        self, course: Course, source: CourseSource, lms: FaultyOpenEdX
    ) -> None:
        scrape(source, lms)
        course.blocks[usage("problem", "quiz")]["display_name"] = "changed"

        def without_urls(body: Any) -> Any:
            del body["blocks"][usage("problem", "exam")]["student_view_url"]
            return body

        lms.changed = without_urls

        report = scrape(source, lms)

        assert report.outcome == "schema_changed"
        assert f"blocks.{usage('problem', 'exam')}.student_view_url is missing" in report.message
        assert Activity.objects.filter(name="quiz").exists()

    @pytest.mark.parametrize("following", ["http://127.0.0.1:1/", "http://[", "self", "\0", "\ud800", 7])
    def test_a_next_page_that_is_none(self, lms: FaultyOpenEdX, following: Any) -> None:
        own = f"{lms.url}/api/courses/v1/courses/?page_size=100"
        following = {"self": own, "\0": f"{own}\0", "\ud800": f"{own}\ud800"}.get(following, following)
        lms.changed = lambda body: body | {"pagination": {"next": following}}

        report = scrape(source_of(lms, course_id=""), lms)

        assert (report.outcome, lms.requests.count("/api/courses/v1/courses/")) == ("schema_changed", 1)
        assert "pagination.next is not another page" in report.message

    @pytest.mark.parametrize(
        "expires_in",
        [-1, 10**400, "3600", None, True, math.nan, math.inf, [], {}],
        ids=["negative", "huge", "text", "null", "true", "NaN", "Infinity", "list", "object"],
    )
    def test_a_token_with_a_lifetime_that_is_none(
        self, source: CourseSource, lms: FaultyOpenEdX, expires_in: Any
    ) -> None:
        lms.expires_in = expires_in

        report = scrape(source, lms)

        assert (report.outcome, report.may_help_again) == ("schema_changed", False)
        assert "expires_in is not a number of seconds from 0 to 1000000000" in report.message
        assert lms.requests == ["/oauth2/access_token"]

    @pytest.mark.parametrize("token", ["", "two words", "a\r\nX-Header: b", "\0", "\ud800", "ü"])
    def test_a_token_that_is_none(self, source: CourseSource, lms: FaultyOpenEdX, token: str) -> None:
        lms.next_token = token

        report = scrape(source, lms)

        assert (report.outcome, lms.requests) == ("schema_changed", ["/oauth2/access_token"])
        assert "access_token contains characters that a token cannot have" in report.message

    @pytest.mark.parametrize("character", ["\0", "\ud800"], ids=["NUL", "surrogate"])
    @pytest.mark.parametrize("block", ["week 2", "exam"])
    def test_a_block_id_that_no_database_stores(
        self, course: Course, source: CourseSource, lms: FaultyOpenEdX, block: str, character: str
    ) -> None:
        id_ = usage("chapter" if block == "week 2" else "problem", block)
        course.blocks[id_ + character] = course.blocks.pop(id_)
        for other in course.blocks.values():
            other["children"] = [child + character if child == id_ else child for child in other["children"]]

        report = scrape(source, lms)

        assert (report.outcome, report.may_help_again) == ("schema_changed", False)
        assert "children is not a list of ids" in report.message
        assert not Activity.objects.exists()

    @pytest.mark.parametrize("character", ["\0", "\ud800"], ids=["NUL", "surrogate"])
    def test_other_ids_that_no_database_stores(self, lms: FaultyOpenEdX, character: str) -> None:
        lms.changed = lambda body: body | ({"root": body["root"] + character} if "root" in body else {})
        report = scrape(source_of(lms), lms)
        assert (report.outcome, "root contains NUL or a lone surrogate" in report.message) == ("schema_changed", True)

        lms.courses[0].course_id += character
        report = scrape(source_of(lms, slug="all", course_id=""), lms)
        assert report.outcome == "schema_changed"
        assert "results[0].course_id contains NUL or a lone surrogate" in report.message

    @pytest.mark.parametrize("character", ["\0", "\ud800"], ids=["NUL", "surrogate"])
    def test_a_message_that_no_database_stores(self, source: CourseSource, lms: FaultyOpenEdX, character: str) -> None:
        counts = {"problem": character}
        body = {"root": "r", "blocks": {"r": {"type": "course", "block_counts": counts}}}
        lms.faults.append(lambda handler: send_json(handler, 200, body))

        report = scrape(source, lms)

        source.refresh_from_db()
        assert (report.outcome, source.last_outcome) == ("schema_changed", "schema_changed")
        assert f"block_counts has {storable(character)} of the type problem" in source.last_message

    def test_a_format_that_is_none(self, course: Course, source: CourseSource, lms: FaultyOpenEdX) -> None:
        course.blocks[usage("problem", "exam")]["format"] = {"a": 1}

        report = scrape(source, lms)

        assert report.outcome == "schema_changed"
        assert f"blocks.{usage('problem', 'exam')}.format is not a string" in report.message


class TestOurFault:
    """What nobody has foreseen is said of the source that it has met, and the next one is read."""

    @pytest.fixture
    def broken(self, source: CourseSource, monkeypatch: pytest.MonkeyPatch) -> CourseSource:
        """A source whose platform's class fails."""

        def fail(of: CourseSource, *arguments: Any) -> Any:
            if of.slug == "broken":
                raise ZeroDivisionError("at the platform")
            return OpenEdX(of, *arguments)

        monkeypatch.setattr("adaptivity.sources.jobs.scrape_courses.PLATFORMS", {"open_edx": fail})
        return course_source_create(
            slug="broken", kind="open_edx", base_url=source.base_url, course_id=COURSE, credentials="campus"
        )

    def test_the_next_source_is_read(
        self, broken: CourseSource, source: CourseSource, lms: FaultyOpenEdX, caplog: pytest.LogCaptureFixture
    ) -> None:
        reports = scrape_courses([broken, source], credentials=lms.credentials("campus"), patience=QUICK)

        assert [report.line() for report in reports] == [
            "broken: failed: ZeroDivisionError",
            "campus: 2 sections; activities: 4 new, 0 changed, 0 unchanged, 0 taken out, 0 refused",
        ]
        assert [report.may_help_again for report in reports] == [True, False]
        broken.refresh_from_db()
        assert (broken.last_outcome, broken.last_message) == ("failed", "broken: failed: ZeroDivisionError")
        (logged,) = [record for record in caplog.records if "source_failed" in str(record.msg)]
        assert logged.exc_info is not None
        assert logged.exc_info[0] is ZeroDivisionError

    def test_the_job_fails(self, broken: CourseSource, lms: FaultyOpenEdX, settings: Any) -> None:
        settings.SOURCE_CREDENTIALS = lms.credentials("campus")

        with pytest.raises(CommandError, match="broken: failed: ZeroDivisionError") as raised:
            run("scrape_courses")

        assert (raised.value.returncode, Activity.objects.count()) == (1, 4)
        assert "Traceback" in JobRun.objects.get().log_tail


@pytest.mark.skipif(not ON_POSTGRESQL, reason="SQLite has no connection that could be lost")
@pytest.mark.django_db(transaction=True)
class TestLostConnection:
    """One that is lost for a moment fails the source that is read; a database that is away ends the job."""

    @pytest.fixture
    def other(self, source: CourseSource, lms: FaultyOpenEdX) -> CourseSource:
        return source_of(lms, slug="other")

    def losing(self, after: Callable[[], None]) -> Callable[[], bool]:
        """Ends the connection once a section is written, and calls ``after``."""
        lost: list[int] = []

        def stop() -> bool:
            if not lost and SourceSection.objects.exists():
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_backend_pid()")
                    lost.append(cursor.fetchone()[0])
                administrator = connection.copy()
                with administrator.cursor() as cursor:
                    cursor.execute("SELECT pg_terminate_backend(%s, 10000)", lost)
                administrator.close()
                after()
            return False

        return stop

    def test_for_a_moment(self, source: CourseSource, other: CourseSource, lms: FaultyOpenEdX) -> None:
        stop = self.losing(lambda: None)

        reports = scrape_courses([source, other], credentials=lms.credentials("campus"), patience=QUICK, stop=stop)

        assert [(report.outcome, report.message) for report in reports] == [
            ("failed", "OperationalError"),
            ("done", ""),
        ]
        source.refresh_from_db()
        assert source.last_outcome == "failed"

    def test_for_good(
        self, source: CourseSource, other: CourseSource, lms: FaultyOpenEdX, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with socket.socket() as nobody, monkeypatch.context() as patch:
            nobody.bind(("127.0.0.1", 0))
            closed = nobody.getsockname()[1]
            stop = self.losing(lambda: patch.setitem(connection.settings_dict, "PORT", closed))
            with pytest.raises(OperationalError):
                scrape_courses([source, other], credentials=lms.credentials("campus"), patience=QUICK, stop=stop)

        connection.close()
        other.refresh_from_db()
        assert other.last_outcome == ""


class TestSafety:
    def test_a_private_address_needs_an_exception(self, lms: FaultyOpenEdX) -> None:
        report = scrape(source_of(lms, address_exceptions=["127.0.0.1:1"]), lms)

        assert (report.outcome, report.may_help_again) == ("address_refused", False)
        assert lms.requests == []

    @pytest.mark.parametrize("host", ["localhost", "0x7f000001", "[::ffff:127.0.0.1]"])
    def test_however_it_is_written(self, lms: FaultyOpenEdX, host: str) -> None:
        url = f"http://{host}:{lms.port}"
        credentials = {"campus": lms.credentials("campus")["campus"] | {"url": url}}

        report = scrape(source_of(lms, base_url=url), lms, credentials=credentials)

        assert (report.outcome, lms.requests) == ("address_refused", [])

    @pytest.mark.parametrize(
        ("entry", "words"),
        [(None, "has no entry campus"), ({"url": "https://other.example"}, "is for another platform")],
    )
    def test_credentials_are_sent_to_their_platform_alone(
        self, source: CourseSource, lms: FaultyOpenEdX, entry: Any, words: str
    ) -> None:
        credentials = {} if entry is None else {"campus": lms.credentials("campus")["campus"] | entry}

        report = scrape(source, lms, credentials=credentials)

        assert (report.outcome, report.may_help_again, lms.requests) == ("credentials", False, [])
        assert words in report.message

    def test_no_proxy_of_the_environment(
        self, source: CourseSource, lms: FaultyOpenEdX, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")

        assert scrape(source, lms).outcome == "done"
