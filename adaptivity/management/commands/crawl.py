"""manage.py crawl: reads the pages of websites."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone

from adaptivity.exit_codes import EXIT_CODES_HELP, ExitCode
from adaptivity.management.job import Job, JobCommand, JobResult
from adaptivity.management.numbers import number
from adaptivity.management.source_commands import add_source_arguments, outcome, sources_to_read
from adaptivity.models import CourseSource

# One year; no crawl takes that long.
MOST_HOURS = 8760


class Command(JobCommand):
    help = (
        "Crawls the websites of sources and stores their pages. If a source names a collection, its pages become "
        "readings of that collection. A crawl that was stopped or killed continues where it left off. docs/sources.md "
        "explains which pages are read, and what is safe. " + EXIT_CODES_HELP
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_source_arguments(parser)
        parser.add_argument(
            "--hours", type=number(above=0, at_most=MOST_HOURS), metavar="N",
            help="End after this many hours. As a step, the hours count from the start of the pipeline's run. This "
            "counts as done: the pages read are saved, and the next run continues. Default: read everything.",
        )  # fmt: skip

    def run_job(self, job: Job, **options: Any) -> JobResult:
        until = None
        if options["hours"] is not None:
            until = (settings.JOB_RUN_STARTED_AT or timezone.now()) + timedelta(hours=options["hours"])
        is_ended_by_time = False

        def stop() -> bool:
            nonlocal is_ended_by_time
            if job.stop():
                return True
            is_ended_by_time = until is not None and timezone.now() >= until
            return is_ended_by_time

        sources = sources_to_read(job, options, [CourseSource.Kind.WEBSITE])
        try:
            from adaptivity.sources.jobs.crawl import crawl
        except ImportError as error:
            raise CommandError(
                f"{error.name} is not installed; run the crawler in the job image, or install requirements/job.txt",
                returncode=ExitCode.REFUSED_INPUT,
            ) from error
        reports = (
            crawl(sources, user_agent=settings.CRAWLER_USER_AGENT, progress=job.progress, stop=stop) if sources else []
        )
        if options["json"]:
            self.stdout.write(json.dumps([asdict(report) for report in reports]))
        is_over = is_ended_by_time and not job.stop()
        left = [source.slug for source in sources[len(reports) :]] if is_over else []
        return outcome(reports, options=options, left=left, is_over=is_over)
