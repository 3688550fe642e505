"""Which model version is in force, which was in force before it, and which never was."""

from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from adaptivity.models import EngineState, ModelVersion, ModelVersionEvent

Kind = ModelVersionEvent.Kind


def active_version() -> ModelVersion | None:
    """The active model version; None means the authors' base."""
    state = EngineState.objects.select_related("active_model_version").filter(pk=EngineState.SINGLETON).first()
    return state.active_model_version if state else None


def latest_version() -> ModelVersion | None:
    """The newest version that an estimate began, or None."""
    return ModelVersion.objects.filter(batches__isnull=False).order_by("-pk").first()


def changes() -> "QuerySet[ModelVersionEvent]":
    """The events that changed which version is in force, in order."""
    return ModelVersionEvent.objects.filter(kind__in=(Kind.PROMOTED, Kind.FORCED, Kind.ROLLED_BACK)).order_by("id")


def versions_never_in_force(before: datetime) -> "QuerySet[ModelVersion]":
    """Versions begun before that time, oldest first, that nothing was ever traced or recommended with.

    Only versions whose parameters still exist count. The newest estimate is left out, because a schedule may be about
    to promote it.
    """
    of_it = Q(model_version=OuterRef("pk")) | Q(previous=OuterRef("pk"))
    latest = latest_version()
    never = ModelVersion.objects.filter(
        ~Exists(changes().order_by().filter(of_it)),
        ~Exists(EngineState.objects.filter(active_model_version=OuterRef("pk"))),
        created_at__lt=before,
        purged_at=None,
    )
    return (never if latest is None else never.exclude(pk=latest.pk)).order_by("pk")


def holding_rollback() -> ModelVersionEvent | None:
    """The rollback that was the last change of the active version; None if the last change was a promotion.

    Until somebody promotes a version, no schedule does. Its next version may be much the same as the one rolled back.
    """
    last = changes().select_related("model_version").last()
    return last if last is not None and last.kind == Kind.ROLLED_BACK else None


def rollback_of(version: ModelVersion) -> ModelVersionEvent | None:
    """The last rollback that reverted a promotion of the version, or None."""
    rollbacks = ModelVersionEvent.objects.filter(kind=Kind.ROLLED_BACK, model_version=version)
    return rollbacks.select_related("model_version").order_by("id").last()


def rolled_back_to(active: ModelVersion) -> ModelVersion | None:
    """What was in force before the promotion that made this version active; None means the authors' base.

    Promotions form a stack, and each rollback removes the top one. A second rollback therefore goes one step further
    back, instead of undoing the first.
    """
    pile: list[ModelVersionEvent] = []
    for event in changes().select_related("previous"):
        if event.kind != Kind.ROLLED_BACK:
            pile.append(event)
        elif pile:
            pile.pop()
    return pile[-1].previous if pile and pile[-1].model_version_id == active.pk else None
