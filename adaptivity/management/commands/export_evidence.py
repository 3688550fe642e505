"""manage.py export_evidence [DIRECTORY]: writes scores, masteries and parameters to CSV files."""

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
        f"Writes {', '.join(COLUMNS)} to a folder. They hold all current scores in the format of import_scores, all "
        "masteries, the parameters in force and the authors' parameters. Replaces the files of an earlier export, each "
        "atomically. " + EXIT_CODES_HELP
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("directory", nargs="?", default="", help="The folder. Default: EXPORT_DIRECTORY.")

    def run_job(self, job: Job, **options: Any) -> JobResult:
        directory = options["directory"] or settings.EXPORT_DIRECTORY
        if not directory:
            raise InvalidInput("name a directory, or set EXPORT_DIRECTORY", field="directory")
        report = export_evidence(Path(directory), progress=job.progress, stop=job.stop)
        if report.ambiguous_kcs:
            self.stderr.write(
                f"{report.ambiguous_kcs} knowledge components have a kc_id with ';', or with leading or trailing "
                "white space; importing scores.csv would create other knowledge components instead"
            )
        return JobResult(
            f"{report.scores} scores, {report.masteries} masteries, parameters of {report.item_parameters} tags and "
            f"{report.kc_parameters} knowledge components exported"
        )
