"""What the API takes and answers. Unknown keys are ignored everywhere."""

from typing import Any

from rest_framework import serializers

from adaptivity.api.fields import (
    MAX_ID,
    MAX_LIST,
    FlagField,
    IdsField,
    NullAsEmptyTextField,
    ProbabilityField,
    TextField,
    TimestampField,
    UserIdField,
    WholeNumberField,
)
from adaptivity.models import Activity, Collection, KnowledgeComponent, Learner, Mastery, Score
from adaptivity.services.learners import LearnerIdentity

Plain = serializers.Serializer[Any]


class LearnerSerializer(Plain):
    user_id = UserIdField(max_length=255)
    tool_consumer_instance_guid = TextField(max_length=255, required=False, allow_blank=True, default="")


def identity(data: dict[str, str]) -> LearnerIdentity:
    """The learner that a validated LearnerSerializer names."""
    return LearnerIdentity(data["user_id"], data.get("tool_consumer_instance_guid", ""))


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
    max_problems = WholeNumberField(required=False, allow_null=True, min_value=0, max_value=2**31 - 1)
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


class ReferenceField(serializers.PrimaryKeyRelatedField[Any]):
    """The id of another object; a boolean is no id."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, bool) or not isinstance(data, int | str):
            self.fail("incorrect_type", data_type=type(data).__name__)
        text = str(data)
        if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= MAX_ID):
            self.fail("does_not_exist", pk_value=data)
        return super().to_internal_value(int(text))


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
    event_id = TextField(max_length=255, required=False, allow_null=True)

    def validate_learner(self, value: dict[str, str]) -> LearnerIdentity:
        return identity(value)

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


def learner_representation(learner: Learner) -> dict[str, str]:
    """A learner as the API names them."""
    return {"user_id": learner.user_id, "tool_consumer_instance_guid": learner.tool_consumer_instance_guid}


class KnowledgeComponentReferenceSerializer(Plain):
    kc_id = TextField(max_length=255)


class MasterySerializer(Plain):
    id = serializers.IntegerField(read_only=True)
    learner = LearnerSerializer()
    knowledge_component = KnowledgeComponentReferenceSerializer()
    value = ProbabilityField()

    def validate_learner(self, value: dict[str, str]) -> LearnerIdentity:
        return identity(value)

    def to_representation(self, instance: Mastery) -> dict[str, Any]:
        return {
            "id": instance.pk,
            "learner": learner_representation(instance.learner),
            "knowledge_component": {"kc_id": instance.knowledge_component.kc_id},
            "value": instance.value,
        }


class SequenceItemSerializer(Plain):
    activity = TextField(max_length=500)
    score = ProbabilityField(required=False, allow_null=True)
    is_problem = FlagField(required=False, allow_null=True)


class RecommendSerializer(Plain):
    learner = LearnerSerializer()
    collection = TextField(max_length=255, help_text="collection_id")
    sequence = SequenceItemSerializer(many=True, required=False, allow_null=True, max_length=MAX_LIST)

    def validate_learner(self, value: dict[str, str]) -> LearnerIdentity:
        return identity(value)


class GradeSerializer(Plain):
    learner = LearnerSerializer()


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


class RecommendationSerializer(Plain):
    """With a source_launch_url, or with collection and url: null where the collection is complete."""

    complete = serializers.BooleanField()
    source_launch_url = serializers.CharField(required=False)
    collection = serializers.CharField(required=False)
    url = serializers.CharField(required=False, allow_null=True)
    explanation = ExplanationSerializer(required=False)


class GradeAnswerSerializer(Plain):
    learner = LearnerSerializer()
    grade = serializers.FloatField(min_value=0, max_value=1)


class ErrorEntrySerializer(Plain):
    field = serializers.CharField(help_text='Dots lead into nested objects and lists; "" is the body as a whole.')
    code = serializers.CharField()
    message = serializers.CharField()


class ErrorSerializer(Plain):
    code = serializers.CharField()
    detail = serializers.CharField()
    errors = ErrorEntrySerializer(many=True)
