"""Reports the gaps in the content of each collection and KC, and suggests what to do about them."""

import math
from dataclasses import asdict
from typing import Any

import numpy as np

from adaptivity.content.selectors.arrays import CollectionArrays, collection_arrays, collection_state
from adaptivity.content_gaps.selectors import collection_scores
from adaptivity.content_gaps.services import content_gap_report_save
from adaptivity.engine.content_gaps import item_fit, missing_items, practice, running_out, suggestions
from adaptivity.engine.estimation import BktParameters
from adaptivity.engine.parameters import EPSILON, Floats
from adaptivity.engine.responses import Pairs, Responses
from adaptivity.errors import Stopped
from adaptivity.models import Collection, KnowledgeComponent
from adaptivity.progress import Progress, Stop, never, silent

# Only this many of a collection's newest scores are used, which bounds the memory.
MOST_SCORES = 500_000
# Only this many items of a collection are reported, the most suspect ones. This bounds what is stored.
MOST_ITEMS = 1000


def content_gaps(
    collection_id: str | None = None,
    *,
    progress: Progress = silent,
    stop: Stop = never,
) -> list[dict[str, Any]]:
    """The gaps of one collection, or of all in the order of their ids, as JSON, under the parameters in force.

    Each report is stored with its collection. Only practice in the collection counts. Raises Collection.DoesNotExist,
    and Stopped between two collections.
    """
    names = Collection.objects.order_by("collection_id").values_list("collection_id", flat=True)
    chosen = (
        list(names) if collection_id is None else [Collection.objects.get(collection_id=collection_id).collection_id]
    )
    found = []
    for number, name in enumerate(chosen):
        if stop():
            raise Stopped(f"stopped; {number} of {len(chosen)} collections were reported on")
        progress("collections", number, len(chosen))
        found.append(collection_gaps(name))
        content_gap_report_save(report=found[-1])
    progress("collections", len(chosen), len(chosen))
    return found


def collection_gaps(collection_id: str) -> dict[str, Any]:
    """The gaps of one collection, as JSON: those of each KC, and the items that are suspect or discriminate badly."""
    version = collection_state(collection_id)
    arrays = collection_arrays(version)
    responses, parameters = _responses(version.id, arrays)
    done, fit, content = practice(responses, parameters), item_fit(responses), arrays.content
    names = dict(
        KnowledgeComponent.objects.filter(id__in=arrays.knowledge_component_ids.tolist()).values_list("id", "kc_id")
    )

    def name(kc: int) -> str:
        return str(names[int(arrays.knowledge_component_ids[kc])])

    kcs = []
    for kc in np.flatnonzero(arrays.is_tagged).tolist():
        bank = (content.tag_kc == kc) & content.include_adaptive[content.tag_item]
        prior, mine = float(parameters.prior[kc]), [each[bank] for each in (
            parameters.guess, parameters.slip, parameters.transit)]  # fmt: skip
        runs_out = float(running_out(prior, *mine)[-1])
        shares = {
            "learners": int(done.learners[kc]),
            "over_practice": float(done.over_practice[kc]),
            "under_practice": float(done.under_practice[kc]),
            "determined": int(done.determined[kc]),
            "wheel_spinning": float(done.wheel_spinning[kc]),
            "runs_out": runs_out,
            "missing": missing_items(prior, *mine) if bank.any() else 0,
        }
        kcs.append({
            "knowledge_component": name(kc),
            "items": int(bank.sum()),
            "opportunities": int(done.opportunities[kc]),
            **{key: None if math.isnan(value) else value for key, value in shares.items()},
            "suggestions": [asdict(each) for each in suggestions(**shares)],  # type: ignore[arg-type]
        })  # fmt: skip
    items = []
    reported = np.flatnonzero(fit.suspect | fit.discriminates_badly)
    worst_first = np.lexsort((fit.high[reported], ~fit.suspect[reported]))[:MOST_ITEMS]
    for pair in np.sort(reported[worst_first]).tolist():
        better = None if fit.better[pair] < 0 else name(int(fit.better[pair]))
        code, message = _item_suggestion(suspect=bool(fit.suspect[pair]), better=better)
        items.append({
            "activity": arrays.urls[int(content.tag_item[pair])],
            "knowledge_component": name(int(content.tag_kc[pair])),
            "learners": int(fit.learners[pair]),
            "correlation": float(fit.correlation[pair]),
            "interval": [float(fit.low[pair]), float(fit.high[pair])],
            "better": better,
            "suggestions": [{"code": code, "message": message}],
        })  # fmt: skip
    return {
        "collection": collection_id,
        "responses": int(responses.item.size),
        "knowledge_components": kcs,
        "items": items,
        "items_left_out": int(reported.size) - len(items),
    }


def _item_suggestion(*, suspect: bool, better: str | None) -> tuple[str, str]:
    if better is not None:
        return "retag", f"Its scores fit {better} better: check whether its tag is right."
    if suspect:
        return "check_key", "Learners who know the rest fail at it: check its answer key, then its tag."
    return "revise_item", "It hardly separates learners who know the KC from those who do not: revise or remove it."


def _responses(collection_pk: int, arrays: CollectionArrays) -> tuple[Responses, BktParameters]:
    """The collection's responses, with items and KCs by their local indices, and the parameters in force."""
    content = arrays.content
    learner, activity, score = collection_scores(collection_pk, MOST_SCORES)
    learners, who = np.unique(learner, return_inverse=True)
    item = np.searchsorted(arrays.activity_ids, activity)
    # Leave out activities that joined the collection after its arrays were loaded.
    known = np.zeros(item.size, dtype=bool)
    inside = item < arrays.activity_ids.size
    known[inside] = arrays.activity_ids[item[inside]] == activity[inside]
    first = np.searchsorted(content.tag_item, np.arange(arrays.activity_ids.size + 1))
    pairs = Pairs(first, content.tag_item, content.tag_kc, content.kc_count)
    return (
        Responses(who[known], item[known], score[known], pairs, learners.size),
        BktParameters(
            *(_open(each) for each in (arrays.priors, content.tag_guess, content.tag_slip, content.tag_transit))
        ),
    )


def _open(probability: Floats) -> Floats:
    return np.clip(probability, EPSILON, 1.0 - EPSILON)
