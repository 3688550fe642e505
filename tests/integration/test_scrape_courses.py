"""Courses from Open edX, through a server that answers as its API does: what becomes what, again and again, and what
each fault leads to."""

import io
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from adaptivity.errors import InvalidInput
from adaptivity.jobs.http import Patience
from adaptivity.jobs.scrape_courses import ScrapeReport, scrape_courses
from adaptivity.jobs.sources import sources_chosen
from adaptivity.management.job import Outcome
from adaptivity.management.local_servers.http import send, send_json
from adaptivity.management.local_servers.open_edx import COURSE, Course, usage
from adaptivity.management.sources import outcome
from adaptivity.models import Activity, Collection, CourseSource, JobRun, Score, SourceItem, SourceSection
from adaptivity.services.learners import LearnerIdentity
from adaptivity.services.scores import score_create
from adaptivity.services.sources import course_source_create
from tests.servers.open_edx import FaultyOpenEdX

pytestmark = pytest.mark.django_db

QUICK = Patience(connect=2, read=0.3, whole=2, tries=3, first_wait=0.01, longest_wait=0.2)


@pytest.fixture
def course() -> Course:
    """Two sections: the first with a text, a video and a graded problem, the second with a problem."""
    course = Course()
    course.chapter("week 1", {"intro": "html", "film": "video", "quiz": "problem", "talk": "discussion"})
    course.chapter("week 2", {"exam": "problem"})
    course.blocks[usage("problem", "quiz")] |= {"graded": True, "format": "Homework"}
    return course


@pytest.fixture
def lms(course: Course) -> Iterator[FaultyOpenEdX]:
    with FaultyOpenEdX(course) as server:
        yield server


@pytest.fixture
def source(lms: FaultyOpenEdX) -> CourseSource:
    return source_of(lms)


def source_of(lms: FaultyOpenEdX, **fields: Any) -> CourseSource:
    values: dict[str, Any] = {
        "slug": "campus",
        "kind": "open_edx",
        "base_url": lms.url,
        "course_id": COURSE,
        "credentials": "campus",
        "address_exceptions": [lms.netloc],
    }
    return course_source_create(**values | fields)


def scrape(source: CourseSource, lms: FaultyOpenEdX, **options: Any) -> ScrapeReport:
    options = {"credentials": lms.credentials("campus"), "patience": QUICK} | options
    (report,) = scrape_courses([source], **options)
    return report


def launch(kind: str, name: str) -> str:
    return f"https://lms.example/xblock/{usage(kind, name)}"


def members(chapter: str) -> list[str]:
    """The names of a section's activities, by id."""
    collection = Collection.objects.get(collection_id=usage("chapter", chapter))
    return list(collection.activities.order_by("id").values_list("name", flat=True))


def numbers(report: ScrapeReport) -> tuple[int, int, int, int, int]:
    return report.sections, report.created, report.updated, report.unchanged, report.taken_out


