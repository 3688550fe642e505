"""Stores the reports of content gaps."""

from typing import Any

from django.utils import timezone

from adaptivity.models import Collection, ContentGapReport


def content_gap_report_save(*, report: dict[str, Any]) -> None:
    """Stores the report in place of its collection's last one; does nothing if the collection was deleted meanwhile."""
    collection = Collection.objects.filter(collection_id=report["collection"]).first()
    if collection is not None:
        ContentGapReport.objects.update_or_create(
            collection=collection, defaults={"made_at": timezone.now(), "report": report}
        )
