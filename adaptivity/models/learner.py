from django.db import models

from adaptivity.models.activity import Activity
from adaptivity.models.constraints import is_probability, not_blank
from adaptivity.models.knowledge_component import KnowledgeComponent
from adaptivity.models.model_version import ModelVersion
from adaptivity.text import NAME_LENGTH


class Learner(models.Model):
    """A learner as the platform names them, and the state that is derived from their evidence.

    The derived fields are written only under this row's lock. ``traced_revision`` and ``traced_model_version`` are the
    stamp of the masteries; a learner with evidence whose stamp is not the current one is stale.
    """

    user_id = models.CharField(max_length=NAME_LENGTH)
    tool_consumer_instance_guid = models.CharField(max_length=NAME_LENGTH, blank=True, default="")
    evidence_count = models.PositiveBigIntegerField(
        default=0, editable=False, help_text="Arrival number of the newest entry of the evidence log."
    )
    latest_timestamp = models.DateTimeField(null=True, editable=False, help_text="Of the newest entry in order.")
    last_activity = models.ForeignKey(
        Activity, models.PROTECT, null=True, editable=False, related_name="+", help_text="Of the latest score."
    )
    traced_revision = models.PositiveBigIntegerField(null=True, editable=False)
    traced_model_version = models.ForeignKey(
        ModelVersion, models.PROTECT, null=True, editable=False, related_name="+", db_index=False
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user_id", "tool_consumer_instance_guid"], name="%(class)s_unique"),
            *not_blank("user_id"),
        ]

    def __str__(self) -> str:
        return self.user_id


class Mastery(models.Model):
    """The probability that a learner has mastered a KC; derived from the evidence, only for KCs with evidence."""

    learner = models.ForeignKey(Learner, models.CASCADE, related_name="masteries", db_index=False)
    knowledge_component = models.ForeignKey(KnowledgeComponent, models.PROTECT, related_name="masteries")
    value = models.FloatField()

    class Meta:
        verbose_name_plural = "masteries"
        constraints = [
            models.UniqueConstraint(fields=["learner", "knowledge_component"], name="%(class)s_unique"),
            *is_probability("value"),
        ]

    def __str__(self) -> str:
        return f"{self.learner}, {self.knowledge_component}"


class DoneActivity(models.Model):
    """The learner has at least one score on the activity; derived from the evidence."""

    learner = models.ForeignKey(Learner, models.CASCADE, related_name="done_activities", db_index=False)
    activity = models.ForeignKey(Activity, models.PROTECT, related_name="+")

    class Meta:
        verbose_name_plural = "done activities"
        constraints = [models.UniqueConstraint(fields=["learner", "activity"], name="%(class)s_unique")]

    def __str__(self) -> str:
        return f"{self.learner}, {self.activity}"


class ErasedLearner(models.Model):
    """A learner was erased; files of evidence from before that bring nothing of theirs back.

    Who it was cannot be read here: ``identity_digest`` is keyed by SECRET_KEY, and says something to nobody who does
    not ask for one certain learner with that key. ``key_check`` tells digests of another key.
    """

    identity_digest = models.CharField(max_length=64, unique=True)
    key_check = models.CharField(max_length=16, db_index=True)
    erased_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"erased at {self.erased_at:%Y-%m-%d %H:%M}"
