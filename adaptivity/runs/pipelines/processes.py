"""Runs a step as a process on this machine, and finds out whether an earlier process still runs."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from django.conf import settings

TAIL_BYTES = 20_000
NAMESPACE = Path("/proc/self/ns/pid")
BOOT = Path("/proc/sys/kernel/random/boot_id")
# Fields in /proc/PID/stat after the name: the state is the first, the start time the twentieth.
STATE, START_TIME = 0, 19
POLL_SECONDS = 0.1


class StepProcess:
    """manage.py with a step's command, in its own session, so that signals to the terminal's foreground do not reach
    it.

    Its output goes to a file and not to a pipe, so the step can still write after this process was killed.
    """

    def __init__(self, command: Sequence[str], *, started_by: str, run_started_at: datetime | None = None) -> None:
        self._output = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed by close()
        self._process = subprocess.Popen(  # noqa: S603 - the command is a declared one
            [sys.executable, str(settings.BASE_DIR / "manage.py"), *command],
            env={
                **os.environ,
                "JOB_STARTED_BY": started_by,
                "JOB_RUN_STARTED_AT": run_started_at.isoformat() if run_started_at else "",
            },
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
            start_new_session=True,
        )
        self.started = time.monotonic()
        self.identity = identity(self._process.pid)

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        return self._process.poll()

    def terminate(self) -> None:
        """Asks it to end."""
        self._process.terminate()

    def kill(self) -> None:
        """Ends it and the processes that it has started."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def tail(self) -> str:
        """The end of its output."""
        descriptor = self._output.fileno()
        size = os.fstat(descriptor).st_size
        tail = os.pread(descriptor, TAIL_BYTES, max(0, size - TAIL_BYTES))
        return tail.decode(errors="replace")

    def close(self) -> None:
        """Closes the file of its output."""
        self._output.close()


def identity(pid: int) -> str:
    """A unique name of a process on this machine: boot, namespace, id and start time. "" if the system does not tell
    them.
    """
    fields = _stat(pid)
    if fields is None:
        return ""
    return f"{BOOT.read_text().strip()}/{NAMESPACE.stat().st_ino}/{pid}/{fields[START_TIME]}"


def own_identity() -> str:
    """The identity of this process."""
    return identity(os.getpid())


def is_gone(process: str) -> bool:
    """Whether the process of this identity is known to have ended: it ran on this machine, and no longer exists."""
    here = own_identity()
    if not process or not here or process.split("/")[:2] != here.split("/")[:2]:
        return False
    return identity(_pid(process)) != process


def end_process(process: str, *, grace_seconds: float) -> bool:
    """Ends the process of this identity if it still runs on this machine, and returns whether it did.

    A killed run or worker may have left it behind.
    """
    here = own_identity()
    if not process or not here or process.split("/")[:2] != here.split("/")[:2] or is_gone(process):
        return False
    pid, until = _pid(process), time.monotonic() + grace_seconds
    try:
        os.kill(pid, signal.SIGTERM)
        while not is_gone(process):
            if time.monotonic() >= until:
                os.killpg(pid, signal.SIGKILL)
            time.sleep(POLL_SECONDS)
    except ProcessLookupError:
        pass
    return True


def _pid(process: str) -> int:
    return int(process.split("/")[2])


def _stat(pid: int) -> list[str] | None:
    """The fields after the process's name, which may contain any character.

    None if the process does not exist or is a zombie.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[STATE] in "ZX" else fields