class TestMapping:
    def test_sections_become_collections_and_their_items_activities_in_order(
        self, source: CourseSource, lms: FaultyOpenEdX
    ) -> None:
        report = scrape(source, lms)

        assert (report.outcome, numbers(report)) == ("done", (2, 4, 0, 0, 0))
        collections = Collection.objects.order_by("id").values_list("collection_id", "name")
        assert list(collections) == [(usage("chapter", "week 1"), "week 1"), (usage("chapter", "week 2"), "week 2")]
        columns = ("source_launch_url", "name", "type", "tags", "include_adaptive")
        assert list(Activity.objects.order_by("id").values_list(*columns)) == [
            (launch("html", "intro"), "intro", "reading", "", True),
            (launch("video", "film"), "film", "video", "", True),
            (launch("problem", "quiz"), "quiz", "problem", "graded, Homework", True),
            (launch("problem", "exam"), "exam", "problem", "", True),
        ]
        assert (members("week 1"), members("week 2")) == (["intro", "film", "quiz"], ["exam"])
        placed = SourceItem.objects.order_by("section__position", "position").values_list("activity__name", flat=True)
        assert list(placed) == ["intro", "film", "quiz", "exam"]
        source.refresh_from_db()
        assert (source.last_outcome, source.last_finished_at is not None) == ("done", True)

    def test_what_only_staff_sees_is_left_out(self, course: Course, source: CourseSource, lms: FaultyOpenEdX) -> None:
        course.chapter("drafts", {"draft": "problem"}, visible_to_staff_only=True)
        course.blocks[usage("problem", "exam")]["visible_to_staff_only"] = True

        assert numbers(scrape(source, lms)) == (2, 3, 0, 0, 0)
        assert not Activity.objects.filter(name__in=["draft", "exam"]).exists()

    def test_all_courses_of_the_platform_page_after_page(self, lms: FaultyOpenEdX) -> None:
        lms.courses = []
        for number in range(5):
            course = Course(f"course-v1:Uni+C{number}+2026")
            course.chapter("only", {"p": "problem"})
            lms.courses.append(course)

        assert numbers(scrape(source_of(lms, course_id=""), lms)) == (5, 5, 0, 0, 0)
        assert lms.requests.count("/api/courses/v1/courses/") == 3

    def test_lti_urls(self, lms: FaultyOpenEdX) -> None:
        source = source_of(lms, launch_url="lti_url")
        assert scrape(source, lms).outcome == "schema_changed"

        lms.has_lti = True
        assert scrape(source, lms).created == 4
        exam = Activity.objects.get(name="exam")
        assert exam.source_launch_url == f"https://lms.example/lti_provider/courses/{COURSE}/{usage('problem', 'exam')}"

    def test_an_item_that_cannot_be_stored_is_refused_alone(
        self, course: Course, source: CourseSource, lms: FaultyOpenEdX
    ) -> None:
        course.add(usage("vertical", "week 2-unit"), "problem", "x" * 300)

        report = scrape(source, lms)

        assert (report.outcome, report.created) == ("rejects", 4)
        assert report.refused == [(usage("problem", "x" * 300)[:255], "its id is longer than 255 characters")]

    def test_long_titles_and_characters_that_no_database_stores(
        self, course: Course, source: CourseSource, lms: FaultyOpenEdX
    ) -> None:
        course.blocks[usage("problem", "exam")]["display_name"] = "\0" + "t" * 300

        assert scrape(source, lms).outcome == "done"
        assert members("week 2") == ["\N{REPLACEMENT CHARACTER}" + "t" * 254]


