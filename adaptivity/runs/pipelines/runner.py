"""Runs a pipeline: independent steps at the same time, the others after the steps that they depend on."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter

import structlog
from django.db import DatabaseError

from adaptivity.errors import InvalidInput
from adaptivity.exit_codes import ExitCode
from adaptivity.models import PipelineRun, RunStatus, StepRun, StepStatus
from adaptivity.progress import Stop, never
from adaptivity.runs.pipelines.attempts import STOP_SECONDS, Attempt, Ended, Launch, LaunchError
from adaptivity.runs.pipelines.declaration import Pipeline, Step
from adaptivity.runs.pipelines.processes import POLL_SECONDS, end_process, is_gone
from adaptivity.runs.services.pipeline_runs import (
    FINISHED,
    LEASE_SECONDS,
    NewStep,
    RunHolder,
    pipeline_run_end,
    pipeline_run_renew,
    pipeline_run_resume,
    pipeline_run_start,
    step_end,
    step_queue,
    step_skip,
)

log = structlog.get_logger(__name__)

SECONDS_BETWEEN_RENEWALS = 5.0
# A run that could not renew its lease for this long ends its steps before another process takes them over.
RENEWED_WITHIN_SECONDS = LEASE_SECONDS - 15.0

# Called with the run's steps, in order, whenever something may have changed.
Report = Callable[[Sequence[StepRun]], None]


@dataclass(frozen=True)
class PipelineResult:
    """How a run ended: its exit code, and each step's name with its status."""

    run_id: int
    exit_code: int
    steps: Mapping[str, StepStatus]


def pipeline_begin(
    pipeline: Pipeline, *, holder: RunHolder, chosen: set[str] | None = None, given: Mapping[str, str]
) -> PipelineRun:
    """A new run of the chosen steps, or of all steps if none is chosen. Raises AlreadyRunning and InvalidInput."""
    values = pipeline.values(given)
    steps = [
        NewStep(step.name, step.command_line(values), step.timeout)
        for step in pipeline.in_order()
        if chosen is None or step.name in chosen
    ]
    run, left = pipeline_run_start(
        pipeline=pipeline.name, parameters=values, steps=steps, holder=holder, is_gone=is_gone
    )
    _end_left(left)
    return run


def pipeline_resume(pipeline: Pipeline, *, holder: RunHolder) -> PipelineRun:
    """The pipeline's last run, to be continued.

    Raises AlreadyRunning. Raises InvalidInput if there is nothing to continue, or if the pipeline has changed.
    """

    def check(run: PipelineRun) -> None:
        declared = {step.name: step for step in pipeline.steps}
        for step in run.steps.exclude(status__in=FINISHED):
            now = declared.get(step.name)
            if now is None or not set(now.parameters()) <= set(run.parameters):
                raise InvalidInput(
                    f"run {run.pk} cannot be resumed: the step {step.name} has changed; start a new run",
                    field=pipeline.name,
                )
            if list(now.command_line(run.parameters)) != step.command:
                raise InvalidInput(
                    f"run {run.pk} cannot be resumed: the step {step.name} has a different command; start a new run",
                    field=pipeline.name,
                )

    run, left = pipeline_run_resume(pipeline=pipeline.name, check=check, holder=holder, is_gone=is_gone)
    _end_left(left)
    return run


def _end_left(processes: Sequence[str]) -> None:
    """Ends steps that a killed run left running, so that none runs twice at a time."""
    for process in processes:
        end_process(process, grace_seconds=STOP_SECONDS)


def pipeline_execute(
    pipeline: Pipeline,
    run: PipelineRun,
    *,
    launch: Launch,
    stop: Stop = never,
    report: Report = lambda _: None,
) -> PipelineResult:
    """Runs the steps that the run's rows list as waiting, and records how it ended.

    If a step fails, the steps after it are skipped and the others continue. If ``stop`` returns true, running steps are
    asked to end, and the run can be resumed.

    Raises AlreadyRunning if another process took over the run. Whatever it raises, none of the run's steps still runs
    on this machine.
    """
    return _Execution(pipeline, run, launch, stop, report).result()


