"""Checks of a row's values that hold for every format. Each refusal names the field and never shows the value."""

import math
import re
from datetime import UTC, datetime
from typing import Any

from adaptivity.errors import InvalidInput
from adaptivity.text import is_utf8

TIMESTAMP_LENGTH = 64
# Python's float() would also accept underscores, and the digits of every script.
NUMBER = re.compile(r" *[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)? *")


def check_text(name: str, text: str, length: int) -> None:
    """Raises InvalidInput, naming the column, if a text is blank, too long, or cannot be stored."""
    if not text.strip():
        raise InvalidInput("is blank", field=name)
    if len(text) > length:
        raise InvalidInput(f"is longer than {length} characters", field=name)
    if "\0" in text:
        raise InvalidInput("contains a NUL character", field=name)
    if not is_utf8(text):
        raise InvalidInput("is not UTF-8", field=name)


def fraction(text: str) -> float:
    """The score that a text holds, from 0 to 1."""
    score = float(text) if NUMBER.fullmatch(text) else math.nan
    if not 0.0 <= score <= 1.0:
        raise InvalidInput("is not a number from 0 to 1", field="score")
    return score


def time_of(text: str, now: datetime, field: str = "timestamp") -> datetime:
    """The time in UTC that a text in ISO 8601 with a zone holds. Raises InvalidInput if it is later than ``now``."""
    check_text(field, text, TIMESTAMP_LENGTH)
    try:
        timestamp = datetime.fromisoformat(text)
        if timestamp.tzinfo is None:
            raise InvalidInput("has no time zone", field=field)
        # In UTC the time may lie before the year 1, which neither a database nor a datetime can hold.
        timestamp = timestamp.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput("is not a time in ISO 8601", field=field) from None
    if timestamp > now:
        raise InvalidInput("is in the future", field=field)
    return timestamp


def number_at(table: Any, name: str, field: str) -> float | None:
    """The finite number under the name, or None if it is absent or null."""
    value = table.get(name)
    if value is None:
        return None
    try:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    except OverflowError:
        pass
    raise InvalidInput("is not a number", field=f"{field}.{name}")


def text_at(table: Any, name: str, field: str, length: int) -> str:
    """The required text under the name."""
    value = table.get(name)
    if not isinstance(value, str):
        raise InvalidInput("is missing" if value is None else "is not a text", field=field)
    check_text(field, value, length)
    return value


def object_at(table: Any, name: str, field: str) -> Any:
    """The required JSON object under the name."""
    value = table.get(name)
    if not isinstance(value, dict):
        raise InvalidInput("is missing" if value is None else "is not an object", field=field)
    return value
