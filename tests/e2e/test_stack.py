"""The stack as `docker-compose up` starts it, asked through nginx."""

import json
import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.compose import TAG, Images, Stack, website
from tests.support.docker import docker, run
from tests.support.service import poll

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker")]
COLLECTION = "fractions-foundations"
OURS = ("web", "worker", "jobs", "nginx")
MEBIBYTE = 1024 * 1024
MEMORY = {"web": 256, "worker": 256, "jobs": 768, "nginx": 256, "rabbit": 256}
REQUESTS = 2000
TASK_SECONDS = 120


def learner() -> dict[str, str]:
    return {"user_id": uuid.uuid4().hex}


def recommended(stack: Stack, who: dict[str, str]) -> str:
    body = {"learner": who, "collection": COLLECTION, "sequence": None}
    response = stack.call("POST", "/api/v2/activity/recommend", body)
    assert response.status_code == 200, response.text
    url: str = response.json()["source_launch_url"]
    return url


def test_the_tag_and_its_commit_run(stack: Stack, images: Images) -> None:
    response = requests.get(f"{stack.address}/version/", timeout=20)

    commit = images.source.commit
    assert response.json() == {"tag": TAG, "commit": commit, "model_version": None, "task": None}


def test_ready(stack: Stack) -> None:
    response = requests.get(f"{stack.address}/ready/", timeout=20)

    assert (response.status_code, response.json()["checks"]) == (200, {"database": "ok", "broker": "ok"})


def test_a_recommendation_and_a_score(stack: Stack) -> None:
    who = learner()
    first = recommended(stack, who)

    score = stack.call("POST", "/api/v2/score", {"learner": who, "activity": first, "score": 1.0})

    assert (score.status_code, score.json()["score"]) == (201, 1.0)
    assert recommended(stack, who) != first


def test_a_static_file_of_the_admin(stack: Stack) -> None:
    page = requests.get(f"{stack.address}/admin/login/", timeout=20).text
    (path,) = re.findall(r'href="(/static/admin/css/base\.[0-9a-f]{12}\.css)"', page)

    response = requests.get(f"{stack.address}{path}", headers={"Accept-Encoding": "gzip"}, timeout=20)

    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.headers["Content-Type"] == "text/css"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Server"] == "nginx"
    # The app answers without nginx, too.
    code = f"import urllib.request as u; print(u.urlopen('http://localhost:8000{path}').headers['Cache-Control'])"
    assert "immutable" in stack.container("web").execute("python", "-c", code)


def test_a_static_file_without_a_hash_is_asked_for_again(stack: Stack) -> None:
    response = requests.get(f"{stack.address}/static/admin/css/base.css", timeout=20)

    assert (response.status_code, response.headers["Cache-Control"]) == (200, "public, max-age=60")


def test_another_host_is_refused(stack: Stack) -> None:
    response = requests.get(f"{stack.address}/version/", headers={"Host": "evil.example"}, timeout=20)

    assert response.status_code == 400


@pytest.mark.parametrize("given", ["a-well-formed.id", "not well formed", None])
def test_one_request_id_in_the_answer_and_both_logs(stack: Stack, given: str | None) -> None:
    path = f"/api/v2/{uuid.uuid4().hex}"
    headers = {} if given is None else {"X-Request-ID": given}

    answered = requests.get(f"{stack.address}{path}", headers=headers, timeout=20).headers["X-Request-ID"]

    assert answered == given if given == "a-well-formed.id" else re.fullmatch(r"[0-9a-f]{32}", answered)
    for service in ("nginx", "web"):
        (line,) = [line for line in stack.container(service).logs().splitlines() if path in line]
        assert json.loads(line)["request_id"] == answered


def test_a_body_above_the_limit(stack: Stack) -> None:
    response = requests.post(f"{stack.address}/api/v2/score", data=b" " * (10 * 1024 * 1024 + 1), timeout=60)

    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


def test_a_task_goes_through_rabbitmq_to_the_worker(stack: Stack) -> None:
    code = "from adaptivity.tasks import verify_state; print(verify_state.delay().id)"
    task = stack.container("web").shell(code)

    def done() -> dict[str, Any] | None:
        lines = [line for line in stack.container("worker").logs().splitlines() if "state_verified" in line]
        return next((event for event in map(json.loads, lines) if event["task_id"] == task), None)

    event = poll(done, seconds=TASK_SECONDS, failure=stack.container("worker").logs)
    assert (event["level"], event["differences"]) == ("info", 0)


@pytest.mark.parametrize(("service", "uid"), [("web", "1000"), ("worker", "1000"), ("jobs", "1000"), ("nginx", "101")])
def test_not_root_and_the_root_is_read_only(stack: Stack, service: str, uid: str) -> None:
    found = stack.container(service)

    assert found.execute("id", "-u") == uid
    assert found.inspect()["HostConfig"]["ReadonlyRootfs"] is True
    writable = "for d in /adaptivity /etc /usr /var /home; do [ -w $d ] && echo $d; done; touch /tmp/here && echo /tmp"
    assert found.execute("sh", "-c", writable) == "/tmp"


