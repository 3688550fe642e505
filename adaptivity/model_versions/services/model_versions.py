"""Begins, fills, promotes, rolls back and purges model versions; every step is recorded."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone

from adaptivity.content.selectors.parameters import current_stamp
from adaptivity.content.services.revisions import content_lock
from adaptivity.engine.estimation import BktParameters
from adaptivity.engine.parameters import Integers
from adaptivity.engine.receipts import pack
from adaptivity.engine.success_model import Predictor
from adaptivity.errors import Conflict, InvalidInput
from adaptivity.model_versions.selectors.estimation import LogEnd
from adaptivity.model_versions.selectors.model_versions import (
    active_version,
    holding_rollback,
    rollback_of,
    rolled_back_to,
    versions_never_in_force,
)
from adaptivity.models import (
    EngineState,
    EstimationBatch,
    ItemParameters,
    KnowledgeComponentParameters,
    ModelVersion,
    ModelVersionEvent,
    SuccessModel,
)
from adaptivity.text import NAME_LENGTH, is_storable

log = structlog.get_logger(__name__)
Kind = ModelVersionEvent.Kind
WRITE_BATCH = 1000
# Names that the API uses as paths.
RESERVED = {"rollback"}


def model_version_begin(
    *,
    name: str,
    method: str,
    minimum_evidence: bool,
    end: LogEnd,
    batches: Sequence[tuple[Sequence[int], int]],
) -> ModelVersion:
    """Creates a version to estimate from the log up to ``end``.

    Each of ``batches`` has ids of KCs and their number of opportunities. Raises InvalidInput if the name is not allowed
    or is taken.
    """
    if not name.strip() or len(name) > NAME_LENGTH or "/" in name or not is_storable(name) or name in RESERVED:
        raise InvalidInput(
            f"must not be blank, longer than {NAME_LENGTH} characters or reserved, or contain a slash or NUL",
            field="name",
        )
    try:
        with transaction.atomic():
            version = ModelVersion.objects.create(
                name=name,
                method=method,
                minimum_evidence=minimum_evidence,
                last_score=end.score,
                last_revision=end.revision,
            )
            EstimationBatch.objects.bulk_create(
                EstimationBatch(model_version=version, number=number, knowledge_components=list(kcs), responses=count)
                for number, (kcs, count) in enumerate(batches)
            )
    except IntegrityError:
        raise InvalidInput(f"A model version {name!r} already exists.", field="name", code="unique") from None
    return version


# Why the estimate of a KC may be left out of a version.
LEFT_OUT = ("starved", "degenerate")


@dataclass(frozen=True)
class EstimatedBatch:
    """The estimates for some KCs.

    For pairs, shape (pairs,): ``activity``, ``knowledge_component`` (ids) and ``pair_responses``. For KCs, shape
    (KCs,): ``knowledge_components`` (ids), ``kc_responses`` and ``kc_learners``. ``left_out`` has the ids of KCs whose
    estimate is not kept, by reason.
    """

    parameters: BktParameters
    activity: Integers
    knowledge_component: Integers
    pair_responses: Integers
    knowledge_components: Integers
    kc_responses: Integers
    kc_learners: Integers
    left_out: dict[str, list[int]]


def estimation_batch_save(*, batch: EstimationBatch, estimated: EstimatedBatch | None) -> None:
    """Saves the estimates (None means nothing) and marks the batch done. Only the first of several workers saves."""
    with transaction.atomic():
        locked = EstimationBatch.objects.select_for_update().filter(pk=batch.pk).first()
        if locked is None:
            raise Conflict(f"{batch.model_version.name!r} was purged in the meantime.", field="name", code="purged")
        if locked.done_at is not None:
            return
        if estimated is not None:
            _parameters_save(batch.model_version_id, estimated)
            _left_out_save(batch.model_version_id, estimated.left_out)
        locked.done_at = timezone.now()
        locked.save(update_fields=["done_at"])


def _parameters_save(version_id: int, estimated: EstimatedBatch) -> None:
    found = estimated.parameters
    ItemParameters.objects.bulk_create(
        (
            ItemParameters(
                model_version_id=version_id,
                activity_id=activity,
                knowledge_component_id=kc,
                guess=guess,
                slip=slip,
                transit=transit,
                responses=responses,
            )
            for activity, kc, guess, slip, transit, responses in zip(
                estimated.activity.tolist(),
                estimated.knowledge_component.tolist(),
                found.guess.tolist(),
                found.slip.tolist(),
                found.transit.tolist(),
                estimated.pair_responses.tolist(),
                strict=True,
            )
        ),
        batch_size=WRITE_BATCH,
    )
    KnowledgeComponentParameters.objects.bulk_create(
        (
            KnowledgeComponentParameters(
                model_version_id=version_id,
                knowledge_component_id=kc,
                mastery_prior=prior,
                responses=responses,
                learners=learners,
            )
            for kc, prior, responses, learners in zip(
                estimated.knowledge_components.tolist(),
                found.prior.tolist(),
                estimated.kc_responses.tolist(),
                estimated.kc_learners.tolist(),
                strict=True,
            )
        ),
        batch_size=WRITE_BATCH,
    )


def _left_out_save(version_id: int, left_out: dict[str, list[int]]) -> None:
    """Adds the KCs that a batch leaves out to the version's future report."""
    if not any(left_out.values()):
        return
    version = ModelVersion.objects.select_for_update().get(pk=version_id)
    before = version.report.get("left_out", {})
    merged = {reason: sorted([*before.get(reason, ()), *kcs]) for reason, kcs in left_out.items()}
    version.report = {**version.report, "left_out": merged}
    version.save(update_fields=["report"])


