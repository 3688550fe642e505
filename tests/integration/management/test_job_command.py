"""JobCommand: what a run leaves in the database, its exit code, and how a signal reaches it."""

import os
import signal
import time
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from django.core.management import CommandError, call_command
from django.core.management.base import CommandParser
from django.db import IntegrityError
from django.utils import timezone

from adaptivity.errors import AlreadyRunning, Conflict, InvalidInput, Overtaken, Stopped
from adaptivity.exit_codes import ExitCode
from adaptivity.management import job as module
from adaptivity.management.job import Job, JobCommand, JobResult
from adaptivity.management.stopping import StopRequest
from adaptivity.models import JobRun, RunStatus
from adaptivity.runs.services.job_runs import job_run_end, job_run_start

pytestmark = pytest.mark.django_db


class Command(JobCommand):
    """A command whose work is a function of the test's."""

    masked_options = frozenset({"learner"})

    def __init__(self, work: Any) -> None:
        super().__init__()
        self.work = work

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="*")
        parser.add_argument("--api-token")
        parser.add_argument("--learner")
        parser.add_argument("--rows", type=int)
        parser.add_argument("--hours", type=float)
        parser.add_argument("--json", action="store_true")

    def run_job(self, job: Job, **options: Any) -> JobResult:
        return self.work(job)


UNEXPECTED = "failed with ZeroDivisionError; see the log"


def raising(error: BaseException) -> Any:
    def work(_job: Job) -> JobResult:
        raise error

    return work


def test_a_run_is_recorded_with_its_arguments_and_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    before = timezone.now()

    call_command(
        Command(lambda _: JobResult("3 rows done")),
        "one.csv",
        "https://user:secret@example.org/feed",
        "--api-token=secret",
        "--learner=ada",
        "--rows=7",
    )

    run = JobRun.objects.get()
    assert capsys.readouterr().out == "3 rows done\n"
    assert run.command == "test_job_command"
    assert run.arguments == {
        "paths": ["one.csv", "https://***@example.org/feed"],
        "api_token": "***",
        "learner": "***",
        "rows": 7,
    }
    assert (run.status, run.exit_code, run.summary) == (RunStatus.DONE, 0, "3 rows done")
    assert before <= run.started_at <= run.ended_at <= timezone.now()
    assert run.host.endswith(f":{os.getpid()}")


