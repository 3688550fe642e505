"""How commands end that are used wrongly, are interrupted, or have no database: in one line, with an exit code."""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command, get_commands, load_command_class
from django.db import OperationalError, ProgrammingError

from adaptivity.management.failures import database_problem
from adaptivity.models import JobRun
from tests.support.service import ROOT, environment

NOT_UTF8 = os.fsdecode(b"a\xff")
NO_DATABASE = "postgres://nobody:secret@127.0.0.1:1/none"


def command_environment(database: str) -> dict[str, str]:
    return environment(
        DJANGO_SETTINGS_MODULE="config.settings.local", SECRET_KEY="s" * 60, DATABASE_CONNECTION=database
    )


def manage(*arguments: str) -> subprocess.Popen[str]:
    """A process of manage.py, without a database."""
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=command_environment("sqlite:///:memory:"), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("off_policy", "c", "random", "--hours", "nan"), "--hours: 'nan' is not a number above 0 and at most 876000"),
        (("off_policy", "c", "random", "--hours", "9e9"), "--hours: '9e9' is not a number above 0 and at most 876000"),
        (("experiment_report", "x", "--days", "inf"), "--days: 'inf' is not a number above 0 and at most 36500"),
        (("experiment_report", "x", "--days", "1e300"), "--days: '1e300' is not a number above 0 and at most 36500"),
        (("experiment_report", "x", "--days", "0"), "--days: '0' is not a number above 0 and at most 36500"),
        (("experiment_report", "x", "--alpha", "nan"), "--alpha: 'nan' is not a number above 0 and below 1"),
        (("experiment_report", "x", "--alpha", "1"), "--alpha: '1' is not a number above 0 and below 1"),
        (("simulate", "--mastery-threshold", "nan"), "--mastery-threshold: 'nan' is not a number above 0 and below 1"),
        (("replay_recommendations", "--days", "36501"), "--days: '36501' is not a whole number from 1 to 36500"),
        (("replay_recommendations", "--days", "-1"), "--days: '-1' is not a whole number from 1 to 36500"),
        (("replay_recommendations", "--days", "0"), "--days: '0' is not a whole number from 1 to 36500"),
        (("demo", "--port", "99999"), "--port: '99999' is not a whole number from 1 to 65535"),
        (("demo", "--port", "0"), "--port: '0' is not a whole number from 1 to 65535"),
        (("demo", "--port", "http"), "--port: 'http' is not a whole number from 1 to 65535"),
    ],
)  # fmt: skip
def test_a_number_that_cannot_be_meant(
    arguments: tuple[str, ...], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    application = get_commands()[arguments[0]]
    command = load_command_class(application, arguments[0])

    with pytest.raises(SystemExit) as ended:
        command.run_from_argv(["manage.py", *arguments])

    output, error = capsys.readouterr()
    assert (ended.value.code, output) == (2, "")
    assert error.splitlines()[-1] == f"manage.py {arguments[0]}: error: argument {problem}"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("erase_learner", NOT_UTF8, "--yes"), "user_id"),
        (("erase_learner", "ada", "--guid", NOT_UTF8, "--yes"), "guid"),
        (("export_learner", NOT_UTF8), "user_id"),
        (("export_learner", "ada", "--guid", NOT_UTF8), "guid"),
        (("crawl", "--source", "site", "--source", NOT_UTF8), "source"),
        (("promote", NOT_UTF8), "name"),
        (("promote", "x", "--reason", NOT_UTF8), "reason"),
        (("estimate", "--name", NOT_UTF8), "name"),
        (("experiment_report", NOT_UTF8), "name"),
        (("import_evidence", "file", "--guid", NOT_UTF8), "guid"),
    ],
)
def test_an_argument_that_is_not_utf8(arguments: tuple[str, ...], name: str) -> None:
    with pytest.raises(CommandError) as refused:
        call_command(*arguments)

    assert (str(refused.value), refused.value.returncode) == (f"{name}: is not UTF-8", 2)
    assert not JobRun.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
