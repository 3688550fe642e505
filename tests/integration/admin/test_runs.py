"""How jobs and pipelines ran, for the operators of the service."""

import pytest
from django.test import Client

from adaptivity.models import JobRun, PipelineRun, StepRun
from tests.support.admin_pages import populate, queries, url_of

pytestmark = pytest.mark.django_db


class TestRuns:
    def test_the_record_of_a_job_has_the_end_of_its_log(self, staff: Client) -> None:
        populate(1)
        JobRun.objects.update(log_tail="the last line", arguments={"file": "scores.csv"})

        _, page = queries(staff, url_of(JobRun, "change", JobRun.objects.get().pk))

        assert "the last line" in page
        assert "scores.csv" in page
        assert 'name="_save"' not in page

    def test_a_run_shows_its_steps_which_have_the_end_of_what_they_wrote(self, staff: Client) -> None:
        populate(1)
        StepRun.objects.update(log_tail="the last line", problem="timed out after 1 seconds", process="a/process")
        step = StepRun.objects.get()

        _, run_page = queries(staff, url_of(PipelineRun, "change", step.run_id))
        _, step_page = queries(staff, url_of(StepRun, "change", step.pk))

        assert "timed out after 1 seconds" in run_page
        assert url_of(StepRun, "change", step.pk) in run_page
        assert "the last line" in step_page
        assert "a/process" not in step_page
