"""Celery tasks: they call a job or service, and are safe to run twice."""

import mmap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from amqp.exceptions import AMQPError
from celery import shared_task
from celery.signals import worker_shutting_down
from django.conf import settings
from django.db import transaction
from django.db.utils import OperationalError
from kombu.exceptions import OperationalError as BrokerError

from adaptivity.evidence.jobs import import_scores as job
from adaptivity.evidence.services.verification import state_verify
from adaptivity.exit_codes import ExitCode
from adaptivity.model_versions.jobs import estimate as estimating
from adaptivity.models import CourseSource, EstimationBatch, ModelVersion, StepRun
from adaptivity.runs.pipelines.attempts import STOP_SECONDS, attempt_run
from adaptivity.runs.pipelines.processes import POLL_SECONDS, StepProcess
from adaptivity.sources.jobs.source_reports import command_of

log = structlog.get_logger(__name__)

# If the database is away for a moment, the work continues where it stopped.
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
        refused_before=report.refused_before,
        learners_traced=report.learners_traced,
    )


@shared_task(**RETRY)
def verify_state() -> int:
    """Compares every learner's state with the log. The log line and the result give the number of differences."""
    checked = stale = differences = 0
    for batch in state_verify():
        checked, stale, differences = batch.checked, stale + batch.stale, differences + len(batch.differences)
    report = log.error if differences else log.info
    report("state_verified", learners=checked, stale=stale, differences=differences)
    return differences


# Acknowledged when it begins, because a step or a crawl may take longer than the broker waits.
LONG = {"acks_late": False, "Request": "config.pausable_consumer:LongRequest"}

# The worker is told to stop, but its forked processes do the work. They share this byte.
_stopping = mmap.mmap(-1, 1)


@worker_shutting_down.connect
def tell_processes(**_: Any) -> None:
    """Tells the worker's processes to stop. A job has its own session, and only the task that started it can end it."""
    _stopping[0] = 1


def is_stopping() -> bool:
    """Whether the worker of this process was told to stop."""
    return _stopping[0] == 1


# Not repeated by Celery: whoever waits for the step notices a lost worker, and repeats a stopped step.
@shared_task(**LONG)
def run_step(step_id: int, attempt: int, started_by: str) -> None:
    """Runs an attempt at a step of a pipeline, unless it is no longer wanted."""
    step = StepRun.objects.filter(pk=step_id, attempts=attempt).first()
    if step is None:
        log.warning("step_not_wanted", attempt=attempt)
        return
    attempt_run(step, started_by, stop=is_stopping)


# What Celery raises if a broker does not answer, or refuses the login.
BROKER_ERRORS = (BrokerError, AMQPError)


# If its worker is killed, the next run of the job continues the work.
@shared_task(**LONG)
def read_source(source_id: int, saved_by: str = "") -> None:
    """Starts the job that reads a source, as a process of its own, and waits for its end.

    When the worker is told to stop, the job is stopped too, and the task is sent again so that the next worker
    continues. If tasks run in the process that sends them, this does not wait, because there a user has just saved the
    source.
    """
    source = CourseSource.objects.filter(pk=source_id, enabled=True).first()
    if source is None:
        log.warning("source_not_wanted", source_id=source_id)
        return
    started_by = f"a new source, saved by {saved_by}" if saved_by else "a new source"
    process = StepProcess(command_of(source), started_by=started_by)
    try:
        if settings.CELERY_TASK_ALWAYS_EAGER:
            return
        code = _wait(process)
    finally:
        process.close()
    if is_stopping() and (code == ExitCode.STOPPED or code < 0):
        read_source.delay(source_id, saved_by)
        log.info("source_sent_again", source=source.slug, exit_code=code)
        return
    log.info("source_read", source=source.slug, exit_code=code)


def read_source_on_commit(
    source: CourseSource, *, saved_by: str, not_sent: Callable[[], object] = lambda: None
) -> None:
    """Sends the task that reads a source, once the source is committed.

    If the broker does not take it, the source is stored all the same, and the next run of the job reads it. That is
    logged, and ``not_sent`` is called.
    """

    def send() -> None:
        try:
            read_source.delay(source.pk, saved_by)
        except BROKER_ERRORS as error:
            log.warning("source_not_sent", source=source.slug, error=type(error).__name__)
            not_sent()

    transaction.on_commit(send)


def _wait(process: StepProcess) -> int:
    """The exit code of a job. A job that does not end within STOP_SECONDS of the worker's stop is killed."""
    kill_at: float | None = None
    while (code := process.poll()) is None:
        if kill_at is None and is_stopping():
            kill_at = time.monotonic() + STOP_SECONDS
            process.terminate()
        if kill_at is not None and time.monotonic() >= kill_at:
            process.kill()
        time.sleep(POLL_SECONDS)
    return code


@shared_task(**RETRY)
def estimate(name: str, method: str = "em", minimum_evidence: bool = True) -> None:  # noqa: FBT001, FBT002 - Celery sends arguments by name
    """Begins a model version and distributes its batches to the workers. The worker of the last batch reports."""
    version = estimating.estimate_begin(name=name, method=method, minimum_evidence=minimum_evidence)
    open_batches = list(version.batches.filter(done_at=None).order_by("number").values_list("id", flat=True))
    log.info("estimate_begun", model_version=version.name, batches=len(open_batches))
    for batch_id in open_batches:
        estimate_batch.delay_on_commit(batch_id)
    if not open_batches:
        estimate_finish.delay_on_commit(version.pk)


@shared_task(**RETRY)
def estimate_batch(batch_id: int) -> None:
    """Estimates some knowledge components of a version."""
    batch = EstimationBatch.objects.select_related("model_version").get(pk=batch_id)
    estimating.estimate_batch(batch)
    remaining = batch.model_version.batches.filter(done_at=None).count()
    log.info("estimate_batch_done", model_version=batch.model_version.name, batch=batch.number, remaining=remaining)
    if not remaining:
        estimate_finish.delay_on_commit(batch.model_version_id)


@shared_task(**RETRY)
def estimate_finish(version_id: int) -> None:
    """Compares a version whose batches are all done with the one in force."""
    version = ModelVersion.objects.get(pk=version_id)
    estimating.estimate_finish(version, by="task estimate")
    passed = all(check["passed"] for check in version.report["checks"])
    log.info("estimate_finished", model_version=version.name, would_pass=passed)
