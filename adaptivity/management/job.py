"""What job commands share: their record in the database, their exit codes, and how they are stopped."""

import asyncio
import getpass
import logging
import math
import os
import re
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser, SystemCheckError
from django.db import DatabaseError, InterfaceError, connection

from adaptivity.errors import AdaptivityError, Stopped
from adaptivity.exit_codes import ExitCode, exit_code_of
from adaptivity.management.failures import database_problem
from adaptivity.management.progress import ProgressDisplay
from adaptivity.management.stopping import GRACE_SECONDS, StopRequest
from adaptivity.models import JobRun, RunStatus
from adaptivity.progress import Progress, Stop
from adaptivity.runs.services.job_runs import job_run_end, job_run_seen, job_run_start
from adaptivity.text import is_utf8, storable

log = structlog.get_logger(__name__)

TAIL_LINES = 100
LINE_LENGTH = 1000
SECONDS_BETWEEN_SIGNS = 10.0
MASK = "***"
SECRET = re.compile(r"secret|password|passwd|token|credential|api_?key", re.IGNORECASE)
# The user and password in a URL.
USERINFO = re.compile(r"(?<=://)[^/@\s]+(?=@)")
# The options that every Django command takes.
COMMON_OPTIONS = {
    "version", "verbosity", "settings", "pythonpath", "traceback", "no_color", "force_color", "skip_checks",
}  # fmt: skip


STATUS = {
    ExitCode.DONE: RunStatus.DONE,
    ExitCode.REJECTS: RunStatus.REJECTS,
    ExitCode.STOPPED: RunStatus.STOPPED,
}


@dataclass(frozen=True)
class JobResult:
    """How a job ended that raised no error. ``summary`` is one line without personal data.

    ``printed`` is true if the command wrote its own answer to standard output; then the summary is only recorded.
    """

    summary: str
    rejects: bool = False
    stopped: bool = False
    printed: bool = False

    @property
    def exit_code(self) -> ExitCode:
        if self.stopped:
            return ExitCode.STOPPED
        return ExitCode.REJECTS if self.rejects else ExitCode.DONE


@dataclass(frozen=True)
class Job:
    """What a running job gets. Calling either attribute also records that the job is alive.

    ``stop`` returns whether the job should save its work and end. ``progress`` takes a phase, how much of it is done,
    and its total.
    """

    stop: Stop
    progress: Progress


