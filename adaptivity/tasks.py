"""Celery tasks: they call a job or service, and are safe to run twice."""

import time
from pathlib import Path

import structlog
from celery import shared_task
from django.conf import settings
from django.db.utils import OperationalError

from adaptivity.jobs import import_scores as job
from adaptivity.jobs.pipelines.attempts import attempt_run
from adaptivity.jobs.pipelines.processes import POLL_SECONDS, StepProcess
from adaptivity.jobs.sources import command_of
from adaptivity.models import CourseSource, StepRun
from adaptivity.services.verification import state_verify

log = structlog.get_logger(__name__)

# A database that is away for a moment: the work goes on where it stopped.
RETRY = {"autoretry_for": (OperationalError,), "retry_backoff": True, "max_retries": 5}


@shared_task(**RETRY)
def import_scores(path: str, collection_id: str | None = None, guid: str = "", strict: bool = False) -> None:  # noqa: FBT001, FBT002 - Celery sends arguments by name
    """Imports a file of scores that the worker can read."""
    report = job.import_scores(Path(path), collection_id=collection_id, guid=guid, strict=strict)
    log.info(
        "scores_imported",
        imported=report.imported,
        known=report.known,
        refused=report.refused,
        learners_traced=report.learners_traced,
    )


@shared_task(**RETRY)
def verify_state() -> int:
    """Compares every learner's state with the log; the log line and the result say how many differences there are."""
    checked = stale = differences = 0
    for batch in state_verify():
        checked, stale, differences = batch.checked, stale + batch.stale, differences + len(batch.differences)
    report = log.error if differences else log.info
    report("state_verified", learners=checked, stale=stale, differences=differences)
    return differences


# Taken from the queue when it begins: a step may take longer than the broker waits for an acknowledgement. Who waits
# for the step notices when its worker is lost.
@shared_task(acks_late=False)
def run_step(step_id: int, attempt: int, started_by: str) -> None:
    """Runs an attempt at a step of a pipeline, unless it is no longer wanted."""
    step = StepRun.objects.filter(pk=step_id, attempts=attempt).first()
    if step is None:
        log.warning("step_not_wanted", attempt=attempt)
        return
    attempt_run(step, started_by)


# Taken from the queue when it begins, as above: a crawl may take days, and the next run of its job goes on with it.
@shared_task(acks_late=False)
def read_source(source_id: int) -> None:
    """Starts the job that reads a source, as a process of its own, and waits for its end. Where tasks run in the
    process that sends them, it does not wait: there, somebody has just saved the source."""
    source = CourseSource.objects.filter(pk=source_id, enabled=True).first()
    if source is None:
        log.warning("source_not_wanted", source_id=source_id)
        return
    process = StepProcess(command_of(source), started_by="a new source")
    try:
        if settings.CELERY_TASK_ALWAYS_EAGER:
            return
        while (code := process.poll()) is None:
            time.sleep(POLL_SECONDS)
    finally:
        process.close()
    log.info("source_read", source=source.slug, exit_code=code)
