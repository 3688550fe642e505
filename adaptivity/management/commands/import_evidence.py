"""manage.py import_evidence [PATH…]: scores from platforms' files into the evidence log."""

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
        "Imports scores from tracking logs of Open edX (edx), files of xAPI statements (xapi) and CSV files (csv), "
        "plain or gzip, and traces the learners. Each event counts once, however often and in whatever file it comes. "
        "Stopped, it continues when it is run again. A line that cannot be used goes to a reject file with the reason. "
        + EXIT_CODES_HELP
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", nargs="*", type=Path, help="a file, or a folder of files")
        parser.add_argument("--format", choices=FORMATS, help="of the files; else each is told by its beginning")
        parser.add_argument("--collection", metavar="ID", help="put the activities into this collection")
        parser.add_argument("--guid", default="", help="the learners' tool_consumer_instance_guid, before the file's")
        parser.add_argument("--inbox", action="store_true", help="take what is new in the folder EVIDENCE_INBOX")
        parser.add_argument("--create", action="store_true", help="create activities that are missing; csv always does")
        parser.add_argument("--again", action="store_true", help="read files that were imported whole (edx and xapi)")
        parser.add_argument("--rejects", type=Path, metavar="DIRECTORY", help="of reject files; else EVIDENCE_REJECTS")

    def run_job(self, job: Job, **options: Any) -> JobResult:
        paths: list[Path] = options["path"]
        if bool(paths) == options["inbox"]:
            raise InvalidInput("name files or --inbox, and not both")
        if options["inbox"]:
            if not settings.EVIDENCE_INBOX:
                return JobResult("EVIDENCE_INBOX is not set: nothing to do")
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
            where = f"{rejected.file.name}, first in line {rejected.first_line}"
            self.stderr.write(f"{rejected.count} refused ({where}): {rejected.reason}")
        for path in report.reject_files:
            self.stderr.write(f"the refused lines are in {path}")
        if report.refused and not report.reject_files:
            self.stderr.write("the refused lines are not kept: name a folder with --rejects or EVIDENCE_REJECTS")
        for failure in report.failed:
            self.stderr.write(f"not imported: {failure}")


def summary(report: EvidenceReport) -> str:
    """One line: what became of the files and lines, and how fast."""
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
