"""Which model version is in force, and which was before it."""

from adaptivity.models import EngineState, ModelVersion, ModelVersionEvent


def active_version() -> ModelVersion | None:
    """The active model version; None: the authors' base."""
    state = EngineState.objects.select_related("active_model_version").filter(pk=EngineState.SINGLETON).first()
    return state.active_model_version if state else None


def latest_version() -> ModelVersion | None:
    """The newest version that an estimate has begun; None where there is none."""
    return ModelVersion.objects.filter(batches__isnull=False).order_by("-pk").first()


def was_rolled_back(version: ModelVersion) -> bool:
    """Whether somebody has taken a promotion of the version back."""
    rolled_back = ModelVersionEvent.Kind.ROLLED_BACK
    return ModelVersionEvent.objects.filter(kind=rolled_back, model_version=version).exists()


def rolled_back_to(active: ModelVersion) -> ModelVersion | None:
    """What was in force before the promotion that made this version active; None: the authors' base.

    Promotions pile up and each rollback takes the topmost away, so that rolling back twice does not come back.
    """
    pile: list[ModelVersionEvent] = []
    events = ModelVersionEvent.objects.filter(kind__in=("promoted", "forced", "rolled_back")).order_by("id")
    for event in events.select_related("previous"):
        if event.kind != ModelVersionEvent.Kind.ROLLED_BACK:
            pile.append(event)
        elif pile:
            pile.pop()
    return pile[-1].previous if pile and pile[-1].model_version_id == active.pk else None
