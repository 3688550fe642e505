"""What writers share: transactions that take a second look where another request overtook them, and saves of no more
than what changes."""

import functools
from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar

from django.db import IntegrityError, connection, transaction
from django.db.models import Model

from adaptivity.errors import Overtaken

P = ParamSpec("P")
R = TypeVar("R")
TRIES = 3


def overtakable(write: Callable[P, R]) -> Callable[P, R]:
    """Runs a write in one transaction, and again where something that it had read was deleted before its end.

    Foreign keys are checked when a transaction ends: a score on an activity whose KC is deleted at the same moment
    fails there, and is right when it is done again, without the KC. Inside of another transaction, that one decides.
    """

    @functools.wraps(write)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        for _ in range(0 if connection.in_atomic_block else TRIES - 1):
            try:
                with transaction.atomic():
                    return write(*args, **kwargs)
            except (IntegrityError, Overtaken):
                continue
        with transaction.atomic():
            return write(*args, **kwargs)

    return wrapper


def assign(row: Model, fields: Mapping[str, object]) -> list[str]:
    """Gives the row the values, and answers the names of the fields that had others: what is to be saved."""
    changed = [name for name, value in fields.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, fields[name])
    return changed
