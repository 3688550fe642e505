"""Failures that every command tells alike, in one line and with an exit code."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import DatabaseError, InterfaceError, ProgrammingError

from adaptivity.exit_codes import ExitCode

# As a shell says that Ctrl+C ended a program.
INTERRUPTED = 130


def database_problem(error: Exception) -> str:
    """One line about an error of the database, with a hint where a table or column is missing."""
    line = (str(error).splitlines() or [type(error).__name__])[0]
    # SQLite has no kind of error of its own for it.
    is_missing = isinstance(error, ProgrammingError) or line.startswith("no such ")
    return f"{line}; is the database migrated?" if is_missing else line


@contextmanager
def database_needed() -> Iterator[None]:
    """Inside the block, an error of the database ends the command with 1."""
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        raise CommandError(f"the database failed: {database_problem(error)}", returncode=ExitCode.FAILED) from error


@contextmanager
def interruptible() -> Iterator[None]:
    """Inside the block, Ctrl+C ends the command with 130: for work that saves nothing and cannot be resumed."""
    try:
        yield
    except KeyboardInterrupt:
        raise CommandError("interrupted; nothing was saved", returncode=INTERRUPTED) from None
