"""Transactions that take a second look where another request overtook them."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import IntegrityError, connection, transaction

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
