"""What writers share: transactions that run again if another request overtook them, and saves of changed fields."""

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
    """Runs a write in one transaction, and repeats it if something that it read was deleted before it ended.

    Foreign keys are checked at the end of a transaction. A score on an activity whose KC is deleted at the same moment
    fails there. Repeated, it succeeds without the KC. Inside another transaction, that one decides whether to repeat.
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
    """Assigns the values to the row, and returns the names of the fields that changed and must be saved."""
    changed = [name for name, value in fields.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, fields[name])
    return changed
