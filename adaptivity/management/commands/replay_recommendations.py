"""manage.py replay_recommendations: checks that the receipts reproduce the recommendations."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from adaptivity.management.job import Job, JobCommand, JobResult
from adaptivity.management.numbers import MOST_DAYS, whole_number
from adaptivity.recommendation.jobs.replay import replay_recommendations


class Command(JobCommand):
    help = (
        "Repeats every recommendation that left a receipt, from the receipt alone, and compares the result bit for "
        "bit. Changes nothing. Exit codes: 0 no difference. 1 differences. 2 wrong usage. 75 stopped; run it again "
        "from the start."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--days", type=whole_number(at_least=1, at_most=MOST_DAYS),
            help="Check only the receipts of this many last days.",
        )  # fmt: skip

    def run_job(self, job: Job, **options: Any) -> JobResult:
        since = None if options["days"] is None else timezone.now() - timedelta(days=options["days"])
        found = replay_recommendations(since=since, progress=job.progress, stop=job.stop)
        for receipt in found.different:
            self.stderr.write(f"receipt {receipt}: different recommendation")
        for receipt, commit in found.of_other_software.items():
            self.stderr.write(
                f"receipt {receipt}: different recommendation; made by another version of the software, "
                f"{commit or 'without a commit'}"
            )
        for receipt in found.unreadable:
            self.stderr.write(f"receipt {receipt}: not readable by this version")
        of_other = f", {len(found.of_other_software)} by another version of the software different"
        summary = (
            f"{found.replayed} recommendations replayed, {len(found.different)} different"
            f"{of_other if found.of_other_software else ''}, {len(found.unreadable)} not readable"
        )
        if found.different or found.of_other_software or found.unreadable:
            raise CommandError(summary)
        return JobResult(summary)
