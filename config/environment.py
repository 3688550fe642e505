"""Settings from environment variables; one that is missing or malformed stops the start with one line naming it."""

import sys
from collections.abc import Callable
from typing import Any, NoReturn
from urllib.parse import urlsplit

import environ

env = environ.Env()

# gunicorn takes this exit code of a worker for "failed to boot" and stops, instead of starting another for ever.
CANNOT_START = 3


def stop(name: str, problem: str) -> NoReturn:
    """Ends the process with one line that names the variable and never shows its value."""
    sys.stderr.write(f"adaptivity cannot start: the environment variable {name} {problem}\n")
    raise SystemExit(CANNOT_START)


def read(name: str, cast: Callable[..., Any], expected: str, *, default: Any = environ.Env.NOTSET) -> Any:
    """The variable's value as ``cast`` makes it; an empty variable with a default counts as unset."""
    if default is not environ.Env.NOTSET and not env.str(name, default=""):
        return default
    try:
        return cast(name)
    except environ.ImproperlyConfigured:
        stop(name, f"is not set; it must be {expected}" if name not in env.ENVIRON else f"must be {expected}")
    except (ValueError, TypeError, KeyError):
        stop(name, f"must be {expected}")


def secret_key() -> str:
    """A key of at least 50 characters, as `check --deploy` asks."""
    key: str = read("SECRET_KEY", env.str, "a long random text")
    if not key.strip():
        stop("SECRET_KEY", "is empty; it must be a long random text")
    return key


def database(name: str, expected: str = "a database URL such as postgres://user:password@host:5432/name") -> Any:
    """Django's description of the database at a URL (postgres:// or sqlite:///)."""
    url: str = read(name, env.str, expected)
    try:
        if not url.startswith("sqlite:"):
            _ = urlsplit(url).port  # raises ValueError where the port is not a number
        config = env.db_url_config(url)
    except (ValueError, KeyError, environ.ImproperlyConfigured):
        stop(name, f"must be {expected}")
    engine = config.get("ENGINE", "")
    if engine == "django.db.backends.sqlite3" and (config.get("NAME") or "").strip():
        return config
    if engine == "django.db.backends.postgresql" and config.get("HOST") and config.get("NAME"):
        return config
    stop(name, f"must be {expected}")


def broker_url(name: str) -> str:
    """An AMQP URL, or "" for tasks in this process."""
    url: str = env.str(name, default="")
    if not url:
        return ""
    expected = "a broker URL such as amqp://user:password@host:5672//, or empty to run tasks in this process"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        stop(name, f"must be {expected}")
    if parts.scheme not in {"amqp", "amqps", "pyamqp"} or not parts.hostname:
        stop(name, f"must be {expected}")
    return url
