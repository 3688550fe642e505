"""Separate databases for the services that tests start, read without Django."""

import os
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import psycopg2.errors
import pytest

KINDS = [
    pytest.param("sqlite", marks=pytest.mark.xdist_group("stack-sqlite")),
    pytest.param("postgresql", marks=[pytest.mark.postgresql, pytest.mark.xdist_group("stack-postgresql")]),
]


DROP_ATTEMPTS = 12


@dataclass(frozen=True)
class Database:
    """A database at a URL."""

    url: str

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The rows that a query returns. Its parameters are written ``%s``."""
        if self.url.startswith("sqlite:"):
            with closing(sqlite3.connect(self.url.removeprefix("sqlite:///"))) as connection:
                return connection.execute(sql.replace("%s", "?"), parameters).fetchall()
        with closing(psycopg2.connect(self.url)) as connection, connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.fetchall()

    def execute(self, sql: str) -> None:
        """Changes rows."""
        if self.url.startswith("sqlite:"):
            with closing(sqlite3.connect(self.url.removeprefix("sqlite:///"))) as connection, connection:
                connection.execute(sql)
            return
        administer(self.url, sql)

    @contextmanager
    def gone(self) -> Iterator[None]:
        """Inside the block, nobody can connect to the database, and all existing connections are closed."""
        if self.url.startswith("sqlite:"):
            directory = Path(self.url.removeprefix("sqlite:///")).parent
            elsewhere = directory.rename(directory.with_name(f"{directory.name}-gone"))
            try:
                yield
            finally:
                elsewhere.rename(directory)
            return
        server, name = os.environ["TEST_DATABASE_CONNECTION"], urlsplit(self.url).path[1:]
        try:
            disconnect(server, name)
            yield
        finally:
            administer(server, f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


@contextmanager
def new_database(kind: str, directory: Path) -> Iterator[Database]:
    """An empty database, deleted afterwards."""
    if kind == "sqlite":
        yield Database(f"sqlite:///{directory / 'stack.sqlite3'}")
        return
    server = os.environ["TEST_DATABASE_CONNECTION"]
    name = f"adaptivity_stack_{uuid.uuid4().hex}"
    administer(server, f'CREATE DATABASE "{name}"')
    try:
        yield Database(urlunsplit(urlsplit(server)._replace(path=f"/{name}")))
    finally:
        drop_database(server, name)


def disconnect(server: str, name: str) -> None:
    """Refuses new connections to the database, and ends those of this role.

    An autovacuum worker belongs to another role. PostgreSQL does not let this role end it, and need not be asked to.
    """
    administer(server, f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
    administer(
        server,
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND usename = current_user",
    )


def drop_database(server: str, name: str) -> None:
    """Drops a database, whoever is connected to it.

    Does not use FORCE, which fails if a process of another role is connected. DROP DATABASE itself ends autovacuum
    workers, and waits 5 s for all connections to close. On a busy machine that can be too short.
    """
    disconnect(server, name)
    for _ in range(DROP_ATTEMPTS - 1):
        with suppress(psycopg2.errors.ObjectInUse):
            administer(server, f'DROP DATABASE "{name}"')
            return
    administer(server, f'DROP DATABASE "{name}"')


def administer(url: str, statement: str) -> None:
    """Runs a statement that PostgreSQL does not allow in a transaction."""
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
