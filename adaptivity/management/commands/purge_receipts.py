"""manage.py purge_receipts: deletes receipts that have been kept long enough."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings

from adaptivity.errors import InvalidInput
from adaptivity.exit_codes import EXIT_CODES_HELP
from adaptivity.management.job import Job, JobCommand, JobResult
from adaptivity.management.numbers import MOST_DAYS
from adaptivity.recommendation.jobs.purge_receipts import purge_receipts


class Command(JobCommand):
    help = "Deletes the receipts of recommendations that are older than RECEIPTS_KEEP_DAYS. " + EXIT_CODES_HELP

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, help="The number of days. Default: RECEIPTS_KEEP_DAYS.")

    def run_job(self, job: Job, **options: Any) -> JobResult:
        days = settings.RECEIPTS_KEEP_DAYS if options["days"] is None else options["days"]
        if not 0 <= days <= MOST_DAYS:
            raise InvalidInput(f"must be from 0 to {MOST_DAYS}", field="days")
        deleted = purge_receipts(days=days, progress=job.progress, stop=job.stop)
        return JobResult(f"{deleted} receipts older than {days} days deleted")
