"""manage.py rollback: takes the last promotion back."""

from argparse import ArgumentParser
from typing import Any

from adaptivity.management.job import Job, JobCommand, JobResult, started_by
from adaptivity.model_versions.services.model_versions import model_version_rollback


class Command(JobCommand):
    help = (
        "Puts in force again what was before the last promotion: a model version, or the authors' parameters. Run "
        "again, it goes back one promotion further. Exit codes: 0 done; 2 there is nothing to take back."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reason", default="", help="why, for the record")

    def run_job(self, job: Job, **options: Any) -> JobResult:
        version = model_version_rollback(by=started_by(), reason=options["reason"])
        name = version.name if version else "what the authors wrote"
        return JobResult(f"In force again: {name}; run trace_learners to bring the learners' masteries up")
