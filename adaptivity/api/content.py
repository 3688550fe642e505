"""The routes: parse, call a service or selector, render."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response

from adaptivity import tasks
from adaptivity.api import filters
from adaptivity.api import recommendation as s
from adaptivity.api.parsers import JSONAnswers, open_chunked_body
from adaptivity.content.services import activities, collections, knowledge_components, prerequisite_activities
from adaptivity.errors import InvalidInput
from adaptivity.evidence.selectors.evidence import scores_current
from adaptivity.evidence.selectors.privacy import learner_data
from adaptivity.evidence.services import masteries, privacy, scores
from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.model_versions.selectors.model_versions import active_version
from adaptivity.model_versions.services import model_versions, prediction
from adaptivity.models import (
    Activity,
    Collection,
    CollectionActivity,
    ContentGapReport,
    CourseSource,
    Experiment,
    ExperimentalGroup,
    ExperimentPin,
    KnowledgeComponent,
    Learner,
    Mastery,
    ModelVersion,
    ModelVersionEvent,
    PrerequisiteActivity,
    PrerequisiteKnowledgeComponent,
    Score,
)
from adaptivity.recommendation.selectors.grades import learner_grade
from adaptivity.recommendation.services import experiments, receipts, recommendation
from adaptivity.sources.services import sources

# What a request may be answered with for a reason of its own; 403 is a session's write without its CSRF token.
READ = {401: s.ErrorSerializer}
WRITE = {401: s.ErrorSerializer, 403: s.ErrorSerializer}
BODY = {**WRITE, 400: s.ErrorSerializer, 413: s.ErrorSerializer, 415: s.ErrorSerializer}
# 403 is also what somebody gets who is no member of the staff.
STAFF_READ = WRITE
UNKNOWN = {404: s.ErrorSerializer}
CONFLICT = {409: s.ErrorSerializer}


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
        if "\0" in str(self.kwargs[self.lookup_field]):
            raise Http404
        return super().get_object()

    def filter_queryset(self, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        """Filters are for lists: what a path names is found whatever the query string says."""
        return super().filter_queryset(queryset) if self.action == "list" else queryset


class Resource(
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    mixins.DestroyModelMixin,
    mixins.ListModelMixin,
    Route,
):
    """Plain create, read, change, delete over a service's functions."""


def documented(serializer: Any, read: dict[int, Any] = READ) -> Any:
    """The answers of a resource's six operations for the schema; ``read`` are those of reading."""
    return extend_schema_view(
        list=extend_schema(responses={200: serializer(many=True), 400: s.ErrorSerializer, **read}),
        retrieve=extend_schema(responses={200: serializer, **read, **UNKNOWN}),
        create=extend_schema(responses={201: serializer, **BODY, **CONFLICT}),
        update=extend_schema(responses={200: serializer, **BODY, **UNKNOWN, **CONFLICT}),
        partial_update=extend_schema(responses={200: serializer, **BODY, **UNKNOWN, **CONFLICT}),
        destroy=extend_schema(responses={204: None, **WRITE, **UNKNOWN, **CONFLICT}),
    )


