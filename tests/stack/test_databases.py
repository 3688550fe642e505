"""The databases of tests can always be dropped."""

import os
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest

from tests.support.databases import new_database


@pytest.mark.postgresql
def test_a_database_is_dropped_whoever_is_connected(tmp_path: Path) -> None:
    with new_database("postgresql", tmp_path) as database:
        connection = psycopg2.connect(database.url)

    with closing(connection), pytest.raises(psycopg2.OperationalError), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    with closing(psycopg2.connect(os.environ["TEST_DATABASE_CONNECTION"])) as server, server.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [urlsplit(database.url).path[1:]])
        assert cursor.fetchall() == []
