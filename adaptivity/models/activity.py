from django.db import models

from adaptivity.engine.parameters import DEFAULT_GUESS, DEFAULT_SLIP, DEFAULT_TRANSIT
from adaptivity.models.collection import Collection, CollectionActivity
from adaptivity.models.constraints import different, informative, is_probability, not_blank
from adaptivity.models.knowledge_component import KnowledgeComponent
from adaptivity.text import NAME_LENGTH, URL_LENGTH


class Activity(models.Model):
    """Something a learner can do: a problem, a reading, a video."""

    source_launch_url = models.CharField(max_length=URL_LENGTH, unique=True)
    name = models.CharField(max_length=NAME_LENGTH, blank=True)
    difficulty = models.FloatField(null=True, blank=True, help_text="From 0 to 1. Leave empty if unknown (0.5).")
    tags = models.TextField(blank=True)
    type = models.CharField(max_length=NAME_LENGTH, blank=True)
    include_adaptive = models.BooleanField(default=True, help_text="Whether it may be recommended.")
    collections = models.ManyToManyField(Collection, through=CollectionActivity, related_name="activities", blank=True)
    knowledge_components = models.ManyToManyField(
        KnowledgeComponent, through="ActivityKnowledgeComponent", related_name="activities", blank=True
    )
    prerequisite_activities = models.ManyToManyField(
        "self",
        through="PrerequisiteActivity",
        through_fields=("from_activity", "to_activity"),
        symmetrical=False,
        related_name="dependent_activities",
        blank=True,
    )

    class Meta:
        verbose_name_plural = "activities"
        constraints = [*not_blank("source_launch_url"), *is_probability("difficulty")]

    def __str__(self) -> str:
        return self.source_launch_url


class ActivityKnowledgeComponent(models.Model):
    """Tags an activity with a KC. The parameters are the authors', which a model version overrides."""

    activity = models.ForeignKey(Activity, models.CASCADE, related_name="tagged", db_index=False)
    knowledge_component = models.ForeignKey(KnowledgeComponent, models.CASCADE, related_name="tagged")
    guess = models.FloatField(default=DEFAULT_GUESS, help_text="P(right | not mastered).")
    slip = models.FloatField(default=DEFAULT_SLIP, help_text="P(wrong | mastered).")
    transit = models.FloatField(default=DEFAULT_TRANSIT, help_text="P(the activity teaches the KC).")

    class Meta:
        verbose_name = "knowledge component of an activity"
        verbose_name_plural = "knowledge components of activities"
        constraints = [
            models.UniqueConstraint(fields=["activity", "knowledge_component"], name="%(class)s_unique"),
            *is_probability("guess", "slip", "transit"),
            informative(),
        ]

    def __str__(self) -> str:
        return f"{self.activity}: {self.knowledge_component}"


class PrerequisiteActivity(models.Model):
    """``to_activity`` is the prerequisite of ``from_activity``, the dependent."""

    from_activity = models.ForeignKey(Activity, models.CASCADE, related_name="prerequisite_edges", db_index=False)
    to_activity = models.ForeignKey(Activity, models.CASCADE, related_name="dependent_edges")

    class Meta:
        verbose_name_plural = "prerequisite activities"
        constraints = [
            models.UniqueConstraint(fields=["from_activity", "to_activity"], name="%(class)s_unique"),
            different("from_activity", "to_activity"),
        ]

    def __str__(self) -> str:
        return f"{self.to_activity} → {self.from_activity}"
