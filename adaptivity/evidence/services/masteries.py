"""Masteries set by hand, and their deletion: entries of the evidence log, like scores."""

from collections.abc import Sequence
from dataclasses import dataclass

from adaptivity.content.selectors.parameters import current_stamp
from adaptivity.database.sql import BATCH, rows_among
from adaptivity.database.writes import overtakable
from adaptivity.errors import InvalidInput
from adaptivity.evidence.services.learners import (
    LearnerIdentity,
    evidence_time,
    is_stale,
    learners_lock,
    learners_write,
)
from adaptivity.evidence.services.retracing import learners_retrace, masteries_write
from adaptivity.models import HandSetMastery, KnowledgeComponent, Learner, Mastery


@dataclass(frozen=True)
class MasterySetting:
    """``value`` is the probability in [0, 1] that the learner has mastered the KC."""

    learner: LearnerIdentity
    kc_id: str
    value: float


@overtakable
def masteries_set(*, settings: Sequence[MasterySetting]) -> list[Mastery]:
    """Sets all masteries or none. If a learner and KC occur several times, the last value holds.

    Returns the mastery of each setting, in their order. Raises InvalidInput for an unknown KC; its field is the
    setting's number and ``knowledge_component.kc_id``.
    """
    kcs = _knowledge_components(settings)
    learners = learners_lock(identities=(setting.learner for setting in settings))
    values = {(learners[setting.learner].id, kcs[setting.kc_id].id): setting.value for setting in settings}
    _append(learners={learner.id: learner for learner in learners.values()}, values=values)

    masteries = Mastery.objects.filter(knowledge_component__in=kcs.values())
    found = {
        (mastery.learner_id, mastery.knowledge_component_id): mastery
        for mastery in rows_among(masteries, "learner", [learner_id for learner_id, _ in values])
    }
    answer = []
    for setting in settings:
        learner, kc = learners[setting.learner], kcs[setting.kc_id]
        mastery = found[learner.id, kc.id]
        mastery.learner, mastery.knowledge_component = learner, kc
        answer.append(mastery)
    return answer


def _knowledge_components(settings: Sequence[MasterySetting]) -> dict[str, KnowledgeComponent]:
    found = rows_among(KnowledgeComponent.objects, "kc_id", [setting.kc_id for setting in settings])
    kcs = {kc.kc_id: kc for kc in found}
    for number, setting in enumerate(settings):
        if setting.kc_id not in kcs:
            raise InvalidInput(
                "There is no knowledge component with this kc_id.",
                field=f"{number}.knowledge_component.kc_id",
                code="does_not_exist",
            )
    return kcs


def _append(*, learners: dict[int, Learner], values: dict[tuple[int, int], float]) -> None:
    """Appends the values (by learner and KC) to the logs of the locked learners, and updates their masteries."""
    stamp = current_stamp()
    outdated = sorted(learner.id for learner in learners.values() if is_stale(learner, stamp))
    times = {learner.id: evidence_time(learner) for learner in learners.values()}
    entries = []
    for (learner_id, kc_id), value in values.items():
        learner = learners[learner_id]
        learner.evidence_count += 1
        entries.append(
            HandSetMastery(
                learner=learner,
                knowledge_component_id=kc_id,
                value=value,
                timestamp=times[learner_id],
                arrival=learner.evidence_count,
            )
        )
    HandSetMastery.objects.bulk_create(entries, batch_size=BATCH)
    masteries_write(
        [
            Mastery(learner_id=learner_id, knowledge_component_id=kc_id, value=value)
            for (learner_id, kc_id), value in values.items()
        ]
    )
    for learner in learners.values():
        learner.latest_timestamp = times[learner.id]
        if learner.id not in outdated:
            learner.traced_revision = stamp.tracing_revision
            learner.traced_model_version_id = stamp.model_version_id
    learners_write(
        learners=learners.values(),
        fields=["evidence_count", "latest_timestamp", "traced_revision", "traced_model_version"],
    )
    if outdated:
        learners_retrace(learner_ids=outdated)


@overtakable
def mastery_delete(*, mastery: Mastery) -> None:
    """Returns the KC to its prior for this learner from now on. The deletion is an entry of the log.

    Raises Mastery.DoesNotExist if it has been deleted in the meantime.
    """
    learner = Learner.objects.select_for_update(of=("self",)).get(pk=mastery.learner_id)
    mastery = Mastery.objects.get(pk=mastery.pk)
    learner.latest_timestamp = evidence_time(learner)
    learner.evidence_count += 1
    HandSetMastery.objects.create(
        learner=learner,
        knowledge_component_id=mastery.knowledge_component_id,
        value=None,
        timestamp=learner.latest_timestamp,
        arrival=learner.evidence_count,
    )
    mastery.delete()
    learner.save(update_fields=["evidence_count", "latest_timestamp"])
    if is_stale(learner, current_stamp()):
        learners_retrace(learner_ids=[learner.id])
