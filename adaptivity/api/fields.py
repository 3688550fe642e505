"""Serializer fields that accept exactly what the API's contract accepts."""

import re
from datetime import datetime
from typing import Any

from rest_framework import serializers
from rest_framework.validators import ProhibitSurrogateCharactersValidator

from adaptivity.models.experiment import LARGEST_WEIGHT

MAX_LIST = 10_000
MAX_ID = 2**63 - 1

# Python's float() and int() would also accept underscores and the digits of every script.
NUMBER_TEXT = re.compile(r"^ *[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)? *$")
WHOLE_NUMBER_TEXT = re.compile(r"^ *[+-]?[0-9]+(\.0*)? *$")


class TextField(serializers.CharField):
    """Text as it was sent, not trimmed. Refuses NUL, lone surrogates, numbers and booleans.

    If blank is not allowed, text that consists only of spaces is refused too.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, str) and not self.allow_blank and not data.strip():
            self.fail("blank")
        return super().run_validation(data)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class NullAsEmptyTextField(TextField):
    """Text where null means ""."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_null=True, allow_blank=True, **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return super().run_validation(data) or ""


class WordField(serializers.ChoiceField):
    """A choice of words."""

    def to_internal_value(self, data: Any) -> Any:
        # The base class's error message quotes the word, but a response cannot contain a lone surrogate.
        ProhibitSurrogateCharactersValidator()(data)
        return super().to_internal_value(data)


class UserIdField(TextField):
    """A learner's id at the platform. An integer is accepted as its digits."""

    def to_internal_value(self, data: Any) -> str:
        if isinstance(data, int) and not isinstance(data, bool):
            data = str(data)
        return super().to_internal_value(data)


class NumberField(serializers.FloatField):
    """A finite number, or its digits as text. Booleans are refused."""

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool):
            self.fail("invalid")
        if isinstance(data, str) and len(data) <= self.MAX_STRING_LENGTH and not NUMBER_TEXT.fullmatch(data):
            self.fail("invalid")
        return super().to_internal_value(data)


class ProbabilityField(NumberField):
    """A number from 0 to 1."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0.0, max_value=1.0, **kwargs)


class WeightField(NumberField):
    """A number from 0 to a million."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0.0, max_value=LARGEST_WEIGHT, **kwargs)


class WholeNumberField(serializers.IntegerField):
    """A whole number, or its digits as text. Booleans are refused."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, int) and not isinstance(data, bool):
            return data
        if isinstance(data, float) and data.is_integer():
            return int(data)
        if not isinstance(data, str):
            self.fail("invalid")
        if len(data) <= self.MAX_STRING_LENGTH and not WHOLE_NUMBER_TEXT.fullmatch(data):
            self.fail("invalid")
        return super().to_internal_value(data)


class FlagField(serializers.BooleanField):
    """true or false. Words and numbers that resemble them are refused."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class IdsField(serializers.ListField):
    """Ids of other objects. The service checks in one go that they all exist."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(child=WholeNumberField(min_value=1, max_value=MAX_ID), max_length=MAX_LIST, **kwargs)

    def to_internal_value(self, data: Any) -> list[int]:
        # REST framework checks the length only after all items, and a body may contain millions.
        if isinstance(data, list) and len(data) > MAX_LIST:
            self.fail("max_length", max_length=MAX_LIST)
        return super().to_internal_value(data)

    def to_representation(self, data: Any) -> list[int]:
        return sorted(item.pk for item in data.all())


class TextsField(serializers.ListField):
    """A list of texts."""

    def __init__(self, *, max_length: int, **kwargs: Any) -> None:
        super().__init__(child=TextField(max_length=max_length), max_length=MAX_LIST, **kwargs)

    def to_internal_value(self, data: Any) -> list[str]:
        if isinstance(data, list) and len(data) > MAX_LIST:
            self.fail("max_length", max_length=MAX_LIST)
        return super().to_internal_value(data)


class ReferenceField(serializers.PrimaryKeyRelatedField[Any]):
    """The id of another object."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(pk_field=WholeNumberField(), **kwargs)


class TimestampField(serializers.DateTimeField):
    """A time in ISO 8601 with its time zone. Responses are in UTC."""

    default_error_messages = {"zone": "A time zone is required, such as Z or +01:00."}

    def to_internal_value(self, value: Any) -> datetime:
        # datetime.fromisoformat ignores a NUL after the zone.
        if not isinstance(value, str) or "\0" in value:
            self.fail("invalid", format="ISO 8601")
        return super().to_internal_value(value)

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            self.fail("zone")
        return super().enforce_timezone(value)