@pytest.mark.parametrize("arguments", [("erase_learner", "-", "--yes"), ("export_learner", "-")])
def test_standard_input_that_is_not_utf8(
    arguments: tuple[str, ...], errors: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a\xff\n"), encoding="utf-8", errors=errors))

    with pytest.raises(CommandError) as refused:
        call_command(*arguments)

    assert (str(refused.value), refused.value.returncode) == ("user_id: is not UTF-8", 2)


@pytest.mark.django_db
def test_a_path_may_have_any_bytes() -> None:
    with pytest.raises(CommandError, match="No such file") as refused:
        call_command("import_scores", NOT_UTF8)

    assert refused.value.returncode == 2
    assert JobRun.objects.get().arguments["file"] == "a?"


# Runs each command of a list as manage.py does, one after another: to start a process for each takes seconds.
IN_TURN = """
import contextlib, io, json, runpy, sys
ends = []
for arguments in json.load(sys.stdin):
    sys.argv, out, err, code = ["manage.py", *arguments], io.StringIO(), io.StringIO(), None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            runpy.run_path("manage.py", run_name="__main__")
        except SystemExit as ended:
            code = ended.code
    ends.append([code, out.getvalue(), err.getvalue()])
print(json.dumps(ends))
"""


def ends_in_turn(commands: Iterable[Sequence[str]], database: str) -> list[tuple[int | None, str, str]]:
    """The exit code of each command, and what it wrote to standard output and standard error."""
    done = subprocess.run(
        [sys.executable, "-c", IN_TURN], cwd=ROOT, env=command_environment(database), input=json.dumps(list(commands)),
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return [(code, output, error) for code, output, error in json.loads(done.stdout)]


def test_a_database_that_is_not_migrated() -> None:
    begins = {
        ("erase_learner", "ada", "--yes"): "the database failed: ",
        ("export_learner", "ada"): "the database failed: ",
        ("jobs",): "the database failed: ",
        ("load_course", "adaptivity/courses/fractions.toml"): "the database failed: ",
        ("trace_learners",): "the run cannot be recorded: ",
    }

    ends = ends_in_turn(begins, "sqlite:///:memory:")

    for (code, output, error), begin in zip(ends, begins.values(), strict=True):
        assert (code, output) == (1, "")
        assert error.startswith(f"CommandError: {begin}no such table: ")
        assert error.endswith("; is the database migrated?\n")
        assert error.count("\n") == 1


def test_a_database_that_does_not_answer() -> None:
    commands = [("erase_learner", "ada", "--yes"), ("jobs",), ("trace_learners",)]

    ends = ends_in_turn(commands, NO_DATABASE)

    assert len(ends) == len(commands)
    for code, output, error in ends:
        assert (code, output) == (1, "")
        assert error.startswith("CommandError: the ")
        assert "Connection refused" in error
        assert "migrated" not in error
        assert error.count("\n") == 1


def test_what_an_error_of_the_database_hints_at() -> None:
    missing = 'relation "adaptivity_jobrun" does not exist'

    assert database_problem(ProgrammingError(f"{missing}\nLINE 1: …")) == f"{missing}; is the database migrated?"
    assert database_problem(OperationalError("no such column: x")) == "no such column: x; is the database migrated?"
    assert database_problem(OperationalError("disk I/O error")) == "disk I/O error"
    assert database_problem(OperationalError()) == "OperationalError"


class TestControlC:
    INTERRUPTED = (130, "CommandError: interrupted; nothing was saved\n")

    @pytest.fixture(autouse=True)
    def heard(self) -> Iterator[None]:
        """A process that a shell started in the background ignores SIGINT, and so would those that it starts."""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
        signal.signal(signal.SIGINT, before)

    def ended(self, process: subprocess.Popen[str]) -> tuple[int, str]:
        process.send_signal(signal.SIGINT)
        try:
            _, error = process.communicate(timeout=30)
        finally:
            process.kill()
        return process.returncode, error

    def test_simulate(self) -> None:
        process = manage("simulate", "--learners=100000", "--family=own_model", "--policy=random")
        assert process.stderr is not None
        # Its first line says that it is at work; standard output has the table alone.
        assert '"event": "progress"' in process.stderr.readline()

        assert self.ended(process) == self.INTERRUPTED

    def test_evaluate(self, tmp_path: Path) -> None:
        file = tmp_path / "scores.csv"
        os.mkfifo(file)
        process = manage("evaluate", str(file))
        # Opens when the command has opened its end, and makes it wait for rows.
        with file.open("w"):
            assert self.ended(process) == self.INTERRUPTED
