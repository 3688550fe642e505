from django.db import models

from adaptivity.models.constraints import not_blank
from adaptivity.text import NAME_LENGTH


class Collection(models.Model):
    """A set of activities from which one is recommended at a time."""

    collection_id = models.CharField(max_length=NAME_LENGTH, unique=True)
    name = models.CharField(max_length=NAME_LENGTH, blank=True)
    max_problems = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="The collection is complete when this many different activities are done. Empty means no limit.",
    )
    stop_on_mastery = models.BooleanField(
        default=False, help_text="The collection is complete when no remaining activity would remedy a gap."
    )
    revision = models.PositiveBigIntegerField(
        default=0, editable=False, help_text="Number of changes to the collection's content."
    )

    class Meta:
        constraints = [*not_blank("collection_id")]

    def __str__(self) -> str:
        return self.collection_id


class CollectionActivity(models.Model):
    """An activity's membership in a collection."""

    collection = models.ForeignKey(Collection, models.CASCADE, related_name="memberships", db_index=False)
    activity = models.ForeignKey("Activity", models.CASCADE, related_name="memberships")

    class Meta:
        verbose_name_plural = "collection activities"
        constraints = [models.UniqueConstraint(fields=["collection", "activity"], name="%(class)s_unique")]

    def __str__(self) -> str:
        return f"{self.activity} in {self.collection}"
