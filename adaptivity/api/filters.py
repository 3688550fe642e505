"""What lists can be filtered by."""

from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet

from adaptivity.api.fields import MAX_ID
from adaptivity.models import Activity, Collection, CollectionActivity, KnowledgeComponent, Mastery, Score


class IdFilter(django_filters.Filter):
    """A whole number that is an id."""

    field_class = forms.IntegerField

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=MAX_ID, **kwargs)


class DistinctMixin:
    """A list never shows a row twice because a filter joined several rows to it."""

    def filter_queryset(self, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        return super().filter_queryset(queryset).distinct()  # type: ignore[misc]


class ActivityFilter(DistinctMixin, django_filters.FilterSet):
    url = django_filters.CharFilter(field_name="source_launch_url", strip=False)
    name = django_filters.CharFilter(strip=False)
    collections = IdFilter(field_name="collections__id")
    collections__collection_id = django_filters.CharFilter(field_name="collections__collection_id", strip=False)
    collections__name = django_filters.CharFilter(field_name="collections__name", strip=False)

    class Meta:
        model = Activity
        fields: list[str] = []


class CollectionFilter(django_filters.FilterSet):
    collection_id = django_filters.CharFilter(strip=False)
    name = django_filters.CharFilter(strip=False)

    class Meta:
        model = Collection
        fields: list[str] = []


class KnowledgeComponentFilter(django_filters.FilterSet):
    kc_id = django_filters.CharFilter(strip=False)
    name = django_filters.CharFilter(strip=False)

    class Meta:
        model = KnowledgeComponent
        fields: list[str] = []


class MasteryFilter(django_filters.FilterSet):
    learner = IdFilter(field_name="learner__id")
    learner__user_id = django_filters.CharFilter(field_name="learner__user_id", strip=False)

    class Meta:
        model = Mastery
        fields: list[str] = []


class ScoreFilter(django_filters.FilterSet):
    learner = IdFilter(field_name="learner__id")
    learner__user_id = django_filters.CharFilter(field_name="learner__user_id", strip=False)

    class Meta:
        model = Score
        fields: list[str] = []


class CollectionActivityFilter(django_filters.FilterSet):
    activity = IdFilter(field_name="activity__id")
    collection = IdFilter(field_name="collection__id")

    class Meta:
        model = CollectionActivity
        fields: list[str] = []
