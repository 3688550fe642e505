from django.db import models

from adaptivity.models.constraints import different, is_probability, not_blank
from adaptivity.text import NAME_LENGTH


class KnowledgeComponent(models.Model):
    """Something that can be learned; mastery is traced for each."""

    kc_id = models.CharField(max_length=NAME_LENGTH, unique=True)
    name = models.CharField(max_length=NAME_LENGTH, blank=True)
    mastery_prior = models.FloatField(
        null=True, blank=True, help_text="Probability of mastery before any evidence; empty means 0.2."
    )

    class Meta:
        constraints = [*not_blank("kc_id"), *is_probability("mastery_prior")]

    def __str__(self) -> str:
        return self.kc_id


class PrerequisiteKnowledgeComponent(models.Model):
    """``prerequisite`` should be mastered before ``knowledge_component``. ``value`` is the strength of this."""

    prerequisite = models.ForeignKey(KnowledgeComponent, models.CASCADE, related_name="dependent_edges")
    knowledge_component = models.ForeignKey(KnowledgeComponent, models.CASCADE, related_name="prerequisite_edges")
    value = models.FloatField(default=1.0, help_text="Strength, from 0 to 1.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["knowledge_component", "prerequisite"], name="%(class)s_unique"),
            different("prerequisite", "knowledge_component"),
            *is_probability("value"),
        ]

    def __str__(self) -> str:
        return f"{self.prerequisite} → {self.knowledge_component}"
