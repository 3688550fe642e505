"""A real Celery worker takes tasks from RabbitMQ; every task may be run twice."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import pytest
from kombu import Connection

from benchmarks.site import SiteServer
from tests.support.databases import KINDS, Database, new_database
from tests.support.service import BIN, ROOT, manage, poll, service_environment

pytestmark = pytest.mark.rabbitmq
COLUMNS = "learner,item,kcs,score\n"
TASK_SECONDS = 60


@dataclass
class Worker:
    """A running worker; its standard output has its events."""

    process: subprocess.Popen[bytes]
    output: Path

    def event(self, name: str, number: int = 1) -> dict[str, Any]:
        """The worker's event of this name, the first or a later one, once it is there."""

        def written() -> dict[str, Any] | None:
            assert self.process.poll() is None, self.output.read_text()
            events = [
                json.loads(line) for line in self.output.read_text().splitlines(keepends=True) if line[-1] == "\n"
            ]
            found = [event for event in events if event["event"] == name]
            return found[number - 1] if len(found) >= number else None

        return poll(written, seconds=TASK_SECONDS, failure=lambda: f"no {name}:\n{self.output.read_text()}")


@dataclass(frozen=True)
class Broker:
    """A queue of this test at the broker, and a database for its tasks."""

    database: Database
    queue: str
    env: dict[str, str]

    @contextmanager
    def worker(self, output: Path, *options: str) -> Iterator[Worker]:
        """A worker of this queue as in production, killed with its processes at the end of the block."""
        # Known at the broker, where other tests' workers are, too.
        name = f"{self.queue}-{output.name}"
        with output.open("wb") as log, output.with_suffix(".errors").open("wb") as errors:
            process = subprocess.Popen(
                [BIN / "celery", "-A", "config", "worker", "-l", "info", "-Q", self.queue, "-n", name, *options],
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=errors,
                start_new_session=True,
            )
        try:
            yield Worker(process, output)
        finally:
            with suppress(ProcessLookupError):  # it was told to stop, and has
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def send(self, task: str, **arguments: Any) -> None:
        """Sends a task as the service does, to this queue."""
        code = f"from adaptivity import tasks; tasks.{task}.apply_async(kwargs={arguments!r}, queue={self.queue!r})"
        manage("shell", "--verbosity", "0", "--command", code, env=self.env)

    def waiting(self) -> int:
        """How many messages no worker has taken from the queue."""
        with Connection(self.env["CELERY_BROKER_URL"]) as connection, connection.channel() as channel:
            count: int = channel.queue_declare(self.queue, passive=True).message_count
            return count

    def source(self, slug: str, site: SiteServer, **fields: Any) -> int:
        """Makes a source of a site; its number."""
        fields = {
            "slug": slug,
            "kind": "website",
            "start_urls": [f"{site.url}/page/1"],
            "address_exceptions": [site.netloc],
            "delay": 0.0,
            **fields,
        }
        code = "from adaptivity.sources.services.course_sources import course_source_create; "
        code += f"course_source_create(**{fields!r})"
        manage("shell", "--verbosity", "0", "--command", code, env=self.env)
        ((number,),) = self.database.rows("SELECT id FROM adaptivity_coursesource WHERE slug = %s", slug)
        return int(number)

    def count(self, table: str) -> int:
        ((found,),) = self.database.rows(f"SELECT COUNT(*) FROM {table}")
        return found


@pytest.fixture(params=KINDS)
def broker(request: pytest.FixtureRequest, tmp_path: Path, name: str) -> Iterator[Broker]:
    url = os.environ["TEST_BROKER_URL"]
    with new_database(request.param, tmp_path) as database:
        env = service_environment(database, CELERY_BROKER_URL=url, JOB_QUEUE=f"adaptivity-test-{name}")
        manage("migrate", "--verbosity", "0", env=env)
        try:
            yield Broker(database, f"adaptivity-test-{name}", env)
        finally:
            with Connection(url) as connection, connection.channel() as channel:
                channel.queue_delete(f"adaptivity-test-{name}")


