"""Activities, collections, knowledge components and prerequisites."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from adaptivity.api.fields import (
    FlagField,
    IdsField,
    NullAsEmptyTextField,
    ProbabilityField,
    ReferenceField,
    TextField,
    WholeNumberField,
)
from adaptivity.api.filters import IdFilter, TextFilter
from adaptivity.api.resource import (
    BODY,
    CONFLICT,
    MAX_NUMBER,
    READ,
    UNKNOWN,
    OfCollection,
    Plain,
    Resource,
    Writes,
    bounded,
)
from adaptivity.content.services import activities, collections, knowledge_components, prerequisite_activities
from adaptivity.models import (
    Activity,
    Collection,
    CollectionActivity,
    KnowledgeComponent,
    PrerequisiteActivity,
    PrerequisiteKnowledgeComponent,
)
from adaptivity.text import NAME_LENGTH, URL_LENGTH


class ActivitySerializer(Plain):
    id = serializers.IntegerField(read_only=True)
    source_launch_url = TextField(max_length=URL_LENGTH)
    name = TextField(max_length=NAME_LENGTH, required=False, allow_blank=True)
    difficulty = ProbabilityField(required=False, allow_null=True)
    tags = NullAsEmptyTextField(required=False)
    type = TextField(max_length=NAME_LENGTH, required=False, allow_blank=True)
    include_adaptive = FlagField(required=False)
    collections = IdsField(required=False)
    knowledge_components = IdsField(required=False)
    prerequisite_activities = IdsField(required=False)


class ActivityFilter(django_filters.FilterSet):
    url = TextFilter(field_name="source_launch_url")
    name = TextFilter()
    collections = IdFilter(field_name="collections__id")
    collections__collection_id = TextFilter(field_name="collections__collection_id")
    collections__name = TextFilter(field_name="collections__name")

    def filter_queryset(self, queryset: "QuerySet[Activity]") -> "QuerySet[Activity]":
        """Lists each activity once, even if several of its collections match."""
        found: QuerySet[Activity] = super().filter_queryset(queryset)
        return found.distinct()


class ActivityViewSet(Resource):
    """Activities that learners can do."""

    queryset = Activity.objects.order_by("id").prefetch_related(
        "collections", "knowledge_components", "prerequisite_activities"
    )
    serializer_class = ActivitySerializer
    filterset_class = ActivityFilter
    writes = Writes("activity", activities.activity_create, activities.activity_update, activities.activity_delete)


class CollectionSerializer(Plain):
    id = serializers.IntegerField(read_only=True)
    collection_id = TextField(max_length=NAME_LENGTH)
    name = TextField(max_length=NAME_LENGTH, allow_blank=True)
    max_problems = WholeNumberField(required=False, allow_null=True, min_value=0, max_value=MAX_NUMBER)
    stop_on_mastery = FlagField(required=False)


class CollectionFilter(django_filters.FilterSet):
    collection_id = TextFilter()
    name = TextFilter()


class CollectionActivitiesSerializer(Plain):
    """An activity in a collection's list."""

    source_launch_url = TextField(max_length=URL_LENGTH)
    name = TextField(max_length=NAME_LENGTH, required=False, allow_blank=True)
    tags = NullAsEmptyTextField(required=False)
    type = TextField(max_length=NAME_LENGTH, required=False, allow_blank=True)
    difficulty = ProbabilityField(required=False, allow_null=True)


