"""What every test may use: servers that are there or are missed aloud, and a clean process-local cache."""

import os

import pytest

from adaptivity.content.selectors import arrays
from tests.support.selection import SERVERS, runs_here

# Said by whoever has started an engine, so that CI on a machine without one leaves these out, too.
DOCKER = "TEST_DOCKER"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what the run on the other database has."""
    chosen, left_out = [], []
    for item in items:
        one_database = item.get_closest_marker("one_database") is not None
        (chosen if runs_here(uses_database(item), one_database, os.environ) else left_out).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = chosen


def uses_database(item: pytest.Item) -> bool:
    """Whether the test reads or writes the database that the suite runs on."""
    fixtures = getattr(item, "fixturenames", ())
    return bool(item.get_closest_marker("django_db") or {"db", "transactional_db"} & set(fixtures))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leaves out what needs a server that is not named; under CI=true that is a failure instead."""
    if item.get_closest_marker("docker") and not os.environ.get(DOCKER):
        pytest.skip(f"left out, because {DOCKER} is not set")
    for marker, variable in SERVERS.items():
        if item.get_closest_marker(marker) and not os.environ.get(variable):
            if os.environ.get("CI") == "true":
                pytest.fail(f"{variable} is not set, and CI=true leaves nothing out", pytrace=False)
            pytest.skip(f"left out, because {variable} is not set")


@pytest.fixture(autouse=True)
def _empty_collection_cache() -> None:
    """A test's rows are rolled back, their ids used again: what an earlier test cached must not be found."""
    arrays.cache_clear()
    return
