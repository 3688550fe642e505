"""Creates databases for the benchmark, which are dropped when it ends."""

import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import psycopg2
from psycopg2 import sql


def execute(url: str, *statements: str | sql.Composed) -> None:
    """Runs statements outside a transaction."""
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


def version(url: str) -> str:
    """The server's version."""
    with closing(psycopg2.connect(url)) as connection:
        number = connection.info.server_version
    return f"{number // 10_000}.{number % 10_000}"


@contextmanager
def new_database(server: str, template: str | None = None) -> Iterator[str]:
    """Creates a database beside the one at ``server`` and yields its URL; drops it at the end.

    It is empty, or a copy of the database at the URL ``template``.
    """
    name = f"adaptivity_benchmark_{uuid.uuid4().hex[:12]}"
    create = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
    if template is not None:
        create += sql.SQL(" TEMPLATE {}").format(sql.Identifier(urlsplit(template).path[1:]))
    execute(server, create)
    try:
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
    finally:
        # Not WITH (FORCE), which fails on an autovacuum worker: that process belongs to another role, and ends by
        # itself.
        own = sql.SQL(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user AND datname = {}"
        )
        drop = sql.SQL("DROP DATABASE {}").format(sql.Identifier(name))
        execute(server, own.format(sql.Literal(name)), drop)