def success_model_save(*, version: ModelVersion, predictor: Predictor, report: dict[str, Any]) -> None:
    """Stores the version's model of success; if another worker was first, that one's model stays."""
    SuccessModel.objects.bulk_create(
        [
            SuccessModel(
                model_version=version, data=pack(predictor.arrays()), responses=report["fitted_to"], report=report
            )
        ],
        ignore_conflicts=True,
    )


def model_version_report(*, version: ModelVersion, report: dict[str, Any], by: str = "") -> None:
    """Finishes a version with its report, or gives a finished one a new report.

    If two workers bring the first report at once, the version is finished once. Raises Conflict while a batch is not
    done.
    """
    with transaction.atomic():
        locked = ModelVersion.objects.select_for_update().get(pk=version.pk)
        _not_purged(locked)
        if locked.batches.filter(done_at=None).exists():
            raise Conflict("The version is still being estimated.", field="name", code="unfinished")
        first = locked.finished_at is None
        if not first and locked.report.get("baseline") == report["baseline"]:
            version.refresh_from_db()
            return
        # What the batches left out; no later report changes it.
        left_out = locked.report.get("left_out", {})
        locked.report = {**report, "left_out": {reason: left_out.get(reason, []) for reason in LEFT_OUT}}
        locked.finished_at = locked.finished_at or timezone.now()
        locked.save(update_fields=["report", "finished_at"])
        ModelVersionEvent.objects.create(
            kind=Kind.ESTIMATED if first else Kind.REPORTED, model_version=locked, by=by, checks=report["checks"]
        )
    version.refresh_from_db()


def _not_purged(version: ModelVersion) -> None:
    if version.purged_at is not None:
        raise Conflict(purged(version), field="name", code="purged")


def purged(version: ModelVersion) -> str:
    """The message for a version whose parameters were deleted."""
    return f"The parameters of {version.name!r} were purged on {version.purged_at:%Y-%m-%d}; estimate a new version."


def promotion_checks(version: ModelVersion, active: ModelVersion | None) -> list[dict[str, Any]]:
    """The gate's checks of the version while ``active`` is in force. Those that fail refuse it.

    These are the checks of its report, and a check that the report compares it with ``active``.
    """
    if version.purged_at is not None:
        return [{"name": "purged", "passed": False, "message": purged(version)}]
    if version.finished_at is None or not version.report:
        message = "It has no report: it is still being estimated, or was not created by an estimate."
        return [{"name": "report", "passed": False, "message": message}]
    compared, current = version.report["baseline"], baseline(active)
    names = [f"{each['name']!r}" if each["name"] else "the authors' parameters" for each in (compared, current)]
    if compared["id"] != current["id"]:
        message = f"Its report compares it with {names[0]}; now in force: {names[1]}."
    elif compared != current:
        message = f"Tags or base parameters changed after its report was made; run `estimate --name {version.name}`."
    else:
        message = f"Its report compares it with what is in force: {names[1]}."
    checks: list[dict[str, Any]] = [{"name": "baseline", "passed": compared == current, "message": message}]
    return checks + list(version.report["checks"])


def baseline(active: ModelVersion | None) -> dict[str, Any]:
    """What a report made now compares with: the version in force, and the revision of tags and base parameters."""
    return {
        "id": active.pk if active else None,
        "name": active.name if active else None,
        "tracing_revision": current_stamp().tracing_revision,
    }


def held_by(version: ModelVersion | None = None) -> tuple[ModelVersionEvent, dict[str, Any]] | None:
    """The rollback that keeps schedules from promoting the version, and a failed check that says so.

    None as ``version`` means any version at all. Returns None if the gate alone decides.
    """
    rollback = holding_rollback()
    if rollback is not None:
        of = f"The last change of the active version was a rollback of {rollback.model_version.name!r}"
        release = "puts a version in force, and schedules may promote again"
    elif version is not None and (rollback := rollback_of(version)) is not None:
        of, release = f"{version.name!r} was rolled back", "puts it in force again"
    else:
        return None
    by = f" by {rollback.by}" if rollback.by else ""
    message = f"{of} at {rollback.at.isoformat(timespec='seconds')}{by}; `promote NAME` {release}."
    return rollback, {"name": "held", "passed": False, "message": message}


