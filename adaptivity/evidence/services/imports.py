"""Imports scores in bulk: a batch of rows and the progress in the file, in one transaction."""

from collections.abc import Collection as Collected
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils import timezone

from adaptivity.content.selectors.parameters import current_stamp
from adaptivity.content.services.revisions import content_changed, content_lock, rows_changed
from adaptivity.database.sql import BATCH, rows_among
from adaptivity.database.writes import assign
from adaptivity.errors import AlreadyRunning, Overtaken
from adaptivity.evidence.selectors.log import events_recorded
from adaptivity.evidence.services.learners import LearnerIdentity, learners_lock, learners_write
from adaptivity.evidence.services.privacy import erasures_of
from adaptivity.evidence.services.scores import event_fingerprint
from adaptivity.evidence.services.voidings import learners_of_voided, scores_void, voidings_record
from adaptivity.models import (
    Activity,
    ActivityKnowledgeComponent,
    Collection,
    CollectionActivity,
    KnowledgeComponent,
    Learner,
    Reject,
    Score,
    ScoreImport,
)
from adaptivity.text import NAME_LENGTH

# If lines are broken in more ways than this, the rest are counted together.
MAX_REASONS = 50
OTHER_REASONS = "other reasons"
UNKNOWN_ACTIVITY = "activity: is not known here"


@dataclass(frozen=True)
class ScoreRow:
    """A row of a file of scores.

    ``line`` is its line in the file. ``item`` becomes the activity's source launch URL and name.
    ``knowledge_components`` are the ids and names of the KCs with which a new activity is tagged. ``guid`` is the
    learner's tool_consumer_instance_guid, used if the import was called without one. ``reported_item`` is the
    platform's name for the activity, if it is not ``item``. It identifies a repetition even after the activity got
    another URL.
    """

    line: int
    learner: str
    item: str
    knowledge_components: tuple[str, ...]
    score: float
    timestamp: datetime | None = None
    event_id: str | None = None
    guid: str = ""
    reported_item: str = ""


def score_import_find(*, content_hash: str, guid: str, file_format: str) -> ScoreImport | None:
    """The import of a file's content, in a format, for a platform's learners; None if there is none yet."""
    keys = _keys(content_hash, file_format)
    found = {
        run.content_hash: run
        for run in ScoreImport.objects.filter(content_hash__in=keys, tool_consumer_instance_guid=guid)
    }
    return next((found[key] for key in keys if key in found and _is_of(found[key], file_format)), None)


def score_imports_waiting(*, reasons: Collected[str], since: datetime) -> QuerySet[ScoreImport]:
    """The imports begun since then that refused lines for one of the reasons."""
    return ScoreImport.objects.filter(started_at__gte=since, rejects__reason__in=reasons).distinct()


def score_import_ensure(*, content_hash: str, guid: str, file_format: str) -> ScoreImport:
    """The import that ``score_import_find`` finds; begins one if there is none yet."""
    # The second key contains the format, so an import stored under it always has this format.
    for key in _keys(content_hash, file_format):
        run, _ = ScoreImport.objects.get_or_create(
            content_hash=key,
            tool_consumer_instance_guid=guid,
            defaults={"started_at": timezone.now(), "file_format": file_format},
        )
        if _is_of(run, file_format):
            break
    return run


def _keys(content_hash: str, file_format: str) -> tuple[str, str]:
    """The two keys of an import: the content's hash and, if an import in another format has that, a hash of both."""
    return content_hash, sha256(f"{file_format} {content_hash}".encode()).hexdigest()


def _is_of(run: ScoreImport, file_format: str) -> bool:
    # Imports of the earlier release have no format, because CSV was the only one.
    return (run.file_format or "csv") == file_format


@dataclass(frozen=True)
class BatchResult:
    """The result of a batch.

    It counts the rows imported, the rows already known, and the rows of erased learners, which are left out. ``voided``
    counts the scores voided in this batch or an earlier one. ``refused`` holds the refused rows with their reasons.
    """

    imported: int
    known: int
    refused: Sequence[tuple[ScoreRow, str]]
    erased: int
    voided: int


