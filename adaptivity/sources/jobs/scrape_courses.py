"""Reads the courses of sources through their platforms' APIs into collections and activities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from django.db import InterfaceError, OperationalError, connection

from adaptivity.errors import AdaptivityError, AlreadyRunning, InvalidInput, Stopped, Unavailable
from adaptivity.models import CourseSource, SourceItem
from adaptivity.outbound.addresses import AddressGuard
from adaptivity.outbound.client import Client, Patience
from adaptivity.progress import Progress, Stop, never, silent
from adaptivity.sources.jobs.source_reports import FAILED, REJECTS, STOPPED, SourceReport
from adaptivity.sources.platforms.registry import PLATFORMS
from adaptivity.sources.services.course_sources import course_source_ended, course_source_started
from adaptivity.sources.services.sections import section_write, sections_retire
from adaptivity.sources.services.source_lock import SourceLock

log = structlog.get_logger(__name__)

PATIENT = Patience()
USER_AGENT = "adaptivity-scraper"


@dataclass
class ScrapeReport(SourceReport):
    """The result of reading a source on a platform."""

    sections: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    taken_out: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)

    def counts(self) -> str:
        return (
            f"{self.sections} sections; activities: {self.created} new, {self.updated} changed, "
            f"{self.unchanged} unchanged, {self.taken_out} taken out, {len(self.refused)} refused"
        )


def scrape_courses(
    sources: Sequence[CourseSource],
    *,
    credentials: Mapping[str, Mapping[str, str]],
    progress: Progress = silent,
    stop: Stop = never,
    patience: Patience = PATIENT,
) -> list[ScrapeReport]:
    """Reads each source. If one fails, even by an internal error, the others are still read.

    A section is written as soon as it is complete, in its own transaction, so a stopped run keeps what it has done.
    What has vanished is taken out once all sections of a source are known.

    After ``stop`` returns true, the report of the current source says so, and the sources after it have none. If the
    database is lost, everything ends, and the error is raised unchanged.
    """
    reports = []
    for number, source in enumerate(sources):
        progress("reading", number, len(sources))
        report = ScrapeReport(source.slug)
        reports.append(report)
        try:
            with SourceLock(source):
                _read(source, credentials, stop, patience, report)
        except AlreadyRunning as error:
            report.outcome, report.message = error.code, error.message
        if report.outcome == STOPPED:
            break
    else:
        progress("reading", len(sources), len(sources))
    return reports


def _read(
    source: CourseSource,
    credentials: Mapping[str, Mapping[str, str]],
    stop: Stop,
    patience: Patience,
    report: ScrapeReport,
) -> None:
    """Reads a source and records the result, in the report and on the source."""
    try:
        course_source_started(source=source)
        _scrape(source, credentials, stop, patience, report)
    except Stopped:
        report.outcome, report.message = STOPPED, "stopped; run it again to go on"
    except AdaptivityError as error:
        report.outcome, report.message = error.code, str(error)
        report.may_help_again = isinstance(error, Unavailable)
    except Exception as error:
        if isinstance(error, OperationalError | InterfaceError) and not connection.is_usable():
            raise
        log.exception("source_failed", source=source.slug)
        report.outcome, report.message, report.may_help_again = FAILED, type(error).__name__, True
    except BaseException as error:
        outcome = STOPPED if isinstance(error, KeyboardInterrupt) else FAILED
        course_source_ended(source=source, outcome=outcome, message=type(error).__name__)
        raise
    course_source_ended(source=source, outcome=report.outcome, message=report.line())
    log.info(
        "source_scraped",
        source=source.slug,
        outcome=report.outcome,
        sections=report.sections,
        created=report.created,
        updated=report.updated,
        taken_out=report.taken_out,
        refused=len(report.refused),
    )


def _scrape(
    source: CourseSource,
    credentials: Mapping[str, Mapping[str, str]],
    stop: Stop,
    patience: Patience,
    report: ScrapeReport,
) -> None:
    present: set[str] = set()
    guard = AddressGuard.of(source.address_exceptions)
    with Client(guard=guard, stop=stop, patience=patience, user_agent=USER_AGENT) as client:
        for position, section in enumerate(PLATFORMS[source.kind](source, client, credentials).sections()):
            if stop():
                raise Stopped
            result = section_write(source=source, section=section, position=position)
            present.add(section.external_id)
            report.sections += 1
            report.created += result.created
            report.updated += result.updated
            report.unchanged += result.unchanged
            report.taken_out += result.taken_out
            report.refused += result.refused
    if not present and SourceItem.objects.filter(source=source, section__isnull=False).exists():
        raise InvalidInput(
            "the platform no longer shows any section; nothing was taken out of the collections", code="empty"
        )
    report.taken_out += sections_retire(source=source, present=present)
    if report.refused:
        report.outcome = REJECTS
