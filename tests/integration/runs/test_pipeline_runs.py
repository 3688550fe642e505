"""The lock, the record and the refusals of pipelines, without their processes; attempts with processes that need no
database."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.db.models.functions import Now
from structlog.testing import capture_logs

from adaptivity.errors import AlreadyRunning, InvalidInput
from adaptivity.management import worker_steps
from adaptivity.management.worker_steps import WorkerAttempt
from adaptivity.models import PipelineRun, RunStatus, StepRun, StepStatus
from adaptivity.pipelines import NIGHTLY
from adaptivity.runs.pipelines import attempts, processes, runner
from adaptivity.runs.pipelines.attempts import Ended, LaunchError, LocalAttempt
from adaptivity.runs.pipelines.declaration import Pipeline, Step
from adaptivity.runs.pipelines.processes import end_process, identity, is_gone, own_identity
from adaptivity.runs.pipelines.runner import pipeline_begin, pipeline_execute, pipeline_resume
from adaptivity.runs.services import pipeline_runs
from adaptivity.runs.services.pipeline_runs import (
    LEASE_SECONDS,
    RunHolder,
    pipeline_run_end,
    pipeline_run_renew,
    step_lost,
    step_queue,
    step_seen,
    step_take,
)

pytestmark = pytest.mark.django_db

PIPELINE = Pipeline(
    "two",
    "Two steps, one after the other.",
    (Step("one", ("trace_learners",), retries=2, pause=0), Step("two", ("verify_state",), after=("one",))),
)
# A process that is none of this machine: nothing is known of it.
ELSEWHERE = RunHolder(name="ada", host="elsewhere:1", process="another-boot/1/1/1")


def begun(pipeline: Pipeline = PIPELINE, holder: RunHolder = ELSEWHERE) -> PipelineRun:
    return pipeline_begin(pipeline, holder=holder, given={})


def age(run: PipelineRun, seconds: int) -> None:
    PipelineRun.objects.filter(pk=run.pk).update(seen_at=Now() - timedelta(seconds=seconds))


class TestLock:
    def test_a_run_that_gives_signs_of_life_keeps_its_turn(self) -> None:
        run = begun()
        age(run, LEASE_SECONDS - 5)

        with pytest.raises(AlreadyRunning, match=f"two is running: run {run.pk}, started by ada on elsewhere:1"):
            begun()
        with pytest.raises(AlreadyRunning):
            pipeline_resume(PIPELINE, holder=ELSEWHERE)
        assert PipelineRun.objects.count() == 1

    def test_a_run_that_is_silent_gives_way_and_knows_it(self) -> None:
        first = begun()
        StepRun.objects.filter(run=first, name="one").update(status=StepStatus.RUNNING)
        age(first, LEASE_SECONDS + 1)

        second = begun()

        assert PipelineRun.objects.get(pk=first.pk).status == RunStatus.STOPPED
        lost = first.steps.get(name="one")
        assert (lost.status, lost.problem) == (StepStatus.STOPPED, "the run's process was lost")
        assert not step_seen(step=lost, log_tail="")
        with pytest.raises(AlreadyRunning, match="Another process took over this run because its lease expired"):
            pipeline_run_renew(run=first)
        with pytest.raises(AlreadyRunning, match="Another process took over this run because its lease expired"):
            pipeline_run_end(run=first, status=RunStatus.DONE, exit_code=0)
        pipeline_run_renew(run=second)

    def test_a_run_that_was_taken_up_again_is_no_longer_the_first_process_s(self) -> None:
        first = begun()
        age(first, LEASE_SECONDS + 1)

        again = pipeline_resume(PIPELINE, holder=ELSEWHERE)

        assert again.pk == first.pk
        with pytest.raises(AlreadyRunning):
            pipeline_run_renew(run=first)
        pipeline_run_renew(run=again)

    def test_a_run_whose_process_is_gone_gives_way_at_once(self) -> None:
        process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        holder = RunHolder("ada", "here", identity(process.pid))
        begun(holder=holder)
        with pytest.raises(AlreadyRunning):
            begun()

        process.communicate(b"\n")

        assert begun().status == RunStatus.RUNNING

    def test_renewing_moves_the_lease(self) -> None:
        run = begun()
        age(run, LEASE_SECONDS + 1)

        pipeline_run_renew(run=run)

        with pytest.raises(AlreadyRunning):
            begun()

    def test_pipelines_do_not_wait_for_one_another(self) -> None:
        begun()

        assert begun(Pipeline("three", "", PIPELINE.steps)).pipeline == "three"

    def test_the_database_holds_one_running_row_for_each_pipeline(self) -> None:
        run = begun()

        with pytest.raises(IntegrityError):
            PipelineRun.objects.create(pipeline="two", token=run.token, started_at=run.started_at, seen_at=run.seen_at)

    def test_who_begins_at_the_same_moment_is_told_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        begun()
        nobody = PipelineRun.objects.none()
        monkeypatch.setattr(pipeline_runs, "running_runs", lambda _: nobody)

        with pytest.raises(AlreadyRunning, match="Another process started two at the same moment"):
            begun()


class TestResume:
    def finish(self, run: PipelineRun, status: str, **steps: str) -> None:
        PipelineRun.objects.filter(pk=run.pk).update(status=status, ended_at=run.started_at)
        for name, step_status in steps.items():
            run.steps.filter(name=name).update(status=step_status, exit_code=1, problem="x")

    def test_what_is_not_done_waits_again(self) -> None:
        run = begun()
        self.finish(run, RunStatus.FAILED, one="rejects", two="failed")

        resumed = pipeline_resume(PIPELINE, holder=RunHolder("bob", "h", ""))

        assert (resumed.pk, resumed.status, resumed.started_by) == (run.pk, "running", "bob")
        rows = resumed.steps.order_by("position").values_list("name", "status", "exit_code", "problem")
        assert list(rows) == [("one", "rejects", 1, "x"), ("two", "waiting", None, "")]

    @pytest.mark.parametrize("status", [RunStatus.DONE, RunStatus.REJECTS])
    def test_nothing_is_left_of_a_run_that_is_done(self, status: str) -> None:
        self.finish(begun(), status)

        with pytest.raises(InvalidInput, match=r"there is nothing to resume: its last run, \d+, is done"):
            pipeline_resume(PIPELINE, holder=ELSEWHERE)

    def test_a_pipeline_that_has_not_run(self) -> None:
        with pytest.raises(InvalidInput, match="two: there is nothing to resume: it has not run yet"):
            pipeline_resume(PIPELINE, holder=ELSEWHERE)

    @pytest.mark.parametrize(
        ("steps", "problem"),
        [
            ((Step("one", ("trace_learners",)),), "the step two has changed"),
            ((Step("one", ("trace_learners",)), Step("two", ("verify_state", "-v0"))), "two has a different command"),
        ],
    )
    def test_a_pipeline_that_is_not_what_it_was(self, steps: tuple[Step, ...], problem: str) -> None:
        run = begun()
        self.finish(run, RunStatus.FAILED, one="done", two="failed")

        with pytest.raises(InvalidInput, match=problem):
            pipeline_resume(Pipeline("two", "", steps), holder=ELSEWHERE)

        assert PipelineRun.objects.get().status == RunStatus.FAILED
        assert run.steps.get(name="two").status == StepStatus.FAILED


class TestExecution:
    """The runner with attempts that end as the test says."""

    def execute(self, *endings: Ended | LaunchError, pipeline: Pipeline = PIPELINE) -> tuple[int, dict[str, Any]]:
        left = list(endings)

        class Given:
            def __init__(self, step: StepRun, _started_by: str) -> None:
                self.step = step
                if isinstance(left[0], LaunchError):
                    raise left.pop(0)

            def look(self) -> Ended:
                ended = left.pop(0)
                StepRun.objects.filter(pk=self.step.pk).update(status=ended.status, exit_code=ended.exit_code)
                return ended

            def stop(self) -> None: ...

            def abandon(self) -> None: ...

        result = pipeline_execute(pipeline, begun(pipeline), launch=Given)
        assert left == []
        return result.exit_code, dict(result.steps)

    def test_all_is_done(self) -> None:
        assert self.execute(Ended(0), Ended(0)) == (0, {"one": "done", "two": "done"})
        assert PipelineRun.objects.get().exit_code == 0

    def test_rejects_are_done_too(self) -> None:
        assert self.execute(Ended(3), Ended(0)) == (3, {"one": "rejects", "two": "done"})

    @pytest.mark.parametrize("first", [Ended(1, retriable=True), LaunchError("the broker does not respond")])
    def test_another_attempt(self, first: Any) -> None:
        assert self.execute(first, Ended(0), Ended(0)) == (0, {"one": "done", "two": "done"})

    @pytest.mark.parametrize(("code", "exit_code"), [(1, 1), (2, 2), (4, 1), (-9, 1)])
    def test_no_attempt_is_left_or_none_makes_sense(self, code: int, exit_code: int) -> None:
        endings = [Ended(code, retriable=True)] * 3 if code == 1 else [Ended(code)]

        assert self.execute(*endings) == (exit_code, {"one": "failed", "two": "skipped"})

    def test_attempts_end_when_the_lease_is_lost(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(runner, "SECONDS_BETWEEN_RENEWALS", 0)
        run, abandoned = begun(), []

        class Endless:
            def __init__(self, step: StepRun, _started_by: str) -> None:
                PipelineRun.objects.update(token="00000000-0000-0000-0000-000000000000")

            def look(self) -> None: ...

            def stop(self) -> None: ...

            def abandon(self) -> None:
                abandoned.append(True)

        with pytest.raises(AlreadyRunning):
            pipeline_execute(PIPELINE, run, launch=Endless)

        assert abandoned == [True]


@pytest.fixture
def no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that attempts start need none, and must not take the suite's."""
    monkeypatch.setenv("DATABASE_CONNECTION", "sqlite://:memory:")


