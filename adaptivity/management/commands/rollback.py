"""manage.py rollback: reverts the last promotion."""

from argparse import ArgumentParser
from typing import Any

from adaptivity.management.job import Job, JobCommand, JobResult, started_by
from adaptivity.model_versions.services.model_versions import model_version_rollback


class Command(JobCommand):
    help = (
        "Reverts the last promotion: the model version before it, or the authors' parameters, come into force again. "
        "Each further run reverts one more promotion. Exit codes: 0 done. 2 there is no promotion to revert."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reason", default="", help="The reason, for the record.")

    def run_job(self, job: Job, **options: Any) -> JobResult:
        version = model_version_rollback(by=started_by(), reason=options["reason"])
        name = version.name if version else "the authors' parameters"
        return JobResult(f"In force again: {name}; run trace_learners to update the learners' masteries")
