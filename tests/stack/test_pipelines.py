"""run_pipeline with real processes, and with a real Celery worker over RabbitMQ."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection

from tests.support.databases import Database, new_database
from tests.support.service import BIN, ROOT, manage, poll, service_environment
from tests.support.terminal import Screen, terminal

SECONDS = 60
WAYS = [
    pytest.param(("sqlite", "processes"), id="processes, sqlite", marks=pytest.mark.xdist_group("pipelines-sqlite")),
    pytest.param(
        ("postgresql", "worker"),
        id="worker, postgresql",
        marks=[pytest.mark.postgresql, pytest.mark.rabbitmq, pytest.mark.xdist_group("pipelines-worker")],
    ),
]
# Both ways to run a step and both databases: neither knows of the other.
every_way = pytest.mark.parametrize("place", WAYS, indirect=True)
one_way = pytest.mark.parametrize("place", WAYS[:1], indirect=True)


@dataclass(frozen=True)
class Done:
    """How run_pipeline ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Runs:
    """run_pipeline in processes of its own, and what is left of its runs."""

    database: Database
    directory: Path
    env: dict[str, str]

    def start(
        self, *arguments: str, stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE
    ) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "manage.py", "run_pipeline", *arguments],
            cwd=ROOT, env=self.env, stdout=stdout, stderr=stderr, text=True,
        )  # fmt: skip

    def new(self, name: str, *arguments: str) -> "subprocess.Popen[str]":
        return self.start(name, "--set", f"directory={self.directory}", *arguments)

    def run(self, name: str, *arguments: str) -> Done:
        return end(self.new(name, *arguments))

    def run_on_a_terminal(self, name: str) -> Done:
        """The same, with what it draws for its standard error."""
        with terminal(24, 80) as (descriptor, drawn):
            done = end(self.start(name, "--set", f"directory={self.directory}", stderr=descriptor))
        return Done(done.code, done.out, b"".join(drawn).decode())

    def seen_on_a_terminal(self, name: str, rows: int, columns: int) -> list[str]:
        """The lines that somebody sees who runs it on a terminal of that size."""
        screen = Screen(rows, columns)
        with terminal(rows, columns) as (descriptor, written):
            end(self.start(name, "--set", f"directory={self.directory}", stdout=descriptor, stderr=descriptor))
        screen.feed(b"".join(written).decode())
        return screen.lines()

    def resume(self, name: str) -> Done:
        return end(self.start(name, "--resume"))

    def tell(self, file: str, text: str = "") -> None:
        """Writes what steps wait for."""
        (self.directory / file).write_text(text)

    def begun(self, step: str) -> list[int]:
        """The processes that the step has been, in turn."""
        file = self.directory / f"{step}.begun"
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def wait_for(self, step: str, number: int = 1) -> int:
        """The process that the step is, once it has begun so often."""
        return poll(
            lambda: (self.begun(step) + [0] * number)[number - 1] or None,
            seconds=SECONDS,
            failure=lambda: f"{step} did not begin",
        )

    def steps(self) -> dict[str, tuple[Any, ...]]:
        """Each step of the last run: its status, attempts, exit code and problem."""
        rows = self.database.rows(
            "SELECT name, status, attempts, exit_code, problem FROM adaptivity_steprun "
            "WHERE run_id = (SELECT MAX(id) FROM adaptivity_pipelinerun) ORDER BY position"
        )
        return {name: tuple(rest) for name, *rest in rows}

    def tail(self, step: str) -> str:
        ((text,),) = self.database.rows("SELECT log_tail FROM adaptivity_steprun WHERE name = %s", step)
        return text

    def runs(self) -> list[tuple[Any, ...]]:
        """Each run's pipeline, status and exit code."""
        return self.database.rows("SELECT pipeline, status, exit_code FROM adaptivity_pipelinerun ORDER BY id")


def end(process: "subprocess.Popen[str]") -> Done:
    out, err = process.communicate(timeout=SECONDS)
    return Done(process.returncode, out, err)