def queued(code: str, timeout: int = 60) -> StepRun:
    """A step that runs Python code, for its first attempt."""
    steps = (Step("one", ("shell", "--verbosity", "0", "--command", code.replace("{", "{{")), timeout=timeout),)
    (step,) = begun(Pipeline("code", "", steps)).steps.all()
    step_queue(step=step)
    return step


def ended(attempt: LocalAttempt) -> Ended:
    while (how := attempt.look()) is None:
        pass
    return how


@contextmanager
def left_behind(handler: str = "signal.SIG_DFL") -> Iterator[tuple[StepRun, LocalAttempt]]:
    """A step whose process runs, in a session of its own, and whose worker was killed: nobody looks after it."""
    step = queued(
        f"import signal; signal.signal(signal.SIGTERM, {handler}); print('ready', flush=True); signal.pause()"
    )
    attempt = LocalAttempt(step, "ada")
    while attempt._process.tail() != "ready\n":
        assert attempt.look() is None
    StepRun.objects.update(status="failed", problem="its worker was lost")
    try:
        yield step, attempt
    finally:
        attempt.abandon()


@pytest.mark.usefixtures("no_database")
class TestLeftBehind:
    @pytest.mark.parametrize(
        ("handler", "signal_"), [("signal.SIG_DFL", signal.SIGTERM), ("signal.SIG_IGN", signal.SIGKILL)]
    )
    def test_the_next_attempt_ends_the_process_of_the_one_before(
        self, monkeypatch: pytest.MonkeyPatch, handler: str, signal_: signal.Signals
    ) -> None:
        monkeypatch.setattr(attempts, "STOP_SECONDS", 10 if signal_ == signal.SIGTERM else 0)
        with left_behind(handler) as (step, before):
            step_queue(step=step)

            with capture_logs() as logs:
                attempt = LocalAttempt(step, "ada")

            assert before._process._process.wait(timeout=5) == -signal_
            assert [(entry["event"], entry["attempt"]) for entry in logs] == [("step_left_behind_ended", 2)]
            attempt.abandon()
            step.refresh_from_db()
            assert step.process == attempt._process.identity

    @pytest.mark.parametrize("resume", [False, True])
    def test_so_does_the_next_run_where_no_attempt_was_left(self, *, resume: bool) -> None:
        with left_behind() as (step, before):
            PipelineRun.objects.update(status=RunStatus.FAILED, ended_at=Now())
            pipeline = Pipeline("code", "", (Step("one", (*step.command[:-1], step.command[-1].replace("{", "{{"))),))

            if resume:
                pipeline_resume(pipeline, holder=ELSEWHERE)
            else:
                begun(pipeline)

            assert before._process._process.wait(timeout=5) == -signal.SIGTERM


