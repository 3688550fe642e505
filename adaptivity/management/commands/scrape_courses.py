"""manage.py scrape_courses: courses from the APIs of their platforms."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from adaptivity.jobs.platforms import PLATFORMS
from adaptivity.jobs.scrape_courses import REJECTS, STOPPED, ScrapeReport, scrape_courses, sources_chosen
from adaptivity.management.job import EXIT_CODES_HELP, ExitCode, Job, JobCommand, Outcome


class Command(JobCommand):
    help = (
        "Reads the courses of the sources on platforms with an API (Open edX) into collections and activities. Writes "
        "only what has changed at the platform, and deletes nothing. docs/sources.md says what becomes what. "
        + EXIT_CODES_HELP
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--source",
            metavar="SLUG",
            action="append",
            default=[],
            dest="sources",
            help="read this source, also before its interval is over; may be repeated; all that are due without it",
        )
        parser.add_argument("--json", action="store_true", help="print the reports as JSON")

    def run_job(self, job: Job, **options: Any) -> Outcome:
        sources = sources_chosen(options["sources"], list(PLATFORMS))
        reports = scrape_courses(sources, credentials=settings.SOURCE_CREDENTIALS, progress=job.progress, stop=job.stop)
        if options["json"]:
            self.stdout.write(json.dumps([asdict(report) for report in reports]))
        else:
            for report in reports:
                for external_id, reason in report.refused:
                    self.stderr.write(f"{report.source}: {external_id}: {reason}")
        return outcome(reports, printed=options["json"])


def outcome(reports: list[ScrapeReport], *, printed: bool) -> Outcome:
    """What the reports amount to: a failure that may pass is the most that can be said, then one that will not."""
    summary = "\n".join(report.line() for report in reports) or "no source is due"
    failed = [report for report in reports if report.message and report.outcome != STOPPED]
    stopped = any(report.outcome == STOPPED for report in reports)
    if failed and not stopped:
        again = any(report.may_help_again for report in failed)
        raise CommandError(summary, returncode=ExitCode.FAILED if again else ExitCode.REFUSED_INPUT)
    rejects = any(report.outcome == REJECTS for report in reports)
    return Outcome(summary, rejects=rejects, stopped=stopped, printed=printed)
