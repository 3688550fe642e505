"""Runs gunicorn as in production, on a port of this machine."""

import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORKERS = 2
START_SECONDS = 30


def environment(database: str) -> dict[str, str]:
    """The variables that a task definition would set."""
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "DATABASE_CONNECTION": database,
        "CELERY_BROKER_URL": "",
        "DEBUG": "false",
        "HOST": "127.0.0.1",
        "ENV_LABEL": "benchmark",
    }


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(database: str, log: Path) -> Iterator[int]:
    """Runs the service on a database, with its output in a file, and yields its port."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "config.wsgi:application", f"-w={WORKERS}", f"-b=127.0.0.1:{port}"]
    command += ["--log-file=-", "--access-logfile=-", "-c", "docker/gunicorn.conf.py"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(database), stdout=output, stderr=subprocess.STDOUT
        )
        try:
            wait_until_healthy(process, port, log)
            yield port
        finally:
            process.terminate()
            try:
                process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until_healthy(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    """Waits until the service answers; raises RuntimeError with the end of its log if it does not."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/", timeout=1):
                return
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
    raise RuntimeError(f"gunicorn did not start:\n{log.read_text(errors='replace')[-2000:]}")