@documented(s.ActivitySerializer)
class ActivityViewSet(Resource):
    """What learners can do, and which of it to do next."""

    queryset = Activity.objects.order_by("id").prefetch_related(
        "collections", "knowledge_components", "prerequisite_activities"
    )
    serializer_class = s.ActivitySerializer
    filterset_class = filters.ActivityFilter

    def perform_create(self, serializer: Any) -> None:
        serializer.instance = activities.activity_create(**serializer.validated_data)

    def perform_update(self, serializer: Any) -> None:
        serializer.instance = activities.activity_update(activity=serializer.instance, **serializer.validated_data)

    def perform_destroy(self, instance: Activity) -> None:
        activities.activity_delete(activity=instance)

    @extend_schema(
        request=s.RecommendSerializer,
        responses={200: s.RECOMMENDATION, **BODY, **CONFLICT},
        parameters=[
            OpenApiParameter("explain", bool, description="Also answer what the recommendation was chosen from.")
        ],
    )
    @action(detail=False, methods=["post"])
    def recommend(self, request: Request) -> Response:
        """Which activity of a collection should the learner do next?"""
        explain = wants_explanation(request)
        serializer = s.RecommendSerializer(data=request.data)
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
        receipts.receipt_hand(explained=explained)
        answer: dict[str, Any]
        if explained.url is None:
            answer = {"collection": data["collection"], "url": None, "complete": True}
        else:
            answer = {"source_launch_url": explained.url, "complete": False}
        if explain:
            answer["explanation"] = explanation(explained)
        return Response(answer)

    @extend_schema(
        request=s.PredictSerializer,
        responses={200: s.PredictionsSerializer, **BODY},
        parameters=[OpenApiParameter("explain", bool, description="Also answer what each prediction is the sum of.")],
        filters=False,
    )
    @action(detail=False, methods=["post"])
    def predict(self, request: Request) -> Response:
        """How likely is the learner to succeed at these activities, now? Writes nothing."""
        explain = wants_explanation(request)
        serializer = s.PredictSerializer(data=request.data)
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


def wants_explanation(request: Request) -> bool:
    """Whether the query says explain=true. Raises ValidationError for other words."""
    explain = request.query_params.get("explain", "false").lower()
    if explain not in {"true", "false", "1", "0", ""}:
        raise ValidationError({"explain": ["Must be true or false."]}, code="invalid")
    return explain in {"true", "1"}


def explanation(explained: recommendation.Explained) -> dict[str, Any]:
    """The candidates' sub-scores, best first, the blocked activities, and a sentence."""
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