def test_the_images_carry_what_runs_and_no_more(images: Images) -> None:
    code = (
        "import importlib.util as u, shutil;"
        "print([n for n in ('pytest', 'scipy', 'mypy', 'hypothesis', 'tests', 'benchmarks') if u.find_spec(n)],"
        "[n for n in ('gcc', 'cc', 'make', 'curl', 'git') if shutil.which(n)])"
    )

    assert docker("run", "--rm", "--network=none", images.app, "python", "-c", code) == "[] []"


def test_a_website_that_is_posted_is_crawled_at_once_by_the_service_jobs(
    stack: Stack, images: Images, tmp_path: Path
) -> None:
    with website(stack, images, tmp_path, pages=3) as site:
        site.post(stack, delay=0)

        assert site.ended(stack) == "done"
        assert site.asked() == {"/robots.txt": 1, "/": 1, "/page-1.html": 1, "/page-2.html": 1}
        host = stack.container("jobs").id[:12]
        assert site.runs(stack) == [["crawl", "a new source, saved by admin", "done", 0, host]]
        pages = {f"http://{site.host}/{page}" for page in ("", "page-1.html", "page-2.html")}
        stored = stack.call("GET", f"/api/v2/collection/{site.slug}/activities").json()
        assert {activity["source_launch_url"] for activity in stored} == pages
        # They are equally good, so one of them is drawn.
        body = {"learner": learner(), "collection": site.slug, "sequence": None}
        found = stack.call("POST", "/api/v2/activity/recommend", body).json()
        assert found["source_launch_url"] in pages
        assert found["complete"] is False


def test_a_job_of_the_job_image_in_the_stack(stack: Stack, images: Images) -> None:
    """The crawler has what only it imports, and nothing to do."""
    run("docker-compose", "-p", stack.project, "--profile", "jobs", "run", "--rm", "job",
        "python", "manage.py", "crawl", "--json", **stack.env)  # fmt: skip

    jobs = json.loads(stack.container("web").manage("jobs", "--json"))["jobs"]
    assert (jobs["crawl"]["last_run"]["status"], jobs["crawl"]["last_run"]["exit_code"]) == ("done", 0)


def test_memory_after_a_load(stack: Stack, record_property: Any) -> None:
    who = [learner() for _ in range(20)]
    activity = recommended(stack, who[0])

    def one(number: int) -> int:
        if number % 2:
            return stack.call(
                "POST",
                "/api/v2/activity/recommend",
                {"learner": who[number % 20], "collection": COLLECTION, "sequence": None},
            ).status_code
        body = {"learner": who[number % 20], "activity": activity, "score": number % 3 / 2}
        return stack.call("POST", "/api/v2/score", body).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(one, range(REQUESTS)))

    assert {status: statuses.count(status) for status in set(statuses)} == {200: REQUESTS // 2, 201: REQUESTS // 2}
    for service, limit in MEMORY.items():
        found = stack.container(service)
        state = found.inspect()
        # The limit as the kernel has it: version 1 or 2 of its control groups.
        files = "cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes 2>/dev/null || cat memory.max"
        assert found.execute("sh", "-c", files) == str(limit * MEBIBYTE)
        files = "cd /sys/fs/cgroup; cat memory/memory.oom_control memory.events 2>/dev/null | grep ^oom_kill' '"
        assert found.execute("sh", "-c", files) == "oom_kill 0"
        assert (state["State"]["OOMKilled"], state["RestartCount"]) == (False, 0)
        usage = docker("stats", "--no-stream", "--format", "{{.MemUsage}}", found.id)
        record_property(f"memory of {service}", usage)
        print(f"memory of {service} after {REQUESTS} requests: {usage}")  # noqa: T201 - shown with -s, and on failure


def test_a_build_of_a_subdirectory_in_source_control(images: Images) -> None:
    env = {**images.env, "APP_IMAGE": "adaptivity-e2e/subdirectory", "APP_CONTEXT": images.source.url_with_subdirectory}
    name = f"adaptivity-e2e/subdirectory:{TAG}-base"
    run("docker-compose", "-f", "docker-compose.build.yml", "build", "app_base", **{**env, "APP_COMMIT": "0" * 40})
    try:
        found = docker("run", "--rm", name, "sh", "-c", "echo $APP_TAG $APP_COMMIT; ls")
        assert found.split() == [
            TAG,
            "0" * 40,
            "COMMIT",
            "adaptivity",
            "config",
            "docker",
            "gunicorn.conf.py",
            "manage.py",
        ]
    finally:
        docker("rmi", name)
