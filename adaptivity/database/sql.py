"""Hand-written SQL for the paths whose budget the ORM's own cost would eat: PostgreSQL and SQLite alike."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from django.db import connection
from django.db.models import QuerySet

T = TypeVar("T")
# As many values as one statement takes well, on either database.
BATCH = 1000


def fetch(sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """All rows of the query."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def batched(items: Sequence[T], size: int = BATCH) -> Iterator[Sequence[T]]:
    """The items in runs of at most ``size``: what one statement can take."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def querysets_among(queryset: Any, field: str, values: Iterable[Any], size: int = BATCH) -> "Iterator[QuerySet[Any]]":
    """The rows whose field has one of the values, as several querysets that each ask for at most ``size`` values.

    The values are taken in order, so that two transactions that lock the same rows never wait for each other.
    """
    for some in batched(sorted(set(values)), size):
        yield queryset.filter(**{f"{field}__in": some})


def rows_among(queryset: Any, field: str, values: Iterable[Any], size: int = BATCH) -> Iterator[Any]:
    """The rows whose field has one of the values, however many there are."""
    for some in querysets_among(queryset, field, values, size):
        yield from some


def among(ids: Iterable[int]) -> tuple[str, Any]:
    """The right side of ``column ... `` for one of the ids, and its single parameter, however many ids there are."""
    if connection.vendor == "postgresql":
        return "= ANY(%s)", list(ids)
    return "IN (SELECT value FROM json_each(%s))", json.dumps(list(ids))
