"""What the API takes and answers. Unknown keys are ignored everywhere."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from adaptivity.api.fields import (
    MAX_LIST,
    FlagField,
    IdsField,
    NullAsEmptyTextField,
    NumberField,
    ProbabilityField,
    ReferenceField,
    TextField,
    TextsField,
    TimestampField,
    UserIdField,
    WeightField,
    WholeNumberField,
    WordField,
)
from adaptivity.engine.policies import POLICIES
from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.models import (
    Activity,
    Collection,
    CourseSource,
    Experiment,
    ExperimentalGroup,
    KnowledgeComponent,
    Mastery,
    ModelVersion,
    ModelVersionEvent,
    Score,
)
from adaptivity.sources.services.sources import MOST_INTERVAL_HOURS

Plain = serializers.Serializer[Any]
MAX_NUMBER = 2**31 - 1


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
    user_id = UserIdField(max_length=255)
    tool_consumer_instance_guid = TextField(max_length=255, required=False, allow_blank=True, default="")

    def validate(self, attrs: Any) -> Any:
        return LearnerIdentity(attrs["user_id"], attrs.get("tool_consumer_instance_guid", ""))


class KnowledgeComponentReferenceSerializer(Reference):
    kc_id = TextField(max_length=255)


class ActivitySerializer(Plain):
    id = serializers.IntegerField(read_only=True)
    source_launch_url = TextField(max_length=500)
    name = TextField(max_length=255, required=False, allow_blank=True)
    difficulty = ProbabilityField(required=False, allow_null=True)
    tags = NullAsEmptyTextField(required=False)
    type = TextField(max_length=255, required=False, allow_blank=True)
    include_adaptive = FlagField(required=False)
    collections = IdsField(required=False)
    knowledge_components = IdsField(required=False)
    prerequisite_activities = IdsField(required=False)


class CollectionSerializer(Plain):
    id = serializers.IntegerField(read_only=True)
    collection_id = TextField(max_length=255)
    name = TextField(max_length=255, allow_blank=True)
    max_problems = WholeNumberField(required=False, allow_null=True, min_value=0, max_value=MAX_NUMBER)
    stop_on_mastery = FlagField(required=False)


class CollectionActivitiesSerializer(Plain):
    """An entry of a collection's array of activities."""

    source_launch_url = TextField(max_length=500)
    name = TextField(max_length=255, required=False, allow_blank=True)
    tags = NullAsEmptyTextField(required=False)
    type = TextField(max_length=255, required=False, allow_blank=True)
    difficulty = ProbabilityField(required=False, allow_null=True)


class KnowledgeComponentSerializer(Plain):
    id = serializers.IntegerField(read_only=True)
    kc_id = TextField(max_length=255)
    name = TextField(max_length=255, allow_blank=True)
    mastery_prior = ProbabilityField(required=False, allow_null=True)


class PrerequisiteActivitySerializer(Plain):
    id = serializers.IntegerField(read_only=True)
    from_activity = ReferenceField(queryset=Activity.objects.all(), help_text="The dependent.")
    to_activity = ReferenceField(queryset=Activity.objects.all(), help_text="The prerequisite.")


class PrerequisiteKnowledgeComponentSerializer(Plain):
    id = serializers.IntegerField(read_only=True)
    prerequisite = ReferenceField(queryset=KnowledgeComponent.objects.all())
    knowledge_component = ReferenceField(queryset=KnowledgeComponent.objects.all(), help_text="The dependent.")
    value = ProbabilityField(required=False, help_text="Strength; 1 where absent.")


class CollectionActivitySerializer(Plain):
    id = serializers.IntegerField(read_only=True)
    activity = ReferenceField(queryset=Activity.objects.all())
    collection = ReferenceField(queryset=Collection.objects.all())


