"""Runs other programs: Terraform, Docker, git. A failure is never ignored."""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from deploy.errors import DeployError

LAST_LINES = 15

INSTALL = {
    "terraform": "install Terraform 1.11 or newer",
    "docker": "install Docker",
    "docker-compose": "install Docker's compose plugin, or docker-compose",
    "git": "install git",
}


def run_program(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    on_line: Callable[[str], None] | None = None,
    accept: Sequence[int] = (0,),
    hint: str = "",
) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end and returns what it printed. ``env`` is added to this process's own environment.

    ``on_line`` gets each line of standard output and standard error as it comes. Raises ``DeployError`` if the program
    cannot be started, or ends with a code that is not in ``accept``; the error has its last lines.
    """
    if shutil.which(command[0]) is None:
        raise DeployError(
            f"{command[0]} is not installed, or not on PATH", hint=INSTALL.get(command[0], f"install {command[0]}")
        )
    environment = {**os.environ, **(env or {})}
    if on_line is None:
        done = subprocess.run(
            list(command), cwd=cwd, env=environment, input=stdin, capture_output=True, text=True, check=False,
            stdin=subprocess.DEVNULL if stdin is None else None,
        )  # fmt: skip
        said = (done.stderr or done.stdout).splitlines()
    else:
        said = []
        # On Ctrl-C the program gets the signal, too. It is given the time that it needs to end.
        with subprocess.Popen(
            list(command), cwd=cwd, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        ) as process:  # fmt: skip
            for line in process.stdout or ():
                said.append(line.rstrip("\n"))
                on_line(said[-1])
        done = subprocess.CompletedProcess(list(command), process.returncode, "\n".join(said), "")
    if done.returncode not in accept:
        what = " ".join(command[:2])
        lines = [line for line in said if line.strip()]
        told = lines[-1] if on_line and lines else "\n".join(lines[-LAST_LINES:])
        raise DeployError(f"{what} ended with exit code {done.returncode}: {told}", hint=hint)
    return done
