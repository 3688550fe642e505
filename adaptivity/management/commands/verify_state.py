"""manage.py verify_state: checks the derived state against the evidence log."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from adaptivity import tasks
from adaptivity.evidence.services.verification import state_verify
from adaptivity.management.job import Job, JobCommand, JobResult


class Command(JobCommand):
    help = (
        "Recomputes every learner's masteries, done activities and last activity from the evidence log. Reports "
        "differences above 1e-9; changes nothing. Learners who wait for a replay under changed parameters count as "
        "stale, not as differences. Exit codes: 0 no difference. 1 differences, or it failed. 75 stopped; run it again "
        "from the start."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--background", action="store_true", help="Let a Celery worker do it and log the result.")

    def run_job(self, job: Job, **options: Any) -> JobResult:
        if options["background"]:
            tasks.verify_state.delay_on_commit()
            return JobResult("A worker will verify the state.")
        checked = stale = differences = 0
        for batch in state_verify():
            checked, stale = batch.checked, stale + batch.stale
            differences += len(batch.differences)
            for difference in batch.differences:
                self.stderr.write(
                    f"learner {difference.learner_id}: {difference.what} is {difference.stored}, "
                    f"but the evidence log gives {difference.replayed}"
                )
            job.progress("verifying", checked, batch.total)
            if checked < batch.total and job.stop():
                return JobResult(f"stopped; {checked} of {batch.total} learners checked", stopped=True)
        summary = f"{checked - stale} learners compared, {stale} stale, {differences} differences"
        if differences:
            raise CommandError(summary)
        if stale:
            summary += "; run trace_learners to update the stale ones, then verify again"
        return JobResult(summary)
