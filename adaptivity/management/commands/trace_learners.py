"""manage.py trace_learners: brings stale learners up to date."""

from typing import Any

from adaptivity.evidence.services.retracing import stale_learners_retrace
from adaptivity.exit_codes import EXIT_CODES_HELP
from adaptivity.management.job import Job, JobCommand, JobResult


class Command(JobCommand):
    help = (
        "Replays the evidence log of every learner whose masteries were traced with earlier parameters. "
        "You may stop it and run it again. " + EXIT_CODES_HELP
    )

    def run_job(self, job: Job, **options: Any) -> JobResult:
        traced = 0
        for traced, total in stale_learners_retrace():
            job.progress("tracing", traced, total)
            if traced < total and job.stop():
                return JobResult(f"{traced} learners traced; stopped, {total - traced} left", stopped=True)
        return JobResult(f"{traced} learners traced")
