"""What the commands that read sources share."""

from argparse import ArgumentParser
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from adaptivity.errors import AlreadyRunning
from adaptivity.exit_codes import ExitCode
from adaptivity.management.job import Job, JobResult
from adaptivity.models import CourseSource
from adaptivity.sources.jobs.source_reports import (
    DELETED,
    REJECTS,
    STOPPED,
    SourceReport,
    sources_await,
    sources_chosen,
)


def add_source_arguments(parser: ArgumentParser) -> None:
    """Adds the options that choose sources, and the format of the report."""
    parser.add_argument(
        "--source",
        metavar="SLUG",
        action="append",
        default=[],
        dest="sources",
        help="Read this source, even if it is not due yet; may be repeated. Default: all sources that are due.",
    )
    parser.add_argument(
        "--wait",
        action="store_true",
        help="If another process is reading a source, wait until it ends, and then read what is left.",
    )
    parser.add_argument("--json", action="store_true", help="Print the reports as JSON.")


def sources_to_read(job: Job, options: Mapping[str, Any], kinds: Collection[str]) -> list[CourseSource]:
    """The sources that the arguments choose. With ``--wait``, waits until no other process reads them.

    Raises InvalidInput for bad arguments, and Stopped if it is stopped while it waits.
    """
    since = settings.JOB_RUN_STARTED_AT
    sources = sources_chosen(options["sources"], kinds, since=since)
    if options["wait"] and sources:
        sources_await(sources, stop=job.stop)
        # The other process may have read a source to its end.
        sources = sources_chosen(options["sources"], kinds, since=since)
    return sources


def outcome(
    reports: Sequence[SourceReport], *, options: Mapping[str, Any], left: Sequence[str] = (), is_over: bool = False
) -> JobResult:
    """The result of all reports together. Raises CommandError if a source failed.

    A failure that a retry may fix decides the exit code before one that it cannot. A source deleted meanwhile is not a
    failure, and neither is one that another process reads, unless it was chosen by name. ``is_over`` says that the time
    limit has passed, so that a retry would not help. ``left`` are the sources that there was no time for.
    """
    lines = [report.line() for report in reports]
    if left:
        lines.append(f"the time ran out before these were read; the next run reads them first: {', '.join(left)}")
    summary = "\n".join(lines) or "there is no source to read"
    no_failures = {STOPPED, DELETED} if options["sources"] else {STOPPED, DELETED, AlreadyRunning.code}
    failed = [report for report in reports if report.message and report.outcome not in no_failures]
    stopped = not is_over and any(report.outcome == STOPPED for report in reports)
    if failed and not stopped:
        raise CommandError(summary, returncode=_exit_code(failed, waits=options["wait"], is_over=is_over))
    # An earlier attempt may have failed at a source that this one had no time for.
    rejects = any(report.outcome == REJECTS for report in reports) or bool(left and not reports)
    return JobResult(summary, rejects=rejects, stopped=stopped, printed=options["json"])


def _exit_code(failed: Sequence[SourceReport], *, waits: bool, is_over: bool) -> ExitCode:
    if is_over:
        return ExitCode.REFUSED_INPUT
    if any(report.may_help_again for report in failed):
        return ExitCode.FAILED
    if all(report.outcome == AlreadyRunning.code for report in failed):
        # Another process took the source after the wait; waiting again helps.
        return ExitCode.FAILED if waits else ExitCode.ALREADY_RUNNING
    return ExitCode.REFUSED_INPUT