class JobCommand(BaseCommand):
    """A command whose runs are recorded. Subclasses do their work in ``run_job``.

    An AdaptivityError or CommandError ends the command with the exit code for that error. Any other error is logged,
    and ends it with 1. After SIGTERM or SIGINT, ``job.stop()`` returns true. A job that has stopped returns a JobResult
    that says so, or raises Stopped. Called from Python, the command raises CommandError if the exit code is 1, 2, 4 or
    75. ``exit_code`` holds the exit code in any case.
    """

    # Options whose values are not recorded: secrets under other names, and values that identify a learner.
    masked_options: frozenset[str] = frozenset()
    # Work that does not ask whether to stop is interrupted this many seconds after a signal.
    grace_seconds = GRACE_SECONDS
    exit_code = ExitCode.DONE
    # The name of each option on the command line, by its name in Python.
    _arguments: Mapping[str, str] = {}

    def run_job(self, job: Job, **options: Any) -> JobResult:
        """Does the work."""
        raise NotImplementedError

    def check(self, *args: Any, **options: Any) -> None:
        """Runs Django's checks. What they find is a configuration error, which trying again does not fix."""
        try:
            super().check(*args, **options)
        except SystemCheckError as error:
            error.returncode = self.exit_code = ExitCode.REFUSED_INPUT
            raise

    def run_from_argv(self, argv: list[str]) -> None:
        super().run_from_argv(argv)
        if self.exit_code:
            sys.exit(self.exit_code)

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        self._arguments = {
            action.dest: action.option_strings[-1].lstrip("-") if action.option_strings else action.dest
            for action in parser._actions
        }
        return parser

    def handle(self, *args: Any, **options: Any) -> None:
        for name, value in options.items():
            # A path may contain any bytes.
            texts = value if isinstance(value, list | tuple) else [value]
            if not all(is_utf8(text) for text in texts if isinstance(text, str)):
                self.exit_code = ExitCode.REFUSED_INPUT
                raise CommandError(f"{self._arguments.get(name, name)}: is not UTF-8", returncode=self.exit_code)
        with StopRequest(self.grace_seconds) as stop, LogTail() as tail:
            self._recorded(stop, tail, options)

    def _recorded(self, stop: StopRequest, tail: "LogTail", options: dict[str, Any]) -> None:
        run = self._start(options)
        outcome, failure = self._work(stop, _Signs(run, tail), options)
        stop.let_finish()
        self.exit_code = ExitCode(failure.returncode) if failure else outcome.exit_code
        # The connection may have been lost with the job. In a caller's transaction, Django would close a working one.
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
        job_run_end(
            run=run,
            status=STATUS.get(self.exit_code, RunStatus.FAILED),
            exit_code=self.exit_code,
            summary=str(failure) if failure else outcome.summary,
            log_tail=tail.text(),
        )
        if failure is not None:
            raise failure
        if outcome.stopped:
            raise CommandError(outcome.summary, returncode=ExitCode.STOPPED)
        if not outcome.printed:
            self.stdout.write(outcome.summary)

    def _start(self, options: dict[str, Any]) -> JobRun:
        try:
            return job_run_start(
                command=type(self).__module__.rpartition(".")[2],
                arguments=self.recorded_arguments(options),
                started_by=started_by(),
                host=host(),
            )
        except (DatabaseError, InterfaceError) as error:
            raise CommandError(
                f"the run cannot be recorded: {database_problem(error)}", returncode=ExitCode.FAILED
            ) from error

    def _work(
        self, stop: StopRequest, signs: "_Signs", options: dict[str, Any]
    ) -> tuple[JobResult, CommandError | None]:
        """The result of the work, and its error. If there is an error, ignore the result."""
        failure: CommandError
        try:
            with ProgressDisplay(log=not options.get("json")) as progress:
                job = Job(stop=signs.after(stop), progress=signs.after(progress))
                return self.run_job(job, **options), None
        except CommandError as error:
            failure = error
        except (Stopped, KeyboardInterrupt) as error:
            return JobResult(str(error) or "stopped; run it again to go on", stopped=True), None
        except AdaptivityError as error:
            failure = CommandError(str(error), returncode=exit_code_of(error))
            failure.__cause__ = error
        except Exception as error:
            log.exception("job_failed", command=type(self).__module__.rpartition(".")[2])
            failure = CommandError(f"failed with {type(error).__name__}; see the log", returncode=ExitCode.FAILED)
            failure.__cause__ = error
        return JobResult(""), failure

    def recorded_arguments(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options that have a value, ready for JSON, with secrets masked."""
        recorded = {}
        for name, value in options.items():
            if name in COMMON_OPTIONS or value in (None, False, "", [], ()):
                continue
            if name in self.masked_options or SECRET.search(name):
                recorded[name] = MASK
            else:
                recorded[name] = _plain(value)
        return recorded


def host() -> str:
    """Where this process runs: the host name and the process id."""
    return f"{socket.gethostname()}:{os.getpid()}"


def started_by() -> str:
    """Who started this process: the value of JOB_STARTED_BY, or the ECS task, or the system user."""
    if settings.JOB_STARTED_BY:
        return str(settings.JOB_STARTED_BY)
    if settings.ECS_TASK:
        return f"ECS task {settings.ECS_TASK['family']}:{settings.ECS_TASK['revision']}"
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # the user of an image may have no name
        return f"user {os.getuid()}"


def _plain(value: Any) -> Any:
    # JSON has neither NaN nor infinity.
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return storable(USERINFO.sub(MASK, str(value)).replace("\0", ""))


class _Signs:
    """Records now and then that the run is alive, when the job calls it. Needs no extra thread and no connection."""

    def __init__(self, run: JobRun, tail: "LogTail") -> None:
        self._run, self._tail = run, tail
        self._thread = threading.current_thread()
        self._next = time.monotonic() + SECONDS_BETWEEN_SIGNS

    def after(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any) -> Any:
            result = function(*arguments)
            if time.monotonic() >= self._next and self._may_write():
                self._next = time.monotonic() + SECONDS_BETWEEN_SIGNS
                try:
                    job_run_seen(run=self._run, log_tail=self._tail.text())
                except (DatabaseError, InterfaceError):
                    # If that matters, the job's own next query fails.
                    log.warning("sign_of_life_failed", command=self._run.command, exc_info=True)
            return result

        return called

    def _may_write(self) -> bool:
        """Whether writing is safe here.

        Another thread would need another connection. Inside a transaction of the job, the row would stay locked. And
        Django allows no database access inside an event loop.
        """
        if threading.current_thread() is not self._thread or connection.in_atomic_block:
            return False
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return True
        return False


class LogTail(logging.Handler):
    """Keeps the last lines that the process logged. A context manager: it listens inside the block."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: deque[str] = deque(maxlen=TAIL_LINES)
        self.setFormatter(settings.JOB_LOG_FORMATTER)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:
            self.handleError(record)
            return
        self._lines.append(line if len(line) <= LINE_LENGTH else line[:LINE_LENGTH] + "…")

    def text(self) -> str:
        return "\n".join(list(self._lines))

    def __enter__(self) -> "LogTail":
        logging.getLogger().addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger().removeHandler(self)
