"""The record of pipelines and their steps, and whose turn a pipeline is.

A run is a lease: its process renews it, and has it for ``LEASE_SECONDS`` after that. Only the database's clock counts,
so that the clocks of machines may differ.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from adaptivity.errors import AlreadyRunning, InvalidInput
from adaptivity.models import PipelineRun, RunStatus, StepRun, StepStatus
from adaptivity.text import NAME_LENGTH, storable

LEASE_SECONDS = 60
FINISHED = (StepStatus.DONE, StepStatus.REJECTS)


@dataclass(frozen=True)
class NewStep:
    """A step to be run: what follows manage.py, and after how many seconds an attempt is ended."""

    name: str
    command: Sequence[str]
    timeout: int


@dataclass(frozen=True)
class RunHolder:
    """Who starts a run, where, and as which process."""

    name: str
    host: str
    process: str


def pipeline_run_start(
    *,
    pipeline: str,
    parameters: Mapping[str, str],
    steps: Sequence[NewStep],
    holder: RunHolder,
    is_gone: Callable[[str], bool],
) -> tuple[PipelineRun, list[str]]:
    """A new run, which from here on is the only one of its pipeline, and the processes of steps that a killed run may
    have left. ``is_gone`` answers whether a process is known to have ended. Raises AlreadyRunning."""
    with _turn(pipeline, is_gone) as left:
        run = PipelineRun.objects.create(
            pipeline=pipeline, parameters=dict(parameters), started_at=timezone.now(), **_held_by(holder)
        )
        StepRun.objects.bulk_create(
            StepRun(run=run, name=step.name, position=position, command=list(step.command), timeout=step.timeout)
            for position, step in enumerate(steps)
        )
    return run, left


def pipeline_run_resume(
    *, pipeline: str, check: Callable[[PipelineRun], None], holder: RunHolder, is_gone: Callable[[str], bool]
) -> tuple[PipelineRun, list[str]]:
    """The last run of the pipeline, with all that is not done waiting again, and the processes of steps that a killed
    run may have left. ``check`` raises where it cannot go on. Raises AlreadyRunning, and InvalidInput where nothing is
    left to do."""
    with _turn(pipeline, is_gone) as left:
        run = PipelineRun.objects.select_for_update().filter(pipeline=pipeline).order_by("-id").first()
        if run is None or run.status in (RunStatus.DONE, RunStatus.REJECTS):
            before = f"its last run, {run.pk}, is done" if run else "it has not run yet"
            raise InvalidInput(f"there is nothing to resume: {before}", field=pipeline)
        check(run)
        StepRun.objects.filter(run=run).exclude(status__in=FINISHED).update(
            status=StepStatus.WAITING, ended_at=None, exit_code=None, problem="", stop_requested=False
        )
        PipelineRun.objects.filter(pk=run.pk).update(
            status=RunStatus.RUNNING, started_at=timezone.now(), ended_at=None, exit_code=None, **_held_by(holder)
        )
        run.refresh_from_db()
    return run, left


def pipeline_run_renew(*, run: PipelineRun) -> None:
    """Shows that the run is alive. Raises AlreadyRunning where another process has taken it for dead."""
    renewed = PipelineRun.objects.filter(pk=run.pk, token=run.token, status=RunStatus.RUNNING).update(seen_at=Now())
    if not renewed:
        raise AlreadyRunning("Another process has taken this run for dead; it is no longer this one's.")


def pipeline_run_end(*, run: PipelineRun, status: RunStatus, exit_code: int) -> None:
    """Notes how the run ended. Raises AlreadyRunning where it is another process's."""
    ended = PipelineRun.objects.filter(pk=run.pk, token=run.token, status=RunStatus.RUNNING).update(
        status=status, exit_code=exit_code, ended_at=timezone.now(), seen_at=Now()
    )
    if not ended:
        raise AlreadyRunning("Another process has taken this run for dead; it is no longer this one's.")


def step_queue(*, step: StepRun) -> None:
    """The step's next attempt, which waits for who runs it. The row keeps the process of the attempt before, which may
    have outlived its worker: whoever begins the next one ends it first."""
    StepRun.objects.filter(pk=step.pk).update(
        status=StepStatus.QUEUED,
        attempts=F("attempts") + 1,
        started_at=timezone.now(),
        seen_at=Now(),
        ended_at=None,
        exit_code=None,
        problem="",
    )
    step.refresh_from_db()