@contextmanager
def worker(env: dict[str, str], output: Path) -> Iterator[None]:
    """A worker of the jobs' queue alone, killed with its processes at the end of the block."""
    command = [BIN / "celery", "-A", "config", "worker", "-l", "info", "-Q", env["JOB_QUEUE"], "-n", env["JOB_QUEUE"]]
    # It is alone: it need not look for others, which takes a second.
    command += ["--without-mingle", "--without-gossip"]
    with output.open("wb") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        with Connection(env["CELERY_BROKER_URL"]) as connection, connection.channel() as channel:
            channel.queue_delete(env["JOB_QUEUE"])


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, dict]]:
    """A migrated database and the variables of processes, with a worker where steps are for one."""
    kind, how = request.param
    directory = tmp_path_factory.mktemp("pipelines")
    with ExitStack() as stack:
        database = stack.enter_context(new_database(kind, directory))
        env = service_environment(database, DJANGO_SETTINGS_MODULE="tests.support.pipelines.settings")
        if how == "worker":
            env |= {
                "CELERY_BROKER_URL": os.environ["TEST_BROKER_URL"],
                "JOB_QUEUE": f"adaptivity-test-pipelines-{os.getpid()}",
            }
        manage("migrate", "--verbosity", "0", env=env)
        if how == "worker":
            stack.enter_context(worker(env, directory / "worker"))
        yield database, env


@pytest.fixture
def runs(place: tuple[Database, dict[str, str]], tmp_path: Path) -> Iterator[Runs]:
    database, env = place
    yield Runs(database, tmp_path, env)
    for table in ("steprun", "pipelinerun", "jobrun"):
        database.execute(f"DELETE FROM adaptivity_{table}")


@every_way
def test_steps_that_wait_for_nothing_run_at_the_same_time(runs: Runs) -> None:
    done = runs.run_on_a_terminal("parallel")

    # Each of the two ends only where the other has begun before.
    assert done.code == 0
    assert done.out.splitlines()[-1].startswith("parallel, run ")
    assert done.out.splitlines()[-1].endswith(": 3 done")
    assert runs.steps() == dict.fromkeys(("left", "right", "last"), ("done", 1, 0, ""))
    assert runs.runs() == [("parallel", "done", 0)]
    events = [json.loads(line) for line in done.out.splitlines()[:-1]]
    order = [(event["event"], event["step"]) for event in events if event["event"].startswith("step_")]
    assert set(order[:2]) == {("step_started", "left"), ("step_started", "right")}
    assert order[-2:] == [("step_started", "last"), ("step_ended", "last")]
    ((run_id,),) = runs.database.rows("SELECT id FROM adaptivity_pipelinerun")
    assert f"left writes, started by pipeline parallel, run {run_id}\nleft is done\n" in runs.tail("left")
    recorded = runs.database.rows("SELECT started_by, status FROM adaptivity_jobrun WHERE command = 'act'")
    assert recorded == [(f"pipeline parallel, run {run_id}", "done")] * 3

    # The graph is drawn again and again.
    drawings = [drawing.splitlines() for drawing in done.err.split("\x1b[J")[1:]]
    assert all(len([line for line in drawing if line and "\x1b" not in line]) == 3 for drawing in drawings)
    last = [" ".join(line.split()) for line in drawings[-1]]
    assert [line.split(" s")[0].rpartition(" ")[0] for line in last] == ["✔ left done", "✔ right done", "✔ last done"]
    assert last[2].endswith("← left, right")
    assert drawings[-1][2].startswith("✔   last")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@every_way
