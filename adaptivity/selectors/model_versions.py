"""Which model version is in force, and which was before it."""

from adaptivity.models import EngineState, ModelVersion, ModelVersionEvent


def active_version() -> ModelVersion | None:
    """The active model version; None: the authors' base."""
    state = EngineState.objects.select_related("active_model_version").filter(pk=EngineState.SINGLETON).first()
    return state.active_model_version if state else None


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
