"""Hand-written SQL for the paths whose budget the ORM's own cost would eat: PostgreSQL and SQLite alike."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from django.db import connection

T = TypeVar("T")


def fetch(sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """All rows of the query."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def batched(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in runs of at most ``size``: what one statement can take."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def among(ids: Iterable[int]) -> tuple[str, Any]:
    """The right side of ``column ... `` for one of the ids, and its single parameter, however many ids there are."""
    if connection.vendor == "postgresql":
        return "= ANY(%s)", list(ids)
    return "IN (SELECT value FROM json_each(%s))", json.dumps(list(ids))