@documented(s.CollectionSerializer)
class CollectionViewSet(Resource):
    """Sets of activities from which one is recommended at a time."""

    queryset = Collection.objects.order_by("id")
    serializer_class = s.CollectionSerializer
    filterset_class = filters.CollectionFilter
    lookup_field = "collection_id"
    lookup_value_converter = "str"

    def perform_create(self, serializer: Any) -> None:
        serializer.instance = collections.collection_create(**serializer.validated_data)

    def perform_update(self, serializer: Any) -> None:
        serializer.instance = collections.collection_update(collection=serializer.instance, **serializer.validated_data)

    def perform_destroy(self, instance: Collection) -> None:
        collections.collection_delete(collection=instance)

    @extend_schema(responses={200: s.CollectionActivitiesSerializer(many=True), **READ, **UNKNOWN}, filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def activities(self, request: Request, collection_id: str) -> Response:
        """All activities of the collection, not paged."""
        return Response(self._activities(self.get_object()))

    @extend_schema(
        request=s.bounded(s.CollectionActivitiesSerializer()),
        responses={200: s.CollectionActivitiesSerializer(many=True), **BODY, **CONFLICT},
        filters=False,
    )
    @activities.mapping.post
    def replace_activities(self, request: Request, collection_id: str) -> Response:
        """Makes the collection hold just these activities; creates what is unknown, deletes none."""
        check_collection_id(collection_id)
        serializer = s.bounded(s.CollectionActivitiesSerializer(), data=request.data)
        serializer.is_valid(raise_exception=True)
        collection = collections.collection_activities_replace(
            collection_id=collection_id, activities=serializer.validated_data
        )
        return Response(self._activities(collection))

    def _activities(self, collection: Collection) -> Any:
        return s.CollectionActivitiesSerializer(collection.activities.order_by("id"), many=True).data

    @extend_schema(responses={200: s.ContentGapsSerializer, **STAFF_READ, **UNKNOWN}, filters=False)
    @action(detail=True, methods=["get"], pagination_class=None, permission_classes=[IsAdminUser])
    def content_gaps(self, request: Request, collection_id: str) -> Response:
        """What the collection's content lacked when ``content_gaps`` last ran. For members of the staff."""
        report = ContentGapReport.objects.filter(collection=self.get_object()).first()
        if report is None:
            raise NotFound("There is no report on this collection yet: manage.py content_gaps makes it.")
        return Response({"made_at": report.made_at, **report.report})

    @extend_schema(request=s.GradeSerializer, responses={200: s.GradeAnswerSerializer, **BODY, **UNKNOWN})
    @action(detail=True, methods=["post"])
    def grade(self, request: Request, collection_id: str) -> Response:
        """How far has the learner come in the collection, from 0 to 1?"""
        collection = self.get_object()
        serializer = s.GradeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        learner = s.learner_representation(serializer.validated_data["learner"])
        grade = learner_grade(**learner, collection_id=collection.collection_id)
        return Response({"learner": learner, "grade": grade})


def check_collection_id(collection_id: str) -> None:
    """A path that would create a collection has to be an id that a collection can have."""
    s.CollectionSerializer(data={"collection_id": collection_id, "name": ""}).is_valid(raise_exception=True)


@documented(s.KnowledgeComponentSerializer)
class KnowledgeComponentViewSet(Resource):
    """What can be learned; mastery is traced for each."""

    queryset = KnowledgeComponent.objects.order_by("id")
    serializer_class = s.KnowledgeComponentSerializer
    filterset_class = filters.KnowledgeComponentFilter
    lookup_field = "kc_id"
    lookup_value_converter = "str"

    def perform_create(self, serializer: Any) -> None:
        serializer.instance = knowledge_components.knowledge_component_create(**serializer.validated_data)

    def perform_update(self, serializer: Any) -> None:
        serializer.instance = knowledge_components.knowledge_component_update(
            knowledge_component=serializer.instance, **serializer.validated_data
        )

    def perform_destroy(self, instance: KnowledgeComponent) -> None:
        knowledge_components.knowledge_component_delete(knowledge_component=instance)


@documented(s.PrerequisiteActivitySerializer)
class PrerequisiteActivityViewSet(Resource):
    """Which activity has to be done before which."""

    queryset = PrerequisiteActivity.objects.order_by("id")
    serializer_class = s.PrerequisiteActivitySerializer

    def perform_create(self, serializer: Any) -> None:
        serializer.instance = prerequisite_activities.prerequisite_activity_create(**serializer.validated_data)

    def perform_update(self, serializer: Any) -> None:
        serializer.instance = prerequisite_activities.prerequisite_activity_update(
            edge=serializer.instance, **serializer.validated_data
        )

    def perform_destroy(self, instance: PrerequisiteActivity) -> None:
        prerequisite_activities.prerequisite_activity_delete(edge=instance)


@documented(s.PrerequisiteKnowledgeComponentSerializer)
class PrerequisiteKnowledgeComponentViewSet(Resource):
    """Which knowledge component should be mastered before which."""

    queryset = PrerequisiteKnowledgeComponent.objects.order_by("id")
    serializer_class = s.PrerequisiteKnowledgeComponentSerializer

    def perform_create(self, serializer: Any) -> None:
        serializer.instance = knowledge_components.prerequisite_knowledge_component_create(**serializer.validated_data)

    def perform_update(self, serializer: Any) -> None:
        serializer.instance = knowledge_components.prerequisite_knowledge_component_update(
            edge=serializer.instance, **serializer.validated_data
        )

    def perform_destroy(self, instance: PrerequisiteKnowledgeComponent) -> None:
        knowledge_components.prerequisite_knowledge_component_delete(edge=instance)


@documented(s.CollectionActivitySerializer)
class CollectionActivityViewSet(Resource):
    """Which activity is in which collection."""

    queryset = CollectionActivity.objects.order_by("id")
    serializer_class = s.CollectionActivitySerializer
    filterset_class = filters.CollectionActivityFilter

    def perform_create(self, serializer: Any) -> None:
        serializer.instance = collections.collection_activity_create(**serializer.validated_data)

    def perform_update(self, serializer: Any) -> None:
        serializer.instance = collections.collection_activity_update(
            membership=serializer.instance, **serializer.validated_data
        )

    def perform_destroy(self, instance: CollectionActivity) -> None:
        collections.collection_activity_delete(membership=instance)


IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255},
    OpenApiParameter.HEADER,
    description="The same as event_id in the body; 400 where both are given and differ.",
)


