"""How jobs and pipelines went last."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max

from adaptivity.models import JobRun, PipelineRun, RunStatus

# Marks an execution in a job's ``started_by``; see docs/pipelines.md.
EXECUTION = ", execution "
WORST_FIRST = (RunStatus.RUNNING, RunStatus.FAILED, RunStatus.STOPPED, RunStatus.REJECTS, RunStatus.DONE)


@dataclass(frozen=True)
class LastRun:
    """The last run of a job or pipeline. ``seen_at`` is when a running one last gave a sign of life."""

    status: str
    exit_code: int | None
    started_at: datetime
    seen_at: datetime
    ended_at: datetime | None
    started_by: str
    summary: str


def last_job_runs(commands: Collection[str]) -> dict[str, LastRun]:
    """The last run of each command that has run, in two queries."""
    newest = JobRun.objects.filter(command__in=commands).values("command").annotate(newest=Max("id"))
    runs = JobRun.objects.filter(pk__in=[row["newest"] for row in newest])
    return {
        run.command: LastRun(
            run.status, run.exit_code, run.started_at, run.seen_at, run.ended_at, run.started_by, run.summary
        )
        for run in runs
    }


def last_pipeline_runs(pipelines: Collection[str]) -> dict[str, LastRun]:
    """The last run of each pipeline that has run, here or by Step Functions, in at most five queries.

    The summary says how its steps went.
    """
    here, executions = _last_recorded_runs(pipelines), _last_executions(pipelines)
    return {
        name: max((runs[name] for runs in (here, executions) if name in runs), key=lambda run: run.started_at)
        for name in pipelines
        if name in here or name in executions
    }


def _last_executions(pipelines: Collection[str]) -> dict[str, LastRun]:
    """The last execution of each pipeline's state machine.

    Step Functions records no run here, but each job that it starts names its execution. The jobs do not say whether
    another job will follow.
    """
    newest: dict[str, str] = {}
    executions = JobRun.objects.filter(started_by__startswith="pipeline ", started_by__contains=EXECUTION)
    for started_by in executions.values("started_by").annotate(newest=Max("id")).order_by("newest"):
        pipeline = started_by["started_by"].removeprefix("pipeline ").partition(EXECUTION)[0]
        if pipeline in pipelines:
            newest[pipeline] = started_by["started_by"]
    jobs: dict[str, list[JobRun]] = {}
    if newest:
        for job in JobRun.objects.filter(started_by__in=newest.values()).defer("log_tail").order_by("id"):
            jobs.setdefault(job.started_by, []).append(job)
    return {pipeline: _execution(jobs[started_by]) for pipeline, started_by in newest.items()}


def _execution(jobs: Sequence[JobRun]) -> LastRun:
    """The combined result of an execution's jobs. Of several attempts the last one counts."""
    last = {(job.command, json.dumps(job.arguments, sort_keys=True)): job for job in jobs}.values()
    statuses = {job.status for job in last}
    status = next(status for status in WORST_FIRST if status in statuses)
    ends = [job.ended_at for job in last if job.ended_at is not None]
    return LastRun(
        status=status,
        exit_code=None,
        started_at=jobs[0].started_at,
        seen_at=max(job.seen_at for job in last),
        ended_at=None if status == RunStatus.RUNNING else max(ends),
        started_by=jobs[0].started_by,
        summary=f"according to its jobs: {', '.join(f'{job.command} {job.status}' for job in last)}",
    )


def _last_recorded_runs(pipelines: Collection[str]) -> dict[str, LastRun]:
    newest = PipelineRun.objects.filter(pipeline__in=pipelines).values("pipeline").annotate(newest=Max("id"))
    runs = PipelineRun.objects.filter(pk__in=[row["newest"] for row in newest]).prefetch_related("steps")
    return {
        run.pipeline: LastRun(
            run.status, run.exit_code, run.started_at, run.seen_at, run.ended_at, run.started_by,
            ", ".join(f"{step.name} {step.status}" for step in sorted(run.steps.all(), key=lambda step: step.position)),
        )
        for run in runs
    }  # fmt: skip
