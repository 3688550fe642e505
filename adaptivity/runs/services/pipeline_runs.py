"""Records pipelines and their steps, and decides which process may run a pipeline.

A run is a lease. Its process renews it, and holds it for ``LEASE_SECONDS`` after that. Only the database's clock
counts, so the clocks of the machines may differ.
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
    """A step to run: what follows manage.py, and the seconds after which an attempt is ended."""

    name: str
    command: Sequence[str]
    timeout: int


@dataclass(frozen=True)
class RunHolder:
    """Who starts a run, on which host, and as which process."""

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
    """A new run, and the processes of steps that a killed run may have left.

    From now on it is the only run of its pipeline. ``is_gone`` says whether a process is known to have ended. Raises
    AlreadyRunning.
    """
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
    """The last run of the pipeline, and the processes of steps that a killed run may have left.

    Every step that is not done waits again. ``check`` raises if the run cannot continue. Raises AlreadyRunning, and
    InvalidInput if nothing is left to do.
    """
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
    """Records that the run is alive. Raises AlreadyRunning if another process took it over because its lease
    expired.
    """
    renewed = PipelineRun.objects.filter(pk=run.pk, token=run.token, status=RunStatus.RUNNING).update(seen_at=Now())
    if not renewed:
        raise AlreadyRunning("Another process took over this run because its lease expired.")


def pipeline_run_end(*, run: PipelineRun, status: RunStatus, exit_code: int) -> None:
    """Records how the run ended. Raises AlreadyRunning if another process took it over."""
    ended = PipelineRun.objects.filter(pk=run.pk, token=run.token, status=RunStatus.RUNNING).update(
        status=status, exit_code=exit_code, ended_at=timezone.now(), seen_at=Now()
    )
    if not ended:
        raise AlreadyRunning("Another process took over this run because its lease expired.")


def step_queue(*, step: StepRun) -> None:
    """Queues the step's next attempt until a worker takes it.

    The row keeps the process of the previous attempt, which may have outlived its worker. The worker that begins the
    next attempt ends that process first.
    """
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
    """Marks the attempt as begun by a worker. Returns false if the attempt is no longer wanted."""
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
    """Records the process of the attempt."""
    StepRun.objects.filter(pk=step.pk, attempts=step.attempts).update(process=process)


def step_seen(*, step: StepRun, log_tail: str) -> bool:
    """Records that the attempt is alive, and what it has written. Returns false if it should end."""
    mine = StepRun.objects.filter(pk=step.pk, attempts=step.attempts, status=StepStatus.RUNNING)
    mine.update(seen_at=Now(), log_tail=storable(log_tail))
    return mine.filter(stop_requested=False, run__status=RunStatus.RUNNING).exists()


def step_end(*, step: StepRun, status: StepStatus, exit_code: int | None, problem: str, log_tail: str | None) -> None:
    """Records how the attempt ended. Does nothing if a later attempt has begun."""
    fields = {} if log_tail is None else {"log_tail": storable(log_tail)}
    StepRun.objects.filter(pk=step.pk, attempts=step.attempts).update(
        status=status, exit_code=exit_code, problem=problem[:NAME_LENGTH], ended_at=timezone.now(), **fields
    )


def step_skip(*, step: StepRun, problem: str) -> None:
    """Records that the step is skipped."""
    StepRun.objects.filter(pk=step.pk).update(status=StepStatus.SKIPPED, problem=problem[:NAME_LENGTH])


def step_request_stop(*, step: StepRun) -> None:
    """Asks the worker that runs the step, or would take it, to end it."""
    StepRun.objects.filter(pk=step.pk).update(stop_requested=True)


def step_lost(*, step: StepRun) -> bool:
    """Whether the worker that runs the step has given no sign of life for the time of a lease."""
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
    """The runs of the pipeline that are marked as running: one, or none."""
    return PipelineRun.objects.filter(pipeline=pipeline, status=RunStatus.RUNNING)


@contextmanager
def _turn(pipeline: str, is_gone: Callable[[str], bool]) -> Iterator[list[str]]:
    """Ensures that the pipeline has no live run inside the block, which is one transaction.

    If two begin at once, one waits for the other, or the unique constraint refuses it. Yields the processes of steps
    that lost runs may have left.
    """
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
        raise AlreadyRunning(f"Another process started {pipeline} at the same moment.") from error


def _outlived(pipeline: str) -> list[str]:
    """The processes of the last run's steps whose end nobody saw: their worker was lost, and no attempt was left."""
    last = PipelineRun.objects.filter(pipeline=pipeline).order_by("-id").values("pk")[:1]
    ended = StepRun.objects.filter(run__in=last, status__in=(StepStatus.FAILED, StepStatus.STOPPED), exit_code=None)
    return list(ended.exclude(process="").values_list("process", flat=True))


def already_running(run: PipelineRun) -> AlreadyRunning:
    """The error for a second run."""
    return AlreadyRunning(
        f"{run.pipeline} is running: run {run.pk}, started by {run.started_by} on {run.host}. A run whose process "
        f"has ended can be taken over after {LEASE_SECONDS} seconds."
    )
