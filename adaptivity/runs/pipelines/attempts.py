"""One attempt at a step: what runs it, how long it may take, and how it ended."""

import signal
import time
from dataclasses import dataclass
from typing import Protocol

import structlog
from django.db import DatabaseError

from adaptivity.exit_codes import ExitCode
from adaptivity.models import StepRun, StepStatus
from adaptivity.progress import Stop, never
from adaptivity.runs.pipelines.processes import POLL_SECONDS, StepProcess, end_process
from adaptivity.runs.services.pipeline_runs import step_end, step_process, step_seen, step_take

log = structlog.get_logger(__name__)

# The exit codes after which another attempt makes sense.
RETRIED = (ExitCode.FAILED, ExitCode.STOPPED)
# A job that is asked to end needs less time than this. ECS kills it 30 s after asking.
STOP_SECONDS = 21.0
SECONDS_BETWEEN_SIGNS = 2.0


class LaunchError(Exception):
    """An attempt could not begin."""


@dataclass(frozen=True)
class Ended:
    """How an attempt ended.

    ``exit_code`` is None if there was no process to return one, and negative if a signal ended it. ``stopped`` is true
    if the attempt was asked to end, and ``retriable`` if another attempt may help.
    """

    exit_code: int | None
    problem: str = ""
    stopped: bool = False
    retriable: bool = False

    @property
    def status(self) -> StepStatus:
        if self.problem and not self.stopped:
            return StepStatus.FAILED
        if self.exit_code == ExitCode.DONE:
            return StepStatus.DONE
        if self.exit_code == ExitCode.REJECTS:
            return StepStatus.REJECTS
        return StepStatus.STOPPED if self.stopped else StepStatus.FAILED


class Attempt(Protocol):
    """An attempt that has begun, here or elsewhere."""

    def look(self) -> Ended | None:
        """How it ended, or None while it runs. Called again and again."""

    def stop(self) -> None:
        """Asks it to end."""

    def abandon(self) -> None:
        """Ends it at once. If it runs elsewhere, does not wait for its end."""


class Launch(Protocol):
    """Begins the attempt for which the step's row is queued. Raises LaunchError."""

    def __call__(self, step: StepRun, started_by: str) -> Attempt: ...


class LocalAttempt:
    """A process on this machine that keeps the step's row up to date.

    If the process of the previous attempt outlived its worker, it is ended first, so that a step never runs twice at a
    time. Raises LaunchError.
    """

    def __init__(self, step: StepRun, started_by: str) -> None:
        self._step = step
        if not step_take(step=step):
            raise LaunchError("the attempt is no longer wanted")
        try:
            if end_process(step.process, grace_seconds=STOP_SECONDS):
                log.warning("step_left_behind_ended", step=step.name, attempt=step.attempts)
            self._process = StepProcess(step.command, started_by=started_by, run_started_at=step.run.started_at)
        except OSError as error:
            raise LaunchError(f"the process could not be started: {error.strerror}") from error
        try:
            step_process(step=step, process=self._process.identity)
        except BaseException:
            self.abandon()
            raise
        self._stopped = False
        self._timed_out = False
        self._kill_at: float | None = None
        self._next_sign = 0.0

    def look(self) -> Ended | None:
        code = self._process.poll()
        now = time.monotonic()
        if code is not None:
            return self._end(code)
        if now >= self._process.started + self._step.timeout and not self._timed_out:
            self._timed_out = True
            self._terminate()
        if self._kill_at is not None and now >= self._kill_at:
            self._process.kill()
        if now >= self._next_sign:
            self._next_sign = now + SECONDS_BETWEEN_SIGNS
            self._sign()
        return None

    def stop(self) -> None:
        if not self._stopped:
            self._stopped = True
            self._terminate()

    def abandon(self) -> None:
        self._process.kill()
        self._process.close()

    def _terminate(self) -> None:
        if self._kill_at is None:
            self._kill_at = time.monotonic() + STOP_SECONDS
            self._process.terminate()

    def _sign(self) -> None:
        try:
            if not step_seen(step=self._step, log_tail=self._process.tail()):
                self.stop()
        except DatabaseError:
            # Whoever waits for the step notices that the signs of life stop.
            log.warning("sign_of_life_failed", step=self._step.name, exc_info=True)

    def _end(self, code: int) -> Ended:
        problem = f"timed out after {self._step.timeout} seconds" if self._timed_out else ""
        if code < 0 and not problem:
            problem = f"ended by {signal.Signals(-code).name}"
        ended = Ended(code, problem, stopped=self._stopped, retriable=code in RETRIED and not self._timed_out)
        tail = self._process.tail()
        self._process.close()
        step_end(step=self._step, status=ended.status, exit_code=code, problem=problem, log_tail=tail)
        return ended


def attempt_run(step: StepRun, started_by: str, *, stop: Stop = never) -> Ended | None:
    """Runs the attempt for which the step's row is queued, to its end.

    Returns None if the attempt is no longer wanted. Ends it if the row asks for that, or if ``stop`` returns true.
    """
    try:
        attempt = LocalAttempt(step, started_by)
    except LaunchError as error:
        log.warning("step_not_started", step=step.name, problem=str(error))
        return None
    try:
        while (ended := attempt.look()) is None:
            if stop():
                attempt.stop()
            time.sleep(POLL_SECONDS)
    except BaseException:
        attempt.abandon()
        raise
    return ended
