"""Model versions and predictions of success."""

from typing import Any

import django_filters
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response

from adaptivity.api.fields import FlagField, TextField
from adaptivity.api.filters import TextFilter
from adaptivity.api.resource import (
    BODY,
    CONFLICT,
    STAFF_READ,
    UNKNOWN,
    ErrorSerializer,
    LearnerSerializer,
    Plain,
    Route,
    wants_explanation,
)
from adaptivity.model_versions.selectors.model_versions import active_version
from adaptivity.model_versions.services import model_versions, prediction
from adaptivity.models import ModelVersion, ModelVersionEvent
from adaptivity.text import URL_LENGTH


class PredictSerializer(Plain):
    learner = LearnerSerializer()
    activities = serializers.ListField(
        child=TextField(max_length=URL_LENGTH),
        allow_empty=False,
        max_length=1000,
        help_text="The source_launch_url of each activity; at most 1,000.",
    )


class PredictionSerializer(Plain):
    activity = serializers.CharField(help_text="The source_launch_url.")
    probability = serializers.FloatField(min_value=0, max_value=1)
    explanation = serializers.DictField(
        child=serializers.FloatField(),
        required=False,
        help_text="The terms whose sum is the log-odds of the probability. Only with ?explain=true, and only if a "
        "model of success is in force.",
    )


class PredictionsSerializer(Plain):
    model = serializers.ChoiceField(
        ("hybrid", "tracing"),
        help_text="hybrid if a model of success is in force; tracing if the prediction uses masteries alone.",
    )
    model_version = serializers.CharField(allow_null=True, help_text="null if the authors' parameters are in force.")
    predictions = PredictionSerializer(many=True)


class PredictionViewSet(Route):
    """Predictions of a learner's success."""

    @extend_schema(
        request=PredictSerializer,
        responses={200: PredictionsSerializer, **BODY},
        parameters=[OpenApiParameter("explain", bool, description="Also return the terms of each prediction.")],
        filters=False,
    )
    @action(detail=False, methods=["post"])
    def predict(self, request: Request) -> Response:
        """Returns how likely the learner is to succeed at these activities now. Writes nothing."""
        explain = wants_explanation(request)
        serializer = PredictSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        asked = serializer.validated_data["activities"]
        found = prediction.success_predict(learner=serializer.validated_data["learner"], activities=asked)
        predictions: list[dict[str, Any]] = [
            {"activity": url, "probability": probability}
            for url, probability in zip(asked, found.probability.tolist(), strict=True)
        ]
        if explain and found.terms is not None:
            for number, each in enumerate(predictions):
                each["explanation"] = found.explanation(number)
        return Response(
            {
                "model": "tracing" if found.terms is None else "hybrid",
                "model_version": found.model_version,
                "predictions": predictions,
            }
        )


class ModelVersionSerializer(Plain):
    id = serializers.IntegerField(read_only=True)
    name = serializers.CharField()
    method = serializers.CharField(help_text='The method of estimation; "" if it was not estimated here.')
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True, help_text="null while it is being estimated.")
    active = serializers.SerializerMethodField(help_text="Whether the version is in force.")
    purged_at = serializers.DateTimeField(
        allow_null=True, help_text="When the parameters were deleted; null if they are kept."
    )
    report = serializers.DictField(help_text="The comparison with what was in force when the report was made.")

    def get_active(self, version: ModelVersion) -> bool:
        return bool(version.pk == self.context["active"])


class ModelVersionFilter(django_filters.FilterSet):
    name = TextFilter()


class CheckSerializer(Plain):
    name = serializers.CharField()
    passed = serializers.BooleanField()
    message = serializers.CharField()


class GateSerializer(Plain):
    passes = serializers.BooleanField(help_text="Whether a promotion by name would succeed.")
    checks = CheckSerializer(many=True)
    held = serializers.CharField(allow_null=True, help_text="The rollback that prevents schedules from promoting it.")


class PromoteSerializer(Plain):
    force = FlagField(required=False, help_text="Promote the version even if the gate refuses it; needs a reason.")
    reason = TextField(max_length=2000, required=False, allow_blank=True, help_text="The reason, for the record.")


