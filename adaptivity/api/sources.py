"""Sources of content."""

from typing import Any

import django_filters
from rest_framework import serializers

from adaptivity import tasks
from adaptivity.api.fields import FlagField, NumberField, TextField, TextsField, WholeNumberField, WordField
from adaptivity.api.filters import TextFilter
from adaptivity.api.resource import MAX_NUMBER, Plain, Resource, unchangeable
from adaptivity.errors import InvalidInput
from adaptivity.models import CourseSource
from adaptivity.sources.services import course_sources
from adaptivity.sources.services.course_sources import MOST_INTERVAL_HOURS
from adaptivity.text import NAME_LENGTH, URL_LENGTH


class CourseSourceSerializer(Plain):
    """docs/sources.md explains the fields and which ones each kind needs. None of them holds a secret."""

    id = serializers.IntegerField(read_only=True)
    slug = TextField(max_length=50, help_text="Letters, digits, hyphens and underscores.")
    kind = WordField(choices=CourseSource.Kind.choices)
    name = TextField(max_length=NAME_LENGTH, required=False, allow_blank=True)
    enabled = FlagField(required=False)
    interval_hours = WholeNumberField(required=False, min_value=0, max_value=MOST_INTERVAL_HOURS)
    address_exceptions = TextsField(
        max_length=300, required=False, help_text="Private addresses that may be reached, each as host:port."
    )
    base_url = TextField(max_length=URL_LENGTH, required=False, allow_blank=True)
    course_id = TextField(max_length=NAME_LENGTH, required=False, allow_blank=True)
    launch_url = WordField(choices=CourseSource.LaunchURL.choices, required=False)
    credentials = TextField(
        max_length=64, required=False, allow_blank=True, help_text="The name of an entry in SOURCE_CREDENTIALS."
    )
    start_urls = TextsField(max_length=URL_LENGTH, required=False)
    allowed_domains = TextsField(max_length=NAME_LENGTH, required=False)
    max_depth = WholeNumberField(required=False, min_value=0, max_value=MAX_NUMBER)
    max_pages = WholeNumberField(required=False, min_value=1, max_value=MAX_NUMBER)
    delay = NumberField(required=False, min_value=0.0, max_value=60.0)
    collection_id = TextField(max_length=NAME_LENGTH, required=False, allow_blank=True)
    last_started_at = serializers.DateTimeField(read_only=True, allow_null=True)
    last_finished_at = serializers.DateTimeField(read_only=True, allow_null=True)
    last_outcome = serializers.CharField(read_only=True)
    last_message = serializers.CharField(read_only=True)


class CourseSourceFilter(django_filters.FilterSet):
    slug = TextFilter()
    kind = TextFilter()


class CourseSourceViewSet(Resource):
    """Sources of content: a platform's API or a website. A new source that is enabled is read at once.

    If the broker does not accept the job, the next scheduled run reads the source.
    """

    queryset = CourseSource.objects.order_by("id")
    serializer_class = CourseSourceSerializer
    filterset_class = CourseSourceFilter
    lookup_field = "slug"
    lookup_value_converter = "str"

    def perform_create(self, serializer: Any) -> None:
        self._check_exceptions(serializer.validated_data, [])
        source = course_sources.course_source_create(**serializer.validated_data)
        serializer.instance = source
        if source.enabled:
            tasks.read_source_on_commit(source, saved_by=self.request.user.get_username())

    def perform_update(self, serializer: Any) -> None:
        unchangeable("kind", serializer.validated_data, serializer.instance.kind)
        self._check_exceptions(serializer.validated_data, serializer.instance.address_exceptions)
        serializer.instance = course_sources.course_source_update(
            source=serializer.instance, **serializer.validated_data
        )

    def _check_exceptions(self, data: dict[str, Any], current: list[str]) -> None:
        """Raises InvalidInput unless staff add exceptions: only they may open the service's own network."""
        if not self.request.user.is_staff and not set(data.get("address_exceptions", [])) <= set(current):
            raise InvalidInput("Only staff may add address exceptions.", field="address_exceptions", code="staff_only")

    def perform_destroy(self, instance: CourseSource) -> None:
        course_sources.course_source_delete(source=instance)
