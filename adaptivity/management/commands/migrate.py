"""Django's migrate with time limits on PostgreSQL, so that a release never stalls the running service."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, connections

# SQLSTATE codes of the two time limits: lock_not_available and query_canceled.
LOCK, STATEMENT = "55P03", "57014"


class Command(migrate.Command):
    """A migration that waits for a lock blocks every query behind it. So it gives up early, and can be run again."""

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        if connection.vendor != "postgresql":
            super().handle(*args, **options)
            return
        lock, statement = settings.MIGRATION_LOCK_TIMEOUT, settings.MIGRATION_STATEMENT_TIMEOUT
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{lock:d}s'; SET statement_timeout = '{statement:d}s'")
        try:
            super().handle(*args, **options)
        except OperationalError as error:
            code = getattr(error.__cause__, "pgcode", None)
            if code == LOCK:
                problem = f"another session held a lock for more than {lock} s (MIGRATION_LOCK_TIMEOUT)"
            elif code == STATEMENT:
                problem = f"a statement took more than {statement} s (MIGRATION_STATEMENT_TIMEOUT)"
            else:
                raise
            raise CommandError(
                f"the migration was rolled back because {problem}; earlier migrations are kept. Run migrate again",
                returncode=1,
            ) from error
        # After an error that is not caught here, the process and its connection end.
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout; RESET statement_timeout")