class TestAgain:
    def test_nothing_changed_writes_nothing(self, source: CourseSource, lms: FaultyOpenEdX) -> None:
        scrape(source, lms)
        revisions = list(Collection.objects.values_list("revision", flat=True))

        with CaptureQueriesContext(connection) as captured:
            report = scrape(source, lms)

        assert numbers(report) == (2, 0, 0, 4, 0)
        assert list(Collection.objects.values_list("revision", flat=True)) == revisions
        written = {query["sql"].split('"')[1] for query in captured if query["sql"].startswith(("INSERT", "UPDATE"))}
        assert written == {"adaptivity_coursesource"}

    def test_only_what_changed_is_written(self, course: Course, source: CourseSource, lms: FaultyOpenEdX) -> None:
        scrape(source, lms)
        Activity.objects.filter(name="intro").update(name="by an author", difficulty=0.3)
        Activity.objects.filter(name="quiz").update(difficulty=0.7)
        course.blocks[usage("problem", "quiz")]["display_name"] = "new quiz"
        course.add(usage("vertical", "week 1-unit"), "problem", "extra")
        other = Collection.objects.get(name="week 2").revision

        report = scrape(source, lms)

        assert numbers(report) == (2, 1, 1, 3, 0)
        assert members("week 1") == ["by an author", "film", "new quiz", "extra"]
        assert Activity.objects.get(name="new quiz").difficulty == 0.7
        assert Collection.objects.get(name="week 2").revision == other

    def test_what_has_vanished_is_taken_out_and_keeps_its_scores(
        self, course: Course, source: CourseSource, lms: FaultyOpenEdX
    ) -> None:
        scrape(source, lms)
        score_create(learner=LearnerIdentity("ada"), activity=launch("problem", "quiz"), score=1.0)
        by_hand = Activity.objects.create(source_launch_url="https://elsewhere.example/", name="by hand")
        Collection.objects.get(name="week 1").activities.add(by_hand)
        course.remove(usage("problem", "quiz"))

        report = scrape(source, lms)

        assert numbers(report) == (2, 0, 0, 3, 1)
        assert members("week 1") == ["intro", "film", "by hand"]
        assert Score.objects.get().activity.name == "quiz"

        # It comes back, as what it was.
        course.add(usage("vertical", "week 1-unit"), "problem", "quiz")
        assert scrape(source, lms).created == 0
        assert members("week 1") == ["intro", "film", "quiz", "by hand"]

    def test_a_section_that_has_vanished(self, course: Course, source: CourseSource, lms: FaultyOpenEdX) -> None:
        scrape(source, lms)
        course.remove(usage("chapter", "week 2"))

        assert numbers(scrape(source, lms)) == (1, 0, 0, 3, 1)
        assert (members("week 2"), Activity.objects.count()) == ([], 4)
        assert numbers(scrape(source, lms)) == (1, 0, 0, 3, 0)

    @pytest.mark.parametrize(("of", "to"), [("week 1", "week 2"), ("week 2", "week 1")])
    def test_an_item_that_moves(
        self, course: Course, source: CourseSource, lms: FaultyOpenEdX, of: str, to: str
    ) -> None:
        scrape(source, lms)
        moved = {"week 1": "quiz", "week 2": "exam"}[of]
        id_, block = usage("problem", moved), course.blocks[usage("problem", moved)]
        course.remove(id_)
        course.blocks[id_] = block
        course.blocks[usage("vertical", f"{to}-unit")]["children"].append(id_)
        before = Activity.objects.get(name=moved).pk

        scrape(source, lms)

        assert moved not in members(of)
        assert moved in members(to)
        assert Activity.objects.get(name=moved).pk == before
        assert Activity.objects.count() == 4

    def test_another_url_of_the_same_item_keeps_the_activity(self, source: CourseSource, lms: FaultyOpenEdX) -> None:
        scrape(source, lms)
        before = Activity.objects.get(name="exam").pk
        CourseSource.objects.update(launch_url="lms_web_url")
        source.refresh_from_db()

        assert numbers(scrape(source, lms)) == (2, 0, 0, 4, 0)
        exam = Activity.objects.get(pk=before)
        assert exam.source_launch_url == f"https://lms.example/courses/{COURSE}/jump_to/{usage('problem', 'exam')}"
        assert Activity.objects.count() == 4

    def test_an_order_that_changed(self, course: Course, source: CourseSource, lms: FaultyOpenEdX) -> None:
        scrape(source, lms)
        course.blocks[usage("vertical", "week 1-unit")]["children"].reverse()

        scrape(source, lms)

        placed = SourceItem.objects.filter(section__position=0).order_by("position")
        assert list(placed.values_list("activity__name", flat=True)) == ["quiz", "film", "intro"]

    def test_a_platform_that_shows_nothing_any_more_empties_no_collection(
        self, course: Course, source: CourseSource, lms: FaultyOpenEdX
    ) -> None:
        scrape(source, lms)
        course.blocks[course.root]["children"] = []

        report = scrape(source, lms)

        assert (report.outcome, report.may_help_again) == ("empty", False)
        assert (members("week 1"), members("week 2")) == (["intro", "film", "quiz"], ["exam"])


