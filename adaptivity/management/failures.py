"""Failures that every command reports in the same way: one line and an exit code."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import DatabaseError, InterfaceError, ProgrammingError

from adaptivity.exit_codes import ExitCode

# The exit code that a shell reports for a program ended by Ctrl+C.
INTERRUPTED = 130


def database_problem(error: Exception) -> str:
    """One line about a database error, with a hint if a table or column is missing."""
    line = (str(error).splitlines() or [type(error).__name__])[0]
    # SQLite has no separate error class for this.
    is_missing = isinstance(error, ProgrammingError) or line.startswith("no such ")
    return f"{line}; is the database migrated?" if is_missing else line


@contextmanager
def database_needed() -> Iterator[None]:
    """Inside the block, a database error ends the command with exit code 1."""
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        raise CommandError(f"the database failed: {database_problem(error)}", returncode=ExitCode.FAILED) from error


@contextmanager
def interruptible() -> Iterator[None]:
    """Inside the block, Ctrl+C ends the command with exit code 130. For work that saves nothing and cannot resume."""
    try:
        yield
    except KeyboardInterrupt:
        raise CommandError("interrupted; nothing was saved", returncode=INTERRUPTED) from None