class CollectionViewSet(OfCollection, Resource):
    """Sets of activities, from which one is recommended at a time."""

    serializer_class = CollectionSerializer
    filterset_class = CollectionFilter
    writes = Writes(
        "collection", collections.collection_create, collections.collection_update, collections.collection_delete
    )

    @extend_schema(responses={200: CollectionActivitiesSerializer(many=True), **READ, **UNKNOWN}, filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def activities(self, request: Request, collection_id: str) -> Response:
        """Returns all activities of the collection, without paging."""
        return Response(self._activities(self.get_object()))

    @extend_schema(
        request=bounded(CollectionActivitiesSerializer()),
        responses={200: CollectionActivitiesSerializer(many=True), **BODY, **CONFLICT},
        filters=False,
    )
    @activities.mapping.post
    def replace_activities(self, request: Request, collection_id: str) -> Response:
        """Replaces the collection's activities. Creates unknown activities and collections, and deletes none."""
        check_collection_id(collection_id)
        serializer = bounded(CollectionActivitiesSerializer(), data=request.data)
        serializer.is_valid(raise_exception=True)
        collection = collections.collection_activities_replace(
            collection_id=collection_id, activities=serializer.validated_data
        )
        return Response(self._activities(collection))

    def _activities(self, collection: Collection) -> Any:
        return CollectionActivitiesSerializer(collection.activities.order_by("id"), many=True).data


def check_collection_id(collection_id: str) -> None:
    """Raises ValidationError if no collection could have this id."""
    CollectionSerializer(data={"collection_id": collection_id, "name": ""}).is_valid(raise_exception=True)


class CollectionActivitySerializer(Plain):
    id = serializers.IntegerField(read_only=True)
    activity = ReferenceField(queryset=Activity.objects.all())
    collection = ReferenceField(queryset=Collection.objects.all())


class CollectionActivityFilter(django_filters.FilterSet):
    activity = IdFilter(field_name="activity__id")
    collection = IdFilter(field_name="collection__id")


class CollectionActivityViewSet(Resource):
    """Memberships of activities in collections."""

    queryset = CollectionActivity.objects.order_by("id")
    serializer_class = CollectionActivitySerializer
    filterset_class = CollectionActivityFilter
    writes = Writes(
        "membership",
        collections.collection_activity_create,
        collections.collection_activity_update,
        collections.collection_activity_delete,
    )


class KnowledgeComponentSerializer(Plain):
    id = serializers.IntegerField(read_only=True)
    kc_id = TextField(max_length=NAME_LENGTH)
    name = TextField(max_length=NAME_LENGTH, allow_blank=True)
    mastery_prior = ProbabilityField(required=False, allow_null=True)


class KnowledgeComponentFilter(django_filters.FilterSet):
    kc_id = TextFilter()
    name = TextFilter()


class KnowledgeComponentViewSet(Resource):
    """Skills and concepts that can be learned. Mastery is traced for each."""

    queryset = KnowledgeComponent.objects.order_by("id")
    serializer_class = KnowledgeComponentSerializer
    filterset_class = KnowledgeComponentFilter
    lookup_field = "kc_id"
    lookup_value_converter = "str"
    writes = Writes(
        "knowledge_component",
        knowledge_components.knowledge_component_create,
        knowledge_components.knowledge_component_update,
        knowledge_components.knowledge_component_delete,
    )


class PrerequisiteActivitySerializer(Plain):
    id = serializers.IntegerField(read_only=True)
    from_activity = ReferenceField(queryset=Activity.objects.all(), help_text="The dependent activity.")
    to_activity = ReferenceField(queryset=Activity.objects.all(), help_text="The prerequisite.")


class PrerequisiteActivityViewSet(Resource):
    """Activities that must be done before other activities."""

    queryset = PrerequisiteActivity.objects.order_by("id")
    serializer_class = PrerequisiteActivitySerializer
    writes = Writes(
        "edge",
        prerequisite_activities.prerequisite_activity_create,
        prerequisite_activities.prerequisite_activity_update,
        prerequisite_activities.prerequisite_activity_delete,
    )


class PrerequisiteKnowledgeComponentSerializer(Plain):
    id = serializers.IntegerField(read_only=True)
    prerequisite = ReferenceField(queryset=KnowledgeComponent.objects.all())
    knowledge_component = ReferenceField(
        queryset=KnowledgeComponent.objects.all(), help_text="The dependent knowledge component."
    )
    value = ProbabilityField(required=False, help_text="Strength of the prerequisite. Default: 1.")


class PrerequisiteKnowledgeComponentViewSet(Resource):
    """Knowledge components that should be mastered before other knowledge components."""

    queryset = PrerequisiteKnowledgeComponent.objects.order_by("id")
    serializer_class = PrerequisiteKnowledgeComponentSerializer
    writes = Writes(
        "edge",
        knowledge_components.prerequisite_knowledge_component_create,
        knowledge_components.prerequisite_knowledge_component_update,
        knowledge_components.prerequisite_knowledge_component_delete,
    )
