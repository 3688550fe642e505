"""What the commands that read sources share."""

from argparse import ArgumentParser
from collections.abc import Sequence

from django.core.management.base import CommandError

from adaptivity.errors import AlreadyRunning
from adaptivity.jobs.sources import DELETED, REJECTS, STOPPED, SourceReport
from adaptivity.management.job import ExitCode, Outcome


def add_source_arguments(parser: ArgumentParser) -> None:
    """Which sources, and how to report."""
    parser.add_argument(
        "--source",
        metavar="SLUG",
        action="append",
        default=[],
        dest="sources",
        help="read this source, also before its interval is over; may be repeated; all that are due without it",
    )
    parser.add_argument("--json", action="store_true", help="print the reports as JSON")


def outcome(reports: Sequence[SourceReport], *, printed: bool) -> Outcome:
    """What the reports amount to: a failure that may pass is the most that can be said, then one that will not. Whoever
    deletes a source wants it not to be read: that is no failure."""
    summary = "\n".join(report.line() for report in reports) or "there is no source to read"
    failed = [report for report in reports if report.message and report.outcome not in {STOPPED, DELETED}]
    stopped = any(report.outcome == STOPPED for report in reports)
    if failed and not stopped:
        raise CommandError(summary, returncode=_exit_code(failed))
    rejects = any(report.outcome == REJECTS for report in reports)
    return Outcome(summary, rejects=rejects, stopped=stopped, printed=printed)


def _exit_code(failed: Sequence[SourceReport]) -> ExitCode:
    if any(report.may_help_again for report in failed):
        return ExitCode.FAILED
    if all(report.outcome == AlreadyRunning.code for report in failed):
        return ExitCode.ALREADY_RUNNING
    return ExitCode.REFUSED_INPUT
