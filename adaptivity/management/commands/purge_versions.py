"""manage.py purge_versions: deletes the parameters of model versions that were never in force."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings

from adaptivity.exit_codes import EXIT_CODES_HELP
from adaptivity.management.job import Job, JobCommand, JobResult
from adaptivity.management.numbers import MOST_DAYS, whole_number
from adaptivity.model_versions.jobs.purge_versions import purge_versions


class Command(JobCommand):
    help = (
        "Deletes the parameters of model versions that were never in force and are older than "
        "MODEL_VERSIONS_KEEP_DAYS. Keeps their reports and events, and the newest estimate. A purged version cannot be "
        "promoted any more. " + EXIT_CODES_HELP
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--days", type=whole_number(at_least=0, at_most=MOST_DAYS),
            help="The number of days. Default: MODEL_VERSIONS_KEEP_DAYS.",
        )  # fmt: skip

    def run_job(self, job: Job, **options: Any) -> JobResult:
        days = settings.MODEL_VERSIONS_KEEP_DAYS if options["days"] is None else options["days"]
        purged = purge_versions(days=days, progress=job.progress, stop=job.stop)
        return JobResult(f"parameters of {purged} model versions older than {days} days deleted")
