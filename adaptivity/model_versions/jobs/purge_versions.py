"""Deletes the parameters of old model versions that were never in force."""

from datetime import timedelta

from django.utils import timezone

from adaptivity.errors import Stopped
from adaptivity.model_versions.selectors.model_versions import versions_never_in_force
from adaptivity.model_versions.services.model_versions import model_version_purge
from adaptivity.progress import Progress, Stop, never, silent


def purge_versions(*, days: int, progress: Progress = silent, stop: Stop = never) -> int:
    """Purges the versions that were begun at least ``days`` days ago and returns their number.

    Each version has its own transaction. Raises Stopped; what was purged until then stays purged.
    """
    before = timezone.now() - timedelta(days=days)
    versions, purged = list(versions_never_in_force(before).defer("report")), 0
    for number, version in enumerate(versions):
        if stop():
            raise Stopped(f"stopped; {purged} of {len(versions)} model versions were purged")
        purged += model_version_purge(version=version, before=before)
        progress("purging", number + 1, len(versions))
    return purged
