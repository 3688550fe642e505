"""manage.py export_evidence [DIRECTORY]: scores, masteries and parameters to CSV files."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings

from adaptivity.errors import InvalidInput
from adaptivity.evidence.jobs.export_evidence import COLUMNS, export_evidence
from adaptivity.exit_codes import EXIT_CODES_HELP
from adaptivity.management.job import Job, JobCommand, JobResult


class Command(JobCommand):
    help = (
        f"Writes {', '.join(COLUMNS)} into a folder: all scores as they stand, in the format of import_scores; all "
        "masteries; the parameters in force and the authors'. Files of an earlier export are replaced, each at once. "
        + EXIT_CODES_HELP
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("directory", nargs="?", default="", help="the folder; empty or left out: EXPORT_DIRECTORY")

    def run_job(self, job: Job, **options: Any) -> JobResult:
        directory = options["directory"] or settings.EXPORT_DIRECTORY
        if not directory:
            raise InvalidInput("name a directory, or set EXPORT_DIRECTORY", field="directory")
        report = export_evidence(Path(directory), progress=job.progress, stop=job.stop)
        if report.ambiguous_kcs:
            self.stderr.write(
                f"{report.ambiguous_kcs} knowledge components have ';' or white space at an end of their kc_id: "
                "importing scores.csv would make others of them"
            )
        return JobResult(
            f"{report.scores} scores, {report.masteries} masteries, parameters of {report.item_parameters} tags and "
            f"{report.kc_parameters} knowledge components exported"
        )