@documented(s.ScoreSerializer)
@extend_schema_view(create=extend_schema(parameters=[IDEMPOTENCY_KEY]))
class ScoreViewSet(Resource):
    """Learners' scores on activities; each updates the learner's masteries."""

    serializer_class = s.ScoreSerializer
    filterset_class = filters.ScoreFilter
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
    """The event id of the body or the Idempotency-Key header; both may be given if they are the same."""
    in_header = request.headers.get("Idempotency-Key")
    if in_header is None:
        return in_body
    try:
        # WSGI hands over each byte of a header as one character; what a client sends beyond ASCII is UTF-8.
        in_header = in_header.encode("latin-1").decode()
    except UnicodeError:
        raise InvalidInput("The Idempotency-Key header is not UTF-8.", field="event_id") from None
    if in_body is not None and in_body != in_header:
        raise InvalidInput("event_id and the Idempotency-Key header differ.", field="event_id")
    try:
        key: str = s.ScoreSerializer().fields["event_id"].run_validation(in_header)
    except ValidationError as error:
        raise ValidationError({"event_id": error.detail}) from None
    return key


def learner_identity(learner: Learner) -> LearnerIdentity:
    """How the platform names a learner."""
    return LearnerIdentity(learner.user_id, learner.tool_consumer_instance_guid)


def unchangeable(field: str, data: dict[str, Any], current: Any) -> None:
    """Raises InvalidInput where the field is given with another value."""
    if field in data and data[field] != current:
        raise InvalidInput("This cannot be changed; delete and create instead.", field=field, code="unchangeable")


@documented(s.MasterySerializer)
class MasteryViewSet(Resource):
    """The probability that a learner has mastered a knowledge component."""

    queryset = Mastery.objects.select_related("learner", "knowledge_component").order_by("id")
    serializer_class = s.MasterySerializer
    filterset_class = filters.MasteryFilter

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
        request=s.bounded(s.MasterySerializer()),
        responses={200: s.MasterySerializer(many=True), **BODY, **CONFLICT},
        filters=False,
    )
    @action(detail=False, methods=["put"], pagination_class=None)
    def bulk_update(self, request: Request) -> Response:
        """Sets many masteries, all or none."""
        serializer = s.bounded(s.MasterySerializer(), data=request.data)
        serializer.is_valid(raise_exception=True)
        changed = masteries.masteries_set(settings=[mastery_setting(data) for data in serializer.validated_data])
        return Response(s.MasterySerializer(changed, many=True).data)


def mastery_setting(data: dict[str, Any]) -> masteries.MasterySetting:
    """A validated MasterySerializer as the service takes it."""
    return masteries.MasterySetting(data["learner"], data["knowledge_component"]["kc_id"], data["value"])


@documented(s.CourseSourceSerializer)
class CourseSourceViewSet(Resource):
    """Where content comes from: a platform's API, or a website. A new one that is enabled is read at once; where the
    broker takes no job, by the next run of its job."""

    queryset = CourseSource.objects.order_by("id")
    serializer_class = s.CourseSourceSerializer
    filterset_class = filters.CourseSourceFilter
    lookup_field = "slug"
    lookup_value_converter = "str"

    def perform_create(self, serializer: Any) -> None:
        self._check_exceptions(serializer.validated_data, [])
        source = sources.course_source_create(**serializer.validated_data)
        serializer.instance = source
        if source.enabled:
            tasks.read_source_on_commit(source, saved_by=self.request.user.get_username())

    def perform_update(self, serializer: Any) -> None:
        unchangeable("kind", serializer.validated_data, serializer.instance.kind)
        self._check_exceptions(serializer.validated_data, serializer.instance.address_exceptions)
        serializer.instance = sources.course_source_update(source=serializer.instance, **serializer.validated_data)

    def _check_exceptions(self, data: dict[str, Any], current: list[str]) -> None:
        """What is in the service's own network is for staff to open: a platform's token is not enough."""
        if not self.request.user.is_staff and not set(data.get("address_exceptions", [])) <= set(current):
            raise InvalidInput("Only staff may add exceptions.", field="address_exceptions", code="staff_only")

    def perform_destroy(self, instance: CourseSource) -> None:
        sources.course_source_delete(source=instance)


