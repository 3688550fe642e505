"""manage.py scrape_courses: reads courses through the APIs of their platforms."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.conf import settings

from adaptivity.exit_codes import EXIT_CODES_HELP
from adaptivity.management.job import Job, JobCommand, JobResult
from adaptivity.management.source_commands import add_source_arguments, outcome, sources_to_read
from adaptivity.sources.jobs.scrape_courses import scrape_courses
from adaptivity.sources.platforms.registry import PLATFORMS


class Command(JobCommand):
    help = (
        "Reads the courses of sources on platforms with an API (Open edX) into collections and activities. Writes only "
        "what has changed on the platform, and deletes nothing. docs/sources.md explains what each part of a course "
        "becomes. " + EXIT_CODES_HELP
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_source_arguments(parser)

    def run_job(self, job: Job, **options: Any) -> JobResult:
        sources = sources_to_read(job, options, list(PLATFORMS))
        reports = scrape_courses(sources, credentials=settings.SOURCE_CREDENTIALS, progress=job.progress, stop=job.stop)
        if options["json"]:
            self.stdout.write(json.dumps([asdict(report) for report in reports]))
        else:
            for report in reports:
                for external_id, reason in report.refused:
                    self.stderr.write(f"{report.source}: {external_id}: {reason}")
        return outcome(reports, options=options)
