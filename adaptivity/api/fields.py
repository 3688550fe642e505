"""Serializer fields that take what the contract takes and nothing else."""

import math
from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

MAX_LIST = 10_000
MAX_ID = 2**63 - 1


class TextField(serializers.CharField):
    """Text as it was sent: not trimmed, no NUL, no lone surrogate; numbers and booleans are not text."""

    default_error_messages = {"surrogate": "Lone surrogates are not allowed."}

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("trim_whitespace", False)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        try:
            data.encode("utf-8")
        except UnicodeEncodeError:
            self.fail("surrogate")
        return super().to_internal_value(data)


class NullAsEmptyTextField(TextField):
    """Text where null means ""."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_null=True, allow_blank=True, **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> str:
        return super().run_validation(data) or "" if data is not serializers.empty else super().run_validation(data)


@extend_schema_field({"type": ["string", "integer"], "minLength": 1, "maxLength": 255})
class UserIdField(TextField):
    """A learner's id at the platform; an integer stands for its digits."""

    def to_internal_value(self, data: Any) -> str:
        if isinstance(data, int) and not isinstance(data, bool):
            data = str(data)
        return super().to_internal_value(data)

    def run_validation(self, data: Any = serializers.empty) -> str:
        if isinstance(data, str) and data and not data.strip():
            self.fail("blank")
        return super().run_validation(data)


class NumberField(serializers.FloatField):
    """A finite number, or its digits as text; booleans are not numbers."""

    default_error_messages = {"finite": "A finite number is required."}

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool):
            self.fail("invalid")
        try:
            value = super().to_internal_value(data)
        except OverflowError:
            self.fail("finite")
        if not math.isfinite(value):
            self.fail("finite")
        return value


class ProbabilityField(NumberField):
    """A number from 0 to 1."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0.0, max_value=1.0, **kwargs)


class WholeNumberField(serializers.IntegerField):
    """A whole number, or its digits as text; booleans are not numbers."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or (isinstance(data, float) and not data.is_integer()):
            self.fail("invalid")
        return super().to_internal_value(data)


class FlagField(serializers.BooleanField):
    """true or false, not a word or number that resembles one."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


@extend_schema_field({"type": "array", "items": {"type": "integer"}, "maxItems": MAX_LIST})
class IdsField(serializers.ListField):
    """Ids of other objects; that they exist is checked by the service, for all at once."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(child=WholeNumberField(min_value=1, max_value=MAX_ID), max_length=MAX_LIST, **kwargs)

    def to_representation(self, data: Any) -> list[int]:
        return sorted(item.pk for item in data.all())


class TimestampField(serializers.DateTimeField):
    """A moment in ISO 8601 with its zone; answered in UTC."""

    default_error_messages = {"zone": "A time zone is required, such as Z or +01:00."}

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str):
            self.fail("invalid", format="ISO 8601")
        return super().to_internal_value(value)

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            self.fail("zone")
        return super().enforce_timezone(value)
