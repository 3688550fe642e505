"""What the API's resources share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers, viewsets
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from adaptivity.api.fields import MAX_LIST, TextField, UserIdField
from adaptivity.api.parsers import JSONAnswers, open_chunked_body
from adaptivity.errors import InvalidInput
from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.models import Collection, Learner
from adaptivity.text import NAME_LENGTH, is_storable

MAX_NUMBER = 2**31 - 1

Plain = serializers.Serializer[Any]


class ErrorEntrySerializer(Plain):
    field = serializers.CharField(help_text='Dots lead into nested objects and lists; "" is the whole body.')
    code = serializers.CharField()
    message = serializers.CharField()


class ErrorSerializer(Plain):
    code = serializers.CharField()
    detail = serializers.CharField()
    # This is a field; the base class has a property with this name.
    errors = ErrorEntrySerializer(many=True)  # type: ignore[assignment]


# Error responses by type of operation. For writes, 403 means a session without its CSRF token.
READ = {401: ErrorSerializer}
WRITE = {401: ErrorSerializer, 403: ErrorSerializer}
BODY = {**WRITE, 400: ErrorSerializer, 413: ErrorSerializer, 415: ErrorSerializer}
# 403 is also the answer to users who are not staff.
STAFF_READ = WRITE
UNKNOWN = {404: ErrorSerializer}
CONFLICT = {409: ErrorSerializer}


def bounded(child: Plain, **kwargs: Any) -> serializers.ListSerializer[Any]:
    """A list of objects of limited length. Its length is checked before its items."""
    return serializers.ListSerializer(child=child, max_length=MAX_LIST, **kwargs)


class Reference(Plain):
    """An object that identifies another object. It must be complete, even in a partial update."""

    def to_internal_value(self, data: Any) -> Any:
        if getattr(self.root, "partial", False) and isinstance(data, Mapping):
            missing = [name for name, field in self.fields.items() if field.required and name not in data]
            if missing:
                messages = {name: [self.fields[name].error_messages["required"]] for name in missing}
                raise ValidationError(messages, code="required")
        return super().to_internal_value(data)


class LearnerSerializer(Reference):
    user_id = UserIdField(max_length=NAME_LENGTH)
    tool_consumer_instance_guid = TextField(max_length=NAME_LENGTH, required=False, allow_blank=True, default="")

    def validate(self, attrs: Any) -> Any:
        return LearnerIdentity(attrs["user_id"], attrs.get("tool_consumer_instance_guid", ""))


class LearnerReferenceSerializer(Plain):
    learner = LearnerSerializer()


class Route(viewsets.GenericViewSet[Any]):
    """What all routes share: JSON responses, and support for chunked bodies."""

    content_negotiation_class = JSONAnswers
    # No OPTIONS, because the schema describes each route.
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    lookup_value_converter = "int"

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        open_chunked_body(request)
        return super().initialize_request(request, *args, **kwargs)

    def get_object(self) -> Any:
        # Ids in paths may contain any character but "/"; no database can look for this one.
        if not is_storable(str(self.kwargs[self.lookup_field])):
            raise Http404
        return super().get_object()

    def filter_queryset(self, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        """Applies filters to lists only. A path finds its row whatever the query string says."""
        return super().filter_queryset(queryset) if self.action == "list" else queryset


@dataclass(frozen=True)
class Writes:
    """The service functions that write a resource. ``update`` and ``delete`` take the row as the argument ``row``."""

    row: str
    create: Callable[..., Any]
    update: Callable[..., Any]
    delete: Callable[..., Any]


class Resource(
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    mixins.DestroyModelMixin,
    mixins.ListModelMixin,
    Route,
):
    """Create, read, update and delete. Subclasses set attributes for what differs.

    These are the rows, the serializer, the filters, the service functions, and ``permission_classes`` if not every
    token may use the resource.
    """

    writes: Writes

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        documented(cls, READ if cls.permission_classes == Resource.permission_classes else STAFF_READ)

    def perform_create(self, serializer: Any) -> None:
        serializer.instance = self.writes.create(**serializer.validated_data)

    def perform_update(self, serializer: Any) -> None:
        serializer.instance = self.writes.update(**{self.writes.row: serializer.instance}, **serializer.validated_data)

    def perform_destroy(self, instance: Any) -> None:
        self.writes.delete(**{self.writes.row: instance})


def documented(resource: type[Resource], read: dict[int, Any]) -> None:
    """Documents the responses of a resource's six operations. ``read`` are the additional ones of reads."""
    serializer: Any = resource.serializer_class
    extend_schema_view(
        list=extend_schema(responses={200: serializer(many=True), 400: ErrorSerializer, **read}),
        retrieve=extend_schema(responses={200: serializer, **read, **UNKNOWN}),
        create=extend_schema(responses={201: serializer, **BODY, **CONFLICT}),
        update=extend_schema(responses={200: serializer, **BODY, **UNKNOWN, **CONFLICT}),
        partial_update=extend_schema(responses={200: serializer, **BODY, **UNKNOWN, **CONFLICT}),
        destroy=extend_schema(responses={204: None, **WRITE, **UNKNOWN, **CONFLICT}),
    )(resource)


class OfCollection(Route):
    """A route below a collection, whose path contains the collection_id."""

    queryset = Collection.objects.order_by("id")
    lookup_field = "collection_id"
    lookup_value_converter = "str"


def unchangeable(field: str, data: dict[str, Any], current: Any) -> None:
    """Raises InvalidInput if the field is given with another value."""
    if field in data and data[field] != current:
        raise InvalidInput(
            "This cannot be changed; delete the object and create a new one.", field=field, code="unchangeable"
        )


def learner_identity(learner: Learner) -> LearnerIdentity:
    """The platform's identity of a learner."""
    return LearnerIdentity(learner.user_id, learner.tool_consumer_instance_guid)


def learner_representation(learner: Any) -> dict[str, str]:
    """A learner, or an identity of one, as the API represents it."""
    return {"user_id": learner.user_id, "tool_consumer_instance_guid": learner.tool_consumer_instance_guid}


def wants_explanation(request: Request) -> bool:
    """Whether the query string has explain=true. Raises ValidationError if it is neither true nor false."""
    explain = request.query_params.get("explain", "false").lower()
    if explain not in {"true", "false", "1", "0", ""}:
        raise ValidationError({"explain": ["Must be true or false."]}, code="invalid")
    return explain in {"true", "1"}
