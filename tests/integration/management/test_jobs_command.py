"""manage.py jobs, and what each shipped pipeline needs to be there."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command, get_commands, load_command_class
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from adaptivity.management.commands.jobs import job_commands
from adaptivity.models import JobRun, PipelineRun, RunStatus
from adaptivity.pipelines import NIGHTLY, PIPELINES
from adaptivity.runs.pipelines.declaration import Step
from adaptivity.runs.pipelines.registry import pipelines
from adaptivity.runs.pipelines.runner import pipeline_begin
from adaptivity.runs.services.job_runs import job_run_end, job_run_start
from adaptivity.runs.services.pipeline_runs import RunHolder

pytestmark = pytest.mark.django_db


def listed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    call_command("jobs", "--json")
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_what_there_is_and_that_it_has_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    found = listed(capsys)

    assert {"import_scores", "run_pipeline", "trace_learners", "verify_state"} <= set(found["jobs"])
    assert not {"migrate", "demo", "jobs", "render_pipeline"} & set(found["jobs"])
    assert found["jobs"]["trace_learners"] == {"last_run": None}
    assert list(found["pipelines"]) == ["nightly", "onboard_course"]
    assert found["pipelines"]["nightly"]["schedule"] == "cron(0 8 * * ? *)"
    assert found["pipelines"]["nightly"]["steps"][-1] == {
        "name": "content_gaps",
        "command": ["content_gaps"],
        "after": ["purge_receipts"],
    }
    assert found["pipelines"]["onboard_course"]["parameters"] == {"source": None}


def test_how_each_went_last(capsys: pytest.CaptureFixture[str], settings: Any) -> None:
    settings.JOB_STARTED_BY = "ada"
    job_run_start(command="trace_learners", arguments={}, started_by="before", host="h:1")
    call_command("trace_learners")
    run = pipeline_begin(NIGHTLY, holder=RunHolder("bob", "h:1", ""), given={}, chosen={"trace", "export"})
    capsys.readouterr()

    found = listed(capsys)

    last = found["jobs"]["trace_learners"]["last_run"]
    row = JobRun.objects.get(started_by="ada")
    assert last == {
        "status": "done",
        "exit_code": 0,
        "started_at": row.started_at.isoformat(),
        "seen_at": row.seen_at.isoformat(),
        "ended_at": row.ended_at.isoformat(),
        "started_by": "ada",
        "summary": "0 learners traced",
    }
    last = found["pipelines"]["nightly"]["last_run"]
    assert (last["status"], last["started_by"], last["summary"]) == ("running", "bob", "trace waiting, export waiting")
    assert last["started_at"] == run.started_at.isoformat()


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("trace_learners")
    JobRun.objects.update(started_at=timezone.now() - timedelta(minutes=3))
    run = pipeline_begin(NIGHTLY, holder=RunHolder("bob", "h:1", ""), given={}, chosen={"trace"})
    PipelineRun.objects.filter(pk=run.pk).update(seen_at=timezone.now() - timedelta(hours=3))
    capsys.readouterr()

    call_command("jobs")

    lines = {" ".join(line.split()) for line in capsys.readouterr().out.splitlines()}
    traced = next(line for line in lines if line.startswith("trace_learners"))
    assert " UTC done 0 3 min " in traced
    assert traced.endswith(" 0 learners traced")
    nightly = next(line for line in lines if line.startswith("pipeline nightly"))
    assert " running? silent for 3 h " in nightly
    assert nightly.endswith(" bob trace waiting")
    assert "pipeline onboard_course never" in lines


def test_a_pipeline_that_step_functions_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """It has no run of its own here; its jobs say which execution has started them."""

    def job(execution: str, command: str, status: str | None, **arguments: Any) -> JobRun:
        by = f"pipeline nightly, execution {execution}"
        run = job_run_start(command=command, arguments=arguments, started_by=by, host="h:1")
        if status is not None:
            job_run_end(run=run, status=RunStatus(status), exit_code=1, summary="", log_tail="")
        return run

    pipeline_begin(NIGHTLY, holder=RunHolder("bob", "h:1", ""), given={}, chosen={"trace"})
    job("before", "crawl", "failed")
    first = job("night", "crawl", "failed")
    job("night", "estimate", "done")
    job("night", "estimate", "rejects", report_latest=True)
    job_run_start(command="crawl", arguments={}, started_by="pipeline other, execution night", host="h:1")

    last = listed(capsys)["pipelines"]["nightly"]["last_run"]
    assert (last["status"], last["exit_code"], last["started_at"]) == ("failed", None, first.started_at.isoformat())
    assert last["started_by"] == "pipeline nightly, execution night"
    assert last["summary"] == "according to its jobs: crawl failed, estimate done, estimate rejects"

    end = job("night", "crawl", "done")
    last = listed(capsys)["pipelines"]["nightly"]["last_run"]
    assert (last["status"], last["ended_at"]) == ("rejects", end.ended_at and end.ended_at.isoformat())
    job("night", "promote", None)
    last = listed(capsys)["pipelines"]["nightly"]["last_run"]
    assert (last["status"], last["ended_at"]) == ("running", None)

    # What has run here since is the last one again.
    PipelineRun.objects.update(started_at=timezone.now())
    assert listed(capsys)["pipelines"]["nightly"]["last_run"]["started_by"] == "bob"


def test_the_number_of_queries_does_not_grow(capsys: pytest.CaptureFixture[str]) -> None:
    counts = []
    for _ in range(2):
        for name in job_commands():
            job_run_start(command=name, arguments={}, started_by="ada", host="h:1")
        with CaptureQueriesContext(connection) as captured:
            call_command("jobs")
        counts.append(len(captured))

    assert counts[0] == counts[1] <= 5


# In other changes: each leaves this list with the command that it brings.


@pytest.mark.parametrize(
    "step", [step for pipeline in PIPELINES for step in pipeline.steps], ids=lambda step: " ".join(step.command)
)
def test_every_shipped_step_is_a_job_that_takes_these_arguments(step: Step) -> None:
    assert step.command[0] in job_commands()

    command = load_command_class(get_commands()[step.command[0]], step.command[0])
    values = dict.fromkeys(step.parameters(), "value")
    command.create_parser("manage.py", step.command[0]).parse_args(list(step.command_line(values)[1:]))


def test_settings_name_the_pipelines(settings: Any) -> None:
    settings.PIPELINES = "tests.support.pipelines.declared.PIPELINES"

    assert list(pipelines()) == ["parallel", "chain", "branches", "slow"]