class PromotionRefused(Conflict):
    """The version is not promoted; ``checks`` are those that failed."""

    code = "refused"

    def __init__(self, name: str, checks: list[dict[str, Any]]) -> None:
        super().__init__(f"{name!r} is not promoted. " + " ".join(check["message"] for check in checks), field="name")
        self.checks = checks

    def entries(self) -> list[dict[str, str]]:
        return [{"field": "name", "code": check["name"], "message": check["message"]} for check in self.checks]


def model_version_promote(
    *, name: str, by: str, force: bool = False, reason: str = "", scheduled: bool = False
) -> ModelVersion:
    """Promotes the version, atomically, if the gate passes or ``force`` has a ``reason``, and returns it.

    From the next request on, every process recommends with it. The learners' masteries are stale until their next score
    or ``trace_learners``.

    ``scheduled`` means that nobody asked for this very version. It is then held, by force or not, while the last change
    was a rollback.

    Raises ModelVersion.DoesNotExist, and InvalidInput if force has no reason. Raises Conflict if the version is already
    active, is not finished or was purged. Raises PromotionRefused if the gate refuses it or it is held. Every refusal
    is recorded, but a hold only once for each rollback.
    """
    if force and not reason.strip():
        raise InvalidInput("A promotion by force needs a reason.", field="reason", code="required")
    with transaction.atomic():
        content_lock()
        version, active = ModelVersion.objects.get(name=name), active_version()
        if active == version:
            raise Conflict(f"{name!r} is already active.", field="name", code="active")
        _not_purged(version)
        if force and version.finished_at is None and version.batches.exists():
            raise Conflict(f"{name!r} is still being estimated.", field="name", code="unfinished")
        held = held_by(version) if scheduled else None
        checks = promotion_checks(version, active) + ([held[1]] if held else [])
        failed = [check for check in checks if not check["passed"]]
        if held:
            kind, known = Kind.HELD, ModelVersionEvent.objects.filter(kind=Kind.HELD, pk__gt=held[0].pk).exists()
        else:
            kind, known = Kind.PROMOTED if not failed else Kind.FORCED if force else Kind.REFUSED, False
        if not known:
            ModelVersionEvent.objects.create(
                kind=kind, model_version=version, previous=active, by=by, reason=reason, checks=checks
            )
        if kind in {Kind.PROMOTED, Kind.FORCED}:
            EngineState.objects.filter(pk=EngineState.SINGLETON).update(active_model_version=version)
    log.info(
        "model_version_decided", model_version=name, outcome=kind.value, failed=[check["name"] for check in failed]
    )
    if kind in {Kind.REFUSED, Kind.HELD}:
        raise PromotionRefused(name, failed)
    return version


def model_version_purge(*, version: ModelVersion, before: datetime) -> bool:
    """Deletes the parameters of a version begun before that time that was never in force; its report and events stay.

    Returns False if it is in force by now, or somebody else purged it.
    """
    with transaction.atomic():
        # The lock keeps others from promoting it meanwhile.
        content_lock()
        locked = versions_never_in_force(before).select_for_update(of=("self",)).filter(pk=version.pk).first()
        if locked is None:
            return False
        # First delete what an estimate locks, so that no estimate adds parameters after they are deleted.
        locked.batches.all().delete()
        locked.item_parameters.all().delete()
        locked.knowledge_component_parameters.all().delete()
        SuccessModel.objects.filter(model_version=locked).delete()
        locked.purged_at = timezone.now()
        locked.save(update_fields=["purged_at"])
    log.info("model_version_purged", model_version=version.name)
    return True


def model_version_rollback(*, by: str, reason: str = "") -> ModelVersion | None:
    """Makes what was in force before the last promotion active again and returns it (None means the authors' base).

    Each further call goes back one more promotion. Until somebody promotes a version, no schedule does. Raises Conflict
    if there is nothing to roll back.
    """
    with transaction.atomic():
        content_lock()
        active = active_version()
        if active is None:
            raise Conflict("The authors' parameters are in force; there is nothing to roll back.", code="nothing")
        previous = rolled_back_to(active)
        ModelVersionEvent.objects.create(
            kind=Kind.ROLLED_BACK, model_version=active, previous=previous, by=by, reason=reason
        )
        EngineState.objects.filter(pk=EngineState.SINGLETON).update(active_model_version=previous)
    log.info("model_version_rolled_back", model_version=active.name, to=previous.name if previous else None)
    return previous
