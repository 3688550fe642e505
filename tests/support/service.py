"""The real service: gunicorn as in production, started and stopped by tests."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier
from typing import Any, TypeVar

import requests

from tests.support.databases import Database

ROOT = Path(__file__).resolve().parent.parent.parent
BIN = Path(sys.executable).parent
START_SECONDS = 120
POLL_SECONDS = 0.05

Result = TypeVar("Result")


def environment(**variables: str) -> dict[str, str]:
    """The variables of a process that tests start: these, and from the shell only the path of programs."""
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **variables}


def service_environment(database: Database, **variables: str) -> dict[str, str]:
    """The minimum that a service needs, and what a test adds."""
    return environment(
        **{
            "DJANGO_SETTINGS_MODULE": "config.settings.local",
            "SECRET_KEY": "only-for-a-test-" + "s" * 48,
            "DATABASE_CONNECTION": database.url,
            **variables,
        }
    )


def manage(*arguments: str, env: dict[str, str]) -> str:
    """The output of `manage.py`. Raises if it fails."""
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def prepare(database: Database) -> str:
    """Migrates the database, and returns the token of a new user."""
    env = service_environment(database, DJANGO_SUPERUSER_PASSWORD="only-for-a-test")
    manage("migrate", "--verbosity", "0", env=env)
    manage("createsuperuser", "--noinput", "--username", "admin", "--email", "admin@example.org", env=env)
    # "Generated token <key> for user admin"
    return manage("drf_create_token", "admin", env=env).split()[2]


def poll(check: Callable[[], Result | None], *, seconds: float, failure: Callable[[], str]) -> Result:
    """The first result of the check that is not None."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        result = check()
        if result is not None:
            return result
        time.sleep(POLL_SECONDS)
    raise AssertionError(failure())


@dataclass(frozen=True)
class Service:
    """A running service."""

    address: str
    token: str
    database: Database
    output: Path

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """One request with the token, on its own connection."""
        return requests.request(
            method,
            f"{self.address}{path}",
            json=body,
            headers={"Authorization": f"Token {self.token}", **headers},
            timeout=60,
        )

    def get(self, path: str) -> Any:
        """The answer to a GET, which must be 200."""
        response = self.call("GET", path)
        assert response.status_code == 200, response.text
        return response.json()

    def post(self, path: str, body: Any, status: int = 201) -> Any:
        """The answer to a POST, which must have the status."""
        response = self.call("POST", path, body)
        assert response.status_code == status, response.text
        return response.json()


@contextmanager
def running(
    database: Database,
    token: str,
    output: Path,
    *,
    ready_path: str = "/ready/",
    options: Sequence[str] = (),
    **env: str,
) -> Iterator[Service]:
    """The service on a free port of this machine, from when ``ready_path`` answers 200 to the end of the block."""
    with socket.socket() as listener, output.open("wb") as log:
        listener.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        process = subprocess.Popen(
            [
                BIN / "gunicorn",
                "config.wsgi:application",
                *("-c", "docker/gunicorn.conf.py", "-w=2", f"-b=fd://{listener.fileno()}"),
                *("--log-file=-", "--access-logfile=-"),
            ],
            cwd=ROOT,
            env=service_environment(database, **env),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=[listener.fileno()],
        )

    def answers() -> bool | None:
        if process.poll() is not None:
            raise AssertionError(f"the service ended with {process.returncode}:\n{output.read_text()}")
        try:
            return requests.get(f"{address}{ready_path}", timeout=10).status_code == 200 or None
        except (requests.ConnectionError, requests.Timeout):
            return None

    try:
        poll(answers, seconds=START_SECONDS, failure=lambda: f"the service is not ready:\n{output.read_text()}")
        yield Service(address, token, database, output)
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends a process as a container runtime does: asks first, then kills."""
    process.terminate()
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def together(calls: Sequence[Callable[[], Result]]) -> list[Result]:
    """The results of the calls, which start at the same moment, each in its own thread."""
    barrier = Barrier(len(calls))

    def one(call: Callable[[], Result]) -> Result:
        barrier.wait(timeout=60)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))
