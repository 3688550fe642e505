"""Statements that other statements void: remembered by their ids, and their scores deleted."""

import re
from collections.abc import Collection, Mapping

from django.db import connection
from django.db.models import QuerySet

from adaptivity.database.sql import BATCH, fetch, querysets_among, rows_among
from adaptivity.errors import Overtaken
from adaptivity.evidence.selectors.log import scores_current
from adaptivity.evidence.services.scores import deletion
from adaptivity.models import Learner, Score, ScoreRevision, VoidedStatement

# Event ids of another form are not unique in the world: nothing is voided under them.
STATEMENT_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# The number of an advisory lock of PostgreSQL.
VOIDINGS = 0x58_41_50_49


def voidings_record(*, statement_ids: Collection[str], event_ids: Collection[str]) -> set[str]:
    """Remembers that these statements are voided; answers their ids, and those of the event ids that are voided, now or
    before. Must run inside of the transaction that writes the scores with these event ids, before that.

    Of two transactions, one of which voids what the other imports, one waits here for the end of the other: neither may
    miss what the other has not committed.
    """
    reported = sorted({event_id for event_id in event_ids if STATEMENT_ID.fullmatch(event_id)})
    voided = sorted(set(statement_ids))
    if not voided and not reported:
        return set()
    if connection.vendor == "postgresql":
        # SQLite has one writer at a time.
        kind = "" if voided else "_shared"
        fetch(f"SELECT pg_advisory_xact_lock{kind}(%s)", [VOIDINGS])
    if not voided and not VoidedStatement.objects.exists():
        return set()
    VoidedStatement.objects.bulk_create(
        [VoidedStatement(statement_id=statement_id) for statement_id in voided], batch_size=BATCH, ignore_conflicts=True
    )
    known = VoidedStatement.objects.values_list("statement_id", flat=True)
    return {*voided, *rows_among(known, "statement_id", reported)}


def learners_of_voided(*, event_ids: Collection[str]) -> set[int]:
    """The row ids of the learners who have scores under these event ids that are not deleted."""
    return {learner_id for some in _scores(event_ids) for learner_id in some.values_list("learner_id", flat=True)}


def scores_void(*, event_ids: Collection[str], learners: Mapping[int, Learner]) -> list[Learner]:
    """Appends the deletion of each score that is there under these event ids; the learners, by their row ids, have to
    be locked. Answers the learner of each score, stale now, with a new count of evidence that is not written yet.

    Raises Overtaken where a score has come that is of none of the learners.
    """
    touched: list[Learner] = []
    deletions: list[ScoreRevision] = []
    for some in _scores(event_ids):
        for score in some:
            learner = learners.get(score.learner_id)
            if learner is None:
                raise Overtaken("A score came that is voided.")
            learner.evidence_count += 1
            learner.traced_revision = None
            touched.append(learner)
            revisions: list[ScoreRevision] = getattr(score, "revisions_in_order", [])
            deleted = deletion(score, revisions[-1] if revisions else None)
            deleted.learner, deleted.arrival = learner, learner.evidence_count
            deletions.append(deleted)
    ScoreRevision.objects.bulk_create(deletions, batch_size=BATCH)
    return touched


def voidings_forget(*, learner: Learner) -> dict[str, int]:
    """Removes what is remembered of voided statements of the learner's scores; answers how many rows of which model."""
    event_ids = Score.objects.filter(learner=learner, event_id__isnull=False).values("event_id")
    _, counts = VoidedStatement.objects.filter(statement_id__in=event_ids).delete()
    return counts


def _scores(event_ids: Collection[str]) -> list[QuerySet[Score]]:
    return list(querysets_among(scores_current(), "event_id", event_ids))
