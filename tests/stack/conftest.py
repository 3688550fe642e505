"""The services that tests of the stack share; each test uses names of its own in them."""

import uuid
from collections.abc import Iterator

import pytest

from tests.support.databases import KINDS, new_database
from tests.support.service import Service, prepare, running


@pytest.fixture(scope="session", params=KINDS)
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service with two workers, on each kind of database."""
    directory = tmp_path_factory.mktemp(f"service-{request.param}")
    with (
        new_database(request.param, directory) as database,
        running(database, prepare(database), directory / "output") as started,
    ):
        yield started


@pytest.fixture
def name() -> str:
    """A prefix that no other test uses."""
    return uuid.uuid4().hex[:12]