@pytest.mark.usefixtures("no_database")
class TestLocalAttempt:
    def test_what_it_writes_and_its_exit_code_are_in_the_row(self) -> None:
        step = queued(
            "import os, sys; print(os.environ['JOB_STARTED_BY'], os.environ['JOB_RUN_STARTED_AT']); "
            "sys.stdout.flush(); print('err', file=sys.stderr); sys.exit(3)"
        )

        assert ended(LocalAttempt(step, "ada")) == Ended(3)

        step.refresh_from_db()
        assert (step.status, step.exit_code, step.attempts) == ("rejects", 3, 1)
        assert step.log_tail == f"ada {step.run.started_at.isoformat()}\nerr\n"

    def test_one_that_does_not_end_when_it_is_asked_is_killed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(attempts, "STOP_SECONDS", 0.1)
        step = queued(
            "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); signal.pause()"
        )
        attempt = LocalAttempt(step, "ada")
        while attempt._process.tail() != "ready\n":
            assert attempt.look() is None

        attempt.stop()

        assert ended(attempt) == Ended(-9, "ended by SIGKILL", stopped=True)
        step.refresh_from_db()
        assert (step.status, step.exit_code) == ("stopped", -9)

    def test_it_ends_when_the_row_asks_for_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(attempts, "SECONDS_BETWEEN_SIGNS", 0)
        step = queued("import signal; signal.pause()")
        attempt = LocalAttempt(step, "ada")
        StepRun.objects.filter(pk=step.pk).update(stop_requested=True)

        assert ended(attempt) == Ended(-signal.SIGTERM, "ended by SIGTERM", stopped=True)

    def test_of_a_long_log_the_row_has_the_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(processes, "TAIL_BYTES", 20)
        step = queued("for n in range(5000): print('line', n, flush=True)")

        ended(LocalAttempt(step, "ada"))

        step.refresh_from_db()
        assert step.log_tail == "line 4998\nline 4999\n"

    @pytest.mark.parametrize("change", [{"stop_requested": True}, {"attempts": 2}, {"status": "running"}])
    def test_an_attempt_that_is_no_longer_wanted_does_not_begin(self, change: dict[str, Any]) -> None:
        step = queued("raise SystemExit(1)")
        StepRun.objects.filter(pk=step.pk).update(**change)

        with pytest.raises(LaunchError, match="no longer wanted"):
            LocalAttempt(step, "ada")
        assert attempts.attempt_run(step, "ada") is None

    def test_an_attempt_whose_worker_is_told_to_stop_is_asked_to_end(self) -> None:
        ready = "print('ready', flush=True); time.sleep(60)"
        step = queued(f"import signal, time; signal.signal(signal.SIGTERM, lambda *_: exit(75)); {ready}")

        def is_ready() -> bool:
            step.refresh_from_db()
            return "ready" in step.log_tail

        ended = attempts.attempt_run(step, "ada", stop=is_ready)

        assert ended == Ended(75, stopped=True, retriable=True)
        step.refresh_from_db()
        assert (step.status, step.exit_code) == ("stopped", 75)


