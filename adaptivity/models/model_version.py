from django.db import models

from adaptivity.models.activity import Activity
from adaptivity.models.constraints import informative, is_probability, not_blank
from adaptivity.models.knowledge_component import KnowledgeComponent
from adaptivity.text import NAME_LENGTH


class ModelVersion(models.Model):
    """A set of estimated parameters that override the authors' parameters. Immutable once it is finished.

    It is estimated from the evidence that existed at its start: scores and revisions up to ``last_score`` and
    ``last_revision``. ``report`` compares it with the version that was active when the report was made.
    """

    name = models.CharField(max_length=NAME_LENGTH, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    method = models.CharField(max_length=32, blank=True, default="", help_text="The method of estimation.")
    minimum_evidence = models.BooleanField(
        default=True, help_text="Whether KCs with too few responses keep the authors' parameters."
    )
    last_score = models.PositiveBigIntegerField(default=0, editable=False)
    last_revision = models.PositiveBigIntegerField(default=0, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, help_text="Empty while it is being estimated.")
    report = models.JSONField(default=dict, blank=True)
    purged_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When the parameters were deleted; empty if they are kept."
    )

    class Meta:
        constraints = [*not_blank("name")]

    def __str__(self) -> str:
        return self.name


class ItemParameters(models.Model):
    """Guess, slip and transit of one activity for one KC in one model version."""

    model_version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="item_parameters", db_index=False)
    activity = models.ForeignKey(Activity, models.CASCADE, related_name="item_parameters")
    knowledge_component = models.ForeignKey(KnowledgeComponent, models.CASCADE, related_name="+")
    guess = models.FloatField()
    slip = models.FloatField()
    transit = models.FloatField()
    responses = models.PositiveBigIntegerField(default=0, help_text="Responses that it was estimated from.")

    class Meta:
        verbose_name_plural = "item parameters"
        constraints = [
            models.UniqueConstraint(
                fields=["model_version", "activity", "knowledge_component"], name="%(class)s_unique"
            ),
            *is_probability("guess", "slip", "transit"),
            informative(),
        ]

    def __str__(self) -> str:
        return f"{self.model_version}: {self.activity}, {self.knowledge_component}"


class KnowledgeComponentParameters(models.Model):
    """The mastery prior of one KC in one model version."""

    model_version = models.ForeignKey(
        ModelVersion, models.CASCADE, related_name="knowledge_component_parameters", db_index=False
    )
    knowledge_component = models.ForeignKey(
        KnowledgeComponent, models.CASCADE, related_name="knowledge_component_parameters"
    )
    mastery_prior = models.FloatField()
    responses = models.PositiveBigIntegerField(default=0, help_text="Responses that it was estimated from.")
    learners = models.PositiveBigIntegerField(default=0, help_text="Learners who gave these responses.")

    class Meta:
        verbose_name_plural = "knowledge component parameters"
        constraints = [
            models.UniqueConstraint(fields=["model_version", "knowledge_component"], name="%(class)s_unique"),
            *is_probability("mastery_prior"),
        ]

    def __str__(self) -> str:
        return f"{self.model_version}: {self.knowledge_component}"


class SuccessModel(models.Model):
    """The model that predicts success under a model version. Fitted once, with the version's report; never changed.

    ``data`` is the engine's packed ``Predictor``. ``report`` says how good its predictions for held-out learners are.
    """

    model_version = models.OneToOneField(ModelVersion, models.CASCADE, related_name="success_model")
    data = models.BinaryField()
    responses = models.PositiveBigIntegerField(help_text="Responses that it was fitted to.")
    report = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.model_version}: success"


class EstimationBatch(models.Model):
    """Some knowledge components of a version that is being estimated; one worker does one batch at a time."""

    model_version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="batches", db_index=False)
    number = models.PositiveIntegerField()
    knowledge_components = models.JSONField(help_text="Ids of the knowledge components.")
    responses = models.PositiveBigIntegerField(help_text="Number of opportunities when the estimate began.")
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "estimation batches"
        constraints = [models.UniqueConstraint(fields=["model_version", "number"], name="%(class)s_unique")]

    def __str__(self) -> str:
        return f"{self.model_version}: {self.number}"


class ModelVersionEvent(models.Model):
    """An event in the life of a version. Rows are never changed or deleted."""

    class Kind(models.TextChoices):
        ESTIMATED = "estimated"
        REPORTED = "reported", "compared with another active version"
        PROMOTED = "promoted"
        REFUSED = "refused"
        HELD = "held", "held after a rollback: a schedule may not promote it"
        FORCED = "forced", "promoted by force"
        ROLLED_BACK = "rolled_back", "rolled back"

    kind = models.CharField(max_length=16, choices=Kind)
    model_version = models.ForeignKey(
        ModelVersion, models.PROTECT, related_name="events", help_text="The version concerned."
    )
    previous = models.ForeignKey(
        ModelVersion,
        models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        help_text="The version in force before a promotion, or again after a rollback. Empty means the authors' "
        "parameters.",
    )
    at = models.DateTimeField(auto_now_add=True)
    by = models.CharField(max_length=NAME_LENGTH, blank=True, default="", help_text="The user or task that caused it.")
    reason = models.TextField(blank=True, default="")
    checks = models.JSONField(default=list, blank=True, help_text="The results of the gate's checks.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="%(class)s_reason_of_force",
                condition=~models.Q(kind="forced") | ~models.Q(reason=""),
                violation_error_message="A promotion by force needs a reason.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.model_version} {self.kind}"


class EngineState(models.Model):
    """The state of the whole service, in one row.

    ``content_revision`` counts the changes that concern more than one collection (KCs and their prerequisites). Writers
    of content lock this row. ``tracing_revision`` counts the changes of tags and base parameters. Together with the
    active model version, it is the stamp under which a learner's masteries were traced.
    """

    SINGLETON = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=SINGLETON)
    content_revision = models.PositiveBigIntegerField(default=0)
    tracing_revision = models.PositiveBigIntegerField(default=0)
    active_model_version = models.ForeignKey(
        ModelVersion,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty means the authors' parameters.",
    )

    class Meta:
        verbose_name_plural = "engine state"
        constraints = [models.CheckConstraint(name="%(class)s_one_row", condition=models.Q(id=1))]

    def __str__(self) -> str:
        return f"content {self.content_revision}, tracing {self.tracing_revision}"
