"""The job that scrapes courses: which sources it reads, how it stops, and what it reports."""

import io
import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from adaptivity.errors import InvalidInput
from adaptivity.management.job import JobResult
from adaptivity.management.local_servers.http import send
from adaptivity.management.local_servers.open_edx import Course, usage
from adaptivity.management.source_commands import outcome
from adaptivity.models import Activity, Collection, CourseSource, JobRun, SourceItem, SourceSection
from adaptivity.outbound.client import Patience
from adaptivity.sources.jobs.scrape_courses import ScrapeReport, scrape_courses
from adaptivity.sources.jobs.source_reports import sources_chosen
from tests.support.open_edx_course import QUICK, numbers, run, scrape, source_of
from tests.support.servers.faults import status
from tests.support.servers.open_edx import FaultyOpenEdX

pytestmark = pytest.mark.django_db


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
