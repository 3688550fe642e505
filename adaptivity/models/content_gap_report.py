from django.db import models

from adaptivity.models.collection import Collection


class ContentGapReport(models.Model):
    """The latest report on what a collection lacks; one row for each collection."""

    collection = models.OneToOneField(Collection, models.CASCADE, related_name="content_gap_report")
    made_at = models.DateTimeField()
    report = models.JSONField()

    def __str__(self) -> str:
        return f"content gaps of {self.collection}"
