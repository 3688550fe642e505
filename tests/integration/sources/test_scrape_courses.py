"""Courses from Open edX, through a server that answers as its API does: what becomes what, again and again."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from adaptivity.content.services.activities import activity_delete
from adaptivity.content.services.collections import collection_delete
from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.evidence.services.scores import score_create
from adaptivity.management.local_servers.open_edx import COURSE, Course, usage
from adaptivity.models import Activity, Collection, CourseSource, Score, SourceItem
from adaptivity.sources.services.sections import CourseItem, CourseSection, section_write
from adaptivity.text import storable
from tests.support.open_edx_course import launch, members, numbers, scrape, source_of, take_out
from tests.support.servers.open_edx import FaultyOpenEdX

pytestmark = pytest.mark.django_db


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
