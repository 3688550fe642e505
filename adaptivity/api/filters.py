"""The types of filters for lists."""

from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError

from adaptivity.api.fields import MAX_ID


class IdField(forms.IntegerField):
    """The digits of an id. Empty is an error: a client whose id is empty does not want all rows."""

    def to_python(self, value: Any) -> int | None:
        if value is not None and not (value.isascii() and value.isdigit()):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)


class IdFilter(django_filters.Filter):
    """Filters by an id."""

    field_class = IdField

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=MAX_ID, **kwargs)


class TextFilter(django_filters.CharFilter):
    """Filters by the exact text."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(strip=False, **kwargs)