@transaction.atomic
def scores_import_batch(
    *,
    run: ScoreImport,
    rows: Sequence[ScoreRow],
    lines_done: int,
    collection_id: str | None,
    create: bool = True,
    voidings: Sequence[str] = (),
) -> BatchResult:
    """Appends the rows to the evidence log in their order, and records that the file is done up to ``lines_done``.

    ``voidings`` are the ids of xAPI statements that the same part of the file voids. Scores under these event ids are
    deleted in the log, whichever learner they belong to, and whether they came before or come later.

    Creates missing learners, activities, KCs and the collection, and puts the activities into the collection. An
    existing activity keeps its KCs. Without ``create``, the row of a missing activity is refused. The learners become
    stale; tracing them is a separate step.

    Raises AlreadyRunning if another process is importing the same file. Raises Overtaken if one of the learners is
    erased at the same moment; the caller may then retry.
    """
    current = ScoreImport.objects.select_for_update().get(pk=run.pk)
    if current.lines_done != run.lines_done:
        raise AlreadyRunning("Another import of the same file is running.")
    refused: list[tuple[ScoreRow, str]] = []
    identities = {row.line: LearnerIdentity(row.learner, run.tool_consumer_instance_guid or row.guid) for row in rows}
    rows, erased = _without_erased(rows, identities)
    voided_ids = voidings_record(
        statement_ids=voidings, event_ids=[row.event_id for row in rows if row.event_id is not None]
    )
    activity_ids = items_ensure(rows=rows, collection_id=collection_id, create=create)
    if not create:
        refused += [(row, UNKNOWN_ACTIVITY) for row in rows if row.item not in activity_ids]
        rows = [row for row in rows if row.item in activity_ids]
    learners = learners_lock(
        identities=[identities[row.line] for row in rows], ids=learners_of_voided(event_ids=voided_ids)
    )
    # A learner erased between the first check and the lock has a new, empty row by now. The rollback removes it.
    if _without_erased(rows, identities)[1]:
        raise Overtaken("A learner of the file was erased.")
    recorded = events_recorded(
        [(learners[identities[row.line]].id, row.event_id) for row in rows if row.event_id is not None]
    )
    version_id = current_stamp().model_version_id

    scores: list[Score] = []
    touched: dict[int, Learner] = {}
    known = 0
    for row in rows:
        learner, activity_id = learners[identities[row.line]], activity_ids[row.item]
        fingerprint = ""
        if row.event_id is not None:
            fingerprint = event_fingerprint(
                activity=row.reported_item or row.item, score=row.score, timestamp=row.timestamp
            )
            if (learner.id, row.event_id) in recorded:
                if recorded[learner.id, row.event_id] == fingerprint:
                    known += 1
                else:
                    refused.append((row, "event_id: recorded for this learner with different content"))
                continue
            recorded[learner.id, row.event_id] = fingerprint
        learner.evidence_count += 1
        learner.traced_revision = None
        touched[learner.id] = learner
        scores.append(
            Score(
                learner=learner,
                activity_id=activity_id,
                score=row.score,
                timestamp=row.timestamp or run.started_at,
                timestamp_given=row.timestamp is not None,
                arrival=learner.evidence_count,
                event_id=row.event_id,
                event_fingerprint=fingerprint,
                model_version_id=version_id,
            )
        )
    Score.objects.bulk_create(scores, batch_size=BATCH)
    voided = scores_void(event_ids=voided_ids, learners={learner.id: learner for learner in learners.values()})
    touched |= {learner.id: learner for learner in voided}
    learners_write(learners=touched.values(), fields=["evidence_count", "traced_revision"])
    run.lines_done = lines_done
    run.imported += len(scores)
    run.save(update_fields=["lines_done", "imported"])
    return BatchResult(len(scores), known, refused, erased, len(voided))


def _without_erased(
    rows: Sequence[ScoreRow], identities: Mapping[int, LearnerIdentity]
) -> tuple[Sequence[ScoreRow], int]:
    """The rows without those that an erasure removed from the log or would have removed, and how many were left out."""
    erased = erasures_of(identities=set(identities.values()))
    if not erased:
        return rows, 0
    kept = [
        row
        for row in rows
        if identities[row.line] not in erased
        or (row.timestamp is not None and row.timestamp > erased[identities[row.line]])
    ]
    return kept, len(rows) - len(kept)