class TestWorkerAttempt:
    @pytest.fixture
    def step(self, monkeypatch: pytest.MonkeyPatch) -> StepRun:
        """A step that was sent to a worker, which the test is."""
        monkeypatch.setattr(worker_steps, "SECONDS_BETWEEN_LOOKS", 0)
        monkeypatch.setattr(worker_steps.tasks.run_step, "apply_async", lambda *_: None)
        return queued("pass")

    def test_one_that_runs_and_ends(self, step: StepRun) -> None:
        attempt = WorkerAttempt(step, "ada")
        assert attempt.look() is None
        assert step_take(step=step)
        assert attempt.look() is None

        StepRun.objects.update(status="failed", exit_code=75)

        assert attempt.look() == Ended(75, retriable=True)

    def test_one_whose_worker_is_lost(self, step: StepRun) -> None:
        attempt = WorkerAttempt(step, "ada")
        assert step_take(step=step)
        StepRun.objects.update(seen_at=Now() - timedelta(seconds=LEASE_SECONDS + 1))
        assert step_lost(step=step)

        assert attempt.look() == Ended(None, "its worker was lost", retriable=True)

        step.refresh_from_db()
        assert (step.status, step.problem) == ("failed", "its worker was lost")
        assert not step_seen(step=step, log_tail="")

    def test_one_that_waits_for_a_worker_for_longer_than_it_may_run(
        self, step: StepRun, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(worker_steps, "SECONDS_BETWEEN_WARNINGS", 0)
        StepRun.objects.update(timeout=0)
        attempt = WorkerAttempt(step, "ada")

        with capture_logs() as logs:
            assert attempt.look() is None

        assert logs == [{"event": "step_waits_for_a_worker", "step": "one", "seconds": 0, "log_level": "warning"}]
        assert step_take(step=step)

    def test_one_that_no_worker_takes(self, step: StepRun, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(worker_steps, "QUEUE_SECONDS", 0)

        assert WorkerAttempt(step, "ada").look() == Ended(None, "no worker took it within 0 seconds")
        assert not step_take(step=step)

    def test_one_that_is_stopped_before_a_worker_takes_it(self, step: StepRun) -> None:
        attempt = WorkerAttempt(step, "ada")
        attempt.stop()

        assert not step_take(step=step)
        assert attempt.look() == Ended(None, "stopped before a worker took it", stopped=True)
        step.refresh_from_db()
        assert step.status == StepStatus.STOPPED


class TestProcesses:
    def test_this_process_is_there_and_one_of_another_start_is_not(self) -> None:
        here = own_identity()
        boot, namespace, pid, start = here.split("/")

        assert not is_gone(here)
        assert is_gone(f"{boot}/{namespace}/{pid}/{int(start) + 1}")
        # Of other machines, and of containers, nothing is known.
        assert not is_gone(f"{boot}/{int(namespace) + 1}/{pid}/{int(start) + 1}")
        assert not is_gone("")

    def test_a_process_that_was_left_behind_is_ended(self) -> None:
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
            end_process(identity(process.pid), grace_seconds=10)
            assert process.wait(timeout=10) == -signal.SIGTERM

    def test_one_that_does_not_listen_is_killed(self) -> None:
        code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); input()"
        with subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            end_process(identity(process.pid), grace_seconds=0)
            assert process.wait(timeout=10) == -signal.SIGKILL

    def test_a_process_of_the_same_number_is_left_alone(self) -> None:
        boot, namespace, _, start = own_identity().split("/")
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
            end_process(f"{boot}/{namespace}/{process.pid}/{int(start) - 1}", grace_seconds=0)
            assert process.communicate(b"\n") == (None, None)
            assert process.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("unknown",), "pipeline: unknown is not one of nightly, onboard_course"),
        (("onboard_course",), "source: onboard_course needs a value for it"),
        (("nightly", "--set", "export_directory"), "--set export_directory: must be NAME=VALUE"),
        (("nightly", "--set", "depth=1"), "depth: is not a parameter of nightly; its parameters are export_directory"),
        (
            ("nightly", "--only", "x"),
            f"step: x is not one of {', '.join(step.name for step in NIGHTLY.steps)}",
        ),
        (
            ("nightly", "--from", "x"),
            f"step: x is not one of {', '.join(step.name for step in NIGHTLY.steps)}",
        ),
        (("nightly", "--resume"), "nightly: there is nothing to resume: it has not run yet"),
        (("nightly", "--resume", "--set", "a=b"), "--resume uses the parameters of the last run; leave out --set"),
    ],
)
def test_bad_usage_is_refused_and_nothing_runs(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandError) as refused:
        call_command("run_pipeline", *arguments)

    assert (str(refused.value), refused.value.returncode) == (message, 2)
    assert not PipelineRun.objects.exists()


def test_a_process_s_identity_is_not_guessed_where_the_system_does_not_say_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here = own_identity()
    monkeypatch.setattr(processes, "_stat", lambda _: None)

    assert own_identity() == ""
    assert not is_gone(here)
