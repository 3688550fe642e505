"""manage.py import_scores FILE: imports scores from a CSV file into the evidence log."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from adaptivity import tasks
from adaptivity.errors import AdaptivityError, Stopped
from adaptivity.evidence.jobs.import_scores import import_scores
from adaptivity.exit_codes import EXIT_CODES_HELP, exit_code_of
from adaptivity.management.job import Job, JobCommand, JobResult


class Command(JobCommand):
    help = (
        "Imports scores from a CSV file (plain or gzip) with the columns "
        "learner,item,kcs,score[,timestamp][,event_id][,tool_consumer_instance_guid]. Separate kcs by ';'. Creates "
        "missing content and traces every learner. If it was stopped, run it again with the same file to continue; no "
        "row is imported twice. A bad row is reported with its line number and left out. " + EXIT_CODES_HELP
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="The CSV file, plain or gzip.")
        parser.add_argument("--collection", metavar="ID", help="Put the items into this collection.")
        parser.add_argument("--guid", default="", help="The learners' tool_consumer_instance_guid.")
        parser.add_argument("--strict", action="store_true", help="Stop at the first bad row and import nothing.")
        parser.add_argument(
            "--background", action="store_true", help="Let a Celery worker do it. The worker must have the file."
        )

    def run_job(self, job: Job, **options: Any) -> JobResult:
        path: Path = options["file"]
        if options["background"]:
            tasks.import_scores.delay_on_commit(
                str(path.resolve()), options["collection"], guid=options["guid"], strict=options["strict"]
            )
            return JobResult("A worker will import the file.")
        before: list[str] = []
        try:
            report = import_scores(
                path,
                collection_id=options["collection"],
                guid=options["guid"],
                strict=options["strict"],
                progress=job.progress,
                refuse=lambda line, reason: self.stderr.write(f"line {line}: {reason}"),
                earlier=lambda imported, refused: before.append(
                    f"an earlier import of the file imported {imported} scores and refused {refused} rows"
                ),
                stop=job.stop,
            )
        except (AdaptivityError, Stopped) as error:
            if not options["strict"]:
                raise
            nothing = "; ".join(["nothing was imported now", *before]) if before else "nothing was imported"
            if isinstance(error, Stopped):
                raise Stopped(f"stopped; {nothing}") from None
            raise CommandError(f"{error}; {nothing}", returncode=exit_code_of(error)) from error
        erased = f"{report.erased} of erased learners left out, " if report.erased else ""
        voided = f"{report.voided} of voided statements, " if report.voided else ""
        refused = f"{report.refused} rows refused"
        if report.refused_before:
            refused += f", {report.refused_before} refused by an earlier import of the file"
        return JobResult(
            f"{report.imported} scores imported, {report.known} known already, {refused}, {erased}{voided}"
            f"{report.learners_traced} learners traced",
            rejects=report.refused + report.refused_before > 0,
        )
