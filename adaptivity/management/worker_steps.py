"""Pipeline steps as Celery tasks: each is sent to a worker, which writes its progress to the step's row."""

import time

import structlog
from kombu.exceptions import OperationalError

from adaptivity import tasks
from adaptivity.models import StepRun, StepStatus
from adaptivity.runs.pipelines.attempts import RETRIED, Ended, LaunchError
from adaptivity.runs.services.pipeline_runs import step_end, step_lost, step_request_stop

log = structlog.get_logger(__name__)

SECONDS_BETWEEN_LOOKS = 1.0
# A step may wait behind others in the queue for longer than its own timeout: a crawl may take its 5 days.
QUEUE_SECONDS = 7 * 24 * 3600
SECONDS_BETWEEN_WARNINGS = 3600.0
OVER = (StepStatus.DONE, StepStatus.REJECTS, StepStatus.FAILED, StepStatus.STOPPED)


class WorkerAttempt:
    """An attempt to be run by a worker. Raises LaunchError if the broker does not accept it."""

    def __init__(self, step: StepRun, started_by: str) -> None:
        self._step, self._number = step, step.attempts
        self._sent = time.monotonic()
        self._next_look = 0.0
        self._next_warning = self._sent + SECONDS_BETWEEN_WARNINGS
        self._stopped = False
        try:
            tasks.run_step.apply_async((step.pk, step.attempts, started_by))
        except OperationalError as error:
            raise LaunchError("the broker does not respond") from error

    def look(self) -> Ended | None:
        now = time.monotonic()
        if now < self._next_look:
            return None
        self._next_look = now + SECONDS_BETWEEN_LOOKS
        self._step.refresh_from_db()
        row = self._step
        if row.status in OVER:
            timed_out = row.problem.startswith("timed out")
            return Ended(
                row.exit_code, row.problem, self._stopped, retriable=row.exit_code in RETRIED and not timed_out
            )
        if row.status == StepStatus.QUEUED and self._stopped:
            return self._end("stopped before a worker took it", retriable=False)
        if row.status == StepStatus.QUEUED:
            waited = now - self._sent
            if waited >= QUEUE_SECONDS:
                return self._end(f"no worker took it within {QUEUE_SECONDS} seconds", retriable=False)
            if now >= self._next_warning:
                self._next_warning = now + SECONDS_BETWEEN_WARNINGS
                log.warning("step_waits_for_a_worker", step=row.name, seconds=round(waited))
        if step_lost(step=row):
            return self._end("its worker was lost", retriable=True)
        return None

    def stop(self) -> None:
        self._stopped = True
        step_request_stop(step=self._step)

    def abandon(self) -> None:
        step_request_stop(step=self._step)

    def _end(self, problem: str, *, retriable: bool) -> Ended:
        ended = Ended(None, problem, self._stopped, retriable=retriable)
        step_end(step=self._step, status=ended.status, exit_code=None, problem=problem, log_tail=None)
        return ended
