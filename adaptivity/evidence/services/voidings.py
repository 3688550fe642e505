"""Remembers the ids of voided statements, and deletes their scores."""

import re
from collections.abc import Collection, Mapping

from django.db import connection
from django.db.models import QuerySet

from adaptivity.database.sql import BATCH, fetch, querysets_among, rows_among
from adaptivity.errors import Overtaken
from adaptivity.evidence.selectors.log import scores_current
from adaptivity.evidence.services.scores import deletion
from adaptivity.models import Learner, Score, ScoreRevision, VoidedStatement

# Event ids of another form are not globally unique, so no score is voided by such an id.
STATEMENT_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# The number of an advisory lock in PostgreSQL.
VOIDINGS = 0x58_41_50_49


def voidings_record(*, statement_ids: Collection[str], event_ids: Collection[str]) -> set[str]:
    """Remembers that these statements are voided.

    Returns their ids, and those of the event ids that are voided now or were before. Must run inside the transaction
    that writes the scores with these event ids, before it writes them.

    If one transaction voids what another one imports, one of them waits here until the other ends. Otherwise each would
    miss what the other has not committed.
    """
    reported = sorted({event_id for event_id in event_ids if STATEMENT_ID.fullmatch(event_id)})
    voided = sorted(set(statement_ids))
    if not voided and not reported:
        return set()
    if connection.vendor == "postgresql":
        # SQLite has one writer at a time and needs no lock.
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
    """The row ids of the learners with scores under these event ids that are not deleted."""
    return {learner_id for some in _scores(event_ids) for learner_id in some.values_list("learner_id", flat=True)}


def scores_void(*, event_ids: Collection[str], learners: Mapping[int, Learner]) -> list[Learner]:
    """Appends the deletion of every score under these event ids that is not deleted.

    ``learners``, by row id, must be locked. Returns the learner of each score. They are stale now, and their new
    evidence counts are not saved yet.

    Raises Overtaken if a score has arrived for a learner who is not among them.
    """
    touched: list[Learner] = []
    deletions: list[ScoreRevision] = []
    for some in _scores(event_ids):
        for score in some:
            learner = learners.get(score.learner_id)
            if learner is None:
                raise Overtaken("A score arrived that is voided.")
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
    """Deletes the records of voided statements for the learner's scores. Returns how many rows of each model it
    deleted.
    """
    event_ids = Score.objects.filter(learner=learner, event_id__isnull=False).values("event_id")
    _, counts = VoidedStatement.objects.filter(statement_id__in=event_ids).delete()
    return counts


def _scores(event_ids: Collection[str]) -> list[QuerySet[Score]]:
    return list(querysets_among(scores_current(), "event_id", event_ids))