def status(code: int, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    return lambda handler: send(handler, code, **headers)


def hang(handler: BaseHTTPRequestHandler) -> None:
    """No answer before the client gives up: the read ends when it closes its end."""
    handler.connection.recv(1)


def half(handler: BaseHTTPRequestHandler) -> None:
    """An answer that breaks off."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"{")
    handler.close_connection = True


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
        monkeypatch.setattr("adaptivity.jobs.http.Client._wait", lambda _, seconds: waits.append(seconds))
        lms.faults += [status(429, Retry_After="7"), status(503, Retry_After="11")]

        scrape(source, lms, patience=Patience())

        assert waits == [7.0, 11.0]

    def test_waits_double_with_jitter(
        self, source: CourseSource, lms: FaultyOpenEdX, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waits: list[float] = []
        monkeypatch.setattr("adaptivity.jobs.http.Client._wait", lambda _, seconds: waits.append(seconds))
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
            (status(403), "forbidden", f"is not staff of {COURSE}"),
            (status(404), "not_found", f"has no {COURSE}"),
            (status(302, Location="http://169.254.169.254/"), "schema_changed", "status is 302"),
            (status(200), "schema_changed", "the body is no object"),
            (lambda handler: send(handler, 200, b"<html>"), "schema_changed", "the body is no object"),
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
                "children lead in a circle",
            ),
            (
                lambda handler: send_json(
                    handler, 200, {"root": "r", "blocks": {"r": {"type": "course", "block_counts": {"problem": 3}}}}
                ),
                "schema_changed",
                "block_counts has 3 of the type problem, and the blocks have 0",
            ),
        ],
        ids=["403", "404", "redirect", "empty", "HTML", "no blocks", "no root", "circle", "counts"],
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

    @pytest.mark.parametrize("following", ["http://127.0.0.1:1/", "self", 7])
    def test_a_next_page_that_is_none(self, lms: FaultyOpenEdX, following: Any) -> None:
        own = f"{lms.url}/api/courses/v1/courses/?page_size=100"
        lms.changed = lambda body: body | {"pagination": {"next": own if following == "self" else following}}

        report = scrape(source_of(lms, course_id=""), lms)

        assert (report.outcome, lms.requests.count("/api/courses/v1/courses/")) == ("schema_changed", 1)


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


class TestDeleted:
    """Whoever deletes a source while it is read ends its reading, and nothing else."""

    @pytest.mark.parametrize("written", [0, 1])
    def test_while_it_is_read(self, source: CourseSource, lms: FaultyOpenEdX, written: int) -> None:
        other = source_of(lms, slug="other")

        def delete() -> bool:
            if SourceSection.objects.filter(source=source).count() == written:
                CourseSource.objects.filter(pk=source.pk).delete()
            return False

        reports = scrape_courses([source, other], credentials=lms.credentials("campus"), patience=QUICK, stop=delete)

        assert [(report.outcome, report.sections) for report in reports] == [("deleted", written), ("done", 2)]
        assert not SourceItem.objects.filter(source_id=source.pk).exists()
        assert other.last_outcome == "done"

    def test_it_is_no_failure_of_the_job(self, source: CourseSource, lms: FaultyOpenEdX) -> None:
        CourseSource.objects.filter(pk=source.pk).delete()

        report = scrape(source, lms)

        assert report.line() == "campus: deleted: the source was deleted while it was read"
        assert outcome([report], printed=False) == Outcome(report.line())


class TestStopping:
    def test_between_sections(self, source: CourseSource, lms: FaultyOpenEdX) -> None:
        report = scrape(source, lms, stop=lambda: Collection.objects.exists())

        assert (report.outcome, report.sections) == ("stopped", 1)
        assert numbers(scrape(source, lms)) == (2, 1, 0, 3, 0)

    def test_while_it_waits(self, source: CourseSource, lms: FaultyOpenEdX) -> None:
        asked = threading.Event()
        lms.faults.append(lambda handler: (send(handler, 429, Retry_After="100"), asked.set()))

        report = scrape(source, lms, stop=asked.is_set, patience=Patience())

        assert report.outcome == "stopped"


class TestCommand:
    @pytest.fixture(autouse=True)
    def _credentials(self, lms: FaultyOpenEdX, settings: Any) -> None:
        settings.SOURCE_CREDENTIALS = lms.credentials("campus")

    def test_all_sources_that_are_due(self, source: CourseSource, lms: FaultyOpenEdX) -> None:
        source_of(lms, slug="off", enabled=False)
        source_of(lms, slug="seldom", interval_hours=24)
        out = io.StringIO()

        call_command("scrape_courses", stdout=out)
        call_command("scrape_courses", stdout=out)

        assert out.getvalue().splitlines() == [
            "campus: 2 sections; activities: 4 new, 0 changed, 0 unchanged, 0 taken out, 0 refused",
            "seldom: 2 sections; activities: 0 new, 0 changed, 4 unchanged, 0 taken out, 0 refused",
            "campus: 2 sections; activities: 0 new, 0 changed, 4 unchanged, 0 taken out, 0 refused",
        ]
        source.delete()
        assert run("scrape_courses") == "there is no source to read\n"

    def test_json(self, source: CourseSource) -> None:
        (report,) = json.loads(run("scrape_courses", "--source", "campus", "--json"))

        assert (report["source"], report["outcome"], report["created"]) == ("campus", "done", 4)

    @pytest.mark.parametrize(("fault", "code"), [(status(404), 2), (status(429, Retry_After="999"), 1)])
    def test_exit_codes(self, source: CourseSource, lms: FaultyOpenEdX, fault: Any, code: int) -> None:
        lms.faults.append(fault)

        with pytest.raises(CommandError) as raised:
            run("scrape_courses")

        assert (raised.value.returncode, JobRun.objects.get().exit_code) == (code, code)

    def test_rejects(self, course: Course, source: CourseSource) -> None:
        course.add(usage("vertical", "week 2-unit"), "problem", "x" * 300)

        run("scrape_courses")

        assert JobRun.objects.get().exit_code == 3

    def test_one_that_fails_does_not_keep_the_others(self, source: CourseSource, lms: FaultyOpenEdX) -> None:
        source_of(lms, slug="a-first", course_id="course-v1:Uni+Unknown+1")

        with pytest.raises(CommandError, match="a-first: not_found"):
            run("scrape_courses")

        assert Activity.objects.count() == 4

    def test_no_secret_in_the_record(self, source: CourseSource, lms: FaultyOpenEdX, settings: Any) -> None:
        secret = "do-not-show-this"
        settings.SOURCE_CREDENTIALS = {"campus": lms.credentials("campus")["campus"] | {"client_secret": secret}}

        with pytest.raises(CommandError, match="unauthorized"):
            run("scrape_courses")

        run_ = JobRun.objects.get()
        source.refresh_from_db()
        assert secret not in run_.summary + run_.log_tail + str(run_.arguments) + source.last_message

    @pytest.mark.parametrize(("slug", "words"), [("unknown", "no source with this slug"), ("off", "not enabled")])
    def test_a_source_that_cannot_be_read(self, lms: FaultyOpenEdX, slug: str, words: str) -> None:
        source_of(lms, slug="off", enabled=False)

        with pytest.raises(InvalidInput, match=words):
            sources_chosen([slug], ["open_edx"])

    def test_a_source_of_another_kind_is_for_another_job(self, source: CourseSource) -> None:
        assert sources_chosen(["campus"], ["website"]) == []
        assert sources_chosen(["campus", "campus"], ["open_edx"]) == [source]


def run(*arguments: Any) -> str:
    out = io.StringIO()
    call_command(*(argument for argument in arguments if isinstance(argument, str)), stdout=out, stderr=io.StringIO())
    return out.getvalue()
