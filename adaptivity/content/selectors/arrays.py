"""A collection's content as arrays, cached in this process until its revision changes."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np
from django.conf import settings
from django.db.models import Count

from adaptivity.content.selectors.parameters import knowledge_components, tags
from adaptivity.database.sql import fetch
from adaptivity.engine.parameters import (
    DEFAULT_DIFFICULTY,
    Booleans,
    Floats,
    Integers,
    difficulty_log_odds,
    relevance,
)
from adaptivity.engine.scoring import CollectionContent
from adaptivity.models import (
    Activity,
    Collection,
    KnowledgeComponent,
    PrerequisiteActivity,
    PrerequisiteKnowledgeComponent,
)


@dataclass(frozen=True)
class CollectionState:
    """A collection as one request sees it.

    Holds the revisions that decide whether cached arrays are still valid. Also holds the running experiment, with the
    group that the learner was put into by hand.
    """

    id: int
    collection_id: str
    max_problems: int | None
    stop_on_mastery: bool
    revision: int
    content_revision: int
    tracing_revision: int
    model_version_id: int | None
    experiment_id: int | None
    experiment_started_at: object  # in the database's own format; None without an experiment
    pinned_group_id: int | None

    @property
    def content_key(self) -> tuple[int, int, int, int | None]:
        """Equal keys mean equal arrays."""
        return self.revision, self.content_revision, self.tracing_revision, self.model_version_id


SQL = """
SELECT collection.id, collection.collection_id, collection.max_problems, collection.stop_on_mastery,
       collection.revision,
       COALESCE(state.content_revision, 0), COALESCE(state.tracing_revision, 0), state.active_model_version_id,
       experiment.id, experiment.started_at, pin.group_id
FROM adaptivity_collection collection
LEFT JOIN adaptivity_enginestate state ON state.id = 1
LEFT JOIN adaptivity_experiment experiment
    ON experiment.collection_id = collection.id AND experiment.started_at IS NOT NULL AND experiment.ended_at IS NULL
LEFT JOIN adaptivity_experimentpin pin ON pin.experiment_id = experiment.id AND pin.learner_id = %s
WHERE collection.collection_id = %s
"""


def collection_state(collection_id: str, learner_id: int | None = None) -> CollectionState:
    """The collection with this id, as it is for the learner. One query. Raises Collection.DoesNotExist."""
    rows = fetch(SQL, [learner_id, collection_id])
    if not rows:
        raise Collection.DoesNotExist
    return CollectionState(*rows[0])


@dataclass(frozen=True, eq=False)
class CollectionArrays:
    """The engine's view of a collection, and what its local indices stand for.

    ``activity_ids`` (items,), ascending, and ``urls`` name the items. ``knowledge_component_ids`` (KCs,), ascending,
    name the KCs, and ``priors`` (KCs,) are their priors. ``is_tagged`` (KCs,) is true for KCs that an activity is
    tagged with, and false for those that are only their prerequisites.
    """

    activity_ids: Integers
    urls: tuple[str, ...]
    knowledge_component_ids: Integers
    priors: Floats
    is_tagged: Booleans
    content: CollectionContent

    @cached_property
    def item_by_url(self) -> dict[str, int]:
        """The index of each activity's source launch URL."""
        return {url: item for item, url in enumerate(self.urls)}

    def items(self, activity_ids: Integers) -> Integers:
        """The indices of the activities. Those that are not in the collection are left out."""
        return _positions(self.activity_ids, activity_ids)

    def item_relevance(self, item: int) -> Floats:
        """The item's relevance for each KC, shape (KCs,), 0 if it is not tagged with the KC."""
        result = np.zeros(self.content.kc_count)
        first, last = np.searchsorted(self.content.tag_item, (item, item + 1))
        result[self.content.tag_kc[first:last]] = self.content.tag_relevance[first:last]
        return result


_cache: "OrderedDict[int, tuple[tuple[int, int, int, int | None], CollectionArrays]]" = OrderedDict()
_cache_lock = Lock()


def collection_arrays(version: CollectionState) -> CollectionArrays:
    """The collection's arrays, from this process's cache while the revisions are unchanged, and else from the database.

    Loading takes a fixed number of queries. If the content is written while it loads, it loads again.
    """
    with _cache_lock:
        cached = _cache.get(version.id)
        if cached is not None and cached[0] == version.content_key:
            _cache.move_to_end(version.id)
            return cached[1]
    while True:
        arrays = _load(version)
        after = collection_state(version.collection_id)
        if after.content_key == version.content_key:
            break
        version = after
    with _cache_lock:
        _cache[version.id] = (version.content_key, arrays)
        _cache.move_to_end(version.id)
        while len(_cache) > settings.COLLECTION_CACHE_SIZE:
            _cache.popitem(last=False)
    return arrays


