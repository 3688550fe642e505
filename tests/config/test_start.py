"""A variable that is missing or malformed stops every way of starting with one line that names it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.service import BIN, ROOT, environment

GOOD = {
    "DJANGO_SETTINGS_MODULE": "config.settings.base",
    "SECRET_KEY": "only-for-a-test-" + "s" * 48,
    "DATABASE_CONNECTION": "postgres://adaptivity:password@127.0.0.1:1/nowhere",
    "CELERY_BROKER_URL": "amqp://guest:guest@127.0.0.1:1//",
}
MANAGE = [sys.executable, "manage.py", "check"]
GUNICORN = [BIN / "gunicorn", "config.wsgi:application", "-b=127.0.0.1:0"]
WORKER = [BIN / "celery", "-A", "config", "worker", "-l", "info"]
WAYS = {
    "manage.py": MANAGE,
    "gunicorn": GUNICORN,
    "gunicorn as in production": [
        *GUNICORN,
        "-w=2",
        "--log-file=-",
        "--access-logfile=-",
        "-c=docker/gunicorn.conf.py",
    ],
    "worker": WORKER,
}
KEY = "a long random text"
DATABASE = "a database URL such as postgres://user:password@host:5432/name or sqlite:///path"
BROKER = "a broker URL such as amqp://user:password@host:5672//, or empty to run tasks in this process"
SETTINGS = "the name of a settings module, such as config.settings.local"


def start(command: list[str | Path], **changes: str | None) -> subprocess.CompletedProcess[str]:
    """Runs a command whose environment lacks what is None."""
    variables = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    return subprocess.run(
        command, cwd=ROOT, env=environment(**variables), capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("SECRET_KEY", None, f"is not set; it must be {KEY}"),
        ("SECRET_KEY", " ", f"is empty; it must be {KEY}"),
        ("DATABASE_CONNECTION", None, f"is not set; it must be {DATABASE}"),
        ("DATABASE_CONNECTION", "mysql://root:hunter2@db/name", f"must be {DATABASE}"),
        ("CELERY_BROKER_URL", None, f"is not set; it must be {BROKER}"),
        ("CELERY_BROKER_URL", "redis://hunter2@localhost", f"must be {BROKER}"),
        ("DJANGO_SETTINGS_MODULE", "config.settings.hunter2", f"must be {SETTINGS}"),
        ("LOG_FORMAT", "hunter2", "must be json or console"),
    ],
)
@pytest.mark.parametrize("way", WAYS)
def test_one_line_names_the_variable(way: str, name: str, value: str | None, problem: str) -> None:
    done = start(WAYS[way], **{name: value})

    assert done.returncode == (2 if way == "manage.py" else 3)
    line = f"adaptivity cannot start: the environment variable {name} {problem}"
    output = done.stdout + done.stderr
    assert [found for found in output.splitlines() if name in found] == [line]
    assert "hunter2" not in output
    assert "Traceback" not in output
    if way != "gunicorn":  # which without preloading logs its own start and end beside it
        assert output == f"{line}\n"


@pytest.mark.parametrize("way", ["gunicorn", "gunicorn as in production", "worker"])
def test_servers_have_no_default_settings(way: str) -> None:
    done = start(WAYS[way], DJANGO_SETTINGS_MODULE=None)

    assert done.returncode == 3
    line = f"adaptivity cannot start: the environment variable DJANGO_SETTINGS_MODULE is not set; it must be {SETTINGS}"
    assert (done.stdout + done.stderr).splitlines().count(line) == 1


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("DEBUG", "ture", "must be true, yes, on, 1, false, no, off or 0"),
        ("HOST", "https://example.org", "must be host names"),
        ("CONN_MAX_AGE", "-1", "must be a whole number, at least 0"),
        ("MAX_BODY_BYTES", "10 MB", "must be a whole number, at least 1"),
        ("RECEIPTS", "some", "must be off, all, or a number from 0 to 1"),
        ("RECEIPTS", "1.5", "must be off, all, or a number from 0 to 1"),
        ("SUCCESS_MODEL_RESPONSES", "0", "must be a whole number, at least 1"),
        ("MODEL_VERSIONS_KEEP_DAYS", "0", "must be a whole number, at least 1"),
        ("RECEIPTS_KEEP_DAYS", "0", "must be a whole number, at least 1"),
        ("COLLECTION_CACHE_SIZE", "many", "must be a whole number, at least 1"),
        ("CELERY_WORKER_CONCURRENCY", "0", "must be a whole number, at least 1"),
        ("LOG_LEVEL", "LOUD", "must be DEBUG, INFO, WARNING, ERROR or CRITICAL"),
    ],
)
def test_other_variables_too(name: str, value: str, problem: str) -> None:
    done = start(MANAGE, **{name: value})

    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"adaptivity cannot start: the environment variable {name} {problem}")
    assert value not in line.split(problem)[0]


def test_a_worker_needs_a_broker() -> None:
    done = start(WORKER, CELERY_BROKER_URL="")

    assert done.returncode == 3
    assert (done.stdout + done.stderr) == (
        "adaptivity cannot start: the environment variable CELERY_BROKER_URL is empty; a worker needs a broker URL\n"
    )


def test_production_settings_start_with_all_that_is_required() -> None:
    done = start(MANAGE)

    assert (done.returncode, done.stderr) == (0, "")


def test_local_settings_start_with_nothing() -> None:
    done = start(MANAGE, **dict.fromkeys(GOOD))

    assert (done.returncode, done.stderr) == (0, "")
