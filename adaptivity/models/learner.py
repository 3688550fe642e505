from django.db import models

from adaptivity.models.activity import Activity
from adaptivity.models.constraints import is_probability, not_blank
from adaptivity.models.knowledge_component import KnowledgeComponent
from adaptivity.models.model_version import ModelVersion
from adaptivity.text import NAME_LENGTH


class Learner(models.Model):
    """A learner as the platform identifies them, and the state derived from their evidence.

    The derived fields are written only under this row's lock. ``traced_revision`` and ``traced_model_version`` are the
    stamp of the masteries. A learner who has evidence but not the current stamp is stale.
    """

    user_id = models.CharField(max_length=NAME_LENGTH)
    tool_consumer_instance_guid = models.CharField(max_length=NAME_LENGTH, blank=True, default="")
    evidence_count = models.PositiveBigIntegerField(
        default=0, editable=False, help_text="Arrival number of the learner's newest entry in the evidence log."
    )
    latest_timestamp = models.DateTimeField(
        null=True, editable=False, help_text="Timestamp of the latest entry in the learner's log."
    )
    last_activity = models.ForeignKey(
        Activity,
        models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
        help_text="The activity of the latest score.",
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
    """The probability that a learner has mastered a KC. Derived from the evidence, only for KCs with evidence."""

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
    """An activity on which the learner has at least one score. Derived from the evidence."""

    learner = models.ForeignKey(Learner, models.CASCADE, related_name="done_activities", db_index=False)
    activity = models.ForeignKey(Activity, models.PROTECT, related_name="+")

    class Meta:
        verbose_name_plural = "done activities"
        constraints = [models.UniqueConstraint(fields=["learner", "activity"], name="%(class)s_unique")]

    def __str__(self) -> str:
        return f"{self.learner}, {self.activity}"


class ErasedLearner(models.Model):
    """Records an erasure, so that files of evidence from before it restore nothing of the learner's.

    The row does not reveal the learner: ``identity_digest`` is keyed by SECRET_KEY. With that key, one can only check
    whether a given learner was erased. ``key_check`` identifies digests made with another key.
    """

    identity_digest = models.CharField(max_length=64, unique=True)
    key_check = models.CharField(max_length=16, db_index=True)
    erased_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"erased at {self.erased_at:%Y-%m-%d %H:%M}"
