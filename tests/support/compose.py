"""The images and the compose stack: where they are built from, what they are named, and how a test talks to them."""

import json
import random
import re
import shutil
import socket
import subprocess
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.support.docker import Container, container, run
from tests.support.service import ROOT, poll

TAG = "1.0.0"
SERVER_SECONDS = 90
READ_SECONDS = 180


def free_port() -> int:
    """A port that nobody listens on, below those that outgoing connections take: one of them could be faster."""
    while True:
        # Not the shared generator, which Hypothesis seeds.
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


def listens(port: int) -> bool | None:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return None
    return True


@dataclass(frozen=True)
class Source:
    """The working copy as a repository that a server offers: at its root, and in a directory of another."""

    url: str
    commit: str
    url_with_subdirectory: str


@dataclass(frozen=True)
class Images:
    """The names of the images that were built, and the variables that the compose files take them from."""

    app: str
    nginx: str
    source: Source
    env: dict[str, str]


def git(directory: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=e2e", "-c", "user.email=e2e@example.org")
    return run("git", "-C", str(directory), *identity, *arguments)


def tagged_copy(directory: Path, subdirectory: str = "") -> str:
    """A repository of the working copy, what is not committed yet included; the tag's commit."""
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    for name in names:
        if (ROOT / name).is_file():
            target = directory / subdirectory / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
    git(directory, "init", "--quiet")
    git(directory, "add", "--all", "--force")
    git(directory, "commit", "--quiet", "--message", "What is tested")
    git(directory, "tag", TAG)
    return git(directory, "rev-parse", TAG)


@dataclass(frozen=True)
class Stack:
    """The running compose stack."""

    project: str
    port: int
    token: str
    env: dict[str, str]

    @property
    def address(self) -> str:
        return f"http://localhost:{self.port}"

    def compose(self, *arguments: str) -> str:
        return run("docker-compose", "-p", self.project, *arguments, **self.env)

    def container(self, service: str) -> Container:
        return Container(self.compose("ps", "--all", "--quiet", service))

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        return requests.request(
            method,
            f"{self.address}{path}",
            json=body,
            headers={"Authorization": f"Token {self.token}", **headers},
            timeout=60,
        )


@dataclass(frozen=True)
class Website:
    """A website on the stack's network, and the source that it is."""

    server: Container
    slug: str
    host: str

    def asked(self) -> Counter[str]:
        """How often each of its paths was asked for."""
        return Counter(re.findall(r'"GET (\S+) HTTP', self.server.logs()))

    def post(self, stack: Stack, **fields: Any) -> None:
        """Posts it as a new source; its collection has the same name."""
        body = {
            "slug": self.slug,
            "kind": "website",
            "start_urls": [f"http://{self.host}/"],
            "address_exceptions": [self.host],
            "collection_id": self.slug,
            **fields,
        }
        response = stack.call("POST", "/api/v2/course_source", body)
        assert response.status_code == 201, response.text

    def ended(self, stack: Stack) -> str:
        """How the reading of the source ended, once it has."""

        def outcome() -> str | None:
            source = stack.call("GET", f"/api/v2/course_source/{self.slug}").json()
            found: str = source["last_outcome"]
            return found if source["last_finished_at"] and found != "stopped" else None

        return poll(outcome, seconds=READ_SECONDS, failure=stack.container("jobs").logs)

    def runs(self, stack: Stack) -> Any:
        """Each run of a job for it: command, who started it, status, exit code, and host."""
        code = (
            "import json; from adaptivity.models import JobRun;"
            "fields = ('command', 'started_by', 'status', 'exit_code', 'host');"
            f"found = JobRun.objects.filter(arguments__icontains='{self.slug}').order_by('id');"
            "print(json.dumps(list(found.values_list(*fields))))"
        )
        # A host is a container, by the beginning of its id, and a process of it.
        return [[*run, host.partition(":")[0]] for *run, host in json.loads(stack.container("web").shell(code))]


@contextmanager
def website(stack: Stack, images: Images, directory: Path, pages: int) -> Iterator[Website]:
    """A site of so many pages, of which each but the last leads to the next."""
    name = f"site-{uuid.uuid4().hex[:8]}"
    for number in range(pages):
        file = directory / ("index.html" if number == 0 else f"page-{number}.html")
        link = f'<a href="/page-{number + 1}.html">next</a>' if number + 1 < pages else ""
        file.write_text(f"<title>Page {number}</title><p>The text of page {number} of a course. {link}")
    network = ("--network", f"{stack.project}_default", "--network-alias", name, "--no-healthcheck")
    # It is its container's user who reads the files.
    directory.chmod(0o755)
    options = [*network, "--volume", f"{directory}:/site:ro"]
    command = ("python", "-m", "http.server", "8000", "--directory", "/site")
    with container(images.app, *command, options=options) as server:
        poll(
            lambda: "Serving HTTP" in server.logs() or None,
            seconds=SERVER_SECONDS,
            failure=server.logs,
        )
        try:
            yield Website(server, name, f"{name}:8000")
        finally:
            # The next crawl of all sources would not find the site.
            code = f"CourseSource.objects.filter(slug='{name}').update(enabled=False)"
            stack.container("web").shell(f"from adaptivity.models import CourseSource; print({code})")


@contextmanager
def running_stack(images: Images) -> Iterator[Stack]:
    project, port = f"adaptivity-e2e-{uuid.uuid4().hex[:8]}", free_port()
    stack = Stack(project, port, "", {**images.env, "HTTP_PORT": str(port)})
    try:
        stack.compose("up", "--detach", "--no-build")
        for service in ("postgres", "rabbit", "web", "worker", "jobs", "nginx"):
            stack.container(service).wait_until("healthy")
        run("docker", "wait", stack.container("demo").id)
        token = next(line.split()[1] for line in stack.container("demo").logs().splitlines() if line[:5] == "Token")
        yield Stack(project, port, token, stack.env)
    finally:
        stack.compose("down", "--volumes", "--timeout", "5")
