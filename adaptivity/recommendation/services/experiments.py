"""Creates experiments as drafts, starts and ends them, and puts learners into groups by hand."""

from collections.abc import Sequence
from typing import Any

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone

from adaptivity.database.writes import assign
from adaptivity.engine.policies import POLICIES
from adaptivity.errors import Conflict, InvalidInput
from adaptivity.evidence.services.learners import LearnerIdentity, learners_ensure, learners_lock
from adaptivity.models import Collection, Experiment, ExperimentalGroup, ExperimentPin, Learner

log = structlog.get_logger(__name__)
# At either end the log-odds is infinite, so that every KC or none is mastered. Other numbers are refused earlier.
BETWEEN = "Must be greater than 0 and less than 1."


def _lock(experiment: Experiment) -> Experiment:
    """The experiment as stored, locked until the transaction ends. Raises Experiment.DoesNotExist."""
    return Experiment.objects.select_for_update(of=("self",)).get(pk=experiment.pk)


def _lock_draft(experiment: Experiment) -> Experiment:
    locked = _lock(experiment)
    if locked.started_at is not None:
        raise Conflict(
            f"{locked.name!r} has already started and can no longer be changed.", field="experiment", code="started"
        )
    return locked


def _lock_open(experiment: Experiment) -> Experiment:
    locked = _lock(experiment)
    if locked.ended_at is not None:
        raise Conflict(f"{locked.name!r} has ended.", field="group", code="ended")
    return locked


def _save(row: Experiment | ExperimentalGroup, fields: Sequence[str] | None = None) -> None:
    """Saves the row: all fields, or only these."""
    if isinstance(row, ExperimentalGroup) and row.policy not in POLICIES:
        raise InvalidInput(f"Must be one of {', '.join(POLICIES)}.", field="policy", code="invalid_choice")
    if isinstance(row, ExperimentalGroup) and row.mastery_threshold in {0.0, 1.0}:
        raise InvalidInput(BETWEEN, field="mastery_threshold")
    try:
        with transaction.atomic():
            row.save(update_fields=fields)
    except IntegrityError:
        if type(row).objects.filter(**_unique(row)).exclude(pk=row.pk).exists():
            raise InvalidInput("This name is already taken.", field="name", code="unique") from None
        raise


def _unique(row: Experiment | ExperimentalGroup) -> dict[str, Any]:
    return {"name": row.name} | ({"experiment": row.experiment_id} if isinstance(row, ExperimentalGroup) else {})


def experiment_create(*, name: str, collection: Collection) -> Experiment:
    """Creates a draft without groups. Raises InvalidInput if the name is taken."""
    experiment = Experiment(name=name, collection=collection)
    _save(experiment)
    return experiment


@transaction.atomic
def experiment_update(*, experiment: Experiment, **fields: Any) -> Experiment:
    """Changes a draft's name or collection. Raises Conflict if the experiment has been started."""
    locked = _lock_draft(experiment)
    _save(locked, assign(locked, fields))
    return locked


@transaction.atomic
def experiment_delete(*, experiment: Experiment) -> None:
    """Deletes a draft. Raises Conflict if the experiment has been started, because it is then a record."""
    _lock_draft(experiment).delete()


@transaction.atomic
def experiment_start(*, experiment: Experiment) -> Experiment:
    """Starts a draft; its groups apply from the next recommendation on.

    Raises Conflict if it has been started, or another experiment runs in the collection. Raises InvalidInput if no
    group has a weight.
    """
    locked = _lock_draft(experiment)
    if not locked.groups.filter(weight__gt=0.0).exists():
        raise InvalidInput("No group has a weight.", field="groups", code="required")
    locked.started_at = timezone.now()
    try:
        with transaction.atomic():
            locked.save(update_fields=["started_at"])
    except IntegrityError:
        raise Conflict(
            "Another experiment is running in this collection.", field="collection", code="running"
        ) from None
    log.info("experiment_started", experiment=locked.name)
    return locked


@transaction.atomic
def experiment_end(*, experiment: Experiment) -> Experiment:
    """Ends a running experiment: the collection's learners get the default settings again.

    Raises Conflict if it is not running.
    """
    locked = _lock(experiment)
    if locked.started_at is None or locked.ended_at is not None:
        raise Conflict(f"{locked.name!r} is not running.", field="experiment", code="not_running")
    locked.ended_at = timezone.now()
    locked.save(update_fields=["ended_at"])
    log.info("experiment_ended", experiment=locked.name)
    return locked


@transaction.atomic
def experimental_group_create(*, experiment: Experiment, name: str, **settings: Any) -> ExperimentalGroup:
    """Creates a group of a draft; settings that are not given get the engine's defaults.

    Raises Conflict if the experiment has been started, and InvalidInput if the name is taken or the policy is unknown.
    """
    group = ExperimentalGroup(experiment=_lock_draft(experiment), name=name, **settings)
    _save(group)
    return group


@transaction.atomic
def experimental_group_update(*, group: ExperimentalGroup, **fields: Any) -> ExperimentalGroup:
    """Changes a group of a draft; the group stays in its experiment. Raises the errors of experimental_group_create."""
    # Lock the stored experiment: the caller's row may already have another one.
    _lock_draft(Experiment.objects.get(groups=group.pk))
    group.refresh_from_db()
    if fields.pop("experiment", group.experiment) != group.experiment:
        raise InvalidInput(
            "This cannot be changed; delete and create instead.", field="experiment", code="unchangeable"
        )
    _save(group, assign(group, fields))
    return group


@transaction.atomic
def experimental_group_delete(*, group: ExperimentalGroup) -> None:
    """Deletes a group of a draft. Raises Conflict if the experiment has been started."""
    _lock_draft(group.experiment)
    group.delete()


@transaction.atomic
def experiment_pin(*, group: ExperimentalGroup, learner: LearnerIdentity) -> ExperimentPin:
    """Puts the learner into the group, whatever chance says, and takes them out of any other group of the experiment.

    Raises Conflict if the experiment has ended.
    """
    experiment = _lock_open(group.experiment)
    learners_ensure(identities=[learner])
    pin, _ = ExperimentPin.objects.update_or_create(
        experiment=experiment, learner=learners_lock(identities=[learner])[learner], defaults={"group": group}
    )
    return pin


@transaction.atomic
def experiment_pin_create(*, group: ExperimentalGroup, learner: Learner) -> ExperimentPin:
    """Pins a learner who is not pinned in the experiment yet to this group.

    Raises InvalidInput if the learner is already pinned, and Conflict if the experiment has ended.
    """
    pin = ExperimentPin(experiment=_lock_open(group.experiment), group=group, learner=learner)
    _check_pin(pin)
    pin.save()
    return pin


@transaction.atomic
def experiment_pin_update(*, pin: ExperimentPin, **fields: Any) -> ExperimentPin:
    """Changes a pin's learner or group. Raises the errors of experiment_pin_create."""
    experiment = _lock_open(fields.get("group", pin.group).experiment)
    pin.refresh_from_db()
    changed = assign(pin, {"experiment": experiment, **fields})
    _check_pin(pin)
    pin.save(update_fields=changed)
    return pin


def _check_pin(pin: ExperimentPin) -> None:
    twins = ExperimentPin.objects.filter(experiment=pin.experiment_id, learner=pin.learner_id)
    if twins.exclude(pk=pin.pk).exists():
        raise InvalidInput(
            "The learner is already pinned to a group of this experiment.", field="learner", code="unique"
        )


def experiment_pin_delete(*, pin: ExperimentPin) -> None:
    """Deletes the pin, so that chance decides about the learner again."""
    pin.delete()
