"""How jobs and pipelines went last."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max

from adaptivity.models import JobRun, PipelineRun


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
    """The last run of each command that has one, in two queries."""
    newest = JobRun.objects.filter(command__in=commands).values("command").annotate(newest=Max("id"))
    runs = JobRun.objects.filter(pk__in=[row["newest"] for row in newest])
    return {
        run.command: LastRun(
            run.status, run.exit_code, run.started_at, run.seen_at, run.ended_at, run.started_by, run.summary
        )
        for run in runs
    }


def last_pipeline_runs(pipelines: Collection[str]) -> dict[str, LastRun]:
    """The last run of each pipeline that has one, in three queries. The summary says how its steps went."""
    newest = PipelineRun.objects.filter(pipeline__in=pipelines).values("pipeline").annotate(newest=Max("id"))
    runs = PipelineRun.objects.filter(pk__in=[row["newest"] for row in newest]).prefetch_related("steps")
    return {
        run.pipeline: LastRun(
            run.status, run.exit_code, run.started_at, run.seen_at, run.ended_at, run.started_by,
            ", ".join(f"{step.name} {step.status}" for step in sorted(run.steps.all(), key=lambda step: step.position)),
        )
        for run in runs
    }  # fmt: skip
