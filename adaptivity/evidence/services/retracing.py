"""Updates what is derived from the evidence log: masteries, done activities, and the last activity."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from adaptivity.content.selectors.parameters import Stamp, current_stamp, priors, tag_table
from adaptivity.database.writes import overtakable
from adaptivity.engine.history import replay
from adaptivity.errors import Overtaken
from adaptivity.evidence.selectors.log import activities_scored_by, evidence, learners_in_runs, stale
from adaptivity.evidence.services.learners import learners_write
from adaptivity.models import DoneActivity, Learner, Mastery

WRITE_BATCH = 2000
BATCH_ENTRIES = 20_000


@dataclass(frozen=True)
class DerivedState:
    """The state that a learner's log leads to."""

    masteries: dict[int, float]
    done: set[int]
    last_activity_id: int | None
    latest_timestamp: datetime | None


def derive(learner_ids: Sequence[int]) -> tuple[Stamp, dict[int, DerivedState]]:
    """The state that each learner's log leads to, by replaying it, and the stamp of the replay. Reads only; seven
    queries.

    The stamp is read before the parameters. If they change in between, the learners become stale, but never wrong.
    """
    stamp = current_stamp()
    tags = tag_table(stamp.model_version_id, activities_scored_by(learner_ids))
    log, latest = evidence(learner_ids)
    try:
        traced = replay(log, tags, priors(stamp.model_version_id))
    except KeyError as error:
        raise Overtaken("A knowledge component of the evidence was deleted.") from error
    masteries: dict[int, dict[int, float]] = defaultdict(dict)
    for learner_id, kc_id, value in zip(
        traced.learner.tolist(), traced.knowledge_component.tolist(), traced.value.tolist(), strict=True
    ):
        masteries[learner_id][kc_id] = value
    done: dict[int, set[int]] = defaultdict(set)
    last: dict[int, int] = {}
    for learner_id, activity_id in zip(log.score_learner.tolist(), log.score_activity.tolist(), strict=True):
        done[learner_id].add(activity_id)
        last[learner_id] = activity_id
    return stamp, {
        learner_id: DerivedState(
            masteries=masteries[learner_id],
            done=done[learner_id],
            last_activity_id=last.get(learner_id),
            latest_timestamp=latest.get(learner_id),
        )
        for learner_id in learner_ids
    }


def stored(learner_ids: Sequence[int]) -> dict[int, tuple[dict[int, float], set[int]]]:
    """The masteries and done activities as stored in the database."""
    result: dict[int, tuple[dict[int, float], set[int]]] = {learner_id: ({}, set()) for learner_id in learner_ids}
    for learner_id, kc_id, value in Mastery.objects.filter(learner__in=learner_ids).values_list(
        "learner_id", "knowledge_component_id", "value"
    ):
        result[learner_id][0][kc_id] = value
    for learner_id, activity_id in DoneActivity.objects.filter(learner__in=learner_ids).values_list(
        "learner_id", "activity_id"
    ):
        result[learner_id][1].add(activity_id)
    return result


@overtakable
def learners_retrace(*, learner_ids: Sequence[int]) -> None:
    """Replays the learners' logs and writes what differs from the stored state; safe to run twice.

    The number of statements does not depend on the length of the logs.
    """
    learners = list(Learner.objects.select_for_update(of=("self",)).filter(id__in=learner_ids).order_by("id"))
    ids = [learner.id for learner in learners]
    stamp, derived = derive(ids)
    before = stored(ids)

    masteries: list[Mastery] = []
    done: list[DoneActivity] = []
    gone_masteries: list[tuple[int, int]] = []
    gone_done: list[tuple[int, int]] = []
    for learner in learners:
        state, (old_masteries, old_done) = derived[learner.id], before[learner.id]
        for kc_id, value in state.masteries.items():
            if old_masteries.get(kc_id) != value:
                masteries.append(Mastery(learner_id=learner.id, knowledge_component_id=kc_id, value=value))
        done += [DoneActivity(learner_id=learner.id, activity_id=new) for new in sorted(state.done - old_done)]
        gone_masteries += [(learner.id, kc_id) for kc_id in old_masteries.keys() - state.masteries.keys()]
        gone_done += [(learner.id, activity_id) for activity_id in old_done - state.done]
        learner.last_activity_id = state.last_activity_id
        learner.latest_timestamp = state.latest_timestamp
        learner.traced_revision = stamp.tracing_revision
        learner.traced_model_version_id = stamp.model_version_id

    masteries_write(masteries)
    DoneActivity.objects.bulk_create(done, batch_size=WRITE_BATCH, ignore_conflicts=True)
    _delete_pairs(Mastery, "knowledge_component_id", gone_masteries)
    _delete_pairs(DoneActivity, "activity_id", gone_done)
    learners_write(
        learners=learners,
        fields=["last_activity", "latest_timestamp", "traced_revision", "traced_model_version"],
    )


def learners_in_batches(learner_ids: QuerySet[Learner]) -> list[list[int]]:
    """The learners' ids, in batches whose evidence fits in memory together."""
    return learners_in_runs(learner_ids.order_by("id").values_list("id", "evidence_count"), BATCH_ENTRIES)


def stale_learners_retrace() -> Iterator[tuple[int, int]]:
    """Updates all stale learners in batches. After each batch, yields how many of how many are done.

    It may be stopped and run again, because it always starts with the learners that are still stale.
    """
    batches = learners_in_batches(Learner.objects.filter(stale(current_stamp())))
    total, done = sum(map(len, batches)), 0
    for batch in batches:
        learners_retrace(learner_ids=batch)
        done += len(batch)
        yield done, total


def masteries_write(masteries: Sequence[Mastery]) -> None:
    """Inserts the masteries, or sets the values of those that exist."""
    Mastery.objects.bulk_create(
        masteries,
        batch_size=WRITE_BATCH,
        update_conflicts=True,
        unique_fields=["learner", "knowledge_component"],
        update_fields=["value"],
    )


def _delete_pairs(model: type[Mastery] | type[DoneActivity], column: str, pairs: list[tuple[int, int]]) -> None:
    by_learner: dict[int, list[int]] = defaultdict(list)
    for learner_id, other in pairs:
        by_learner[learner_id].append(other)
    for learner_id, others in by_learner.items():
        model.objects.filter(learner_id=learner_id, **{f"{column}__in": others}).delete()
