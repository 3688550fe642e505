"""What every test may use: servers that are there or are missed aloud, and a clean process-local cache."""

import os

import pytest

from adaptivity.selectors import content

SERVERS = {"postgresql": "TEST_DATABASE_CONNECTION", "rabbitmq": "TEST_BROKER_URL"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leaves out what needs a server that is not named; under CI=true that is an error instead."""
    for item in items:
        for marker, variable in SERVERS.items():
            if item.get_closest_marker(marker) and not os.environ.get(variable):
                if os.environ.get("CI") == "true":
                    raise pytest.UsageError(f"{item.nodeid} needs {variable}, and CI=true leaves nothing out")
                item.add_marker(pytest.mark.skip(reason=f"{variable} is not set"))


@pytest.fixture(autouse=True)
def _empty_collection_cache() -> None:
    """A test's rows are rolled back, their ids used again: what an earlier test cached must not be found."""
    content.cache_clear()
    return
