"""What learners did in a collection, as the content-gap report reads it."""

from typing import Any

import numpy as np
from django.db.models import Exists, OuterRef, QuerySet

from adaptivity.engine.parameters import Floats, Integers
from adaptivity.evidence.selectors.log import EPOCH, MICROSECOND
from adaptivity.models import HandSetMastery, Score, ScoreRevision

ROWS = 5000
ROW = np.dtype([("learner", "i8"), ("activity", "i8"), ("score", "f8"), ("time", "i8"), ("arrival", "i8")])


def collection_scores(collection_id: int, most: int) -> tuple[Integers, Integers, Floats]:
    """The learners, activities (ids) and scores of about the ``most`` newest scores in the collection, after
    corrections.

    Each answer has shape (scores,), with each learner's scores in history order. Learners with a mastery set by hand in
    the collection are left out: what they did does not show how they reached it.
    """
    by_hand = HandSetMastery.objects.filter(
        learner=OuterRef("learner"), knowledge_component__tagged__activity__memberships__collection=collection_id
    )
    inside = {"activity__memberships__collection": collection_id}
    revised = ScoreRevision.objects.filter(score=OuterRef("pk"))
    later = ScoreRevision.objects.filter(score=OuterRef("score"), arrival__gt=OuterRef("arrival"))
    scores = Score.objects.filter(~Exists(revised), ~Exists(by_hand), **inside)
    revisions = ScoreRevision.objects.filter(~Exists(later), ~Exists(by_hand), deleted=False, **inside)
    rows = np.concatenate((_rows(scores, "score", most), _rows(revisions, "value", most)))
    rows = rows[np.lexsort((rows["arrival"], rows["time"], rows["learner"]))]
    return rows["learner"], rows["activity"], rows["score"]


def _rows(queryset: "QuerySet[Any]", value: str, most: int) -> "np.ndarray[Any, Any]":
    found = queryset.order_by("-id").values_list("learner_id", "activity_id", value, "timestamp", "arrival")[:most]
    return np.fromiter(
        ((*row[:3], (row[3] - EPOCH) // MICROSECOND, row[4]) for row in found.iterator(chunk_size=ROWS)), dtype=ROW
    )