# Django closes its connections when a command of the command line ends, and with them a test's transaction.
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("work", "code", "status", "summary"),
    [
        (lambda _: JobResult("done", rejects=True), ExitCode.REJECTS, RunStatus.REJECTS, "done"),
        (lambda _: JobResult("half", stopped=True), ExitCode.STOPPED, RunStatus.STOPPED, "half"),
        (raising(Stopped("half")), ExitCode.STOPPED, RunStatus.STOPPED, "half"),
        (raising(KeyboardInterrupt()), ExitCode.STOPPED, RunStatus.STOPPED, "stopped; run it again to go on"),
        (raising(InvalidInput("is bad", field="row")), ExitCode.REFUSED_INPUT, RunStatus.FAILED, "row: is bad"),
        (raising(Conflict("contradicts")), ExitCode.REFUSED_INPUT, RunStatus.FAILED, "contradicts"),
        (raising(AlreadyRunning("runs")), ExitCode.ALREADY_RUNNING, RunStatus.FAILED, "runs"),
        (raising(Overtaken("gone")), ExitCode.FAILED, RunStatus.FAILED, "gone"),
        (raising(CommandError("no")), ExitCode.FAILED, RunStatus.FAILED, "no"),
        (raising(CommandError("no", returncode=2)), ExitCode.REFUSED_INPUT, RunStatus.FAILED, "no"),
        (raising(ZeroDivisionError("x")), ExitCode.FAILED, RunStatus.FAILED, UNEXPECTED),
    ],
)  # fmt: skip
def test_how_it_ended_is_in_the_exit_code_and_in_the_record(
    work: Any, code: ExitCode, status: RunStatus, summary: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = Command(work)

    with pytest.raises(SystemExit) as ended:
        command.run_from_argv(["manage.py", "test_job_command"])

    run = JobRun.objects.get()
    assert (ended.value.code, run.exit_code, run.status, run.summary) == (code, code, status, summary)
    assert summary in "".join(capsys.readouterr())


@pytest.mark.parametrize("hours", ["nan", "inf"])
def test_a_number_that_json_does_not_have_is_recorded_as_text(hours: str) -> None:
    call_command(Command(lambda _: JobResult("done")), "--hours", hours)

    assert JobRun.objects.get().arguments == {"hours": hours}


def test_rejects_are_no_error_for_a_caller_in_python() -> None:
    command = Command(lambda _: JobResult("done", rejects=True))

    call_command(command)

    assert command.exit_code == ExitCode.REJECTS


def test_what_a_command_has_printed_is_not_printed_again(capsys: pytest.CaptureFixture[str]) -> None:
    call_command(Command(lambda _: JobResult("3 rows", printed=True)))

    assert capsys.readouterr().out == ""
    assert JobRun.objects.get().summary == "3 rows"


def test_the_log_tail_has_the_last_lines_and_the_traceback() -> None:
    def work(_job: Job) -> JobResult:
        for number in range(module.TAIL_LINES + 5):
            structlog.get_logger("a.job").info("step", number=number)
        raise ZeroDivisionError

    with pytest.raises(CommandError):
        call_command(Command(work))

    lines = JobRun.objects.get().log_tail.splitlines()
    assert len(lines) == module.TAIL_LINES
    assert '"number": 6,' in lines[0]
    assert '"event": "job_failed"' in lines[-1]
    assert "Traceback" in lines[-1]


def test_what_postgresql_does_not_store_is_replaced() -> None:
    call_command(Command(lambda _: JobResult("a\0b\udc80c")))

    assert JobRun.objects.get().summary == "a\ufffdb?c"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_what_stop_answers(number: signal.Signals) -> None:
    before = signal.getsignal(number)

    def work(job: Job) -> JobResult:
        assert not job.stop()
        os.kill(os.getpid(), number)
        return JobResult("half", stopped=job.stop())

    with pytest.raises(CommandError, match="half") as error:
        call_command(Command(work))

    assert error.value.returncode == ExitCode.STOPPED
    assert signal.getsignal(number) is before
    assert JobRun.objects.get().status == RunStatus.STOPPED


def test_work_that_does_not_ask_is_interrupted_in_time() -> None:
    def work() -> None:
        # On a busy machine the time may be over right after the signal.
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)

    with StopRequest(grace_seconds=0.01) as stop, pytest.raises(KeyboardInterrupt):
        work()

    assert stop.signal == signal.SIGTERM
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_second_control_c_interrupts_at_once_and_a_second_sigterm_does_not() -> None:
    with StopRequest() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("asking", [lambda job: job.stop(), lambda job: job.progress("rows", 1, 2)])
def test_a_run_gives_signs_of_life(asking: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS_BETWEEN_SIGNS", 0)
    seen = []

    def work(job: Job) -> JobResult:
        structlog.get_logger("a.job").info("at_work")
        asking(job)
        run = JobRun.objects.get()
        seen.append((run.status, run.seen_at > run.started_at, '"at_work"' in run.log_tail))
        return JobResult("done")

    call_command(Command(work))

    assert seen == [(RunStatus.RUNNING, True, True)]


def test_who_started_it(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setenv("LOGNAME", "ada")
    assert module.started_by() == "ada"
    settings.ECS_TASK = {"task_arn": "arn", "family": "dev-job", "revision": "7", "availability_zone": ""}
    assert module.started_by() == "ECS task dev-job:7"
    settings.JOB_STARTED_BY = "pipeline nightly"
    assert module.started_by() == "pipeline nightly"


@pytest.mark.parametrize("broken", [{"ended_at": datetime(2026, 1, 1, tzinfo=UTC)}, {"status": "done"}])
def test_a_run_has_ended_or_is_running(broken: dict[str, Any]) -> None:
    run = job_run_start(command="c", arguments={}, started_by="ada", host="h:1")

    with pytest.raises(IntegrityError, match="jobrun_ended_or_running"):
        JobRun.objects.filter(pk=run.pk).update(**broken)


def test_the_end_of_a_run() -> None:
    run = job_run_start(command="c", arguments={}, started_by="ada", host="h:1")

    job_run_end(run=run, status=RunStatus.REJECTS, exit_code=3, summary="s" * 3000, log_tail="tail")

    run.refresh_from_db()
    assert (run.status, run.exit_code, run.summary, run.log_tail) == ("rejects", 3, "s" * 2000, "tail")
