"""Records when job commands begin, are alive, and end."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from adaptivity.models import JobRun, RunStatus
from adaptivity.text import NAME_LENGTH, storable

SUMMARY_LENGTH = 2000


def job_run_start(*, command: str, arguments: Mapping[str, Any], started_by: str, host: str) -> JobRun:
    """A new row for a running job."""
    now = timezone.now()
    return JobRun.objects.create(
        command=command,
        arguments=dict(arguments),
        started_by=storable(started_by, NAME_LENGTH),
        host=host[:255],
        started_at=now,
        seen_at=now,
    )


def job_run_seen(*, run: JobRun, log_tail: str) -> None:
    """Records that the run is alive, and what it has logged so far."""
    run.seen_at = timezone.now()
    run.log_tail = storable(log_tail)
    run.save(update_fields=["seen_at", "log_tail"])


def job_run_end(*, run: JobRun, status: RunStatus, exit_code: int, summary: str, log_tail: str) -> None:
    """Records how the run ended."""
    run.ended_at = run.seen_at = timezone.now()
    run.status, run.exit_code = status, exit_code
    run.summary = storable(summary, SUMMARY_LENGTH)
    run.log_tail = storable(log_tail)
    run.save(update_fields=["ended_at", "seen_at", "status", "exit_code", "summary", "log_tail"])