class _Execution:
    def __init__(self, pipeline: Pipeline, run: PipelineRun, launch: Launch, stop: Stop, report: Report) -> None:
        self._run, self._launch, self._stop, self._report = run, launch, stop, report
        self._rows = list(run.steps.order_by("position"))
        names = {row.name for row in self._rows}
        self._declared: dict[str, Step] = {step.name: step for step in pipeline.steps if step.name in names}
        # Steps that were not chosen count as done.
        self._sorter = TopologicalSorter(
            {name: [before for before in step.after if before in names] for name, step in self._declared.items()}
        )
        self._by_name = {row.name: row for row in self._rows}
        self._active: dict[str, Attempt] = {}
        self._tries: dict[str, int] = {}
        # The time of each step's next attempt.
        self._again: dict[str, float] = {}
        self._stopping_until: float | None = None
        self._renewed = self._tried_to_renew = time.monotonic()
        self._started_by = f"pipeline {run.pipeline}, run {run.pk}"

    def result(self) -> PipelineResult:
        try:
            self._sorter.prepare()
            while self._advance():
                self._report(self._rows)
                time.sleep(POLL_SECONDS)
        except BaseException:
            for attempt in self._active.values():
                attempt.abandon()
            raise
        return self._conclude()

    def _advance(self) -> bool:
        """One round: handles what ended, begins what is due, and returns whether there is anything left to wait for."""
        self._renew()
        if self._stop() and self._stopping_until is None:
            self._stopping_until = time.monotonic() + STOP_SECONDS + 1
            for attempt in self._active.values():
                attempt.stop()
        for name, attempt in list(self._active.items()):
            ended = attempt.look()
            if ended is not None:
                self._ended(name, ended)
        if self._stopping_until is not None:
            if time.monotonic() >= self._stopping_until:
                self._give_up()
            return bool(self._active)
        self._begin_what_is_due()
        return bool(self._active or self._again)

    def _begin_what_is_due(self) -> None:
        ready = list(self._sorter.get_ready())
        while ready:
            name = ready.pop()
            if self._by_name[name].status in FINISHED:
                self._sorter.done(name)
                ready += self._sorter.get_ready()
            else:
                self._again[name] = 0.0
        # In the order of the rows, so that steps due at the same moment always begin in the same order.
        for row in self._rows:
            if row.name in self._again and time.monotonic() >= self._again[row.name]:
                del self._again[row.name]
                self._begin(row)

    def _begin(self, row: StepRun) -> None:
        self._tries[row.name] = self._tries.get(row.name, 0) + 1
        step_queue(step=row)
        try:
            self._active[row.name] = self._launch(row, self._started_by)
        except LaunchError as error:
            problem = str(error)
            step_end(step=row, status=StepStatus.FAILED, exit_code=None, problem=problem, log_tail=None)
            self._ended(row.name, Ended(None, problem, retriable=True))
            return
        row.refresh_from_db()
        log.info("step_started", pipeline=self._run.pipeline, run=self._run.pk, step=row.name, attempt=row.attempts)

    def _ended(self, name: str, ended: Ended) -> None:
        self._active.pop(name, None)
        row, step = self._by_name[name], self._declared[name]
        row.refresh_from_db()
        event = log.info if ended.status in (*FINISHED, StepStatus.STOPPED) else log.warning
        event(
            "step_ended",
            pipeline=self._run.pipeline, run=self._run.pk, step=name, attempt=row.attempts,
            status=str(ended.status), exit_code=ended.exit_code, problem=ended.problem,
        )  # fmt: skip
        if ended.status in FINISHED:
            self._sorter.done(name)
        elif ended.retriable and not ended.stopped and self._tries[name] <= step.retries:
            pause = step.pause * 2 ** (self._tries[name] - 1)
            self._again[name] = time.monotonic() + pause
            log.info("step_again", pipeline=self._run.pipeline, run=self._run.pk, step=name, seconds=pause)

    def _give_up(self) -> None:
        for name, attempt in list(self._active.items()):
            attempt.abandon()
            ended = Ended(None, "did not end when it was asked to", stopped=True)
            step_end(
                step=self._by_name[name], status=ended.status, exit_code=None, problem=ended.problem, log_tail=None
            )
            self._ended(name, ended)

    def _renew(self) -> None:
        if time.monotonic() < self._tried_to_renew + SECONDS_BETWEEN_RENEWALS:
            return
        self._tried_to_renew = time.monotonic()
        try:
            pipeline_run_renew(run=self._run)
        except DatabaseError:
            if time.monotonic() >= self._renewed + RENEWED_WITHIN_SECONDS:
                raise
            log.warning("sign_of_life_failed", pipeline=self._run.pipeline, run=self._run.pk, exc_info=True)
        else:
            self._renewed = time.monotonic()

    def _conclude(self) -> PipelineResult:
        stopped = self._stopping_until is not None
        if not stopped:
            for row in self._rows:
                if row.status == StepStatus.WAITING:
                    step_skip(step=row, problem="a step before it failed")
                    row.refresh_from_db()
        statuses = {row.name: StepStatus(row.status) for row in self._rows}
        status, code = self._outcome(stopped=stopped)
        pipeline_run_end(run=self._run, status=status, exit_code=code)
        self._report(self._rows)
        log.info("pipeline_ended", pipeline=self._run.pipeline, run=self._run.pk, status=str(status), exit_code=code)
        return PipelineResult(self._run.pk, code, statuses)

    def _outcome(self, *, stopped: bool) -> tuple[RunStatus, int]:
        statuses = {row.status for row in self._rows}
        if stopped and not statuses <= set(FINISHED):
            return RunStatus.STOPPED, ExitCode.STOPPED
        failed = [row for row in self._rows if row.status in (StepStatus.FAILED, StepStatus.STOPPED)]
        if failed:
            refused = all(row.exit_code == ExitCode.REFUSED_INPUT for row in failed)
            return RunStatus.FAILED, ExitCode.REFUSED_INPUT if refused else ExitCode.FAILED
        if StepStatus.REJECTS in statuses:
            return RunStatus.REJECTS, ExitCode.REJECTS
        return RunStatus.DONE, ExitCode.DONE