def test_a_worker_imports_once_what_is_sent_twice(broker: Broker, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(COLUMNS + "ada,sum-1,adding,1\nada,sum-2,adding;carrying,0.5\nbob,sum-1,adding,0\nbob,sum-1,,7\n")

    with broker.worker(tmp_path / "worker") as worker:
        broker.send("import_scores", path=str(path), collection_id="sums")
        first = worker.event("scores_imported")
        broker.send("import_scores", path=str(path), collection_id="sums")
        second = worker.event("scores_imported", 2)

    assert {key: first[key] for key in ("level", "logger", "imported", "known", "refused", "learners_traced")} == {
        "level": "info",
        "logger": "adaptivity.tasks",
        "imported": 3,
        "known": 0,
        "refused": 1,
        "learners_traced": 2,
    }
    assert (second["imported"], second["learners_traced"]) == (0, 0)
    assert first["task_id"] != second["task_id"]
    assert broker.count("adaptivity_score") == 3
    assert broker.count("adaptivity_mastery") == 3


def test_a_worker_verifies_the_state(broker: Broker, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(COLUMNS + "ada,sum-1,adding,1\nbob,sum-1,adding,0\n")
    manage("import_scores", str(path), env=broker.env)

    with broker.worker(tmp_path / "worker") as worker:
        broker.send("verify_state")
        first = worker.event("state_verified")
        code = "from adaptivity.models import Mastery; Mastery.objects.filter(learner__user_id='ada').update(value=0.5)"
        manage("shell", "--verbosity", "0", "--command", code, env=broker.env)
        broker.send("verify_state")
        second = worker.event("state_verified", 2)

    keys = ("level", "learners", "stale", "differences")
    assert [first[key] for key in keys] == ["info", 2, 0, 0]
    assert [second[key] for key in keys] == ["error", 2, 0, 1]


def test_another_worker_finishes_what_a_killed_one_had_begun(broker: Broker, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    rows = [f"learner-{number % 50},item-{number % 400},kc-{number % 20},{number % 2}\n" for number in range(20_000)]
    path.write_text(COLUMNS + "".join(rows))

    with broker.worker(tmp_path / "first"):
        broker.send("import_scores", path=str(path))
        poll(
            lambda: broker.count("adaptivity_score") or None,
            seconds=TASK_SECONDS,
            failure=lambda: (tmp_path / "first").read_text(),
        )
    begun = broker.count("adaptivity_score")
    with broker.worker(tmp_path / "second") as second:
        event = second.event("scores_imported")

    assert (event["imported"], event["refused"]) == (20_000 - begun, 0)
    assert broker.count("adaptivity_score") == 20_000
    verified = manage("verify_state", env=broker.env).splitlines()[-1]
    assert verified == "50 learners compared, 0 stale, 0 differences"


@pytest.mark.parametrize("broker", KINDS[1:], indirect=True)
def test_a_worker_reads_a_new_source(broker: Broker, tmp_path: Path) -> None:
    with SiteServer(1) as site:
        source_id = broker.source("site", site, max_depth=0)

        with broker.worker(tmp_path / "worker") as worker:
            broker.send("read_source", source_id=source_id)
            event = worker.event("source_read")

        assert (event["source"], event["exit_code"]) == ("site", 0)
        assert site.asked == {"/robots.txt": 1, "/page/1": 1}
    assert broker.database.rows("SELECT last_outcome FROM adaptivity_coursesource") == [("done",)]


@contextmanager
def held(site: SiteServer, path: str) -> Iterator[tuple[Event, Event]]:
    """A site whose answer to a path waits: whether it was asked for, and what lets it go."""
    asked, let_go = Event(), Event()

    def hold(found: str) -> None:
        if found == path:
            asked.set()
            let_go.wait(TASK_SECONDS)

    site.on_request = hold
    try:
        yield asked, let_go
    finally:
        let_go.set()
        site.on_request = lambda _: None


@pytest.mark.parametrize("broker", KINDS[1:], indirect=True)
def test_a_worker_that_is_busy_for_long_keeps_no_message(broker: Broker, tmp_path: Path) -> None:
    """Kept for 30 minutes, it would end the worker, and the crawl with it."""
    with SiteServer(1) as site, SiteServer(1) as other, held(site, "/page/1") as (asked, let_go):
        first = broker.source("first", site, max_depth=0)
        second = broker.source("second", other, max_depth=0)
        with broker.worker(tmp_path / "worker", "-c", "1") as worker:
            broker.send("read_source", source_id=first)
            assert asked.wait(TASK_SECONDS)
            broker.send("read_source", source_id=second)
            # Whoever is free takes it: another worker that comes now does, while the first one goes on.
            assert broker.waiting() == 1
            with broker.worker(tmp_path / "free", "-c", "1") as free:
                assert free.event("source_read")["source"] == "second"
            broker.send("read_source", source_id=second)
            assert broker.waiting() == 1
            let_go.set()
            found = [worker.event("source_read", number)["source"] for number in (1, 2)]

    assert found == ["first", "second"]
    # Read once; a page that is held for long may be asked for again.
    assert site.asked["/robots.txt"] == 1
    assert other.asked == {"/robots.txt": 2, "/page/1": 2}


@pytest.mark.parametrize("broker", KINDS[1:], indirect=True)
def test_a_crawl_whose_worker_is_stopped_is_gone_on_with_by_the_next(broker: Broker, tmp_path: Path) -> None:
    with SiteServer(30, traps=()) as site, held(site, "/page/15") as (asked, let_go):
        source_id = broker.source("site", site)
        with broker.worker(tmp_path / "first", "-c", "1") as first:
            broker.send("read_source", source_id=source_id)
            assert asked.wait(TASK_SECONDS)
            told = time.monotonic()
            # As a container is told to stop: its first process alone.
            first.process.send_signal(signal.SIGTERM)
            assert first.process.wait(TASK_SECONDS) == 0
            seconds = time.monotonic() - told
        assert seconds < 25
        runs = "SELECT command, status, exit_code, started_by FROM adaptivity_jobrun ORDER BY id"
        assert broker.database.rows(runs) == [("crawl", "stopped", 75, "a new source")]
        assert broker.waiting() == 1
        stored = "SELECT url FROM adaptivity_crawledpage WHERE status = 'stored'"
        saved = [urlsplit(url).path for (url,) in broker.database.rows(stored)]
        assert saved
        let_go.set()

        with broker.worker(tmp_path / "second", "-c", "1") as second:
            assert second.event("source_read")["exit_code"] == 0

    assert {urlsplit(url).path for (url,) in broker.database.rows(stored)} == {
        "/",
        *(f"/page/{n}" for n in range(1, 31)),
    }
    assert [row[1] for row in broker.database.rows(runs)] == ["stopped", "done"]
    assert {path: site.asked[path] for path in saved} == dict.fromkeys(saved, 1)
    assert broker.waiting() == 0


def test_the_workers_of_the_job_queue_share_an_estimate(broker: Broker, tmp_path: Path) -> None:
    """What it takes is more memory than other workers have."""
    path = tmp_path / "scores.csv"
    rows = [
        f"u{learner},{kc}-{item},{kc},{(learner + item) % 2}\n"
        for learner in range(20)
        for kc in ("a", "b")
        for item in range(3)
    ]
    path.write_text(COLUMNS + "".join(rows))
    manage("import_scores", str(path), env=broker.env)

    manage("estimate", "--name", "one", "--background", env=broker.env)
    assert broker.waiting() == 1
    # Batches of one KC each; their tasks are sent as a worker would send them.
    code = "from adaptivity import tasks; tasks.estimating.BATCH_OPPORTUNITIES = 1; tasks.estimate(name='two')"
    manage("shell", "--verbosity", "0", "--command", code, env=broker.env)
    assert broker.waiting() == 3

    outputs = [tmp_path / "first", tmp_path / "second"]
    with broker.worker(outputs[0], "-c", "1"), broker.worker(outputs[1], "-c", "1"):

        def events() -> list[dict[str, Any]]:
            lines = [line for output in outputs for line in output.read_text().splitlines(keepends=True)]
            return [json.loads(line) for line in lines if line[-1] == "\n"]

        def finished() -> list[dict[str, Any]] | None:
            found = events()
            ended = {each["model_version"] for each in found if each["event"] == "estimate_finished"}
            return found if ended == {"one", "two"} else None

        found = poll(finished, seconds=TASK_SECONDS, failure=lambda: "\n".join(map(str, events())))

    done = sorted((each["model_version"], each["batch"]) for each in found if each["event"] == "estimate_batch_done")
    assert done == [("one", 0), ("two", 0), ("two", 1)]
    assert broker.count("adaptivity_modelversion") == 2
