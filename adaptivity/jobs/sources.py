"""What the jobs that read sources share: which sources they read, and how they report."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from adaptivity.errors import InvalidInput
from adaptivity.models import CourseSource

# Called with a phase, how much of it is done, and its total.
Progress = Callable[[str, int, int], None]

DONE, REJECTS, STOPPED, FAILED = "done", "rejects", "stopped", "failed"


@dataclass
class SourceReport:
    """What became of a source. ``outcome`` is done, rejects, stopped, or the code of what kept it from being read, and
    then ``message`` says more and ``may_help_again`` whether to try again."""

    source: str
    outcome: str = DONE
    message: str = ""
    may_help_again: bool = False

    def counts(self) -> str:
        """What was done, for people."""
        raise NotImplementedError

    def line(self) -> str:
        """One line for people."""
        return f"{self.source}: " + (f"{self.outcome}: {self.message}" if self.message else self.counts())


def sources_chosen(slugs: Sequence[str], kinds: Iterable[str]) -> list[CourseSource]:
    """The sources with these slugs, or without any all that are due.

    Raises InvalidInput where a slug names no source of these kinds, or one that is not enabled.
    """
    wanted = CourseSource.objects.filter(kind__in=kinds).order_by("slug")
    if not slugs:
        return [source for source in wanted.filter(enabled=True) if is_due(source)]
    found = {source.slug: source for source in wanted.filter(slug__in=slugs)}
    for slug in slugs:
        if slug not in found:
            raise InvalidInput(f"there is no such source of the kind {' or '.join(kinds)}", field=slug)
        if not found[slug].enabled:
            raise InvalidInput("the source is not enabled", field=slug)
    return [found[slug] for slug in dict.fromkeys(slugs)]


def is_due(source: CourseSource) -> bool:
    """Whether as much time as the source's interval has passed since it was begun to be read to the end."""
    if not source.interval_hours or source.last_started_at is None or source.last_outcome not in {DONE, REJECTS}:
        return True
    return timezone.now() >= source.last_started_at + timedelta(hours=source.interval_hours)
