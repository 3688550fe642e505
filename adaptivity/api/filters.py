"""What lists can be filtered by."""

from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from adaptivity.api.fields import MAX_ID
from adaptivity.models import Activity


class IdField(forms.IntegerField):
    """The digits of an id. Empty is not the same as absent: nobody who has no id to ask for means all of them."""

    def to_python(self, value: Any) -> int | None:
        if value is not None and not (value.isascii() and value.isdigit()):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)


class IdFilter(django_filters.Filter):
    """A whole number that is an id."""

    field_class = IdField

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=MAX_ID, **kwargs)


class TextFilter(django_filters.CharFilter):
    """The whole text, as it is."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(strip=False, **kwargs)


class ActivityFilter(django_filters.FilterSet):
    url = TextFilter(field_name="source_launch_url")
    name = TextFilter()
    collections = IdFilter(field_name="collections__id")
    collections__collection_id = TextFilter(field_name="collections__collection_id")
    collections__name = TextFilter(field_name="collections__name")

    def filter_queryset(self, queryset: "QuerySet[Activity]") -> "QuerySet[Activity]":
        """A list never shows an activity twice because several of its collections match."""
        found: QuerySet[Activity] = super().filter_queryset(queryset)
        return found.distinct()


class CollectionFilter(django_filters.FilterSet):
    collection_id = TextFilter()
    name = TextFilter()


class KnowledgeComponentFilter(django_filters.FilterSet):
    kc_id = TextFilter()
    name = TextFilter()


class MasteryFilter(django_filters.FilterSet):
    learner = IdFilter(field_name="learner__id")
    learner__user_id = TextFilter(field_name="learner__user_id")


class ScoreFilter(django_filters.FilterSet):
    learner = IdFilter(field_name="learner__id")
    learner__user_id = TextFilter(field_name="learner__user_id")


class CollectionActivityFilter(django_filters.FilterSet):
    activity = IdFilter(field_name="activity__id")
    collection = IdFilter(field_name="collection__id")


class CourseSourceFilter(django_filters.FilterSet):
    slug = TextFilter()
    kind = TextFilter()


class ModelVersionFilter(django_filters.FilterSet):
    name = TextFilter()


class ModelVersionEventFilter(django_filters.FilterSet):
    model_version = TextFilter(field_name="model_version__name")


class ExperimentFilter(django_filters.FilterSet):
    name = TextFilter()
    collection = IdFilter(field_name="collection__id")


class ExperimentalGroupFilter(django_filters.FilterSet):
    experiment = IdFilter(field_name="experiment__id")


class ExperimentPinFilter(django_filters.FilterSet):
    experiment = IdFilter(field_name="experiment__id")
    learner__user_id = TextFilter(field_name="learner__user_id")
