"""Of the runs that `make test` makes, each test belongs to one or two, never to none."""

import pytest

from tests.support.selection import SERVERS, runs_here

URL = "postgres://here"
POSTGRESQL = {SERVERS["postgresql"]: URL, "TEST_DATABASE": URL}
SQLITE_BESIDE_IT = {SERVERS["postgresql"]: URL, "TEST_DATABASE": ""}


@pytest.mark.parametrize(
    ("uses_database", "one_database", "on_postgresql", "on_sqlite"),
    [
        (True, False, True, True),
        (True, True, True, False),
        (False, False, False, True),
        # The marker alone takes no test out of both runs.
        (False, True, False, True),
    ],
)
def test_with_postgresql(uses_database: bool, one_database: bool, on_postgresql: bool, on_sqlite: bool) -> None:
    assert runs_here(uses_database, one_database, POSTGRESQL) == on_postgresql
    assert runs_here(uses_database, one_database, SQLITE_BESIDE_IT) == on_sqlite


@pytest.mark.parametrize("uses_database", [True, False])
@pytest.mark.parametrize("one_database", [True, False])
def test_without_postgresql_everything_runs_on_sqlite(uses_database: bool, one_database: bool) -> None:
    assert runs_here(uses_database, one_database, {})
