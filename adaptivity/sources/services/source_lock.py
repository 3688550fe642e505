"""Lets only one process at a time read a source.

The lock ends with its process, even if that is killed, so the next process need not wait.
"""

import fcntl
from pathlib import Path
from typing import IO

from django.db import connection

from adaptivity.errors import AlreadyRunning
from adaptivity.models import CourseSource

# The first of the two numbers of an advisory lock in PostgreSQL. It says that a source is locked.
SOURCES = 0x50_52_43
MOST = 2**31 - 1


class SourceLock:
    """A lock held inside the block. Raises AlreadyRunning if another process, of this or another machine, holds it.

    On PostgreSQL the database session holds it, and on SQLite a file beside the database. A database in memory has no
    other users and needs none.
    """

    def __init__(self, source: CourseSource) -> None:
        self._source = source
        self._file: IO[bytes] | None = None

    def __enter__(self) -> "SourceLock":
        is_free = self._ask("pg_try_advisory_lock") if connection.vendor == "postgresql" else self._lock_file()
        if not is_free:
            raise AlreadyRunning("another process is reading the source", field=self._source.slug)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
        elif connection.vendor == "postgresql" and connection.is_usable():
            self._ask("pg_advisory_unlock")

    def _ask(self, function: str) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {function}(%s, %s)", [SOURCES, self._source.pk % MOST])
            return bool(cursor.fetchone()[0])

    def _lock_file(self) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA database_list")
            database = cursor.fetchone()[2]
        if not database:
            return True
        file = Path(f"{database}.source-{self._source.pk}.lock").open("wb")  # noqa: SIM115 - closed when the block ends
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._file = file
        return True
