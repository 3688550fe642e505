"""Settings from environment variables. If one is missing or malformed, the start stops with a line that names it."""

import importlib.util
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import environ

# If a worker exits with this code, gunicorn treats it as "failed to boot" and stops, instead of restarting it forever.
CANNOT_START = 3
# For manage.py, whose jobs use 3 for something else. It means that trying again does not help.
CANNOT_START_COMMAND = 2

TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
SHARE = re.compile(r"[0-9]+(\.[0-9]+)?|\.[0-9]+")
HOST = re.compile(r"\*|\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\]")
# Part of every secret in docker-compose.yml.
DEVELOPMENT_MARK = "development-only"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
LOG_FORMATS = ("json", "console")


class _Verbatim(Mapping[str, str]):
    """The environment with every ``$`` escaped.

    If a value begins with ``$``, django-environ treats it as the name of another variable. One in fifty of Django's
    generated secret keys begins with ``$``.
    """

    def __getitem__(self, name: str) -> str:
        return os.environ[name].replace("$", r"\$")

    def __iter__(self) -> Iterator[str]:
        return iter(os.environ)

    def __len__(self) -> int:
        return len(os.environ)


env = environ.Env()
env.ENVIRON = _Verbatim()
env.escape_proxy = True


def stop(name: str, problem: str) -> NoReturn:
    """Ends the process with one line that names the variable, and never shows its value."""
    sys.stderr.write(f"adaptivity cannot start: the environment variable {name} {problem}\n")
    raise SystemExit(CANNOT_START_COMMAND if Path(sys.argv[0]).name == "manage.py" else CANNOT_START)


def _required(name: str, expected: str) -> str:
    if name not in env.ENVIRON:
        stop(name, f"is not set; it must be {expected}")
    value: str = env.str(name)
    return value


def settings_module() -> None:
    """Stops if DJANGO_SETTINGS_MODULE does not name a module."""
    expected = "the name of a settings module, such as config.settings.local"
    name = _required("DJANGO_SETTINGS_MODULE", expected)
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        found = None
    if found is None:
        stop("DJANGO_SETTINGS_MODULE", f"must be {expected}")


def text(name: str, *, default: str = "") -> str:
    """Any text."""
    value: str = env.str(name, default="")
    return value.strip() or default


def choice(name: str, choices: tuple[str, ...], *, default: str) -> str:
    """One of the choices, in any case."""
    given = text(name, default=default).casefold()
    for allowed in choices:
        if given == allowed.casefold():
            return allowed
    stop(name, f"must be {', '.join(choices[:-1])} or {choices[-1]}")


def flag(name: str, *, default: bool) -> bool:
    """True or false. A misspelt word stops the start."""
    return choice(name, TRUE + FALSE, default=str(default)) in TRUE


def whole_number(name: str, *, default: int, minimum: int) -> int:
    """A whole number that is at least ``minimum``."""
    given = text(name, default=str(default))
    # Fewer than 19 digits fit into a 64-bit integer, and int() refuses numbers of thousands of digits.
    if not (given.isascii() and given.isdigit() and len(given) < 19 and int(given) >= minimum):
        stop(name, f"must be a whole number, at least {minimum}")
    return int(given)


def template(name: str, *, required: str, optional: str) -> str:
    """Text with the placeholder ``{required}``, perhaps ``{optional}``, and no other braces; or ""."""
    given = text(name)
    rest = given.replace(f"{{{required}}}", "").replace(f"{{{optional}}}", "")
    if given and (f"{{{required}}}" not in given or "{" in rest or "}" in rest):
        stop(name, f"must contain {{{required}}}, may contain {{{optional}}}, and no other braces")
    return given


def share(name: str) -> float:
    """A share from 0 to 1 as a number; "off" is 0 and "all" is 1."""
    given = text(name, default="off").casefold()
    if given in {"off", "all"}:
        return float(given == "all")
    if not (SHARE.fullmatch(given) and 0.0 <= float(given) <= 1.0):
        stop(name, "must be off, all, or a number from 0 to 1")
    return float(given)


