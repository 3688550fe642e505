"""What the jobs that read sources share: which sources they read, and how they report."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db.models import F
from django.utils import timezone

from adaptivity.errors import AlreadyRunning, InvalidInput, SourceDeleted, Stopped
from adaptivity.models import CourseSource
from adaptivity.progress import Stop
from adaptivity.sources.services.source_lock import SourceLock

log = structlog.get_logger(__name__)

SECONDS_BETWEEN_LOOKS = 5.0
SECONDS_BETWEEN_QUESTIONS = 0.1


SECONDS_OF_HOUR = 3600
DONE, REJECTS, STOPPED, FAILED, DELETED = "done", "rejects", "stopped", "failed", SourceDeleted.code


@dataclass
class SourceReport:
    """The result of reading a source.

    ``outcome`` is done, rejects, stopped, or the code of the error that prevented reading. In that case ``message``
    explains it, and ``may_help_again`` says whether to try again.
    """

    source: str
    outcome: str = DONE
    message: str = ""
    may_help_again: bool = False

    def counts(self) -> str:
        """What was done, as text for people."""
        raise NotImplementedError

    def line(self) -> str:
        """The report as one line for people."""
        return f"{self.source}: " + (f"{self.outcome}: {self.message}" if self.message else self.counts())


def sources_chosen(
    slugs: Sequence[str], kinds: Collection[str], *, since: datetime | None = None
) -> list[CourseSource]:
    """The sources of these kinds with these slugs or, without slugs, all of them that are due.

    The source that was begun longest ago comes first, so none is starved by one that takes all the time. Sources that
    were read to the end after ``since`` are left out.

    The slug of a source of another kind is ignored, so that several jobs can be started with the same slug. Raises
    InvalidInput if a slug names no source, or one that is not enabled.
    """
    if not slugs:
        oldest = F("last_started_at").asc(nulls_first=True)
        wanted = CourseSource.objects.filter(kind__in=kinds, enabled=True).order_by(oldest, "slug")
        return [source for source in wanted if is_due(source) and not is_read(source, since)]
    found = {source.slug: source for source in CourseSource.objects.filter(slug__in=slugs)}
    for slug in slugs:
        if slug not in found:
            raise InvalidInput("there is no source with this slug", field=slug)
        if not found[slug].enabled:
            raise InvalidInput("the source is not enabled", field=slug)
    chosen = [found[slug] for slug in dict.fromkeys(slugs) if found[slug].kind in kinds]
    return [source for source in chosen if not is_read(source, since)]


def sources_await(sources: Sequence[CourseSource], *, stop: Stop) -> None:
    """Waits until no other process reads any of the sources. Raises Stopped if ``stop`` returns true before."""
    for source in sources:
        is_told = False
        while not _is_free(source):
            if not is_told:
                log.info("source_waited_for", source=source.slug)
                is_told = True
            again_at = time.monotonic() + SECONDS_BETWEEN_LOOKS
            while time.monotonic() < again_at:
                if stop():
                    raise Stopped(f"{source.slug}: another process is still reading it; run it again to go on")
                time.sleep(SECONDS_BETWEEN_QUESTIONS)


def _is_free(source: CourseSource) -> bool:
    try:
        with SourceLock(source):
            return True
    except AlreadyRunning:
        return False


def command_of(source: CourseSource) -> tuple[str, ...]:
    """The command of manage.py that reads the source."""
    job = "crawl" if source.kind == CourseSource.Kind.WEBSITE else "scrape_courses"
    return job, "--source", source.slug


def is_due(source: CourseSource) -> bool:
    """Whether the source's interval has passed since the start of its last complete reading."""
    if not source.interval_hours or source.last_started_at is None or source.last_outcome not in {DONE, REJECTS}:
        return True
    # Compared in seconds, because an interval may be longer than dates can express.
    return (timezone.now() - source.last_started_at).total_seconds() >= source.interval_hours * SECONDS_OF_HOUR


def is_read(source: CourseSource, since: datetime | None) -> bool:
    """Whether the source was read to the end after that moment. Without a moment the answer is no."""
    if since is None or source.last_finished_at is None or source.last_outcome not in {DONE, REJECTS}:
        return False
    return source.last_finished_at >= since
