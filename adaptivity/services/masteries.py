"""Masteries set by hand, and taken back: entries of the evidence log like scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from adaptivity.errors import InvalidInput
from adaptivity.models import HandSetMastery, KnowledgeComponent, Learner, Mastery
from adaptivity.selectors.parameters import current_stamp
from adaptivity.selectors.sql import batched
from adaptivity.services.learners import BATCH, LearnerIdentity, evidence_time, is_stale, learners_lock
from adaptivity.services.tracing import learners_retrace, masteries_write


@dataclass(frozen=True)
class MasterySetting:
    """``value`` is the probability in [0, 1] that the learner has mastered the KC."""

    learner: LearnerIdentity
    kc_id: str
    value: float


@transaction.atomic
def masteries_set(*, settings: Sequence[MasterySetting]) -> list[Mastery]:
    """Sets masteries, all or none; of a learner and KC that occur several times the last value holds.

    Returns the mastery of each setting, in their order. Raises InvalidInput for an unknown KC; its field is the
    setting's number and ``knowledge_component.kc_id``.
    """
    kcs: dict[str, KnowledgeComponent] = {}
    for some in batched(sorted({setting.kc_id for setting in settings}), BATCH):
        kcs |= {kc.kc_id: kc for kc in KnowledgeComponent.objects.filter(kc_id__in=some)}
    for number, setting in enumerate(settings):
        if setting.kc_id not in kcs:
            raise InvalidInput(
                "There is no knowledge component with this kc_id.",
                field=f"{number}.knowledge_component.kc_id",
                code="does_not_exist",
            )
    learners = learners_lock(identities=(setting.learner for setting in settings))
    stamp = current_stamp()
    entries: dict[tuple[int, int], HandSetMastery] = {}
    for setting in settings:
        learner, kc = learners[setting.learner], kcs[setting.kc_id]
        entries[learner.id, kc.id] = HandSetMastery(learner=learner, knowledge_component=kc, value=setting.value)

    times: dict[int, datetime] = {}
    stale = {learner.id for learner in learners.values() if is_stale(learner, stamp)}
    for entry in entries.values():
        learner = entry.learner
        learner.evidence_count += 1
        entry.arrival = learner.evidence_count
        entry.timestamp = times.setdefault(learner.id, evidence_time(learner))
    for learner in learners.values():
        learner.latest_timestamp = times[learner.id]
        if learner.id not in stale:
            learner.traced_revision = stamp.tracing_revision
            learner.traced_model_version_id = stamp.model_version_id

    HandSetMastery.objects.bulk_create(entries.values(), batch_size=BATCH)
    masteries_write(
        [
            Mastery(learner=entry.learner, knowledge_component=entry.knowledge_component, value=entry.value)
            for entry in entries.values()
        ]
    )
    Learner.objects.bulk_update(
        learners.values(),
        ["evidence_count", "latest_timestamp", "traced_revision", "traced_model_version"],
        batch_size=200,
    )
    if stale:
        learners_retrace(learner_ids=sorted(stale))

    result: dict[tuple[int, int], Mastery] = {}
    for ids in batched(sorted({learner.id for learner in learners.values()}), BATCH):
        for mastery in Mastery.objects.filter(learner__in=ids, knowledge_component__in=kcs.values()):
            result[mastery.learner_id, mastery.knowledge_component_id] = mastery
    answer = []
    for setting in settings:
        mastery = result[learners[setting.learner].id, kcs[setting.kc_id].id]
        mastery.learner, mastery.knowledge_component = learners[setting.learner], kcs[setting.kc_id]
        answer.append(mastery)
    return answer


@transaction.atomic
def mastery_delete(*, mastery: Mastery) -> None:
    """Returns the KC to its prior for this learner from now on: the deletion is an entry of the log.

    Raises Mastery.DoesNotExist where it has been deleted meanwhile.
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
