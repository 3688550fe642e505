"""Recommendations, grades and experiments."""

from typing import Any

import django_filters
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response

from adaptivity.api.fields import FlagField, ProbabilityField, ReferenceField, TextField, WeightField
from adaptivity.api.filters import IdFilter, TextFilter
from adaptivity.api.resource import (
    BODY,
    CONFLICT,
    UNKNOWN,
    WRITE,
    ErrorSerializer,
    LearnerSerializer,
    OfCollection,
    Plain,
    Resource,
    Route,
    Writes,
    bounded,
    learner_identity,
    learner_representation,
    unchangeable,
    wants_explanation,
)
from adaptivity.engine.policies import POLICIES
from adaptivity.errors import InvalidInput
from adaptivity.models import Collection, Experiment, ExperimentalGroup, ExperimentPin
from adaptivity.recommendation.selectors.grades import learner_grade
from adaptivity.recommendation.services import experiments, receipts, recommendation
from adaptivity.text import NAME_LENGTH, URL_LENGTH


class SequenceItemSerializer(Plain):
    activity = TextField(max_length=URL_LENGTH, help_text="The source_launch_url. Unknown activities are ignored.")
    score = ProbabilityField(required=False, allow_null=True)
    is_problem = FlagField(required=False, allow_null=True)


class RecommendSerializer(Plain):
    learner = LearnerSerializer()
    collection = TextField(max_length=NAME_LENGTH, help_text="The collection_id.")
    sequence = bounded(SequenceItemSerializer(), required=False, allow_null=True)


class SubScoresSerializer(Plain):
    source_launch_url = serializers.CharField()
    remediation = serializers.FloatField()
    continuity = serializers.FloatField()
    difficulty = serializers.FloatField()
    readiness = serializers.FloatField()
    total = serializers.FloatField()


class BlockedSerializer(Plain):
    source_launch_url = serializers.CharField()
    prerequisite = serializers.CharField(help_text="The source_launch_url of the activity that must be done first.")


class ExplanationSerializer(Plain):
    outcome = serializers.CharField()
    reason = serializers.CharField()
    candidates = SubScoresSerializer(many=True)
    blocked = BlockedSerializer(many=True)


@extend_schema_field({"type": "boolean", "const": False})
class FalseField(serializers.BooleanField):
    """Always false."""


@extend_schema_field({"type": "boolean", "const": True})
class TrueField(serializers.BooleanField):
    """Always true."""


@extend_schema_field({"type": "null"})
class NullField(serializers.CharField):
    """Always null."""


class RecommendedSerializer(Plain):
    """The activity to do next."""

    source_launch_url = serializers.CharField()
    complete = FalseField()
    explanation = ExplanationSerializer(required=False, help_text="Only with ?explain=true.")


class CompleteSerializer(Plain):
    """The collection is complete: there is no activity to recommend."""

    collection = serializers.CharField(help_text="The collection_id.")
    url = NullField()
    complete = TrueField()
    explanation = ExplanationSerializer(required=False, help_text="Only with ?explain=true.")


RECOMMENDATION = PolymorphicProxySerializer(
    component_name="Recommendation",
    serializers=[RecommendedSerializer, CompleteSerializer],
    resource_type_field_name=None,
)


class RecommendationViewSet(Route):
    """Recommendations of the next activity."""

    @extend_schema(
        request=RecommendSerializer,
        responses={200: RECOMMENDATION, **BODY, **CONFLICT},
        parameters=[
            OpenApiParameter("explain", bool, description="Also return the candidates and why one was chosen.")
        ],
    )
    @action(detail=False, methods=["post"])
    def recommend(self, request: Request) -> Response:
        """Returns the activity of a collection that the learner should do next."""
        explain = wants_explanation(request)
        serializer = RecommendSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        try:
            explained = recommendation.activity_recommend(
                learner=data["learner"],
                collection_id=data["collection"],
                sequence=[
                    recommendation.SequenceItem(item["activity"], item.get("is_problem"))
                    for item in data.get("sequence") or ()
                ],
            )
        except Collection.DoesNotExist:
            raise InvalidInput(
                "There is no collection with this collection_id.", field="collection", code="does_not_exist"
            ) from None
        receipts.receipt_enqueue(explained=explained)
        answer: dict[str, Any]
        if explained.url is None:
            answer = {"collection": data["collection"], "url": None, "complete": True}
        else:
            answer = {"source_launch_url": explained.url, "complete": False}
        if explain:
            answer["explanation"] = explanation(explained)
        return Response(answer)


def explanation(explained: recommendation.ExplainedRecommendation) -> dict[str, Any]:
    """The candidates' sub-scores, best first, the blocked activities, and a sentence that explains the choice."""
    scores_, urls = explained.recommendation.scores, explained.arrays.urls
    best_first = sorted(explained.recommendation.candidates.tolist(), key=lambda item: (-scores_.total[item], item))
    return {
        "outcome": explained.recommendation.outcome.value,
        "reason": recommendation.sentence(explained),
        "candidates": [
            {
                "source_launch_url": urls[item],
                "remediation": float(scores_.remediation[item]),
                "continuity": float(scores_.continuity[item]),
                "difficulty": float(scores_.difficulty[item]),
                "readiness": float(scores_.readiness[item]),
                "total": float(scores_.total[item]),
            }
            for item in best_first
        ],
        "blocked": [
            {"source_launch_url": urls[item], "prerequisite": urls[prerequisite]}
            for item, prerequisite in zip(*(indices.tolist() for indices in explained.blocked), strict=True)
        ],
    }


