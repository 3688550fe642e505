"""Structured logs: one JSON line per event on stdout, for the project's loggers and all others."""

import logging
import re
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

# The fields of a request in gunicorn's access log: no address, no query string, no user agent.
REQUEST_FIELDS = ("method", "path", "status", "bytes", "duration_ms", "request_id")

# On these lines, PostgreSQL quotes the row that violated a constraint, such as a learner's id or a score.
QUOTED_ROW = re.compile(r"^(DETAIL|CONTEXT):.*?(?=\n\n|\Z)", re.DOTALL | re.MULTILINE)


def without_quoted_rows(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Removes rows that the database quotes from a formatted exception."""
    if isinstance(event.get("exception"), str):
        event["exception"] = QUOTED_ROW.sub(r"\1 left out", event["exception"])
    return event


def refused_host(record: logging.LogRecord) -> bool:
    """Logs a request for an unknown host as one warning without traceback, because anybody may send such requests."""
    record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
    record.exc_info = None
    return True


SHARED_PROCESSORS: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.ExtraAdder(REQUEST_FIELDS),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    without_quoted_rows,
]


def formatter(log_format: str) -> structlog.stdlib.ProcessorFormatter:
    """A formatter for the records of any logger. ``log_format`` is json or console."""
    renderer: Any = structlog.processors.JSONRenderer()
    if log_format == "console":
        renderer = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=SHARED_PROCESSORS,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )


def logging_config(*, level: str, log_format: str) -> dict[str, Any]:
    """Configures structlog and returns the dictionary for `logging.config.dictConfig`."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED_PROCESSORS,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    no_debug = {"level": "INFO" if level == "DEBUG" else level}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"structured": {"()": formatter, "log_format": log_format}},
        "handlers": {
            "stdout": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "structured"}
        },
        "root": {"handlers": ["stdout"], "level": level},
        "loggers": {
            "django": {"level": level, "handlers": [], "propagate": True},
            # Warnings for every 4xx would only repeat the access log.
            "django.request": {"level": "ERROR"},
            "django.server": {"handlers": [], "propagate": True},
            "django.security.DisallowedHost": {"filters": [refused_host]},
            # At DEBUG, these loggers show statements, messages and contexts that contain learners' ids and scores.
            "django.db.backends": no_debug,
            "django.template": no_debug,
            "celery": no_debug,
            "kombu": no_debug,
            "amqp": no_debug,
        },
    }
