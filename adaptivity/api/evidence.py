"""Scores, masteries, and the data about a learner."""

from typing import Any

import django_filters
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response

from adaptivity.api.fields import ProbabilityField, TextField, TimestampField
from adaptivity.api.filters import IdFilter, TextFilter
from adaptivity.api.resource import (
    BODY,
    CONFLICT,
    LearnerReferenceSerializer,
    LearnerSerializer,
    Plain,
    Reference,
    Resource,
    Route,
    bounded,
    learner_identity,
    learner_representation,
    unchangeable,
)
from adaptivity.errors import InvalidInput
from adaptivity.evidence.selectors.log import scores_current
from adaptivity.evidence.selectors.privacy import learner_data
from adaptivity.evidence.services import masteries, privacy, scores
from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.models import Learner, Mastery, Score
from adaptivity.text import NAME_LENGTH, URL_LENGTH

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": NAME_LENGTH},
    OpenApiParameter.HEADER,
    description="Same as event_id in the body. 400 if both are given and differ.",
)


class ScoreSerializer(Plain):
    id = serializers.IntegerField(read_only=True)
    learner = LearnerSerializer()
    activity = TextField(max_length=URL_LENGTH, help_text="The activity's source_launch_url.")
    score = ProbabilityField()
    timestamp = TimestampField(
        required=False,
        allow_null=True,
        help_text="ISO 8601 with a time zone, not in the future. Default: the server's time.",
    )
    event_id = TextField(
        max_length=NAME_LENGTH,
        required=False,
        allow_null=True,
        help_text="Unique per learner. Repeating the same body returns the first answer; another body returns 409.",
    )

    def to_representation(self, instance: Score) -> dict[str, Any]:
        """The score in its current state if its revisions were loaded, or as it was first recorded."""
        revisions = getattr(instance, "revisions_in_order", [])
        activity, value, timestamp = instance.activity, instance.score, instance.timestamp
        if revisions:
            activity, value, timestamp = revisions[-1].activity, revisions[-1].value, revisions[-1].timestamp
        return {
            "id": instance.pk,
            "learner": learner_representation(instance.learner),
            "activity": activity.source_launch_url,
            "score": value,
            "timestamp": self.fields["timestamp"].to_representation(timestamp),
            "event_id": instance.event_id,
        }


class ScoreFilter(django_filters.FilterSet):
    learner = IdFilter(field_name="learner__id")
    learner__user_id = TextFilter(field_name="learner__user_id")


@extend_schema_view(create=extend_schema(parameters=[IDEMPOTENCY_KEY]))
class ScoreViewSet(Resource):
    """Learners' scores on activities. Each score updates the learner's masteries."""

    serializer_class = ScoreSerializer
    filterset_class = ScoreFilter
    queryset = Score.objects.none()

    def get_queryset(self) -> Any:
        return scores_current()

    def perform_create(self, serializer: Any) -> None:
        data = serializer.validated_data
        serializer.instance = scores.score_create(
            learner=data["learner"],
            activity=data["activity"],
            score=data["score"],
            timestamp=data.get("timestamp"),
            event_id=event_id(self.request, data.get("event_id")),
        )

    def perform_update(self, serializer: Any) -> None:
        instance, data = serializer.instance, serializer.validated_data
        unchangeable("learner", data, learner_identity(instance.learner))
        unchangeable("event_id", data, instance.event_id)
        scores.score_correct(
            score=instance, activity=data.get("activity"), value=data.get("score"), timestamp=data.get("timestamp")
        )
        serializer.instance = scores_current().get(pk=instance.pk)

    def perform_destroy(self, instance: Score) -> None:
        scores.score_delete(score=instance)


def event_id(request: Request, in_body: str | None) -> str | None:
    """The event id in the body or in the Idempotency-Key header. Both may be given if they are equal."""
    in_header = request.headers.get("Idempotency-Key")
    if in_header is None:
        return in_body
    try:
        # WSGI passes each byte of a header as one character; clients send non-ASCII text as UTF-8.
        in_header = in_header.encode("latin-1").decode()
    except UnicodeError:
        raise InvalidInput("The Idempotency-Key header is not UTF-8.", field="event_id") from None
    if in_body is not None and in_body != in_header:
        raise InvalidInput("event_id and the Idempotency-Key header differ.", field="event_id")
    try:
        key: str = ScoreSerializer().fields["event_id"].run_validation(in_header)
    except ValidationError as error:
        raise ValidationError({"event_id": error.detail}) from None
    return key


