"""What happens to requests while a container is told to stop, or hangs."""

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import pytest
import requests

from tests.support.compose import Images, Stack, website
from tests.support.docker import docker
from tests.support.service import poll

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker")]
CLIENTS = 16
STOP_SECONDS = 30
# Before and after the stop: enough that every client is at work.
ANSWERED = 100
REFUSED = 50
ACTIVITY = "https://demo.adaptivity.example/fractions/parts-reading"


@dataclass(frozen=True)
class Answer:
    event_id: str
    status: int
    seconds: float


@pytest.fixture
def web_again(stack: Stack) -> Iterator[None]:
    """Whatever a test does to web, the next one finds it healthy."""
    yield
    docker("start", stack.container("web").id)
    stack.container("web").wait_until("healthy")


@pytest.mark.usefixtures("web_again")
def test_no_score_is_lost_or_half_recorded_by_a_stop(stack: Stack) -> None:
    prefix = uuid.uuid4().hex
    ended = Event()
    answers: list[Answer] = []

    def client(number: int) -> None:
        count = 0
        with requests.Session() as session:
            while not ended.is_set():
                count += 1
                body = {
                    "learner": {"user_id": f"{prefix}-{number}"},
                    "activity": ACTIVITY,
                    "score": count % 2,
                    "event_id": f"{prefix}-{number}-{count}",
                }
                started = time.monotonic()
                response = session.post(
                    f"{stack.address}/api/v2/score",
                    json=body,
                    headers={"Authorization": f"Token {stack.token}"},
                    timeout=60,
                )
                answers.append(Answer(body["event_id"], response.status_code, time.monotonic() - started))

    def count(*statuses: int) -> int:
        return sum(answer.status in statuses for answer in list(answers))

    web = stack.container("web")
    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(client, number) for number in range(CLIENTS)]
        try:
            poll(lambda: count(201) >= ANSWERED or None, seconds=60, failure=lambda: str(answers[-5:]))
            started = time.monotonic()
            docker("stop", "--time", str(STOP_SECONDS), web.id)
            seconds = time.monotonic() - started
            poll(lambda: count(502, 503) >= REFUSED or None, seconds=60, failure=lambda: str(answers[-5:]))
        finally:
            ended.set()
        for finished in clients:
            finished.result()  # no client was cut off

    state = web.inspect()["State"]
    assert (state["ExitCode"], seconds < STOP_SECONDS) == (0, True)
    others = [answer for answer in answers if answer.status not in {201, 502, 503}]
    assert others == []
    slow = [answer for answer in answers if answer.status != 201 and answer.seconds > 3]
    assert slow == []

    docker("start", web.id)
    web.wait_until("healthy")
    code = (
        "from adaptivity.models import Score;"
        f"print(*sorted(Score.objects.filter(event_id__startswith='{prefix}').values_list('event_id', flat=True)))"
    )
    recorded = web.shell(code).split()
    assert recorded == sorted(answer.event_id for answer in answers if answer.status == 201)
    assert web.manage("verify_state").endswith(" 0 stale, 0 differences")


@pytest.mark.usefixtures("web_again")
def test_a_gunicorn_that_hangs_makes_the_container_unhealthy(stack: Stack) -> None:
    web = stack.container("web")
    started = time.monotonic()
    code = (
        "import os, pathlib, signal;"
        "[os.kill(int(p.name), signal.SIGSTOP) for p in pathlib.Path('/proc').iterdir()"
        " if p.name.isdigit() and p.name not in ('1', str(os.getpid()))"
        " and b'gunicorn' in (p / 'cmdline').read_bytes()]"
    )
    # The first process, too, or it would replace its workers after a while.
    docker("kill", "--signal", "STOP", web.id)
    web.execute("python", "-c", code)

    web.wait_until("unhealthy", seconds=60)

    assert time.monotonic() - started < 30
    docker("restart", "--time", "1", web.id)


def test_a_worker_that_hangs_fails_its_health_check(stack: Stack) -> None:
    worker = stack.container("worker")
    check = ("python", "docker/healthcheck.py", "worker")
    assert worker.execute(*check) == ""

    docker("kill", "--signal", "STOP", worker.id)
    try:
        # Two minutes pass.
        worker.execute("touch", "--date=2 minutes ago", "/tmp/adaptivity-worker.heartbeat")
        with pytest.raises(AssertionError, match=r"the worker's loop last ran 12\d seconds ago"):
            worker.execute(*check)
    finally:
        docker("kill", "--signal", "CONT", worker.id)

    def works() -> bool | None:
        try:
            return worker.execute(*check) == "" or None
        except AssertionError:
            return None

    poll(works, seconds=30, failure=worker.logs)


def test_a_crawl_of_a_service_that_is_stopped_goes_on_in_the_next_task(
    stack: Stack, images: Images, tmp_path: Path
) -> None:
    jobs, pages = stack.container("jobs"), 9
    with website(stack, images, tmp_path, pages) as site:
        site.post(stack, delay=1, max_depth=pages)
        poll(lambda: len(site.asked()) > 3 or None, seconds=60, failure=jobs.logs)
        started = time.monotonic()
        docker("stop", "--time", str(STOP_SECONDS), jobs.id)
        seconds = time.monotonic() - started
        try:
            assert (jobs.inspect()["State"]["ExitCode"], seconds < 25) == (0, True)
            host = jobs.id[:12]
            assert site.runs(stack) == [["crawl", "a new source, saved by admin", "stopped", 75, host]]
            begun = len(site.asked()) - 1
            assert begun < pages
        finally:
            docker("start", jobs.id)
            jobs.wait_until("healthy")

        assert site.ended(stack) == "done"
        assert site.runs(stack)[1:] == [["crawl", "a new source, saved by admin", "done", 0, host]]
        assert site.asked() == {"/robots.txt": 2, "/": 1, **{f"/page-{number}.html": 1 for number in range(1, pages)}}


def test_the_database_goes_away(stack: Stack) -> None:
    postgres = stack.container("postgres")
    docker("stop", postgres.id)
    try:
        ready = requests.get(f"{stack.address}/ready/", timeout=30)
        assert (ready.status_code, ready.json()["checks"]) == (503, {"database": "unreachable", "broker": "ok"})
        assert requests.get(f"{stack.address}/health/", timeout=30).status_code == 200
    finally:
        docker("start", postgres.id)
        postgres.wait_until("healthy")
    poll(
        lambda: requests.get(f"{stack.address}/ready/", timeout=30).status_code == 200 or None,
        seconds=30,
        failure=lambda: "not ready again",
    )
