"""What every test may use: servers that are there or are missed aloud, and a clean process-local cache."""

import os

import pytest

from adaptivity.content.selectors import arrays

SERVERS = {"postgresql": "TEST_DATABASE_CONNECTION", "rabbitmq": "TEST_BROKER_URL"}
# Said by whoever has started an engine, so that CI on a machine without one leaves these out, too.
DOCKER = "TEST_DOCKER"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL, runs the tests that use a database. On SQLite, leaves out those that are enough on one."""
    if os.environ.get("TEST_DATABASE"):
        left_out = [item for item in items if not uses_database(item)]
    elif os.environ.get(SERVERS["postgresql"]):
        left_out = [item for item in items if item.get_closest_marker("one_database")]
    else:
        return
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]


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
