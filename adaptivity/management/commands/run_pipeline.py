"""manage.py run_pipeline NAME: runs the steps of a pipeline, independent ones at the same time."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from adaptivity.exit_codes import EXIT_CODES_HELP, ExitCode
from adaptivity.management.job import Job, JobCommand, JobResult, host, started_by
from adaptivity.management.pipeline_display import Display
from adaptivity.management.worker_steps import WorkerAttempt
from adaptivity.models import StepRun, StepStatus
from adaptivity.runs.pipelines.attempts import STOP_SECONDS, LocalAttempt
from adaptivity.runs.pipelines.processes import own_identity
from adaptivity.runs.pipelines.registry import pipeline
from adaptivity.runs.pipelines.runner import (
    PipelineResult,
    pipeline_begin,
    pipeline_execute,
    pipeline_resume,
)
from adaptivity.runs.services.pipeline_runs import RunHolder

TAIL_LINES = 20


class Command(JobCommand):
    help = (
        "Runs a pipeline, whose steps are manage.py commands. Independent steps run at the same time: as Celery tasks "
        "if a broker is set, or as processes on this machine. If a step fails, the steps after it are skipped. A "
        "pipeline has one run at a time. manage.py jobs lists the pipelines. " + EXIT_CODES_HELP
    )
    # The steps need their own time to stop first.
    grace_seconds = STOP_SECONDS + 2

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="The name of the pipeline.")
        part = parser.add_mutually_exclusive_group()
        part.add_argument("--from", dest="from_step", metavar="STEP", help="Run this step and all steps after it.")
        part.add_argument("--only", metavar="STEP", help="Run this step only.")
        part.add_argument(
            "--resume", action="store_true",
            help="Continue the last run if it failed, was stopped or was killed. Steps that are done do not run again.",
        )  # fmt: skip
        parser.add_argument(
            "--set", action="append", default=[], metavar="NAME=VALUE", help="Set a parameter; may be repeated."
        )
        parser.add_argument(
            "--local", action="store_true", help="Run the steps as processes on this machine, even if a broker is set."
        )

    def run_job(self, job: Job, **options: Any) -> JobResult:
        chosen_pipeline = pipeline(options["name"])
        given = _given(options["set"])
        holder = RunHolder(name=started_by(), host=host(), process=own_identity())
        if options["resume"]:
            if given:
                raise CommandError(
                    "--resume uses the parameters of the last run; leave out --set", returncode=ExitCode.REFUSED_INPUT
                )
            run = pipeline_resume(chosen_pipeline, holder=holder)
        else:
            chosen = None
            if options["only"]:
                chosen = {chosen_pipeline.step(options["only"]).name}
            elif options["from_step"]:
                chosen = chosen_pipeline.from_step(options["from_step"])
            run = pipeline_begin(chosen_pipeline, holder=holder, chosen=chosen, given=given)
        local = options["local"] or not settings.CELERY_BROKER_URL
        with Display(chosen_pipeline, sys.stderr) as display:
            result = pipeline_execute(
                chosen_pipeline,
                run,
                launch=LocalAttempt if local else WorkerAttempt,
                stop=job.stop,
                report=display,
            )
        return self._outcome(chosen_pipeline.name, result)

    def _outcome(self, name: str, result: PipelineResult) -> JobResult:
        counts = [f"{count} {status}" for status in StepStatus if (count := list(result.steps.values()).count(status))]
        summary = f"{name}, run {result.run_id}: {', '.join(counts)}"
        if result.exit_code in (ExitCode.FAILED, ExitCode.REFUSED_INPUT):
            for step in StepRun.objects.filter(run=result.run_id, status=StepStatus.FAILED).order_by("position"):
                self._show(step)
            raise CommandError(f"{summary}; run it again with --resume to continue", returncode=result.exit_code)
        return JobResult(
            summary, rejects=result.exit_code == ExitCode.REJECTS, stopped=result.exit_code == ExitCode.STOPPED
        )

    def _show(self, step: StepRun) -> None:
        how = step.problem or f"exit code {step.exit_code}"
        self.stderr.write(f"{step.name} failed: {how}. Its last output:")
        for line in step.log_tail.splitlines()[-TAIL_LINES:]:
            self.stderr.write(f"  {line}")


def _given(assignments: list[str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for assignment in assignments:
        name, sign, value = assignment.partition("=")
        if not sign or not name:
            raise CommandError(f"--set {assignment}: must be NAME=VALUE", returncode=ExitCode.REFUSED_INPUT)
        given[name] = value
    return given
