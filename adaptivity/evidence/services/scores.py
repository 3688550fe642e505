"""Records, corrects and deletes scores, each in one transaction with the masteries derived from it."""

import hashlib
from datetime import UTC, datetime

from adaptivity.content.selectors.parameters import current_stamp
from adaptivity.database.writes import overtakable
from adaptivity.engine.tracing import fold
from adaptivity.errors import Conflict, InvalidInput
from adaptivity.evidence.selectors.score_target import activity_for_learner
from adaptivity.evidence.services.learners import (
    LearnerIdentity,
    check_not_in_future,
    evidence_time,
    is_stale,
    learner_lock,
)
from adaptivity.evidence.services.retracing import learners_retrace, masteries_write
from adaptivity.models import Activity, DoneActivity, Learner, Mastery, Score, ScoreRevision


@overtakable
def score_create(
    *,
    learner: LearnerIdentity,
    activity: str,
    score: float,
    timestamp: datetime | None = None,
    event_id: str | None = None,
) -> Score:
    """Records a score and updates the masteries of the activity's KCs.

    ``activity`` is its source launch URL, and ``score`` is in [0, 1]. The same event id with the same content returns
    the score that was recorded first. Raises InvalidInput for an unknown activity or a time in the future, and Conflict
    if the event id was recorded with different content.
    """
    if timestamp is not None:
        check_not_in_future(timestamp)
    locked = learner_lock(identity=learner)
    fingerprint = ""
    if event_id is not None:
        fingerprint = event_fingerprint(activity=activity, score=score, timestamp=timestamp)
        known = Score.objects.filter(learner=locked, event_id=event_id).first()
        if known is not None:
            if known.event_fingerprint != fingerprint:
                raise Conflict(
                    "This event_id is recorded for this learner with different content.",
                    field="event_id",
                    code="event_id_reused",
                )
            known.learner = locked
            # Repeats the first answer, even if the activity's URL has changed since.
            known.activity = Activity(id=known.activity_id, source_launch_url=activity)
            return known

    stamp = current_stamp()
    target = activity_for_learner(activity, learner_id=locked.id, model_version_id=stamp.model_version_id)
    if target is None:
        raise InvalidInput("There is no activity with this source_launch_url.", field="activity", code="does_not_exist")

    appended = timestamp is None or locked.latest_timestamp is None or timestamp >= locked.latest_timestamp
    replayed = not appended or is_stale(locked, stamp)
    recorded = Score.objects.create(
        learner=locked,
        activity_id=target.activity_id,
        score=score,
        timestamp=timestamp or evidence_time(locked),
        timestamp_given=timestamp is not None,
        arrival=locked.evidence_count + 1,
        event_id=event_id,
        event_fingerprint=fingerprint,
        model_version_id=stamp.model_version_id,
    )
    recorded.activity = Activity(id=target.activity_id, source_launch_url=activity)
    locked.evidence_count += 1
    if replayed:
        locked.save(update_fields=["evidence_count"])
        learners_retrace(learner_ids=[locked.id])
        return recorded

    if target.knowledge_component_ids:
        values = fold(
            initial=target.masteries,
            chain=range(len(target.knowledge_component_ids)),
            score=[score] * len(target.knowledge_component_ids),
            guess=target.guess,
            slip=target.slip,
            transit=target.transit,
        )
        masteries_write(
            [
                Mastery(learner=locked, knowledge_component_id=kc_id, value=value)
                for kc_id, value in zip(target.knowledge_component_ids, values.tolist(), strict=True)
            ]
        )
    if not target.done:
        DoneActivity.objects.create(learner=locked, activity_id=target.activity_id)
    locked.latest_timestamp = recorded.timestamp
    locked.last_activity_id = target.activity_id
    locked.traced_revision = stamp.tracing_revision
    locked.traced_model_version_id = stamp.model_version_id
    locked.save(
        update_fields=[
            "evidence_count",
            "latest_timestamp",
            "last_activity",
            "traced_revision",
            "traced_model_version",
        ]
    )
    return recorded


@overtakable
def score_correct(
    *,
    score: Score,
    activity: str | None = None,
    value: float | None = None,
    timestamp: datetime | None = None,
) -> None:
    """Appends a correction of a score and replays its learner.

    A field that is None stays as it is. A correction that changes nothing is not logged. Raises InvalidInput for an
    unknown activity or a time in the future, and Score.DoesNotExist if the score has been deleted in the meantime.
    """
    if timestamp is not None:
        check_not_in_future(timestamp)
    learner, current = _lock_with_current(score)
    activity_id = current.activity_id
    if activity is not None:
        found = Activity.objects.filter(source_launch_url=activity).values_list("id", flat=True).first()
        if found is None:
            raise InvalidInput(
                "There is no activity with this source_launch_url.", field="activity", code="does_not_exist"
            )
        activity_id = found
    revision = ScoreRevision(
        score=score,
        activity_id=activity_id,
        value=current.value if value is None else value,
        timestamp=timestamp or current.timestamp,
    )
    if _content(revision) != _content(current):
        _append(learner, revision)


@overtakable
def score_delete(*, score: Score) -> None:
    """Appends the deletion of a score and replays its learner. The row itself stays in the log.

    Raises Score.DoesNotExist if the score has been deleted in the meantime.
    """
    learner, current = _lock_with_current(score)
    _append(learner, deletion(score, current))


def deletion(score: Score, current: ScoreRevision | None) -> ScoreRevision:
    """The revision that deletes the score, whose newest revision is ``current``; without learner and arrival number."""
    current = current or _as_reported(score)
    return ScoreRevision(
        score=score,
        activity_id=current.activity_id,
        value=current.value,
        timestamp=current.timestamp,
        deleted=True,
    )


def _lock_with_current(score: Score) -> tuple[Learner, ScoreRevision]:
    learner = Learner.objects.select_for_update(of=("self",)).get(pk=score.learner_id)
    current = ScoreRevision.objects.filter(score=score).order_by("arrival").last() or _as_reported(score)
    if current.deleted:
        raise Score.DoesNotExist
    return learner, current


def _as_reported(score: Score) -> ScoreRevision:
    return ScoreRevision(activity_id=score.activity_id, value=score.score, timestamp=score.timestamp)


def _content(revision: ScoreRevision) -> tuple[int, float, datetime]:
    return revision.activity_id, revision.value, revision.timestamp


def _append(learner: Learner, revision: ScoreRevision) -> None:
    learner.evidence_count += 1
    revision.learner = learner
    revision.arrival = learner.evidence_count
    revision.save()
    learner.save(update_fields=["evidence_count"])
    learners_retrace(learner_ids=[learner.id])


def event_fingerprint(*, activity: str, score: float, timestamp: datetime | None) -> str:
    """A fingerprint, in 32 hexadecimal digits, of what a platform reported.

    It covers what the platform itself sent. That is the activity's URL at that time, even if it was renamed since, and
    the time only if the platform sent one.
    """
    when = "" if timestamp is None else timestamp.astimezone(UTC).isoformat()
    return hashlib.blake2b("\0".join((activity, repr(score), when)).encode(), digest_size=16).hexdigest()