class GradeSerializer(Plain):
    learner = LearnerSerializer()


class GradeAnswerSerializer(Plain):
    learner = LearnerSerializer()
    grade = serializers.FloatField(min_value=0, max_value=1)


class GradeViewSet(OfCollection):
    """A learner's grade in a collection."""

    @extend_schema(request=GradeSerializer, responses={200: GradeAnswerSerializer, **BODY, **UNKNOWN})
    @action(detail=True, methods=["post"])
    def grade(self, request: Request, collection_id: str) -> Response:
        """Returns the learner's grade in the collection, from 0 to 1."""
        collection = self.get_object()
        serializer = GradeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        learner = learner_representation(serializer.validated_data["learner"])
        grade = learner_grade(**learner, collection_id=collection.collection_id)
        return Response({"learner": learner, "grade": grade})


class ExperimentSerializer(Plain):
    id = serializers.IntegerField(read_only=True)
    name = TextField(max_length=NAME_LENGTH, help_text="Together with the learner, decides the learner's group.")
    collection = ReferenceField(queryset=Collection.objects.all())
    started_at = serializers.DateTimeField(read_only=True, allow_null=True, help_text="null if it is a draft.")
    ended_at = serializers.DateTimeField(read_only=True, allow_null=True)


class ExperimentFilter(django_filters.FilterSet):
    name = TextFilter()
    collection = IdFilter(field_name="collection__id")


class ExperimentViewSet(Resource):
    """Experiments that compare engine settings on groups of a collection's learners. For staff only."""

    permission_classes = [IsAdminUser]
    queryset = Experiment.objects.order_by("id")
    serializer_class = ExperimentSerializer
    filterset_class = ExperimentFilter
    writes = Writes(
        "experiment", experiments.experiment_create, experiments.experiment_update, experiments.experiment_delete
    )

    @extend_schema(
        request=None, responses={200: ExperimentSerializer, **WRITE, **UNKNOWN, **CONFLICT, 400: ErrorSerializer}
    )
    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: int) -> Response:
        """Starts the experiment. The groups are fixed, and apply from the next recommendation on."""
        return Response(self.get_serializer(experiments.experiment_start(experiment=self.get_object())).data)

    @extend_schema(request=None, responses={200: ExperimentSerializer, **WRITE, **UNKNOWN, **CONFLICT})
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: int) -> Response:
        """Ends the experiment. The collection's learners get the default settings again."""
        return Response(self.get_serializer(experiments.experiment_end(experiment=self.get_object())).data)


class ExperimentalGroupSerializer(Plain):
    id = serializers.IntegerField(read_only=True)
    experiment = ReferenceField(queryset=Experiment.objects.all())
    name = TextField(max_length=NAME_LENGTH)
    weight = WeightField(required=False, help_text="The group's share of learners is its share of all weights.")
    remediation_weight = WeightField(required=False, help_text="W_r, the weight of remediation.")
    continuity_weight = WeightField(required=False, help_text="W_c, the weight of continuity.")
    difficulty_weight = WeightField(required=False, help_text="W_d, the weight of difficulty.")
    readiness_weight = WeightField(required=False, help_text="W_p, the weight of readiness.")
    forgiveness = WeightField(required=False, help_text="r*, the forgiveness of gaps in prerequisites.")
    mastery_threshold = ProbabilityField(
        required=False, help_text="The probability whose log-odds is L*. It must be neither 0 nor 1."
    )
    policy = TextField(max_length=64, required=False, help_text=f"One of {', '.join(POLICIES)}.")


class ExperimentalGroupFilter(django_filters.FilterSet):
    experiment = IdFilter(field_name="experiment__id")


class ExperimentalGroupViewSet(Resource):
    """Groups of an experiment: a share of its learners, and their engine settings. For staff only."""

    permission_classes = [IsAdminUser]
    queryset = ExperimentalGroup.objects.select_related("experiment").order_by("id")
    serializer_class = ExperimentalGroupSerializer
    filterset_class = ExperimentalGroupFilter
    writes = Writes(
        "group",
        experiments.experimental_group_create,
        experiments.experimental_group_update,
        experiments.experimental_group_delete,
    )


class ExperimentPinSerializer(Plain):
    id = serializers.IntegerField(read_only=True)
    learner = LearnerSerializer()
    group = ReferenceField(queryset=ExperimentalGroup.objects.select_related("experiment"))


class ExperimentPinFilter(django_filters.FilterSet):
    experiment = IdFilter(field_name="experiment__id")
    learner__user_id = TextFilter(field_name="learner__user_id")


class ExperimentPinViewSet(Resource):
    """Learners assigned to a group by hand. For staff only."""

    permission_classes = [IsAdminUser]
    queryset = ExperimentPin.objects.select_related("learner").order_by("id")
    serializer_class = ExperimentPinSerializer
    filterset_class = ExperimentPinFilter

    def perform_create(self, serializer: Any) -> None:
        serializer.instance = experiments.experiment_pin(**serializer.validated_data)

    def perform_update(self, serializer: Any) -> None:
        instance, data = serializer.instance, serializer.validated_data
        learner = learner_identity(instance.learner)
        unchangeable("learner", data, learner)
        group = data.get("group", instance.group)
        if group.experiment_id != instance.experiment_id:
            unchangeable("group", {"group": group}, instance.group)
        serializer.instance = experiments.experiment_pin(group=group, learner=learner)

    def perform_destroy(self, instance: ExperimentPin) -> None:
        experiments.experiment_pin_delete(pin=instance)