class ScoreSerializer(Plain):
    id = serializers.IntegerField(read_only=True)
    learner = LearnerSerializer()
    activity = TextField(max_length=500, help_text="The activity's source_launch_url.")
    score = ProbabilityField()
    timestamp = TimestampField(
        required=False,
        allow_null=True,
        help_text="ISO 8601 with a zone, not in the future; the server's time if absent.",
    )
    event_id = TextField(
        max_length=255,
        required=False,
        allow_null=True,
        help_text="Unique per learner: the same body again is answered like the first, another body with 409.",
    )

    def to_representation(self, instance: Score) -> dict[str, Any]:
        """The score in its current state where its revisions were loaded, else as it was first recorded."""
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


def learner_representation(learner: Any) -> dict[str, str]:
    """A learner, or what identifies one, as the API names them."""
    return {"user_id": learner.user_id, "tool_consumer_instance_guid": learner.tool_consumer_instance_guid}


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


class CourseSourceSerializer(Plain):
    """Which fields a kind needs, and what they mean, is in docs/sources.md. No secret is among them."""

    id = serializers.IntegerField(read_only=True)
    slug = TextField(max_length=50, help_text="Letters, digits, hyphens and underscores.")
    kind = WordField(choices=CourseSource.Kind.choices)
    name = TextField(max_length=255, required=False, allow_blank=True)
    enabled = FlagField(required=False)
    interval_hours = WholeNumberField(required=False, min_value=0, max_value=MOST_INTERVAL_HOURS)
    address_exceptions = TextsField(max_length=300, required=False, help_text="host:port")
    base_url = TextField(max_length=500, required=False, allow_blank=True)
    course_id = TextField(max_length=255, required=False, allow_blank=True)
    launch_url = WordField(choices=CourseSource.LaunchURL.choices, required=False)
    credentials = TextField(
        max_length=64, required=False, allow_blank=True, help_text="The name of an entry of SOURCE_CREDENTIALS."
    )
    start_urls = TextsField(max_length=500, required=False)
    allowed_domains = TextsField(max_length=255, required=False)
    max_depth = WholeNumberField(required=False, min_value=0, max_value=MAX_NUMBER)
    max_pages = WholeNumberField(required=False, min_value=1, max_value=MAX_NUMBER)
    delay = NumberField(required=False, min_value=0.0, max_value=60.0)
    collection_id = TextField(max_length=255, required=False, allow_blank=True)
    last_started_at = serializers.DateTimeField(read_only=True, allow_null=True)
    last_finished_at = serializers.DateTimeField(read_only=True, allow_null=True)
    last_outcome = serializers.CharField(read_only=True)
    last_message = serializers.CharField(read_only=True)


class SequenceItemSerializer(Plain):
    activity = TextField(max_length=500, help_text="source_launch_url; an unknown one is ignored.")
    score = ProbabilityField(required=False, allow_null=True)
    is_problem = FlagField(required=False, allow_null=True)


class RecommendSerializer(Plain):
    learner = LearnerSerializer()
    collection = TextField(max_length=255, help_text="collection_id")
    sequence = bounded(SequenceItemSerializer(), required=False, allow_null=True)


class PredictSerializer(Plain):
    learner = LearnerSerializer()
    activities = serializers.ListField(
        child=TextField(max_length=500),
        allow_empty=False,
        max_length=1000,
        help_text="Their source_launch_url, at most 1,000.",
    )


class PredictionSerializer(Plain):
    activity = serializers.CharField(help_text="source_launch_url")
    probability = serializers.FloatField(min_value=0, max_value=1)
    explanation = serializers.DictField(
        child=serializers.FloatField(),
        required=False,
        help_text="With ?explain=true and a model of success in force: what the log-odds of the probability are the "
        "sum of.",
    )


class PredictionsSerializer(Plain):
    model = serializers.ChoiceField(
        ("hybrid", "tracing"), help_text="tracing: no model of success is in force, so masteries alone say it."
    )
    model_version = serializers.CharField(allow_null=True, help_text="null: the authors' parameters.")
    predictions = PredictionSerializer(many=True)


