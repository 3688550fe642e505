from django.db import models

from adaptivity.models.activity import Activity
from adaptivity.models.constraints import informative, is_probability, not_blank
from adaptivity.models.knowledge_component import KnowledgeComponent


class ModelVersion(models.Model):
    """An immutable set of estimated parameters that override what the authors wrote."""

    name = models.CharField(max_length=255, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

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

    class Meta:
        verbose_name_plural = "knowledge component parameters"
        constraints = [
            models.UniqueConstraint(fields=["model_version", "knowledge_component"], name="%(class)s_unique"),
            *is_probability("mastery_prior"),
        ]

    def __str__(self) -> str:
        return f"{self.model_version}: {self.knowledge_component}"


class EngineState(models.Model):
    """One row: what is true of the whole service.

    ``content_revision`` counts the changes that concern more than one collection (KCs, their prerequisites), and its
    row is what writers of content lock. ``tracing_revision`` counts the changes of tags and base parameters; together
    with the active model version it is the stamp under which a learner's masteries were traced.
    """

    SINGLETON = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=SINGLETON)
    content_revision = models.PositiveBigIntegerField(default=0)
    tracing_revision = models.PositiveBigIntegerField(default=0)
    active_model_version = models.ForeignKey(
        ModelVersion, models.PROTECT, null=True, blank=True, related_name="+", help_text="Empty: the authors' base."
    )

    class Meta:
        verbose_name_plural = "engine state"
        constraints = [models.CheckConstraint(name="%(class)s_one_row", condition=models.Q(id=1))]

    def __str__(self) -> str:
        return f"content {self.content_revision}, tracing {self.tracing_revision}"