@transaction.atomic
def rejects_record(*, run: ScoreImport, refused: Sequence[tuple[int, str]]) -> None:
    """Adds refused lines (number and reason, in order) to the import's summary, which has one row per reason."""
    if not refused:
        return
    rejects = {reject.reason: reject for reject in run.rejects.all()}
    for line, reason in refused:
        reason = reason[:NAME_LENGTH]
        if reason not in rejects and len(rejects) >= MAX_REASONS:
            reason = OTHER_REASONS
        reject = rejects.get(reason)
        if reject is None:
            rejects[reason] = reject = Reject(score_import=run, reason=reason, count=0, first_line=line)
        reject.count += 1
        reject.last_line = line
    now = timezone.now()
    for reject in rejects.values():
        reject.updated_at = now
    Reject.objects.bulk_create(
        rejects.values(),
        update_conflicts=True,
        unique_fields=["score_import", "reason"],
        update_fields=["count", "last_line", "updated_at"],
    )
    run.refused += len(refused)
    run.save(update_fields=["refused"])


def score_import_update(*, run: ScoreImport, **fields: Any) -> None:
    """Records the file's name, its format, or when its import finished."""
    run.save(update_fields=assign(run, fields))


@transaction.atomic
def score_import_again(*, run: ScoreImport) -> None:
    """Makes the import read the file again from its beginning, and deletes its record of refused lines."""
    run.rejects.all().delete()
    run.lines_done = run.imported = run.refused = 0
    run.finished_at = None
    run.save(update_fields=["lines_done", "imported", "refused", "finished_at"])


@transaction.atomic
def items_ensure(*, rows: Sequence[ScoreRow], collection_id: str | None, create: bool = True) -> dict[str, int]:
    """Creates missing activities and KCs, and puts the activities into the collection. Returns the activities' ids.

    If ``create`` is false, nothing is created and missing activities are left out.
    """
    tagged = {row.item: row.knowledge_components for row in reversed(rows)}
    ids = _activity_ids(list(tagged))
    if not create:
        tagged = {item: kcs for item, kcs in tagged.items() if item in ids}
    if len(ids) < len(tagged) or not _all_in(collection_id, ids.values()):
        content_lock()
        ids = _activity_ids(list(tagged))
        missing = {item: kcs for item, kcs in tagged.items() if item not in ids}
        kc_ids = _knowledge_components_ensure(sorted({kc for kcs in missing.values() for kc in kcs}))
        created = Activity.objects.bulk_create(
            [Activity(source_launch_url=item, name=item[:NAME_LENGTH]) for item in missing], batch_size=BATCH
        )
        ActivityKnowledgeComponent.objects.bulk_create(
            [
                ActivityKnowledgeComponent(activity=activity, knowledge_component_id=kc_ids[kc])
                for activity in created
                for kc in missing[activity.source_launch_url]
            ],
            batch_size=BATCH,
        )
        ids |= {activity.source_launch_url: activity.id for activity in created}
        # The tags are counted with their activities.
        changes: dict[type[Model], list[str]] = {
            Activity: rows_changed(added=created),
            KnowledgeComponent: rows_changed(added=kc_ids),
        }
        collection_ids = []
        if collection_id is not None:
            collection, is_new = Collection.objects.get_or_create(
                collection_id=collection_id, defaults={"name": collection_id}
            )
            missing_here = sorted(set(ids.values()) - _members(collection.id, list(ids.values())))
            CollectionActivity.objects.bulk_create(
                [CollectionActivity(collection=collection, activity_id=new) for new in missing_here], batch_size=BATCH
            )
            changes[Collection] = rows_changed(added=is_new)
            changes[CollectionActivity] = rows_changed(added=missing_here)
            collection_ids = [collection.id]
        content_changed(changes=changes, collection_ids=collection_ids)
    return ids


def _activity_ids(items: Sequence[str]) -> dict[str, int]:
    activities = Activity.objects.values_list("source_launch_url", "id")
    return dict(rows_among(activities, "source_launch_url", items))


def _knowledge_components_ensure(kc_ids: Sequence[str]) -> dict[str, int]:
    KnowledgeComponent.objects.bulk_create(
        [KnowledgeComponent(kc_id=kc_id, name=kc_id) for kc_id in kc_ids], batch_size=BATCH, ignore_conflicts=True
    )
    return dict(rows_among(KnowledgeComponent.objects.values_list("kc_id", "id"), "kc_id", kc_ids))


def _all_in(collection_id: str | None, activity_ids: Collected[int]) -> bool:
    if collection_id is None:
        return True
    collection = Collection.objects.filter(collection_id=collection_id).first()
    wanted = list(activity_ids)
    return collection is not None and len(_members(collection.id, wanted)) == len(wanted)


def _members(collection_pk: int, activity_ids: Sequence[int]) -> set[int]:
    memberships = CollectionActivity.objects.filter(collection=collection_pk).values_list("activity_id", flat=True)
    return set(rows_among(memberships, "activity", activity_ids))
