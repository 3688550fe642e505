"""The evidence log: append-only, ordered by timestamp and then by arrival number.

Every entry takes the learner's next arrival number, under the learner's lock. Only a privacy erasure deletes rows.
"""

from django.db import models
from django.db.models import Q

from adaptivity.models.activity import Activity
from adaptivity.models.constraints import is_probability, not_blank
from adaptivity.models.knowledge_component import KnowledgeComponent
from adaptivity.models.learner import Learner
from adaptivity.models.model_version import ModelVersion
from adaptivity.text import NAME_LENGTH


class Score(models.Model):
    """One response: a learner's score on an activity, as it was first reported. Corrections are revisions."""

    learner = models.ForeignKey(Learner, models.CASCADE, related_name="scores", db_index=False)
    activity = models.ForeignKey(Activity, models.PROTECT, related_name="scores")
    score = models.FloatField()
    timestamp = models.DateTimeField()
    timestamp_given = models.BooleanField(default=False, help_text="Whether the platform sent the time.")
    arrival = models.PositiveBigIntegerField()
    event_id = models.CharField(max_length=NAME_LENGTH, null=True, blank=True)
    event_fingerprint = models.CharField(
        max_length=32,
        blank=True,
        default="",
        help_text="Hash of what was reported under the event id, to recognise repetitions.",
    )
    model_version = models.ForeignKey(
        ModelVersion,
        models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        help_text="The version in force when the score arrived; empty means the authors' parameters. Not used in "
        "replays.",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["learner", "arrival"], name="%(class)s_arrival_unique"),
            # With event_id first, the index also finds events of unknown learners, which voidings need.
            models.UniqueConstraint(
                fields=["event_id", "learner"], name="%(class)s_event_once", condition=Q(event_id__isnull=False)
            ),
            *is_probability("score"),
            *not_blank("event_id"),
        ]

    def __str__(self) -> str:
        return f"{self.learner}, {self.activity}"


class ScoreRevision(models.Model):
    """A correction or deletion of a score. The newest revision is the current state; nothing follows a deletion."""

    score = models.ForeignKey(Score, models.CASCADE, related_name="revisions")
    learner = models.ForeignKey(Learner, models.CASCADE, related_name="score_revisions", db_index=False)
    arrival = models.PositiveBigIntegerField()
    activity = models.ForeignKey(Activity, models.PROTECT, related_name="+")
    value = models.FloatField()
    timestamp = models.DateTimeField()
    deleted = models.BooleanField(default=False)
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["learner", "arrival"], name="%(class)s_arrival_unique"),
            *is_probability("value"),
        ]

    def __str__(self) -> str:
        return f"{self.score} ({'deleted' if self.deleted else 'corrected'})"


class HandSetMastery(models.Model):
    """A mastery that a platform or an instructor set. Without a value, the KC returns to its prior."""

    learner = models.ForeignKey(Learner, models.CASCADE, related_name="hand_set_masteries", db_index=False)
    knowledge_component = models.ForeignKey(KnowledgeComponent, models.PROTECT, related_name="+")
    value = models.FloatField(null=True, blank=True)
    timestamp = models.DateTimeField()
    arrival = models.PositiveBigIntegerField()

    class Meta:
        verbose_name_plural = "hand-set masteries"
        constraints = [
            models.UniqueConstraint(fields=["learner", "arrival"], name="%(class)s_arrival_unique"),
            *is_probability("value"),
        ]

    def __str__(self) -> str:
        return f"{self.learner}, {self.knowledge_component}"


class VoidedStatement(models.Model):
    """An xAPI statement that another statement voided. No import counts it, even if its score arrives later.

    The row does not name the learner. An erasure deletes the rows of the learner's scores.
    """

    statement_id = models.CharField(max_length=36, unique=True, help_text="A UUID, in lower case.")
    recorded_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.statement_id


class ScoreImport(models.Model):
    """The progress of an import of a file of scores. Updated with each batch, so that none is imported twice."""

    content_hash = models.CharField(max_length=64, help_text="SHA-256 of the file's uncompressed content.")
    tool_consumer_instance_guid = models.CharField(max_length=NAME_LENGTH, blank=True, default="")
    started_at = models.DateTimeField(help_text="Also the timestamp of rows that have none.")
    lines_done = models.PositiveBigIntegerField(default=0)
    imported = models.PositiveBigIntegerField(default=0)
    # The database has these defaults too, for imports of the previous version that run during a deployment.
    refused = models.PositiveBigIntegerField(default=0, db_default=0)
    finished_at = models.DateTimeField(null=True, blank=True)
    file_name = models.CharField(
        max_length=NAME_LENGTH,
        blank=True,
        default="",
        db_default="",
        help_text="The name at the latest import of the file.",
    )
    file_format = models.CharField(max_length=10, blank=True, default="", db_default="", help_text="csv, edx or xapi.")
    file_stamp = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text="Size and modification time. With the name, they identify a file without reading it.",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["content_hash", "tool_consumer_instance_guid"], name="%(class)s_unique")
        ]

    def __str__(self) -> str:
        return self.content_hash[:12]


class Reject(models.Model):
    """How many lines of a file were refused for one reason.

    The lines themselves are personal data. They are in the import's reject file, not here.
    """

    score_import = models.ForeignKey(ScoreImport, models.CASCADE, related_name="rejects", db_index=False)
    reason = models.CharField(
        max_length=NAME_LENGTH, help_text="The field and its problem, without any value of the file."
    )
    count = models.PositiveBigIntegerField()
    first_line = models.PositiveBigIntegerField()
    last_line = models.PositiveBigIntegerField()
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["score_import", "reason"], name="%(class)s_unique")]

    def __str__(self) -> str:
        return f"{self.count} × {self.reason}"
