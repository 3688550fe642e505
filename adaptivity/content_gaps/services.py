"""What content lacks, kept for those who look later."""

from typing import Any

from django.utils import timezone

from adaptivity.models import Collection, ContentGapReport


def content_gap_report_save(*, report: dict[str, Any]) -> None:
    """Keeps the report in place of the last one of its collection; nothing where that was deleted meanwhile."""
    collection = Collection.objects.filter(collection_id=report["collection"]).first()
    if collection is not None:
        ContentGapReport.objects.update_or_create(
            collection=collection, defaults={"made_at": timezone.now(), "report": report}
        )
