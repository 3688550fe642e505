"""Fits a model version's model of success, which predicts how likely a learner is to succeed at an activity."""

from dataclasses import asdict
from typing import Any

from django.conf import settings

from adaptivity.engine import prediction
from adaptivity.engine.metrics import metrics
from adaptivity.engine.success_model import Predictor
from adaptivity.errors import Stopped
from adaptivity.model_versions.selectors.prediction import practice
from adaptivity.model_versions.services.model_versions import success_model_save
from adaptivity.models import ModelVersion, SuccessModel
from adaptivity.progress import Progress, Stop, never, silent


def success_model(version: ModelVersion, *, progress: Progress = silent, stop: Stop = never) -> dict[str, Any] | None:
    """The report of the version's model of success; None if there is nothing to fit it to.

    Fits and stores the model if there is none yet. Raises Stopped, with nothing stored.
    """
    known = SuccessModel.objects.filter(model_version=version).values_list("report", flat=True).first()
    if known is not None:
        return dict(known)

    def tell(done: int, total: int) -> None:
        if stop():
            raise Stopped("the model of success is not fitted")
        progress("fitting", done, total)

    fitted = practice(held_out=False, most=settings.SUCCESS_MODEL_RESPONSES)
    if not fitted.responses.item.size:
        return None
    model = prediction.fit(fitted.responses, fold=fitted.fold, progress=tell)
    predictor = Predictor.of(model, fitted.responses, fitted.activity, fitted.knowledge_component)
    report = {"fitted_to": int(fitted.responses.item.size), "held_out": _held_out(predictor)}
    success_model_save(version=version, predictor=predictor, report=report)
    return report


def _held_out(predictor: Predictor) -> dict[str, float] | None:
    """How good the model's online predictions for held-out learners are; None if there are no such learners."""
    unseen = practice(held_out=True, most=settings.SUCCESS_MODEL_RESPONSES)
    if not unseen.responses.item.size:
        return None
    model = predictor.among(unseen.activity, unseen.responses.pairs, unseen.knowledge_component)
    return asdict(metrics(unseen.responses.score, model.predict(unseen.responses)))
