"""manage.py jobs: lists jobs and pipelines, when each last ran, and how it went."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from adaptivity.exit_codes import ExitCode
from adaptivity.management.failures import database_needed
from adaptivity.management.job import JobCommand
from adaptivity.management.tables import columns
from adaptivity.models import RunStatus
from adaptivity.runs.pipelines.declaration import Pipeline, PipelineError
from adaptivity.runs.pipelines.registry import pipelines
from adaptivity.runs.selectors import LastRun, last_job_runs, last_pipeline_runs

# A live run updates seen_at more often than this.
SILENT_SECONDS = 300
COLUMNS = ("", "last run", "status", "exit", "took", "started by", "")
SUMMARY_LENGTH = 80


class Command(BaseCommand):
    help = (
        "Lists the jobs and pipelines, when each last ran, and how it went. A run that was killed is shown as running, "
        "with the time since its last sign of life. Exit codes: 0 done. 1 the database failed. 2 a pipeline is not "
        "valid."
    )
    # The command checks the pipelines itself, and reports errors with its own exit code.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            names, declared = job_commands(), pipelines()
        except PipelineError as error:
            raise CommandError(str(error), returncode=ExitCode.REFUSED_INPUT) from error
        with database_needed():
            jobs, runs = last_job_runs(names), last_pipeline_runs(declared)
        if options["json"]:
            answer = {
                "jobs": {name: {"last_run": _as_json(jobs.get(name))} for name in names},
                "pipelines": {
                    name: {**_described(pipeline), "last_run": _as_json(runs.get(name))}
                    for name, pipeline in declared.items()
                },
            }
            self.stdout.write(json.dumps(answer))
            return
        rows = [
            *(_row(f"pipeline {name}", runs.get(name)) for name in declared),
            *(_row(name, jobs.get(name)) for name in names),
        ]
        for line in columns([COLUMNS, *rows], right=False):
            self.stdout.write(line)


def job_commands() -> list[str]:
    """The names of the commands that are jobs."""
    return sorted(
        name for name, application in get_commands().items()
        if isinstance(application, str) and not application.startswith("django.")
        and isinstance(load_command_class(application, name), JobCommand)
    )  # fmt: skip


def _described(pipeline: Pipeline) -> dict[str, Any]:
    return {
        "description": pipeline.description,
        "schedule": pipeline.schedule,
        "parameters": dict(pipeline.parameters),
        "steps": [
            {"name": step.name, "command": list(step.command), "after": list(step.after)}
            for step in pipeline.in_order()
        ],
    }


def _as_json(run: LastRun | None) -> dict[str, Any] | None:
    if run is None:
        return None
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in asdict(run).items()}


def _row(name: str, run: LastRun | None) -> tuple[str, ...]:
    if run is None:
        return (name, "never", "", "", "", "", "")
    now = timezone.now()
    silent = (now - run.seen_at).total_seconds()
    status = run.status
    if status == RunStatus.RUNNING and silent > SILENT_SECONDS:
        status = f"running? silent for {_duration(silent)}"
    summary = " ".join(run.summary.split())
    return (
        name,
        f"{run.started_at:%Y-%m-%d %H:%M:%S} UTC",
        status,
        "" if run.exit_code is None else str(run.exit_code),
        _duration(((run.ended_at or now) - run.started_at).total_seconds()),
        run.started_by,
        summary if len(summary) <= SUMMARY_LENGTH else summary[:SUMMARY_LENGTH] + "…",
    )


def _duration(seconds: float) -> str:
    whole = max(0, round(seconds))
    if whole < 120:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 7200 else f"{whole // 3600} h"