class GradeSerializer(Plain):
    learner = LearnerSerializer()


class LearnerReferenceSerializer(Plain):
    learner = LearnerSerializer()


class LearnerDataSerializer(Plain):
    """Everything that is held about one learner."""

    learner = serializers.DictField(help_text="Their own row.")
    records = serializers.DictField(
        child=serializers.ListField(child=serializers.DictField()),
        help_text="Every other row that belongs to them, by what it is: scores, masteries and so on.",
    )


class ErasedSerializer(Plain):
    learner = LearnerSerializer()
    erased = serializers.DictField(child=serializers.IntegerField(), help_text="How many rows of what are gone.")


class SubScoresSerializer(Plain):
    source_launch_url = serializers.CharField()
    remediation = serializers.FloatField()
    continuity = serializers.FloatField()
    difficulty = serializers.FloatField()
    readiness = serializers.FloatField()
    total = serializers.FloatField()


class BlockedSerializer(Plain):
    source_launch_url = serializers.CharField()
    prerequisite = serializers.CharField(help_text="source_launch_url of the activity that has to be done first.")


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
    explanation = ExplanationSerializer(required=False, help_text="With ?explain=true.")


class CompleteSerializer(Plain):
    """The collection is complete: there is no activity to recommend."""

    collection = serializers.CharField(help_text="collection_id")
    url = NullField()
    complete = TrueField()
    explanation = ExplanationSerializer(required=False, help_text="With ?explain=true.")


RECOMMENDATION = PolymorphicProxySerializer(
    component_name="Recommendation",
    serializers=[RecommendedSerializer, CompleteSerializer],
    resource_type_field_name=None,
)


class GradeAnswerSerializer(Plain):
    learner = LearnerSerializer()
    grade = serializers.FloatField(min_value=0, max_value=1)


class SuggestionSerializer(Plain):
    code = serializers.CharField()
    message = serializers.CharField()


class KnowledgeComponentGapsSerializer(Plain):
    """Shares are from 0 to 1; null where nobody has practised, or nothing is determined."""

    knowledge_component = serializers.CharField(help_text="kc_id")
    items = serializers.IntegerField(help_text="That may be recommended.")
    opportunities = serializers.IntegerField()
    learners = serializers.IntegerField()
    over_practice = serializers.FloatField(allow_null=True)
    under_practice = serializers.FloatField(allow_null=True)
    determined = serializers.IntegerField(help_text="Learners of whom it is known whether their wheels spin.")
    wheel_spinning = serializers.FloatField(allow_null=True)
    runs_out = serializers.FloatField(help_text="Probability that a new learner runs out of items before mastery.")
    missing = serializers.IntegerField(help_text="Items like the others to write, at most as many as are looked for.")
    suggestions = SuggestionSerializer(many=True)


class ItemGapsSerializer(Plain):
    activity = serializers.CharField(help_text="source_launch_url")
    knowledge_component = serializers.CharField(help_text="kc_id")
    learners = serializers.IntegerField()
    correlation = serializers.FloatField()
    interval = serializers.ListField(child=serializers.FloatField(), min_length=2, max_length=2)
    better = serializers.CharField(allow_null=True, help_text="kc_id of the KC that its scores go with.")
    suggestions = SuggestionSerializer(many=True)


class ContentGapsSerializer(Plain):
    """What a collection lacked when it was last looked at."""

    made_at = serializers.DateTimeField()
    collection = serializers.CharField(help_text="collection_id")
    responses = serializers.IntegerField()
    knowledge_components = KnowledgeComponentGapsSerializer(many=True)
    items = ItemGapsSerializer(many=True)
    items_left_out = serializers.IntegerField(default=0, help_text="Less suspect ones.")