class LearnerViewSet(Route):
    """What is held about one learner, and its erasure. For tokens of staff: a platform's token cannot ask for it."""

    permission_classes = [IsAdminUser]
    queryset = Learner.objects.none()
    pagination_class = None
    filter_backends = ()

    @extend_schema(request=s.LearnerReferenceSerializer, responses={200: s.LearnerDataSerializer, **BODY})
    @action(detail=False, methods=["post"])
    def export(self, request: Request) -> Response:
        """Everything that is held about the learner."""
        identity = self._identity(request)
        try:
            data = learner_data(**s.learner_representation(identity))
        except Learner.DoesNotExist:
            raise InvalidInput("There is no such learner.", field="learner", code="does_not_exist") from None
        return Response(data)

    @extend_schema(request=s.LearnerReferenceSerializer, responses={200: s.ErasedSerializer, **BODY, **CONFLICT})
    @action(detail=False, methods=["post"])
    def erase(self, request: Request) -> Response:
        """Removes the learner and everything that belongs to them, for good; an unknown learner is no error."""
        identity = self._identity(request)
        erased = privacy.learner_erase(learner=identity)
        return Response({"learner": s.learner_representation(identity), "erased": erased})

    def _identity(self, request: Request) -> LearnerIdentity:
        serializer = s.LearnerReferenceSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        identity: LearnerIdentity = serializer.validated_data["learner"]
        return identity


