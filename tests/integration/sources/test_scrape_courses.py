"""Courses from Open edX, through a server that answers as its API does: what becomes what, again and again, and what
each fault leads to."""

import io
import json
import math
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from adaptivity.content.services.activities import activity_delete
from adaptivity.content.services.collections import collection_activity_delete, collection_delete
from adaptivity.errors import InvalidInput
from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.evidence.services.scores import score_create
from adaptivity.management.job import JobResult
from adaptivity.management.local_servers.http import send, send_json
from adaptivity.management.local_servers.open_edx import COURSE, Course, usage
from adaptivity.management.source_commands import outcome
from adaptivity.models import (
    Activity,
    Collection,
    CollectionActivity,
    CourseSource,
    JobRun,
    Score,
    SourceItem,
    SourceSection,
)
from adaptivity.outbound.client import Patience
from adaptivity.sources.jobs.scrape_courses import ScrapeReport, scrape_courses
from adaptivity.sources.jobs.source_reports import sources_chosen
from adaptivity.sources.platforms.open_edx import OpenEdX
from adaptivity.sources.services.course_sources import course_source_create
from adaptivity.sources.services.sections import CourseItem, CourseSection, section_write
from adaptivity.text import storable
from tests.support.builders import ON_POSTGRESQL
from tests.support.servers.faults import half, hang, status
from tests.support.servers.open_edx import FaultyOpenEdX

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


def take_out(chapter: str, name: str) -> None:
    """By hand, as authors do."""
    membership = CollectionActivity.objects.get(
        collection__collection_id=usage("chapter", chapter), activity__name=name
    )
    collection_activity_delete(membership=membership)


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

    @pytest.mark.parametrize("character", ["\0", "\ud800"], ids=["NUL", "surrogate"])
    def test_a_url_that_no_database_stores_is_refused_alone(
        self, source: CourseSource, lms: FaultyOpenEdX, character: str
    ) -> None:
        exam = usage("problem", "exam")

        def with_character(body: Any) -> Any:
            body["blocks"][exam]["student_view_url"] += character
            return body

        lms.changed = with_character

        report = scrape(source, lms)

        assert (report.outcome, report.created) == ("rejects", 3)
        assert report.refused == [(exam, "its URL contains NUL or a lone surrogate, which no database stores")]

    @pytest.mark.parametrize("character", ["\0", "\ud800"], ids=["NUL", "surrogate"])
    def test_ids_that_no_database_stores_are_refused_of_any_platform(
        self, source: CourseSource, character: str
    ) -> None:
        reason = "its id contains NUL or a lone surrogate, which no database stores"
        stored = storable(character)

        whole = section_write(source=source, section=CourseSection(f"s{character}", "title"), position=0)
        item = CourseItem(f"i{character}", "title", "problem", "https://lms.example/i")
        part = section_write(source=source, section=CourseSection("s", "title", [item]), position=1)

        assert (whole.refused, part.refused) == ([(f"s{stored}", reason)], [(f"i{stored}", reason)])
        assert not Activity.objects.exists()


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


class TestByHand:
    """What authors delete comes back, what they take out stays out."""

    def test_an_activity_that_was_deleted_comes_back(self, source: CourseSource, lms: FaultyOpenEdX) -> None:
        scrape(source, lms)
        activity_delete(activity=Activity.objects.get(name="film"))

        assert numbers(scrape(source, lms)) == (2, 1, 0, 3, 0)
        assert members("week 1") == ["intro", "quiz", "film"]
        assert numbers(scrape(source, lms)) == (2, 0, 0, 4, 0)

    def test_one_that_was_taken_out_stays_out_until_the_platform_changes_it(
        self, course: Course, source: CourseSource, lms: FaultyOpenEdX
    ) -> None:
        scrape(source, lms)
        take_out("week 1", "film")

        assert numbers(scrape(source, lms)) == (2, 0, 0, 4, 0)
        assert members("week 1") == ["intro", "quiz"]

        course.blocks[usage("problem", "quiz")]["display_name"] = "new quiz"
        assert numbers(scrape(source, lms)) == (2, 0, 1, 3, 0)
        assert members("week 1") == ["intro", "new quiz"]

        course.blocks[usage("video", "film")]["display_name"] = "new film"
        assert numbers(scrape(source, lms)) == (2, 0, 1, 3, 0)
        assert members("week 1") == ["intro", "new film", "new quiz"]

    def test_a_collection_that_was_renamed_is_made_anew_whole(
        self, course: Course, source: CourseSource, lms: FaultyOpenEdX
    ) -> None:
        scrape(source, lms)
        Collection.objects.filter(name="week 1").update(collection_id="mine")
        course.add(usage("vertical", "week 1-unit"), "problem", "extra")

        scrape(source, lms)

        assert members("week 1") == ["intro", "film", "quiz", "extra"]

    def test_a_collection_that_was_deleted_comes_back(self, source: CourseSource, lms: FaultyOpenEdX) -> None:
        scrape(source, lms)
        collection_delete(collection=Collection.objects.get(name="week 1"))

        scrape(source, lms)

        assert (members("week 1"), Activity.objects.count()) == (["intro", "film", "quiz"], 4)


