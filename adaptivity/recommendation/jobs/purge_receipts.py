"""Deletes receipts that are too old."""

from datetime import timedelta

from django.utils import timezone

from adaptivity.errors import Stopped
from adaptivity.models import DecisionReceipt
from adaptivity.progress import Progress, Stop, never, silent
from adaptivity.recommendation.services.receipts import receipts_purge

PURGE_BATCH = 1000


def purge_receipts(*, days: int, progress: Progress = silent, stop: Stop = never) -> int:
    """Deletes the receipts older than ``days`` days and returns their number.

    Raises Stopped; what was deleted until then stays deleted.
    """
    before = timezone.now() - timedelta(days=days)
    total, deleted = DecisionReceipt.objects.filter(at__lt=before).count(), 0
    while True:
        some = receipts_purge(before=before, limit=PURGE_BATCH)
        deleted += some
        progress("purging", min(deleted, total), total)
        if some < PURGE_BATCH:
            return deleted
        if stop():
            raise Stopped(f"stopped; {deleted} of {total} receipts were deleted")
