"""A model version's model of success: the responses it is fitted to, and the data for one learner's prediction."""

import zlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

import numpy as np
from django.db.models import Q

from adaptivity.content.selectors.parameters import tag_table
from adaptivity.engine.parameters import Floats, Integers
from adaptivity.engine.prediction import FOLDS
from adaptivity.engine.receipts import unpack
from adaptivity.engine.responses import Pairs, Responses, fold_of, is_held_out
from adaptivity.engine.success_model import Predictor
from adaptivity.evidence.selectors.log import evidence, learners_in_runs
from adaptivity.models import (
    Activity,
    ActivityKnowledgeComponent,
    HandSetMastery,
    Learner,
    Mastery,
    ModelVersion,
    SuccessModel,
)

# Entries of the log that are read at once.
BATCH_ENTRIES = 50_000
# Models of success that a process caches: the one in force and the one before it.
KEPT = 2


@dataclass(frozen=True)
class TrainingResponses:
    """Responses of some learners, and the cross-validation fold of each learner, shape (learners,).

    ``activity`` and ``knowledge_component`` are the ids of the items and KCs, ascending.
    """

    responses: Responses
    fold: Integers
    activity: Integers
    knowledge_component: Integers


def practice(*, held_out: bool, most: int) -> TrainingResponses:
    """The responses of learners that are held out, or of the others, after corrections.

    If there are more than ``most`` responses, learners are drawn by a hash until there are about that many. Learners
    with masteries set by hand are left out. The items are all activities with KCs, and those that were answered.
    """
    names = _chosen(held_out=held_out, most=most)
    sizes = ((learner_id, entries) for learner_id, (_, entries) in names.items())
    logs = [evidence(some)[0] for some in learners_in_runs(sizes, BATCH_ENTRIES)]
    empty = np.zeros(0, dtype=np.int64)
    learner_id = np.concatenate([empty, *(log.score_learner for log in logs)])
    answered = np.concatenate([empty, *(log.score_activity for log in logs)])
    score = np.concatenate([np.zeros(0), *(log.score for log in logs)])
    tags = ActivityKnowledgeComponent.objects.order_by("activity_id", "knowledge_component_id")
    tagged = np.array(
        list(tags.values_list("activity_id", "knowledge_component_id").iterator(chunk_size=5000)), dtype=np.int64
    ).reshape(-1, 2)
    activity = np.union1d(tagged[:, 0], answered)
    pairs, kcs = pairs_of(activity, tagged)
    learners, learner = np.unique(learner_id, return_inverse=True)
    return TrainingResponses(
        Responses(learner, np.searchsorted(activity, answered), score, pairs, learners.size),
        np.array([fold_of(names[each][0], FOLDS) for each in learners.tolist()], dtype=np.int64),
        activity,
        kcs,
    )


def pairs_of(activity: Integers, tagged: Integers) -> tuple[Pairs, Integers]:
    """The pairs of the activities, and the ids of their KCs, ascending.

    ``activity`` has ids, ascending. ``tagged``, shape (tags, 2), has the activity and KC of each tag in that order.
    """
    kcs, kc = np.unique(tagged[:, 1], return_inverse=True)
    item = np.searchsorted(activity, tagged[:, 0])
    first = np.r_[0, np.cumsum(np.bincount(item, minlength=activity.size))].astype(np.int64)
    return Pairs(first, item, kc.astype(np.int64), kcs.size), kcs


def _chosen(*, held_out: bool, most: int) -> dict[int, tuple[str, int]]:
    """The name and number of entries of each learner by id, in order of a hash, up to ``most`` entries in all."""
    by_hand = HandSetMastery.objects.values("learner")
    found = Learner.objects.filter(~Q(id__in=by_hand), evidence_count__gt=0).order_by("id")
    drawn = sorted(
        (zlib.crc32(f"fit {name}".encode()), learner_id, name, count)
        for learner_id, name, count in found.values_list("id", "user_id", "evidence_count").iterator(chunk_size=5000)
        if is_held_out(name) == held_out
    )
    chosen: dict[int, tuple[str, int]] = {}
    for _, learner_id, name, count in drawn:
        if most <= 0:
            break
        chosen[learner_id] = name, count
        most -= count
    return chosen


_cache: "OrderedDict[tuple[int, datetime], Predictor]" = OrderedDict()
_cache_lock = Lock()


def predictor_of(model_version_id: int) -> tuple[str, Predictor | None]:
    """The version's name, and its model of success or None.

    Two queries; three if this process has not loaded the model yet.
    """
    name = ModelVersion.objects.values_list("name", flat=True).get(pk=model_version_id)
    kept = SuccessModel.objects.filter(model_version=model_version_id).values_list("id", "created_at").first()
    if kept is None:
        return name, None
    model_id, created_at = kept
    with _cache_lock:
        if (model_id, created_at) in _cache:
            _cache.move_to_end((model_id, created_at))
            return name, _cache[model_id, created_at]
    data = SuccessModel.objects.values_list("data", flat=True).get(pk=model_id)
    predictor = Predictor.of_arrays(unpack(bytes(data)))
    with _cache_lock:
        _cache[model_id, created_at] = predictor
        while len(_cache) > KEPT:
            _cache.popitem(last=False)
    return name, predictor


@dataclass(frozen=True)
class Tagged:
    """Activities with their current KCs.

    ``activity`` (items,) and ``knowledge_component`` (KCs,) are ids, ascending. They name items and KCs 0, 1, … of
    ``pairs``. ``guess`` and ``slip``, shape (pairs,), are those in force.
    """

    activity: Integers
    knowledge_component: Integers
    pairs: Pairs
    guess: Floats
    slip: Floats


def tagged(activity_ids: Integers, model_version_id: int | None) -> Tagged:
    """The activities (ids, ascending) with their current tags. One query."""
    table = tag_table(model_version_id, Q(activity__in=activity_ids.tolist()))
    pairs, kcs = pairs_of(activity_ids, np.stack((table.activity, table.knowledge_component), axis=1))
    return Tagged(activity_ids, kcs, pairs, table.guess, table.slip)


def activities_named(urls: Sequence[str]) -> dict[str, int]:
    """The ids of the activities with these source launch URLs; unknown URLs are left out. One query."""
    return dict(Activity.objects.filter(source_launch_url__in=urls).values_list("source_launch_url", "id"))


def masteries_of(learner_id: int, kcs: Integers, otherwise: Floats) -> Floats:
    """The learner's stored mastery of each KC (ids, ascending), or ``otherwise`` if there is none. One query."""
    held = Mastery.objects.filter(learner=learner_id, knowledge_component__in=kcs.tolist())
    result = otherwise.copy()
    for kc, value in held.values_list("knowledge_component_id", "value"):
        result[np.searchsorted(kcs, kc)] = value
    return result