class RollbackSerializer(Plain):
    reason = TextField(max_length=2000, required=False, allow_blank=True, help_text="The reason, for the record.")


class RolledBackSerializer(Plain):
    active = serializers.CharField(allow_null=True, help_text="null if the authors' parameters are in force.")


@extend_schema_view(
    list=extend_schema(responses={200: ModelVersionSerializer(many=True), 400: ErrorSerializer, **STAFF_READ}),
    retrieve=extend_schema(responses={200: ModelVersionSerializer, **STAFF_READ, **UNKNOWN}),
)
class ModelVersionViewSet(mixins.RetrieveModelMixin, mixins.ListModelMixin, Route):
    """Estimated parameters: list, promote and roll back. For staff only."""

    permission_classes = [IsAdminUser]
    queryset = ModelVersion.objects.order_by("id")
    serializer_class = ModelVersionSerializer
    filterset_class = ModelVersionFilter
    lookup_field = "name"
    lookup_value_converter = "str"

    def get_serializer_context(self) -> dict[str, Any]:
        active = active_version()
        return {**super().get_serializer_context(), "active": active.pk if active else None}

    @extend_schema(responses={200: GateSerializer, **STAFF_READ, **UNKNOWN}, filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def gate(self, request: Request, name: str) -> Response:
        """Returns the gate's result for the version, and whether a schedule may promote it. Changes nothing."""
        version = self.get_object()
        checks, held = model_versions.promotion_checks(version, active_version()), model_versions.held_by(version)
        return Response({
            "passes": all(check["passed"] for check in checks),
            "checks": checks,
            "held": held[1]["message"] if held else None,
        })  # fmt: skip

    @extend_schema(
        request=PromoteSerializer,
        responses={200: ModelVersionSerializer, **BODY, **UNKNOWN, **CONFLICT},
        filters=False,
    )
    @action(detail=True, methods=["post"])
    def promote(self, request: Request, name: str) -> Response:
        """Puts the version in force if its report shows that it is better. 409 explains why the gate refuses it."""
        version = self.get_object()
        serializer = PromoteSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        model_versions.model_version_promote(
            name=version.name,
            force=data.get("force", False),
            reason=data.get("reason", ""),
            by=request.user.get_username(),
        )
        return Response(self.get_serializer(version).data)

    @extend_schema(request=RollbackSerializer, responses={200: RolledBackSerializer, **BODY, **CONFLICT}, filters=False)
    @action(detail=False, methods=["post"])
    def rollback(self, request: Request) -> Response:
        """Reverts the last promotion. 409 if there is no promotion to revert."""
        serializer = RollbackSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        version = model_versions.model_version_rollback(
            by=request.user.get_username(), reason=serializer.validated_data.get("reason", "")
        )
        return Response({"active": version.name if version else None})


class ModelVersionEventSerializer(Plain):
    id = serializers.IntegerField(read_only=True)
    kind = serializers.ChoiceField(ModelVersionEvent.Kind.choices)
    model_version = serializers.CharField(source="model_version.name")
    previous = serializers.CharField(
        source="previous.name",
        default=None,
        allow_null=True,
        help_text="null means the authors' parameters, or no version.",
    )
    at = serializers.DateTimeField()
    by = serializers.CharField()
    reason = serializers.CharField()
    checks = serializers.ListField(child=serializers.DictField(), help_text="The results of the gate's checks.")


class ModelVersionEventFilter(django_filters.FilterSet):
    model_version = TextFilter(field_name="model_version__name")


@extend_schema_view(
    list=extend_schema(responses={200: ModelVersionEventSerializer(many=True), 400: ErrorSerializer, **STAFF_READ})
)
class ModelVersionEventViewSet(mixins.ListModelMixin, Route):
    """The history of model versions: estimates, promotions, refusals, force, rollbacks. For staff only."""

    permission_classes = [IsAdminUser]
    queryset = ModelVersionEvent.objects.select_related("model_version", "previous").order_by("id")
    serializer_class = ModelVersionEventSerializer
    filterset_class = ModelVersionEventFilter
