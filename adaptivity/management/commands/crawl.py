"""manage.py crawl: the pages of websites."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from adaptivity.jobs.sources import sources_chosen
from adaptivity.management.job import EXIT_CODES_HELP, ExitCode, Job, JobCommand, Outcome
from adaptivity.management.sources import add_source_arguments, outcome
from adaptivity.models import CourseSource


class Command(JobCommand):
    help = (
        "Crawls the websites of sources: their pages are stored, and become readings of a collection where the source "
        "names one. Goes on where it was stopped or killed. docs/sources.md says which pages, and what is safe. "
        + EXIT_CODES_HELP
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_source_arguments(parser)

    def run_job(self, job: Job, **options: Any) -> Outcome:
        sources = sources_chosen(options["sources"], [CourseSource.Kind.WEBSITE])
        try:
            from adaptivity.jobs.crawl import crawl
        except ImportError as error:
            raise CommandError(
                f"{error.name} is not installed: the crawler needs the job image, or requirements/job.txt",
                returncode=ExitCode.REFUSED_INPUT,
            ) from error
        reports = (
            crawl(sources, user_agent=settings.CRAWLER_USER_AGENT, progress=job.progress, stop=job.stop)
            if sources
            else []
        )
        if options["json"]:
            self.stdout.write(json.dumps([asdict(report) for report in reports]))
        return outcome(reports, printed=options["json"])