def collection_arrays_under(collection_id: str, model_version_id: int | None) -> CollectionArrays:
    """The collection's arrays with the parameters of any version, in force or not (None means the authors' base).

    They are read from the database. Raises Collection.DoesNotExist.
    """
    return _load(replace(collection_state(collection_id), model_version_id=model_version_id))


def largest_collections(most: int) -> list[str]:
    """The ids of the ``most`` collections with the most activities. Empty collections are left out."""
    found = Collection.objects.annotate(size=Count("memberships")).filter(size__gt=0)
    return list(found.order_by("-size", "id").values_list("collection_id", flat=True)[:most])


def _load(version: CollectionState) -> CollectionArrays:
    activities = list(
        Activity.objects.filter(memberships__collection=version.id)
        .order_by("id")
        .values_list("id", "source_launch_url", "difficulty", "include_adaptive")
    )
    activity_ids = np.array([row[0] for row in activities], dtype=np.int64)
    difficulty = np.array([DEFAULT_DIFFICULTY if row[2] is None else row[2] for row in activities], dtype=np.float64)
    include_adaptive = np.array([row[3] for row in activities], dtype=bool)

    in_collection = tags(version.model_version_id).filter(activity__memberships__collection=version.id)
    tag = _columns(
        in_collection.order_by("activity_id", "knowledge_component_id").values_list(
            "activity_id", "knowledge_component_id", "g", "s", "t"
        ),
        5,
    )
    tagged_kcs = np.unique(tag[1].astype(np.int64))
    tagged_query = KnowledgeComponent.objects.filter(activities__memberships__collection=version.id).values("id")
    edge = _columns(
        PrerequisiteKnowledgeComponent.objects.filter(knowledge_component__in=tagged_query)
        .order_by("knowledge_component_id", "prerequisite_id")
        .values_list("knowledge_component_id", "prerequisite_id", "value"),
        3,
    )
    kcs = list(
        knowledge_components(version.model_version_id)
        .filter(id__in=np.unique(np.r_[tagged_kcs, edge[1].astype(np.int64)]).tolist())
        .order_by("id")
        .values_list("id", "prior")
    )
    kc_ids = np.array([row[0] for row in kcs], dtype=np.int64)
    blocking = _columns(
        PrerequisiteActivity.objects.filter(
            from_activity__memberships__collection=version.id,
            to_activity__memberships__collection=version.id,
            to_activity__include_adaptive=True,
        )
        .order_by("from_activity_id", "to_activity_id")
        .values_list("from_activity_id", "to_activity_id"),
        2,
    )

    # Rows that another transaction wrote between these queries are dropped here. The revisions then differ, and
    # everything is loaded again.
    tag = tag[:, np.isin(tag[0], activity_ids) & np.isin(tag[1], kc_ids)]
    edge = edge[:, np.isin(edge[0], kc_ids) & np.isin(edge[1], kc_ids)]
    blocking = blocking[:, np.isin(blocking[0], activity_ids) & np.isin(blocking[1], activity_ids)]
    tag_item = _positions(activity_ids, tag[0].astype(np.int64))
    return CollectionArrays(
        activity_ids=activity_ids,
        urls=tuple(row[1] for row in activities),
        knowledge_component_ids=kc_ids,
        priors=np.array([row[1] for row in kcs], dtype=np.float64),
        is_tagged=np.isin(kc_ids, tagged_kcs),
        content=CollectionContent(
            include_adaptive=include_adaptive,
            kc_count=len(kcs),
            tag_item=tag_item,
            tag_kc=_positions(kc_ids, tag[1].astype(np.int64)),
            tag_relevance=relevance(tag[2], tag[3]),
            tag_difficulty=difficulty_log_odds(difficulty)[tag_item],
            tag_guess=tag[2],
            tag_slip=tag[3],
            tag_transit=tag[4],
            kc_dependent=_positions(kc_ids, edge[0].astype(np.int64)),
            kc_prerequisite=_positions(kc_ids, edge[1].astype(np.int64)),
            kc_strength=edge[2],
            item_dependent=_positions(activity_ids, blocking[0].astype(np.int64)),
            item_prerequisite=_positions(activity_ids, blocking[1].astype(np.int64)),
        ),
    )


def _columns(rows: Iterable[tuple[Any, ...]], width: int) -> Floats:
    """The rows of a query as columns, shape (width, rows). Ids are exact, because they are far below 2^53."""
    return np.array(list(rows), dtype=np.float64).reshape(-1, width).T


def _positions(ids: Integers, sought: Integers) -> Integers:
    """The positions of the sought ids in the ascending ``ids``. Ids that are not there are left out."""
    if not ids.size:
        return np.zeros(0, dtype=np.int64)
    at: Integers = np.minimum(np.searchsorted(ids, sought), ids.size - 1)
    matched: Integers = at[ids[at] == sought]
    return matched


def cache_clear() -> None:
    """Forgets all cached arrays of this process."""
    with _cache_lock:
        _cache.clear()
