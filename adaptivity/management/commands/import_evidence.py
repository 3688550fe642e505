"""manage.py import_evidence [PATH…]: imports scores from platforms' files into the evidence log."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings

from adaptivity.errors import InvalidInput
from adaptivity.evidence.jobs.import_evidence import (
    EvidenceReport,
    ImportOptions,
    expanded,
    import_evidence,
    inbox_files,
)
from adaptivity.evidence.readers.formats import FORMATS
from adaptivity.exit_codes import EXIT_CODES_HELP
from adaptivity.management.job import Job, JobCommand, JobResult


class Command(JobCommand):
    help = (
        "Imports scores from Open edX tracking logs (edx), files of xAPI statements (xapi) and CSV files (csv), plain "
        "or gzip, and traces the learners. Each event counts once, no matter how often and in which files it occurs. "
        "If it was stopped, run it again to continue. A line that cannot be used goes to a reject file with the "
        "reason. " + EXIT_CODES_HELP
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", nargs="*", type=Path, help="A file, or a folder of files.")
        parser.add_argument(
            "--format", choices=FORMATS, help="The format of the files. Default: detected from the start of each file."
        )
        parser.add_argument("--collection", metavar="ID", help="Put the activities into this collection.")
        parser.add_argument(
            "--guid", default="", help="The learners' tool_consumer_instance_guid. Overrides the one in the file."
        )
        parser.add_argument("--inbox", action="store_true", help="Import the new files in the folder EVIDENCE_INBOX.")
        parser.add_argument("--create", action="store_true", help="Create missing activities; csv always does.")
        parser.add_argument(
            "--again", action="store_true", help="Read files again that were imported completely (edx and xapi)."
        )
        parser.add_argument(
            "--rejects", type=Path, metavar="DIRECTORY", help="The folder for reject files. Default: EVIDENCE_REJECTS."
        )

    def run_job(self, job: Job, **options: Any) -> JobResult:
        paths: list[Path] = options["path"]
        if bool(paths) == options["inbox"]:
            raise InvalidInput("give either files or --inbox")
        if options["inbox"]:
            if not settings.EVIDENCE_INBOX:
                return JobResult("EVIDENCE_INBOX is not set; nothing to do")
            try:
                files = inbox_files(Path(settings.EVIDENCE_INBOX))
            except InvalidInput as error:
                raise InvalidInput(str(error), field="EVIDENCE_INBOX") from error
        else:
            files = list(expanded(paths))
        report = import_evidence(
            files,
            ImportOptions(
                file_format=options["format"],
                collection_id=options["collection"],
                guid=options["guid"],
                create=options["create"],
                again=options["again"],
                edx_launch_url=settings.EDX_LAUNCH_URL,
                inbox=options["inbox"],
                rejects=options["rejects"] or (Path(settings.EVIDENCE_REJECTS) if settings.EVIDENCE_REJECTS else None),
            ),
            progress=job.progress,
            stop=job.stop,
        )
        self._tell_refused(report)
        return JobResult(summary(report), rejects=not report.is_complete)

    def _tell_refused(self, report: EvidenceReport) -> None:
        for rejected in report.rejects:
            where = f"{rejected.file.name}, first on line {rejected.first_line}"
            self.stderr.write(f"{rejected.count} refused ({where}): {rejected.reason}")
        for path in report.reject_files:
            self.stderr.write(f"the refused lines are in {path}")
        if report.refused and not report.reject_files:
            self.stderr.write("the refused lines were not kept; to keep them, set --rejects or EVIDENCE_REJECTS")
        for failure in report.failed:
            self.stderr.write(f"not imported: {failure}")


def summary(report: EvidenceReport) -> str:
    """One line: how many files and lines were imported, skipped or refused, and how fast."""
    parts = [
        f"{report.imported} scores imported",
        f"{report.known} known already",
        f"{report.refused} lines refused",
        f"{report.ignored} without a score",
    ]
    if report.erased:
        parts.append(f"{report.erased} of erased learners left out")
    if report.voidings or report.voided:
        parts.append(f"{report.voidings} voiding statements, {report.voided} scores voided")
    parts.append(f"{report.learners_traced} learners traced")
    files = f"{report.files} files"
    if report.skipped:
        files += f", {report.skipped} imported before"
    if report.failed:
        files += f", {len(report.failed)} not imported"
    rate = f", {report.lines / report.seconds:.0f} lines a second" if report.lines and report.seconds else ""
    return f"{', '.join(parts)} ({files}{rate})"