@extend_schema_view(
    list=extend_schema(responses={200: s.ModelVersionSerializer(many=True), 400: s.ErrorSerializer, **STAFF_READ}),
    retrieve=extend_schema(responses={200: s.ModelVersionSerializer, **STAFF_READ, **UNKNOWN}),
)
class ModelVersionViewSet(mixins.RetrieveModelMixin, mixins.ListModelMixin, Route):
    """Estimated parameters, published and taken back. For members of the staff."""

    permission_classes = [IsAdminUser]
    queryset = ModelVersion.objects.order_by("id")
    serializer_class = s.ModelVersionSerializer
    filterset_class = filters.ModelVersionFilter
    lookup_field = "name"
    lookup_value_converter = "str"

    def get_serializer_context(self) -> dict[str, Any]:
        active = active_version()
        return {**super().get_serializer_context(), "active": active.pk if active else None}

    @extend_schema(responses={200: s.GateSerializer, **STAFF_READ, **UNKNOWN}, filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def gate(self, request: Request, name: str) -> Response:
        """What the gate says of the version now, and whether a schedule may promote it. Changes nothing."""
        version = self.get_object()
        checks, held = model_versions.promotion_checks(version, active_version()), model_versions.held_by(version)
        return Response({
            "passes": all(check["passed"] for check in checks),
            "checks": checks,
            "held": held[1]["message"] if held else None,
        })  # fmt: skip

    @extend_schema(
        request=s.PromoteSerializer,
        responses={200: s.ModelVersionSerializer, **BODY, **UNKNOWN, **CONFLICT},
        filters=False,
    )
    @action(detail=True, methods=["post"])
    def promote(self, request: Request, name: str) -> Response:
        """Puts the version in force, if its report shows that it is better; 409 says what the gate holds against it."""
        version = self.get_object()
        serializer = s.PromoteSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        model_versions.model_version_promote(
            name=version.name,
            force=data.get("force", False),
            reason=data.get("reason", ""),
            by=request.user.get_username(),
        )
        return Response(self.get_serializer(version).data)

    @extend_schema(
        request=s.RollbackSerializer, responses={200: s.RolledBackSerializer, **BODY, **CONFLICT}, filters=False
    )
    @action(detail=False, methods=["post"])
    def rollback(self, request: Request) -> Response:
        """Puts in force again what was before the last promotion; 409 where there is nothing to take back."""
        serializer = s.RollbackSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        version = model_versions.model_version_rollback(
            by=request.user.get_username(), reason=serializer.validated_data.get("reason", "")
        )
        return Response({"active": version.name if version else None})


@extend_schema_view(
    list=extend_schema(responses={200: s.ModelVersionEventSerializer(many=True), 400: s.ErrorSerializer, **STAFF_READ})
)
class ModelVersionEventViewSet(mixins.ListModelMixin, Route):
    """What happened to model versions: estimates, promotions, refusals, force, rollbacks. For members of the staff."""

    permission_classes = [IsAdminUser]
    queryset = ModelVersionEvent.objects.select_related("model_version", "previous").order_by("id")
    serializer_class = s.ModelVersionEventSerializer
    filterset_class = filters.ModelVersionEventFilter


@documented(s.ExperimentSerializer, STAFF_READ)
class ExperimentViewSet(Resource):
    """Groups of a collection's learners with engine settings of their own. For members of the staff."""

    permission_classes = [IsAdminUser]
    queryset = Experiment.objects.order_by("id")
    serializer_class = s.ExperimentSerializer
    filterset_class = filters.ExperimentFilter

    def perform_create(self, serializer: Any) -> None:
        serializer.instance = experiments.experiment_create(**serializer.validated_data)

    def perform_update(self, serializer: Any) -> None:
        serializer.instance = experiments.experiment_update(experiment=serializer.instance, **serializer.validated_data)

    def perform_destroy(self, instance: Experiment) -> None:
        experiments.experiment_delete(experiment=instance)

    @extend_schema(
        request=None, responses={200: s.ExperimentSerializer, **WRITE, **UNKNOWN, **CONFLICT, 400: s.ErrorSerializer}
    )
    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: int) -> Response:
        """From the next recommendation on, the groups count; what they are is fixed."""
        return Response(self.get_serializer(experiments.experiment_start(experiment=self.get_object())).data)

    @extend_schema(request=None, responses={200: s.ExperimentSerializer, **WRITE, **UNKNOWN, **CONFLICT})
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: int) -> Response:
        """The collection's learners get the default settings again."""
        return Response(self.get_serializer(experiments.experiment_end(experiment=self.get_object())).data)


@documented(s.ExperimentalGroupSerializer, STAFF_READ)
class ExperimentalGroupViewSet(Resource):
    """A share of an experiment's learners, and their engine settings. For members of the staff."""

    permission_classes = [IsAdminUser]
    queryset = ExperimentalGroup.objects.select_related("experiment").order_by("id")
    serializer_class = s.ExperimentalGroupSerializer
    filterset_class = filters.ExperimentalGroupFilter

    def perform_create(self, serializer: Any) -> None:
        serializer.instance = experiments.experimental_group_create(**serializer.validated_data)

    def perform_update(self, serializer: Any) -> None:
        serializer.instance = experiments.experimental_group_update(
            group=serializer.instance, **serializer.validated_data
        )

    def perform_destroy(self, instance: ExperimentalGroup) -> None:
        experiments.experimental_group_delete(group=instance)


@documented(s.ExperimentPinSerializer, STAFF_READ)
class ExperimentPinViewSet(Resource):
    """Learners who were put into a group by hand. For members of the staff."""

    permission_classes = [IsAdminUser]
    queryset = ExperimentPin.objects.select_related("learner").order_by("id")
    serializer_class = s.ExperimentPinSerializer
    filterset_class = filters.ExperimentPinFilter

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
        experiments.experiment_unpin(pin=instance)