def test_a_run_that_is_stopped_and_then_killed_is_resumed_where_it_was(runs: Runs) -> None:
    process = runs.new("chain")
    runs.wait_for("second")

    # There is one run at a time.
    refused = runs.run("chain")
    assert refused.code == 4
    assert refused.err.startswith("CommandError: chain is running: run ")

    # Asked to end, it ends its step.
    process.terminate()
    assert end(process).code == 75
    assert (runs.directory / "second.stopped").exists()
    assert runs.steps() == {
        "first": ("done", 1, 0, ""),
        "second": ("stopped", 1, 75, ""),
        "third": ("waiting", 0, None, ""),
    }
    assert runs.runs() == [("chain", "stopped", 75)]

    # Killed while it goes on, it leaves its step behind.
    (runs.directory / "second.stopped").unlink()
    process = runs.start("chain", "--resume")
    left = runs.wait_for("second", 2)
    process.kill()
    process.communicate()
    process = runs.start("chain", "--resume")
    runs.wait_for("second", 3)
    # What was left behind is no longer at work beside it.
    assert (runs.directory / "second.stopped").exists()
    assert not alive(left)
    runs.tell("gate")
    done = end(process)

    # What was done is not run again.
    assert (done.code, done.err) == (0, "")
    assert [len(runs.begun(step)) for step in ("first", "second", "third")] == [1, 3, 1]
    assert runs.steps() == {"first": ("done", 1, 0, ""), "second": ("done", 3, 0, ""), "third": ("done", 1, 0, "")}
    assert runs.runs() == [("chain", "done", 0)]


@one_way
def test_other_branches_go_on_and_a_failed_run_is_resumed(runs: Runs) -> None:
    # What was stopped is tried again; what was told wrong is not, though an attempt is left.
    runs.tell("code", "75 2")
    done = runs.run("branches")
    assert done.code == 2
    assert runs.steps() == {
        "failing": ("failed", 2, 2, ""),
        "other": ("done", 1, 0, ""),
        "behind": ("skipped", 0, None, "a step before it failed"),
        "behind_other": ("done", 1, 0, ""),
    }
    assert "failing failed: exit code 2. Its last output:\n" in done.err
    assert "  CommandError: ends with 2\n" in done.err

    # What failed is tried again; a step whose end is that something was refused counts as done.
    runs.tell("code", "1 3")
    assert runs.resume("branches").code == 3
    assert runs.runs() == [("branches", "rejects", 3)]
    assert runs.steps()["failing"] == ("rejects", 4, 3, "")
    assert runs.steps()["behind"] == ("done", 1, 0, "")
    assert {step: len(runs.begun(step)) for step in runs.steps()} == {
        "failing": 4,
        "other": 1,
        "behind": 1,
        "behind_other": 1,
    }


@one_way
def test_on_a_terminal_the_log_and_the_picture_leave_each_other_alone(runs: Runs) -> None:
    runs.tell("code", "1 2")

    seen = runs.seen_on_a_terminal("branches", 4, 50)

    # Warnings are above the one picture that is left, which is lower than the terminal.
    (picture,) = [number for number, line in enumerate(seen) if line.startswith("✘ failing")]
    log = "".join(seen[:picture])
    assert log.count('"event": "step_ended"') == log.count('"level": "warning"') == 2
    assert '"level": "info"' not in "".join(seen)
    assert [" ".join(line.split())[:11] for line in seen[picture : picture + 3]] == [
        "✘ failing f",
        "- behind sk",
        "… 2 more of",
    ]
    assert all(len(line) < 50 for line in seen[picture : picture + 3])
    assert not [line for line in seen[:picture] if line[:1] in "✔✘▶○"]
    assert seen[picture + 3].startswith("failing failed: exit code 2. Its last output:")
    # The record has the whole log.
    ((tail,),) = runs.database.rows("SELECT log_tail FROM adaptivity_jobrun WHERE command = 'run_pipeline'")
    assert tail.count('"event": "step_started"') == 4


@one_way
def test_from_a_step_that_is_killed(runs: Runs) -> None:
    runs.tell("code", "-9")

    assert runs.run("branches", "--from", "failing").code == 1

    assert runs.steps() == {
        "failing": ("failed", 1, -9, "ended by SIGKILL"),
        "behind": ("skipped", 0, None, "a step before it failed"),
    }


@one_way
def test_a_step_alone_that_takes_too_long_is_ended(runs: Runs) -> None:
    done = runs.run("slow", "--only", "endless")

    assert done.code == 1
    ((name, (status, attempts, exit_code, problem)),) = runs.steps().items()
    assert (name, status, attempts, problem) == ("endless", "failed", 1, "timed out after 1 seconds")
    # On a slow machine it has not come as far as to listen to signals.
    assert exit_code in (75, -signal.SIGTERM)
