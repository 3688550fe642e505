"""What the resources of the API share."""

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
    field = serializers.CharField(help_text='Dots lead into nested objects and lists; "" is the body as a whole.')
    code = serializers.CharField()
    message = serializers.CharField()


class ErrorSerializer(Plain):
    code = serializers.CharField()
    detail = serializers.CharField()
    # A field here; in the base class a property of this name.
    errors = ErrorEntrySerializer(many=True)  # type: ignore[assignment]


# What a request may be answered with for a reason of its own; 403 is a session's write without its CSRF token.
READ = {401: ErrorSerializer}
WRITE = {401: ErrorSerializer, 403: ErrorSerializer}
BODY = {**WRITE, 400: ErrorSerializer, 413: ErrorSerializer, 415: ErrorSerializer}
# 403 is also what somebody gets who is no member of the staff.
STAFF_READ = WRITE
UNKNOWN = {404: ErrorSerializer}
CONFLICT = {409: ErrorSerializer}


def bounded(child: Plain, **kwargs: Any) -> serializers.ListSerializer[Any]:
    """A list of at most as many objects as a request may hold; its length is looked at before its items."""
    return serializers.ListSerializer(child=child, max_length=MAX_LIST, **kwargs)


class Reference(Plain):
    """An object that names another one: whole even where the body around it is a partial change."""

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
    """What all routes share: JSON out, bodies in chunks in."""

    content_negotiation_class = JSONAnswers
    # No OPTIONS: what a route takes is in the schema.
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    lookup_value_converter = "int"

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        open_chunked_body(request)
        return super().initialize_request(request, *args, **kwargs)

    def get_object(self) -> Any:
        # Ids in paths hold any character but "/"; no database would look for this one.
        if not is_storable(str(self.kwargs[self.lookup_field])):
            raise Http404
        return super().get_object()

    def filter_queryset(self, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        """Filters are for lists: what a path names is found whatever the query string says."""
        return super().filter_queryset(queryset) if self.action == "list" else queryset


@dataclass(frozen=True)
class Writes:
    """The service's functions that change a resource; ``update`` and ``delete`` take the row by the name ``row``."""

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
    """Create, read, change and delete. A subclass says in attributes what differs: its rows, serializer and filters,
    the service's functions, and ``permission_classes`` where not every token may use it."""

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
    """Says in the schema what a resource's six operations answer; ``read`` is what reading adds."""
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
    """A route below a collection, which its path names."""

    queryset = Collection.objects.order_by("id")
    lookup_field = "collection_id"
    lookup_value_converter = "str"


def unchangeable(field: str, data: dict[str, Any], current: Any) -> None:
    """Raises InvalidInput where the field is given with another value."""
    if field in data and data[field] != current:
        raise InvalidInput("This cannot be changed; delete and create instead.", field=field, code="unchangeable")


def learner_identity(learner: Learner) -> LearnerIdentity:
    """How the platform names a learner."""
    return LearnerIdentity(learner.user_id, learner.tool_consumer_instance_guid)


def learner_representation(learner: Any) -> dict[str, str]:
    """A learner, or what identifies one, as the API names them."""
    return {"user_id": learner.user_id, "tool_consumer_instance_guid": learner.tool_consumer_instance_guid}


def wants_explanation(request: Request) -> bool:
    """Whether the query says explain=true. Raises ValidationError for other words."""
    explain = request.query_params.get("explain", "false").lower()
    if explain not in {"true", "false", "1", "0", ""}:
        raise ValidationError({"explain": ["Must be true or false."]}, code="invalid")
    return explain in {"true", "1"}
