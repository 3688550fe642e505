"""Which tests run where: the suite runs on SQLite, and what uses a database once more on PostgreSQL."""

from collections.abc import Mapping

# The servers that a marker of a test names, and the variable that says where each is.
SERVERS = {"postgresql": "TEST_DATABASE_CONNECTION", "rabbitmq": "TEST_BROKER_URL"}


def runs_here(uses_database: bool, one_database: bool, environment: Mapping[str, str]) -> bool:
    """Whether a test belongs to the run that the environment describes.

    The run on PostgreSQL (TEST_DATABASE is set) has every test that uses a database. The run on SQLite has every test,
    except those that use a database and are marked with ``one_database``: where there is a PostgreSQL, they run there.
    """
    if environment.get("TEST_DATABASE"):
        return uses_database
    return not (uses_database and one_database and environment.get(SERVERS["postgresql"]))
