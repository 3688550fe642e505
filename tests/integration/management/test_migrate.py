"""Migrations give up in time, and change nothing then."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest
from django.core.management import call_command
from django.db import connection

from tests.support.databases import Database, new_database
from tests.support.service import ROOT, manage, service_environment

APPLIED = "SELECT name FROM django_migrations WHERE app = 'adaptivity' ORDER BY name"
COLUMNS = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A migrated database of this module's own."""
    with new_database("postgresql", tmp_path_factory.mktemp("migrate")) as found:
        manage("migrate", "-v0", env=service_environment(found))
        yield found


def migrate(database: Database, *arguments: str, **env: str) -> tuple[int, str, float]:
    """The exit code, what standard error got, and the seconds that it took."""
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "-v0", *arguments],
        cwd=ROOT,
        env=service_environment(database, **env),
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stderr, time.monotonic() - start


@pytest.mark.postgresql
@pytest.mark.xdist_group("migrate")
def test_a_lock_of_another_session_ends_a_migration_that_changes_nothing(database: Database) -> None:
    # Later migrations change no table: no lock stops them, and they would be undone before this one.
    assert migrate(database, "adaptivity", "0013")[:2] == (0, "")
    before = database.rows(APPLIED), database.rows(COLUMNS)
    with closing(psycopg2.connect(database.url)) as other, other.cursor() as cursor:
        # As a query of the service does while its transaction is open.
        cursor.execute("SELECT count(*) FROM adaptivity_experimentpin")
        code, error, seconds = migrate(database, "adaptivity", "0012", MIGRATION_LOCK_TIMEOUT="1")

    assert code == 1
    assert error == (
        "CommandError: the migration was rolled back because another session held a lock for more than 1 s "
        "(MIGRATION_LOCK_TIMEOUT); earlier migrations are kept. Run migrate again\n"
    )
    assert seconds < 60
    assert (database.rows(APPLIED), database.rows(COLUMNS)) == before

    assert migrate(database, "adaptivity", "0012", MIGRATION_LOCK_TIMEOUT="1")[:2] == (0, "")
    assert migrate(database, "adaptivity", "0013", MIGRATION_LOCK_TIMEOUT="1")[:2] == (0, "")
    assert database.rows(APPLIED) == before[0]


@pytest.mark.postgresql
@pytest.mark.xdist_group("migrate")
def test_a_statement_that_takes_too_long_ends_a_migration(database: Database) -> None:
    with closing(psycopg2.connect(database.url)) as other, other.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM adaptivity_experimentpin")
        code, error, _ = migrate(
            database, "adaptivity", "0012", MIGRATION_LOCK_TIMEOUT="0", MIGRATION_STATEMENT_TIMEOUT="1"
        )

    assert code == 1
    assert error == (
        "CommandError: the migration was rolled back because a statement took more than 1 s "
        "(MIGRATION_STATEMENT_TIMEOUT); earlier migrations are kept. Run migrate again\n"
    )


@pytest.mark.django_db
def test_the_limits_are_those_of_the_migrations_alone() -> None:
    call_command("migrate", verbosity=0)

    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('lock_timeout'), current_setting('statement_timeout')")
            assert cursor.fetchone() == ("0", "0")
