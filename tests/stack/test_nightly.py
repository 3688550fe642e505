"""The pipeline nightly with the demo's sources, as docs/pipelines.md says: to its end, then killed in the middle and
resumed."""

import csv
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from adaptivity.management.local_servers.demo import COURSE_ID, LEARNER, NOTES, SECTIONS
from adaptivity.management.local_servers.open_edx import usage
from tests.support.databases import Database
from tests.support.service import ROOT, manage, poll, running, service_environment

SECONDS = 180
ALL_STEPS = ["scrape", "import_evidence", "crawl", "trace", "export", "estimate", "evaluate", "gate", "promote",
             "trace_promoted", "purge_versions", "purge_receipts", "content_gaps"]  # fmt: skip


@contextmanager
def demo_source(env: dict[str, str], inbox: Path) -> Iterator[str]:
    """What manage.py demo_source prints; it serves to the end of the block."""
    command = [sys.executable, "manage.py", "demo_source", "--port", "0", "--inbox", inbox]
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            lines = []
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line)
                if line.startswith("curl "):
                    break
            yield "".join(lines)
        finally:
            process.send_signal(signal.SIGINT)  # as Ctrl+C
            process.wait(timeout=SECONDS)
    assert process.returncode == 0


def exported(text: str) -> dict[str, str]:
    """The variables of the printed export, as a shell would have them."""
    (line,) = re.findall(r"^export (.*)$", text, re.MULTILINE)
    return dict(word.split("=", 1) for word in shlex.split(line))


def run_pipeline(env: dict[str, str], *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "manage.py", "run_pipeline", "nightly", *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def steps(database: Database) -> dict[str, tuple[Any, ...]]:
    """Each step of the last run: its status, attempts and exit code."""
    rows = database.rows(
        "SELECT name, status, attempts, exit_code FROM adaptivity_steprun "
        "WHERE run_id = (SELECT MAX(id) FROM adaptivity_pipelinerun) ORDER BY position"
    )
    return {name: tuple(rest) for name, *rest in rows}


def runs(database: Database) -> list[tuple[Any, ...]]:
    return database.rows("SELECT pipeline, status, exit_code FROM adaptivity_pipelinerun ORDER BY id")


def crawl_delay(database: Database, seconds: float) -> None:
    database.execute(f"UPDATE adaptivity_coursesource SET delay = {seconds} WHERE slug = 'demo-notes'")


def jobs_done(database: Database, run: str) -> list[str]:
    """The commands that the pipeline's run has done, as their own records have it."""
    by = "SELECT command FROM adaptivity_jobrun WHERE started_by = %s AND status = %s ORDER BY command"
    return [command for (command,) in database.rows(by, run, "done")]


@pytest.mark.xdist_group("nightly")
def test_nightly_with_the_demo_s_sources(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'demo.sqlite3'}")
    env = service_environment(database, EXPORT_DIRECTORY=str(tmp_path / "export"))
    (token,) = re.findall(r"^Token +(\w+)$", manage("demo", env=env), re.MULTILINE)
    with (
        demo_source(env, tmp_path / "inbox") as printed,
        running(database, token, tmp_path / "service") as service,
    ):
        env |= exported(printed)
        curl = shlex.split(printed.splitlines()[-1])
        page = exported((ROOT / "docs" / "pipelines.md").read_text())
        (site,) = re.findall(r"http://127\.0\.0\.1:\d+", env["SOURCE_CREDENTIALS"])
        assert page["SOURCE_CREDENTIALS"].replace("http://127.0.0.1:8010", site) == env["SOURCE_CREDENTIALS"]
        first_week = re.findall(r'"collection": "([^"]+)"', curl[-1])[0]

        def recommended(collection: str) -> Any:
            learner = {"user_id": LEARNER}
            return service.call("POST", "/api/v2/activity/recommend", {"learner": learner, "collection": collection})

        assert recommended(first_week).status_code == 400

        # when it runs to its end
        crawl_delay(database, 0)
        output, _ = (process := run_pipeline(env)).communicate(timeout=SECONDS)

        # then new activities are recommended by the service that was running all the time
        assert process.returncode == 0, output
        week = {f"{site}/xblock/{usage(kind, block, COURSE_ID)}" for kind, block, _ in SECTIONS["week-1"]}
        notes = {f"{site}/notes/{name}" for name in ("", *NOTES)}
        # Nothing is known of them yet, so one of them is drawn.
        assert recommended(first_week).json()["source_launch_url"] in week
        assert recommended("demo-notes").json()["source_launch_url"] in notes
        # and the evidence has counted
        with (tmp_path / "export" / "scores.csv").open() as file:
            scores = [(row["learner"], row["item"].rpartition("/")[2], row["score"]) for row in csv.DictReader(file)]
        assert scores == [(LEARNER, "parts-1", "1.0"), (LEARNER, "parts-2", "1.0"), (LEARNER, "parts-3", "0.5")]
        with (tmp_path / "export" / "masteries.csv").open() as file:
            (mastery,) = csv.DictReader(file)
        assert (mastery["learner"], mastery["kc"]) == (LEARNER, "parts-of-a-whole")
        # A course's author says 0.3 before any evidence.
        assert float(mastery["mastery"]) == pytest.approx(0.9296035)
        # and everything is on record
        assert runs(database) == [("nightly", "done", 0)]
        assert steps(database) == dict.fromkeys(ALL_STEPS, ("done", 1, 0))
        commands = ["content_gaps", "crawl", "estimate", "estimate", "export_evidence", "import_evidence",
                    "promote", "promote", "purge_receipts", "purge_versions", "scrape_courses", "trace_learners",
                    "trace_learners"]  # fmt: skip
        assert jobs_done(database, "pipeline nightly, run 1") == commands

        # when the next run is killed while it crawls, all else being done
        crawl_delay(database, 5)
        process = run_pipeline(env)
        poll(
            lambda: in_the_middle(database) or None,
            seconds=SECONDS,
            failure=lambda: f"the run did not come to its middle: {steps(database)}",
        )
        process.kill()
        process.communicate()
        assert runs(database)[1] == ("nightly", "running", None)
        # and resumed
        crawl_delay(database, 0)
        output, _ = (process := run_pipeline(env, "--resume")).communicate(timeout=SECONDS)

    # then what was done is not done again
    assert process.returncode == 0, output
    assert runs(database) == [("nightly", "done", 0), ("nightly", "done", 0)]
    assert steps(database) == dict.fromkeys(ALL_STEPS, ("done", 1, 0)) | {"crawl": ("done", 2, 0)}
    assert jobs_done(database, "pipeline nightly, run 2") == commands
    pages = database.rows("SELECT status, pending, count(*) FROM adaptivity_crawledpage GROUP BY 1, 2")
    assert pages == [("stored", 0, 1 + len(NOTES))]


def in_the_middle(database: Database) -> bool:
    """Whether the last run has done all but the crawl, which has begun and is not through."""
    found = {name: status for name, (status, *_) in steps(database).items()}
    ((pending,),) = database.rows("SELECT count(*) FROM adaptivity_crawledpage WHERE pending")
    others = {found[name] for name in ALL_STEPS if name != "crawl"}
    return len(runs(database)) == 2 and others == {"done"} and found["crawl"] == "running" and pending > 0