class ModelVersionSerializer(Plain):
    id = serializers.IntegerField(read_only=True)
    name = serializers.CharField()
    method = serializers.CharField(help_text='How it was estimated; "" by none of our methods.')
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True, help_text="null: it is being estimated.")
    active = serializers.SerializerMethodField(help_text="Whether it is in force.")
    purged_at = serializers.DateTimeField(allow_null=True, help_text="Since when its parameters are gone; null: there.")
    report = serializers.DictField(help_text="The comparison with what was in force when it was made.")

    def get_active(self, version: ModelVersion) -> bool:
        return bool(version.pk == self.context["active"])


class CheckSerializer(Plain):
    name = serializers.CharField()
    passed = serializers.BooleanField()
    message = serializers.CharField()


class GateSerializer(Plain):
    passes = serializers.BooleanField(help_text="Whether a promotion by name would go through.")
    checks = CheckSerializer(many=True)
    held = serializers.CharField(allow_null=True, help_text="The rollback that keeps schedules from promoting it.")


class PromoteSerializer(Plain):
    force = FlagField(required=False, help_text="Also where the gate says no; needs a reason.")
    reason = TextField(max_length=2000, required=False, allow_blank=True, help_text="For the record.")


class RollbackSerializer(Plain):
    reason = TextField(max_length=2000, required=False, allow_blank=True, help_text="For the record.")


class RolledBackSerializer(Plain):
    active = serializers.CharField(allow_null=True, help_text="null: the authors' parameters.")


class ModelVersionEventSerializer(Plain):
    id = serializers.IntegerField(read_only=True)
    kind = serializers.ChoiceField(ModelVersionEvent.Kind.choices)
    model_version = serializers.CharField(source="model_version.name")
    previous = serializers.CharField(
        source="previous.name", default=None, allow_null=True, help_text="null: the authors' parameters, or none."
    )
    at = serializers.DateTimeField()
    by = serializers.CharField()
    reason = serializers.CharField()
    checks = serializers.ListField(child=serializers.DictField(), help_text="What the gate found.")


class ExperimentSerializer(Plain):
    id = serializers.IntegerField(read_only=True)
    name = TextField(max_length=255, help_text="Decides, with the learner, who is in which group.")
    collection = ReferenceField(queryset=Collection.objects.all())
    started_at = serializers.DateTimeField(read_only=True, allow_null=True, help_text="null: a draft.")
    ended_at = serializers.DateTimeField(read_only=True, allow_null=True)


class ExperimentalGroupSerializer(Plain):
    id = serializers.IntegerField(read_only=True)
    experiment = ReferenceField(queryset=Experiment.objects.all())
    name = TextField(max_length=255)
    weight = WeightField(required=False, help_text="Its share of the learners is its share of all weights.")
    remediation_weight = WeightField(required=False, help_text="W_r")
    continuity_weight = WeightField(required=False, help_text="W_c")
    difficulty_weight = WeightField(required=False, help_text="W_d")
    readiness_weight = WeightField(required=False, help_text="W_p")
    forgiveness = WeightField(required=False, help_text="r*")
    mastery_threshold = ProbabilityField(
        required=False, help_text="The probability whose log-odds is L*; neither 0 nor 1."
    )
    policy = TextField(max_length=64, required=False, help_text=f"One of {', '.join(POLICIES)}.")


class ExperimentPinSerializer(Plain):
    id = serializers.IntegerField(read_only=True)
    learner = LearnerSerializer()
    group = ReferenceField(queryset=ExperimentalGroup.objects.select_related("experiment"))


class ErrorEntrySerializer(Plain):
    field = serializers.CharField(help_text='Dots lead into nested objects and lists; "" is the body as a whole.')
    code = serializers.CharField()
    message = serializers.CharField()


class ErrorSerializer(Plain):
    code = serializers.CharField()
    detail = serializers.CharField()
    # A field here; in the base class a property of this name.
    errors = ErrorEntrySerializer(many=True)  # type: ignore[assignment]