class KnowledgeComponentReferenceSerializer(Reference):
    kc_id = TextField(max_length=NAME_LENGTH)


class MasterySerializer(Plain):
    id = serializers.IntegerField(read_only=True)
    learner = LearnerSerializer()
    knowledge_component = KnowledgeComponentReferenceSerializer()
    value = ProbabilityField()

    def to_representation(self, instance: Mastery) -> dict[str, Any]:
        return {
            "id": instance.pk,
            "learner": learner_representation(instance.learner),
            "knowledge_component": {"kc_id": instance.knowledge_component.kc_id},
            "value": instance.value,
        }


class MasteryFilter(django_filters.FilterSet):
    learner = IdFilter(field_name="learner__id")
    learner__user_id = TextFilter(field_name="learner__user_id")


class MasteryViewSet(Resource):
    """The probability that a learner has mastered a knowledge component."""

    queryset = Mastery.objects.select_related("learner", "knowledge_component").order_by("id")
    serializer_class = MasterySerializer
    filterset_class = MasteryFilter

    def perform_create(self, serializer: Any) -> None:
        setting = mastery_setting(serializer.validated_data)
        try:
            (serializer.instance,) = masteries.masteries_set(settings=[setting])
        except InvalidInput as error:
            error.field = error.field.removeprefix("0.")
            raise

    def perform_update(self, serializer: Any) -> None:
        instance, data = serializer.instance, serializer.validated_data
        learner = learner_identity(instance.learner)
        unchangeable("learner", data, learner)
        unchangeable("knowledge_component", data, {"kc_id": instance.knowledge_component.kc_id})
        if "value" in data:
            (serializer.instance,) = masteries.masteries_set(
                settings=[masteries.MasterySetting(learner, instance.knowledge_component.kc_id, data["value"])]
            )

    def perform_destroy(self, instance: Mastery) -> None:
        masteries.mastery_delete(mastery=instance)

    @extend_schema(
        request=bounded(MasterySerializer()),
        responses={200: MasterySerializer(many=True), **BODY, **CONFLICT},
        filters=False,
    )
    @action(detail=False, methods=["put"], pagination_class=None)
    def bulk_update(self, request: Request) -> Response:
        """Sets many masteries at once, all or none."""
        serializer = bounded(MasterySerializer(), data=request.data)
        serializer.is_valid(raise_exception=True)
        changed = masteries.masteries_set(settings=[mastery_setting(data) for data in serializer.validated_data])
        return Response(MasterySerializer(changed, many=True).data)


def mastery_setting(data: dict[str, Any]) -> masteries.MasterySetting:
    """The validated data of a MasterySerializer, as the service takes it."""
    return masteries.MasterySetting(data["learner"], data["knowledge_component"]["kc_id"], data["value"])


class LearnerDataSerializer(Plain):
    """All data about one learner."""

    learner = serializers.DictField(help_text="The learner's own row.")
    records = serializers.DictField(
        child=serializers.ListField(child=serializers.DictField()),
        help_text="All other rows that belong to the learner, by type: scores, masteries and so on.",
    )


class ErasedSerializer(Plain):
    learner = LearnerSerializer()
    erased = serializers.DictField(child=serializers.IntegerField(), help_text="Number of rows deleted, by type.")


class LearnerViewSet(Route):
    """Export and erasure of the data about one learner. For staff only: a platform's token cannot do this."""

    permission_classes = [IsAdminUser]
    queryset = Learner.objects.none()
    pagination_class = None
    filter_backends = ()

    @extend_schema(request=LearnerReferenceSerializer, responses={200: LearnerDataSerializer, **BODY})
    @action(detail=False, methods=["post"])
    def export(self, request: Request) -> Response:
        """Returns all data about the learner."""
        identity = self._identity(request)
        try:
            data = learner_data(**learner_representation(identity))
        except Learner.DoesNotExist:
            raise InvalidInput("There is no such learner.", field="learner", code="does_not_exist") from None
        return Response(data)

    @extend_schema(request=LearnerReferenceSerializer, responses={200: ErasedSerializer, **BODY, **CONFLICT})
    @action(detail=False, methods=["post"])
    def erase(self, request: Request) -> Response:
        """Permanently deletes the learner and everything that belongs to them. An unknown learner is not an error."""
        identity = self._identity(request)
        erased = privacy.learner_erase(learner=identity)
        return Response({"learner": learner_representation(identity), "erased": erased})

    def _identity(self, request: Request) -> LearnerIdentity:
        serializer = LearnerReferenceSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        identity: LearnerIdentity = serializer.validated_data["learner"]
        return identity
