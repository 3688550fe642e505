"""Checks whether the container works: the exit code says so, and the output says why not. Needs only Python.

``healthcheck.py`` asks gunicorn for /health/. ``healthcheck.py worker`` checks the file that the worker's event loop
touches. To ask the worker through the broker would need a second process of 100 MB and a broker that answers.
"""

import os
import socket
import sys
import time
from pathlib import Path

ADDRESS = ("127.0.0.1", 8000)
ANSWER_SECONDS = 1.5

# The worker touches its file every five seconds. While the broker is down, the worker's loop waits for it. A restarted
# broker is back within this time.
HEARTBEAT_SECONDS = 60


def host() -> str:
    """A host name that Django allows: the first one in HOST."""
    name = os.environ.get("HOST", "").split(",")[0].strip().removeprefix(".")
    return "localhost" if name in {"", "*"} else name


def web() -> str:
    """What is wrong with gunicorn, or ""."""
    try:
        with socket.create_connection(ADDRESS, ANSWER_SECONDS) as connection:
            connection.sendall(f"GET /health/ HTTP/1.0\r\nHost: {host()}\r\n\r\n".encode())
            status = connection.makefile("rb").readline().decode("ascii", "replace").strip()
    except OSError as error:
        return f"no answer: {type(error).__name__}"
    return "" if status.split()[1:2] == ["200"] else f"answered {status or 'nothing'}"


def worker() -> str:
    """What is wrong with the worker, or ""."""
    try:
        age = time.time() - Path(os.environ["WORKER_HEARTBEAT"]).stat().st_mtime
    except (KeyError, OSError):
        return "the worker takes no tasks yet"
    return "" if age < HEARTBEAT_SECONDS else f"the worker's loop last ran {age:.0f} seconds ago"


if __name__ == "__main__":
    problem = worker() if sys.argv[1:] == ["worker"] else web()
    sys.exit(problem or 0)