class TestTwoSources:
    """One reads all courses, the other this one: what one does not see any more stays while the other shows it."""

    @pytest.fixture
    def both(self, source: CourseSource, lms: FaultyOpenEdX) -> tuple[CourseSource, CourseSource]:
        """The source of the one course, and that of all courses, which has read it, too."""
        everything = source_of(lms, slug="all", course_id="")
        lms.courses.append(Course("course-v1:Uni+Other+1"))
        lms.courses[-1].chapter("other", {"p": "problem"})
        assert scrape(source, lms).created == 4
        assert numbers(scrape(everything, lms)) == (3, 1, 0, 4, 0)
        return source, everything

    def test_a_course_that_one_lists_no_more(
        self, both: tuple[CourseSource, CourseSource], course: Course, lms: FaultyOpenEdX
    ) -> None:
        one, everything = both
        lms.courses.remove(course)
        revisions = list(Collection.objects.order_by("id").values_list("revision", flat=True))

        assert numbers(scrape(everything, lms)) == (1, 0, 0, 1, 0)

        assert (members("week 1"), members("week 2")) == (["intro", "film", "quiz"], ["exam"])
        assert list(Collection.objects.order_by("id").values_list("revision", flat=True)) == revisions

        # The last one that shows it takes it out.
        lms.courses.append(course)
        course.remove(usage("chapter", "week 2"))
        assert scrape(one, lms).taken_out == 1
        assert (members("week 1"), members("week 2")) == (["intro", "film", "quiz"], [])

    def test_an_item_that_one_sees_no_more(
        self, both: tuple[CourseSource, CourseSource], course: Course, lms: FaultyOpenEdX
    ) -> None:
        one, everything = both
        id_, block = usage("problem", "quiz"), course.blocks[usage("problem", "quiz")]
        course.remove(id_)

        assert scrape(everything, lms).taken_out == 0
        assert members("week 1") == ["intro", "film", "quiz"]

        course.blocks[id_] = block
        course.blocks[usage("vertical", "week 1-unit")]["children"].append(id_)
        assert numbers(scrape(one, lms)) == (2, 0, 0, 4, 0)
        scrape(everything, lms)
        assert members("week 1") == ["intro", "film", "quiz"]

        course.remove(id_)
        assert (scrape(everything, lms).taken_out, scrape(one, lms).taken_out) == (0, 1)
        assert members("week 1") == ["intro", "film"]

    def test_an_item_that_moves(
        self, both: tuple[CourseSource, CourseSource], course: Course, lms: FaultyOpenEdX
    ) -> None:
        one, everything = both
        id_, block = usage("problem", "exam"), course.blocks[usage("problem", "exam")]
        course.remove(id_)
        course.blocks[id_] = block
        course.blocks[usage("vertical", "week 1-unit")]["children"].append(id_)

        scrape(everything, lms)
        assert (members("week 1"), members("week 2")) == (["intro", "film", "quiz", "exam"], ["exam"])

        scrape(one, lms)
        assert (members("week 1"), members("week 2")) == (["intro", "film", "quiz", "exam"], [])

    def test_an_activity_that_was_deleted(self, both: tuple[CourseSource, CourseSource], lms: FaultyOpenEdX) -> None:
        activity_delete(activity=Activity.objects.get(name="film"))

        assert [scrape(source, lms).created for source in both] == [1, 0]
        assert members("week 1") == ["intro", "quiz", "film"]
        held = SourceItem.objects.filter(activity__name="film").values_list("source__slug", flat=True)
        assert sorted(held) == ["all", "campus"]

    def test_one_that_was_taken_out_by_hand(
        self, both: tuple[CourseSource, CourseSource], course: Course, lms: FaultyOpenEdX
    ) -> None:
        take_out("week 1", "film")
        course.blocks[usage("problem", "quiz")]["display_name"] = "new quiz"

        for source in both:
            scrape(source, lms)

        assert members("week 1") == ["intro", "new quiz"]


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
        assert outcome([report], options={"sources": ["campus"], "json": False}) == JobResult(report.line())


