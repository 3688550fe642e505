"""Activities: created, changed and deleted."""

from collections.abc import Collection as Ids
from typing import Any, TypedDict, Unpack

from django.db import transaction
from django.db.models import Model, ProtectedError

from adaptivity.content.selectors.prerequisites import activity_comes_before
from adaptivity.content.services.revisions import BATCH, collections_of, content_changed, content_lock
from adaptivity.database.sql import batched
from adaptivity.errors import Conflict, InvalidInput
from adaptivity.models import (
    Activity,
    ActivityKnowledgeComponent,
    Collection,
    CollectionActivity,
    KnowledgeComponent,
    PrerequisiteActivity,
)


class ActivityFields(TypedDict, total=False):
    """Columns of an activity, and the ids of what it is linked to; what is absent stays as it is."""

    source_launch_url: str
    name: str
    difficulty: float | None
    tags: str
    type: str
    include_adaptive: bool
    collections: Ids[int]
    knowledge_components: Ids[int]
    prerequisite_activities: Ids[int]


LINKS = ("collections", "knowledge_components", "prerequisite_activities")


@transaction.atomic
def activity_create(**fields: Unpack[ActivityFields]) -> Activity:
    """Creates an activity with its links. Raises InvalidInput for a known URL or an unknown id."""
    content_lock()
    columns, links = _split(fields)
    _check_url(columns.get("source_launch_url"), None)
    activity = Activity.objects.create(**columns)
    _link(activity, links)
    content_changed(collection_ids=links.get("collections", ()))
    return activity


@transaction.atomic
def activity_update(*, activity: Activity, **fields: Unpack[ActivityFields]) -> Activity:
    """Changes an activity's columns and replaces the links that are given.

    KCs that stay keep their guess, slip and transit. Raises InvalidInput for a URL that another activity has, an
    unknown id, or prerequisites that would form a cycle.
    """
    content_lock()
    activity.refresh_from_db()
    columns, links = _split(fields)
    _check_url(columns.get("source_launch_url"), activity)
    before = collections_of([activity.id])
    for name, value in columns.items():
        setattr(activity, name, value)
    if columns:
        activity.save(update_fields=list(columns))
    tags_changed = _link(activity, links)
    content_changed(collection_ids=before | collections_of([activity.id]), tracing=tags_changed)
    return activity


@transaction.atomic
def activity_delete(*, activity: Activity) -> None:
    """Deletes an activity. Raises Conflict where it has evidence."""
    content_lock()
    affected = collections_of([activity.id])
    try:
        activity.delete()
    except ProtectedError as error:
        raise Conflict("The activity has evidence and stays.", code="has_evidence") from error
    content_changed(collection_ids=affected)


def _split(fields: ActivityFields) -> tuple[dict[str, Any], dict[str, Ids[int]]]:
    columns: dict[str, Any] = dict(fields)
    links = {name: columns.pop(name) for name in LINKS if name in columns}
    return columns, links


def _check_url(url: str | None, activity: Activity | None) -> None:
    others = Activity.objects.filter(source_launch_url=url)
    if url is not None and (others.exclude(pk=activity.pk) if activity else others).exists():
        raise InvalidInput(
            "An activity with this source_launch_url exists already.", field="source_launch_url", code="unique"
        )


def _link(activity: Activity, links: dict[str, Ids[int]]) -> bool:
    """Makes the given links what they shall be; answers whether the tags changed."""
    tags_changed = False
    if "collections" in links:
        check_ids(Collection, links["collections"], "collections")
        _replace(CollectionActivity, activity, "activity", "collection_id", links["collections"])
    if "knowledge_components" in links:
        check_ids(KnowledgeComponent, links["knowledge_components"], "knowledge_components")
        tags_changed = _replace(
            ActivityKnowledgeComponent,
            activity,
            "activity",
            "knowledge_component_id",
            links["knowledge_components"],
        )
    if "prerequisite_activities" in links:
        ids = links["prerequisite_activities"]
        check_ids(Activity, ids, "prerequisite_activities")
        if activity_comes_before(activity.id, ids):
            raise InvalidInput(
                "The prerequisites would form a cycle.", field="prerequisite_activities", code="prerequisite_cycle"
            )
        _replace(PrerequisiteActivity, activity, "from_activity", "to_activity_id", ids)
    return tags_changed


def _replace(through: Any, activity: Activity, own: str, other: str, wanted: Ids[int]) -> bool:
    present = set(through.objects.filter(**{own: activity}).values_list(other, flat=True))
    gone, new = present - set(wanted), set(wanted) - present
    for some in batched(sorted(gone), BATCH):
        through.objects.filter(**{own: activity, f"{other}__in": some}).delete()
    through.objects.bulk_create([through(**{own: activity, other: pk}) for pk in sorted(new)], batch_size=BATCH)
    return bool(gone or new)


def check_ids(model: type[Model], ids: Ids[int], field: str) -> None:
    """Raises InvalidInput naming the field and the first id of the model that does not exist."""
    known: set[int] = set()
    for some in batched(sorted(set(ids)), BATCH):
        known.update(model._default_manager.filter(pk__in=some).values_list("pk", flat=True))
    unknown = set(ids) - known
    if unknown:
        raise InvalidInput(f"There is no object with id {min(unknown)}.", field=field, code="does_not_exist")
