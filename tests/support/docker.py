"""Docker from a test: commands, and the containers, networks and images that a test leaves nothing of."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.support.service import ROOT, poll

COMMAND_SECONDS = 600
HEALTHY_SECONDS = 120


def run(*command: str, seconds: float = COMMAND_SECONDS, **env: str) -> str:
    """What a command prints on standard output; raises with all that it said where it fails."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    assert done.returncode == 0, f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip()


def docker(*arguments: str) -> str:
    return run("docker", *arguments)


@dataclass(frozen=True)
class Container:
    """A container, by its id or name."""

    id: str

    def inspect(self) -> Any:
        (found,) = json.loads(docker("inspect", self.id))
        return found

    def logs(self) -> str:
        done = subprocess.run(["docker", "logs", self.id], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    def execute(self, *command: str) -> str:
        return docker("exec", self.id, *command)

    def manage(self, *arguments: str) -> str:
        """The last line that `manage.py` prints; before it there are log lines."""
        return self.execute("python", "manage.py", *arguments).splitlines()[-1]

    def shell(self, code: str) -> str:
        """The last line that Python code prints."""
        return self.manage("shell", "--verbosity", "0", "--command", code)

    def health(self) -> str:
        state = self.inspect()["State"]
        assert state["Running"], f"exit code {state['ExitCode']}\n{self.logs()}"
        status: str = state["Health"]["Status"]
        return status

    def wait_until(self, status: str, *, seconds: float = HEALTHY_SECONDS) -> None:
        poll(lambda: self.health() == status or None, seconds=seconds, failure=lambda: f"not {status}:\n{self.logs()}")

    def address(self, network: str) -> str:
        address: str = self.inspect()["NetworkSettings"]["Networks"][network]["IPAddress"]
        return address


@contextmanager
def container(image: str, *command: str, options: list[str]) -> Iterator[Container]:
    """A container in the background, removed at the end of the block."""
    started = Container(docker("run", "--detach", *options, image, *command))
    try:
        yield started
    finally:
        docker("rm", "--force", "--volumes", started.id)


@contextmanager
def network(name: str, *options: str) -> Iterator[str]:
    docker("network", "create", *options, name)
    try:
        yield name
    finally:
        docker("network", "rm", name)