def step_take(*, step: StepRun) -> bool:
    """A worker begins the attempt that it was sent; False where that is no longer wanted."""
    now = timezone.now()
    wanted = StepRun.objects.filter(
        pk=step.pk,
        attempts=step.attempts,
        status=StepStatus.QUEUED,
        stop_requested=False,
        run__status=RunStatus.RUNNING,
    )
    return bool(wanted.update(status=StepStatus.RUNNING, started_at=now, seen_at=Now()))


def step_process(*, step: StepRun, process: str) -> None:
    """Notes which process the attempt is."""
    StepRun.objects.filter(pk=step.pk, attempts=step.attempts).update(process=process)


def step_seen(*, step: StepRun, log_tail: str) -> bool:
    """Shows that the attempt is alive, and what it has written; False where it is to end."""
    mine = StepRun.objects.filter(pk=step.pk, attempts=step.attempts, status=StepStatus.RUNNING)
    mine.update(seen_at=Now(), log_tail=storable(log_tail))
    return mine.filter(stop_requested=False, run__status=RunStatus.RUNNING).exists()


def step_end(*, step: StepRun, status: StepStatus, exit_code: int | None, problem: str, log_tail: str | None) -> None:
    """Notes how the attempt ended; nothing where a later one has begun."""
    fields = {} if log_tail is None else {"log_tail": storable(log_tail)}
    StepRun.objects.filter(pk=step.pk, attempts=step.attempts).update(
        status=status, exit_code=exit_code, problem=problem[:NAME_LENGTH], ended_at=timezone.now(), **fields
    )


def step_skip(*, step: StepRun, problem: str) -> None:
    """Notes that the step is left out."""
    StepRun.objects.filter(pk=step.pk).update(status=StepStatus.SKIPPED, problem=problem[:NAME_LENGTH])


def step_request_stop(*, step: StepRun) -> None:
    """Asks the worker that runs the step, or would take it, to end it."""
    StepRun.objects.filter(pk=step.pk).update(stop_requested=True)


def step_lost(*, step: StepRun) -> bool:
    """Whether the worker that runs the step has not been heard of for the time of a lease."""
    expired = Now() - timedelta(seconds=LEASE_SECONDS)
    return StepRun.objects.filter(pk=step.pk, status=StepStatus.RUNNING, seen_at__lt=expired).exists()


def _held_by(holder: RunHolder) -> dict[str, object]:
    return {
        "started_by": storable(holder.name, NAME_LENGTH),
        "host": holder.host[:255],
        "process": holder.process,
        "token": uuid.uuid4(),
        "seen_at": Now(),
    }


def running_runs(pipeline: str) -> QuerySet[PipelineRun]:
    """The runs of the pipeline that say they run: one, or none."""
    return PipelineRun.objects.filter(pipeline=pipeline, status=RunStatus.RUNNING)


@contextmanager
def _turn(pipeline: str, is_gone: Callable[[str], bool]) -> Iterator[list[str]]:
    """Inside the block, one transaction, the pipeline has no run that is alive. Of two that begin at once, one waits
    for the other, or the unique constraint ends it. Yields the processes of steps that lost runs may have left."""
    left: list[str] = []
    try:
        with transaction.atomic():
            left += _outlived(pipeline)
            running = running_runs(pipeline).select_for_update()
            expired = Now() - timedelta(seconds=LEASE_SECONDS)
            for run in running:
                if not running.filter(pk=run.pk, seen_at__lt=expired).exists() and not is_gone(run.process):
                    raise already_running(run)
                begun = StepRun.objects.filter(run=run, status__in=(StepStatus.QUEUED, StepStatus.RUNNING))
                left += [process for process in begun.values_list("process", flat=True) if process]
                now = timezone.now()
                begun.update(status=StepStatus.STOPPED, ended_at=now, problem="the run's process was lost")
                PipelineRun.objects.filter(pk=run.pk).update(status=RunStatus.STOPPED, ended_at=now)
            yield left
    except IntegrityError as error:
        raise AlreadyRunning(f"{pipeline} has been started at the same moment.") from error


def _outlived(pipeline: str) -> list[str]:
    """The processes of the last run's steps that nobody has seen end: their worker was lost, with no attempt left."""
    last = PipelineRun.objects.filter(pipeline=pipeline).order_by("-id").values("pk")[:1]
    ended = StepRun.objects.filter(run__in=last, status__in=(StepStatus.FAILED, StepStatus.STOPPED), exit_code=None)
    return list(ended.exclude(process="").values_list("process", flat=True))


def already_running(run: PipelineRun) -> AlreadyRunning:
    """What is said to a second run."""
    return AlreadyRunning(
        f"{run.pipeline} is running: run {run.pk}, started by {run.started_by} on {run.host}. A run whose process is "
        f"gone gives way after {LEASE_SECONDS} seconds."
    )
