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
    """Which sources, and how to report."""
    parser.add_argument(
        "--source",
        metavar="SLUG",
        action="append",
        default=[],
        dest="sources",
        help="read this source, also before its interval is over; may be repeated; all that are due without it",
    )
    parser.add_argument(
        "--wait",
        action="store_true",
        help="where another process is reading a source, wait until it has ended, and read what is left to be read",
    )
    parser.add_argument("--json", action="store_true", help="print the reports as JSON")


def sources_to_read(job: Job, options: Mapping[str, Any], kinds: Collection[str]) -> list[CourseSource]:
    """The sources that the arguments choose; with ``--wait``, once no other process reads them. Raises InvalidInput,
    and Stopped while it waits."""
    since = settings.JOB_RUN_STARTED_AT
    sources = sources_chosen(options["sources"], kinds, since=since)
    if options["wait"] and sources:
        sources_await(sources, stop=job.stop)
        # Whoever was reading one may have read it to its end.
        sources = sources_chosen(options["sources"], kinds, since=since)
    return sources


def outcome(
    reports: Sequence[SourceReport], *, options: Mapping[str, Any], left: Sequence[str] = (), is_over: bool = False
) -> JobResult:
    """What the reports amount to: a failure that may pass is the most that can be said, then one that will not. Whoever
    deletes a source wants it not to be read: that is no failure. Nor is it one that another process reads a source,
    unless it was asked for by its name. ``is_over``: the time that was given is over, and trying again helps nobody;
    ``left`` are the sources that it was not enough for."""
    lines = [report.line() for report in reports]
    if left:
        lines.append(f"the time is over before these were begun, which the next run does first: {', '.join(left)}")
    summary = "\n".join(lines) or "there is no source to read"
    no_failures = {STOPPED, DELETED} if options["sources"] else {STOPPED, DELETED, AlreadyRunning.code}
    failed = [report for report in reports if report.message and report.outcome not in no_failures]
    stopped = not is_over and any(report.outcome == STOPPED for report in reports)
    if failed and not stopped:
        raise CommandError(summary, returncode=_exit_code(failed, waits=options["wait"], is_over=is_over))
    # An attempt before may have failed at a source that this one had no time for.
    rejects = any(report.outcome == REJECTS for report in reports) or bool(left and not reports)
    return JobResult(summary, rejects=rejects, stopped=stopped, printed=options["json"])


def _exit_code(failed: Sequence[SourceReport], *, waits: bool, is_over: bool) -> ExitCode:
    if is_over:
        return ExitCode.REFUSED_INPUT
    if any(report.may_help_again for report in failed):
        return ExitCode.FAILED
    if all(report.outcome == AlreadyRunning.code for report in failed):
        # Another one was faster after the wait: to wait for that one, too, helps.
        return ExitCode.FAILED if waits else ExitCode.ALREADY_RUNNING
    return ExitCode.REFUSED_INPUT
