"""manage.py import_scores FILE: scores from a CSV file into the evidence log."""

import signal
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from adaptivity import tasks
from adaptivity.errors import AdaptivityError
from adaptivity.jobs.import_scores import import_scores
from adaptivity.management.progress import Progress

INTERRUPTED = 130


class Command(BaseCommand):
    help = (
        "Imports scores from a CSV file (plain or gzip) with the columns "
        "learner,item,kcs,score[,timestamp][,event_id], kcs joined by ';'. Creates what is missing and traces every "
        "learner. Stopped, it continues when it is run again with the same file; no row is imported twice. A bad row "
        "is reported by its line and left out. "
        "Exit codes: 0 done, 1 an error or (with --strict) a bad row, 130 interrupted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the CSV file, plain or gzip")
        parser.add_argument("--collection", metavar="ID", help="put the items into this collection")
        parser.add_argument("--guid", default="", help="the learners' tool_consumer_instance_guid")
        parser.add_argument("--strict", action="store_true", help="stop at the first bad row, with nothing imported")
        parser.add_argument("--background", action="store_true", help="let a Celery worker that has the file do it")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        if options["background"]:
            tasks.import_scores.delay_on_commit(
                str(path.resolve()), options["collection"], guid=options["guid"], strict=options["strict"]
            )
            self.stdout.write("The import was handed to a worker.")
            return
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            with Progress() as progress:
                report = import_scores(
                    path,
                    collection_id=options["collection"],
                    guid=options["guid"],
                    strict=options["strict"],
                    progress=progress,
                    refuse=lambda line, reason: self.stderr.write(f"line {line}: {reason}"),
                )
        except AdaptivityError as error:
            raise CommandError(f"{error}; nothing of it was imported" if options["strict"] else str(error)) from error
        except KeyboardInterrupt:
            raise CommandError(
                "interrupted; run it again to continue where it stopped", returncode=INTERRUPTED
            ) from None
        self.stdout.write(
            f"{report.imported} scores imported, {report.known} known already, {report.refused} rows refused, "
            f"{report.learners_traced} learners traced"
        )