def moment(name: str) -> datetime | None:
    """A time in ISO 8601 with its time zone, or None if the variable is not set."""
    given = text(name)
    if not given:
        return None
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        stop(name, "must be a time with its time zone, such as 2026-01-31T08:00:00Z, or empty")
    return found


def hosts(name: str) -> list[str]:
    """One or more host names, separated by commas, as Django's ALLOWED_HOSTS takes them."""
    names = [host.strip() for host in text(name).split(",") if host.strip()]
    if not all(HOST.fullmatch(host) for host in names):
        stop(name, "must be host names separated by commas, without scheme and port; IPv6 in brackets")
    return names


def secret_key(name: str) -> str:
    """Text that is not blank. `check --deploy` asks for at least 50 characters."""
    key = _required(name, "a long random text")
    if not key.strip():
        stop(name, "is empty; it must be a long random text")
    return key


def database(name: str) -> dict[str, Any]:
    """Django's configuration of the database at a URL."""
    expected = "a database URL such as postgres://user:password@host:5432/name or sqlite:///path"
    url = _required(name, expected)
    try:
        # Checked first, because django-environ's warning about an unknown scheme shows the URL.
        scheme = urlsplit(url).scheme if url != "sqlite://:memory:" else "sqlite"
        config: dict[str, Any] = {}
        if scheme in {"postgres", "postgresql"}:
            _ = urlsplit(url).port  # raises ValueError if the port is not a number
            config = env.db_url_config(url)
        elif scheme == "sqlite" and (url == "sqlite://:memory:" or not urlsplit(url).netloc):
            config = env.db_url_config(url)
    except ValueError:
        stop(name, f"must be {expected}")
    required = ("NAME",) if scheme == "sqlite" else ("NAME", "HOST")
    if not all(str(config.get(part, "")).strip() for part in required):
        stop(name, f"must be {expected}")
    return config


def broker_url(name: str) -> str:
    """An AMQP URL, or "" to run tasks in this process. The variable must be set in either case."""
    expected = "a broker URL such as amqp://user:password@host:5672//, or empty to run tasks in this process"
    url = _required(name, expected)
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        stop(name, f"must be {expected}")
    if parts.scheme not in {"amqp", "amqps", "pyamqp"} or not parts.hostname:
        stop(name, f"must be {expected}")
    return url


def credentials(name: str) -> dict[str, dict[str, str]]:
    """A JSON object of entries by name, each with its ``url``, ``client_id`` and ``client_secret``."""
    expected = (
        'JSON such as {"campus": {"url": "https://lms.example", "client_id": "…", "client_secret": "…"}}, or empty'
    )
    try:
        entries = json.loads(text(name, default="{}"))
    except ValueError:
        entries = None
    keys = {"url", "client_id", "client_secret"}
    if not isinstance(entries, dict) or not all(
        isinstance(entry, dict) and set(entry) == keys and all(isinstance(value, str) for value in entry.values())
        for entry in entries.values()
    ):
        stop(name, f"must be {expected}")
    return entries


def servers(*names: str) -> None:
    """Stops if a variable does not name a server: SQLite and in-process tasks lose their data with the container."""
    for name in names:
        if not urlsplit(os.environ[name]).hostname:
            stop(name, "must be the URL of a server; the embedded default does not work here")


def refuse_development_values(*names: str) -> None:
    """Stops if a variable has a value that is public in this repository."""
    for name in names:
        if DEVELOPMENT_MARK in os.environ[name]:
            stop(name, f"is marked {DEVELOPMENT_MARK}; such values only work if ENV_LABEL is local")


def log_level() -> str:
    """The least severe level that is logged."""
    return choice("LOG_LEVEL", LOG_LEVELS, default="INFO")


def log_format() -> str:
    """json for one JSON object per line, or console for lines that people read."""
    return choice("LOG_FORMAT", LOG_FORMATS, default="json")
