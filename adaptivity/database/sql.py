"""Hand-written SQL for PostgreSQL and SQLite, on paths whose time budget the ORM would use up."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from django.db import connection
from django.db.models import QuerySet

T = TypeVar("T")
# The number of values that one statement handles well on either database.
BATCH = 1000


def fetch(sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """All rows of the query."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def batched(items: Sequence[T], size: int = BATCH) -> Iterator[Sequence[T]]:
    """The items in batches of at most ``size``, as many as one statement can take."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def querysets_among(queryset: Any, field: str, values: Iterable[Any], size: int = BATCH) -> "Iterator[QuerySet[Any]]":
    """The rows whose field has one of the values, as several querysets that each ask for at most ``size`` values.

    The values are taken in order, so that no two transactions that lock the same rows deadlock.
    """
    for some in batched(sorted(set(values)), size):
        yield queryset.filter(**{f"{field}__in": some})


def rows_among(queryset: Any, field: str, values: Iterable[Any], size: int = BATCH) -> Iterator[Any]:
    """The rows whose field has one of the values, however many values there are."""
    for some in querysets_among(queryset, field, values, size):
        yield from some


def among(ids: Iterable[int]) -> tuple[str, Any]:
    """The right side of a condition ``column ...`` that matches these ids, and its single parameter.

    It takes any number of ids.
    """
    if connection.vendor == "postgresql":
        return "= ANY(%s)", list(ids)
    return "IN (SELECT value FROM json_each(%s))", json.dumps(list(ids))