class TestOutcome:
    """Of what the time that was given was not enough for, and of what another process reads."""

    OVER = ScrapeReport("a", "stopped", "3 URLs are left")
    FAILED = ScrapeReport("b", "unreachable", "no answer", may_help_again=True)
    ELSEWHERE = ScrapeReport("c", "already_running", "another process is reading the source")

    def outcome(self, *reports: ScrapeReport, named: bool = False, wait: bool = False, **more: Any) -> JobResult:
        return outcome(reports, options={"sources": ["x"] * named, "wait": wait, "json": False}, **more)

    def test_what_is_left_when_the_time_is_over(self) -> None:
        begun = self.outcome(self.OVER, left=["d"], is_over=True)

        assert (int(begun.exit_code), begun.summary.splitlines()[0]) == (0, "a: stopped: 3 URLs are left")
        assert begun.summary.endswith("the next run reads them first: d")
        assert int(self.outcome(left=["d"], is_over=True).exit_code) == 3
        assert int(self.outcome(self.OVER).exit_code) == 75
        # There is no time to try again.
        for is_over, code in ((True, 2), (False, 1)):
            with pytest.raises(CommandError) as failed:
                self.outcome(self.FAILED, is_over=is_over)
            assert failed.value.returncode == code

    def test_what_another_process_reads(self) -> None:
        assert self.outcome(self.ELSEWHERE) == JobResult(self.ELSEWHERE.line())
        # Another one was faster after the wait: to wait again helps.
        for wait, code in ((False, 4), (True, 1)):
            with pytest.raises(CommandError) as failed:
                self.outcome(self.ELSEWHERE, named=True, wait=wait)
            assert failed.value.returncode == code


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

    def test_another_attempt_of_a_step_reads_what_is_not_read_yet(
        self, source: CourseSource, lms: FaultyOpenEdX, settings: Any
    ) -> None:
        settings.JOB_RUN_STARTED_AT = timezone.now()
        source_of(lms, slug="other")
        lms.faults.append(status(404))
        with pytest.raises(CommandError, match="campus: not_found"):
            run("scrape_courses")
        assert [found.slug for found in sources_chosen([], ["open_edx"])] == ["campus", "other"]
        read = "campus: 2 sections; activities: 0 new, 0 changed, 4 unchanged, 0 taken out, 0 refused\n"

        assert run("scrape_courses") == read
        assert run("scrape_courses") == run("scrape_courses", "--source", "other") == "there is no source to read\n"

        # The next night, and a person's own run
        settings.JOB_RUN_STARTED_AT = timezone.now()
        assert run("scrape_courses", "--source", "campus") == read
        settings.JOB_RUN_STARTED_AT = None
        assert run("scrape_courses", "--source", "campus") == read

    def test_what_was_begun_the_longest_ago_comes_first(self, lms: FaultyOpenEdX) -> None:
        now = timezone.now()
        for slug, days in (("a", 1), ("b", 2), ("c", None), ("d", None)):
            source_of(lms, slug=slug)
            CourseSource.objects.filter(slug=slug).update(last_started_at=days and now - timedelta(days=days))

        assert [found.slug for found in sources_chosen([], ["open_edx"])] == ["c", "d", "b", "a"]

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
