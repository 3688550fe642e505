"""Creates, changes and deletes activities."""

from collections.abc import Collection as Ids
from typing import Any, TypedDict, Unpack

from django.db import transaction
from django.db.models import Model, ProtectedError

from adaptivity.content.selectors.prerequisites import activity_comes_before
from adaptivity.content.services.revisions import (
    ADDED,
    DELETED,
    Changes,
    collections_of,
    content_changed,
    content_lock,
    rows_changed,
)
from adaptivity.database.sql import BATCH, querysets_among, rows_among
from adaptivity.database.writes import assign
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
    """Columns of an activity, and the ids of what it is linked to. What is absent stays as it is."""

    source_launch_url: str
    name: str
    difficulty: float | None
    tags: str
    type: str
    include_adaptive: bool
    collections: Ids[int]
    knowledge_components: Ids[int]
    prerequisite_activities: Ids[int]


class TagFields(TypedDict, total=False):
    activity: Activity
    knowledge_component: KnowledgeComponent
    guess: float
    slip: float
    transit: float


LINKS = ("collections", "knowledge_components", "prerequisite_activities")


@transaction.atomic
def activity_create(**fields: Unpack[ActivityFields]) -> Activity:
    """Creates an activity with its links. Raises InvalidInput for a known URL or an unknown id."""
    content_lock()
    columns, links = _split(fields)
    _check_url(columns.get("source_launch_url"), None)
    activity = Activity.objects.create(**columns)
    _link(activity, links)
    # Nobody has evidence of it yet, so its tags make no learner stale.
    content_changed(changes={Activity: [ADDED]}, collection_ids=links.get("collections", ()))
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
    changed = assign(activity, columns)
    if changed:
        activity.save(update_fields=changed)
    changes: Changes = {Activity: changed, **_link(activity, links)}
    if any(changes.values()):
        content_changed(changes=changes, collection_ids=before | collections_of([activity.id]))
    return activity


@transaction.atomic
def activity_delete(*, activity: Activity) -> None:
    """Deletes an activity. Raises Conflict if it has evidence."""
    content_lock()
    affected = collections_of([activity.id])
    try:
        activity.delete()
    except ProtectedError as error:
        raise Conflict("The activity has evidence and cannot be deleted.", code="has_evidence") from error
    content_changed(changes={Activity: [DELETED]}, collection_ids=affected)


@transaction.atomic
def activity_knowledge_component_create(
    *, activity_is_new: bool = False, **fields: Unpack[TagFields]
) -> ActivityKnowledgeComponent:
    """Tags an activity with a KC. Raises InvalidInput if it has that tag, or if guess and slip add up to more than 1.

    ``activity_is_new`` means that the activity is created in the same transaction, so nobody has evidence of it.
    """
    content_lock()
    tag = ActivityKnowledgeComponent(**fields)
    _check_tag(tag)
    tag.save()
    changes: Changes = {} if activity_is_new else {ActivityKnowledgeComponent: [ADDED]}
    content_changed(changes=changes, collection_ids=collections_of([tag.activity_id]))
    return tag


@transaction.atomic
def activity_knowledge_component_update(
    *, tag: ActivityKnowledgeComponent, **fields: Unpack[TagFields]
) -> ActivityKnowledgeComponent:
    """Changes a tag or its parameters. Raises InvalidInput as activity_knowledge_component_create does."""
    content_lock()
    tag.refresh_from_db()
    before = tag.activity_id
    changed = assign(tag, fields)
    _check_tag(tag)
    if changed:
        tag.save(update_fields=changed)
        content_changed(
            changes={ActivityKnowledgeComponent: changed}, collection_ids=collections_of([before, tag.activity_id])
        )
    return tag


@transaction.atomic
def activity_knowledge_component_delete(*, tag: ActivityKnowledgeComponent) -> None:
    """Removes a tag from an activity."""
    content_lock()
    tag.delete()
    content_changed(changes={ActivityKnowledgeComponent: [DELETED]}, collection_ids=collections_of([tag.activity_id]))


def _check_tag(tag: ActivityKnowledgeComponent) -> None:
    same = ActivityKnowledgeComponent.objects.filter(
        activity=tag.activity_id, knowledge_component=tag.knowledge_component_id
    )
    if same.exclude(pk=tag.pk).exists():
        raise InvalidInput(
            "The activity is already tagged with this knowledge component.", field="knowledge_component", code="unique"
        )
    if tag.guess + tag.slip > 1.0:
        raise InvalidInput("guess and slip must not add up to more than 1.", field="slip")


def _split(fields: ActivityFields) -> tuple[dict[str, Any], dict[str, Ids[int]]]:
    columns: dict[str, Any] = dict(fields)
    links = {name: columns.pop(name) for name in LINKS if name in columns}
    return columns, links


def _check_url(url: str | None, activity: Activity | None) -> None:
    others = Activity.objects.filter(source_launch_url=url)
    if url is not None and (others.exclude(pk=activity.pk) if activity else others).exists():
        raise InvalidInput(
            "An activity with this source_launch_url already exists.", field="source_launch_url", code="unique"
        )


def _link(activity: Activity, links: dict[str, Ids[int]]) -> dict[type[Model], list[str]]:
    """Sets the given links, and returns which of them were added or deleted, by model."""
    changes: dict[type[Model], list[str]] = {}
    if "collections" in links:
        check_ids(Collection, links["collections"], "collections")
        changes[CollectionActivity] = _replace(
            CollectionActivity, activity, "activity", "collection_id", links["collections"]
        )
    if "knowledge_components" in links:
        check_ids(KnowledgeComponent, links["knowledge_components"], "knowledge_components")
        changes[ActivityKnowledgeComponent] = _replace(
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
        changes[PrerequisiteActivity] = _replace(PrerequisiteActivity, activity, "from_activity", "to_activity_id", ids)
    return changes


def _replace(through: Any, activity: Activity, own: str, other: str, wanted: Ids[int]) -> list[str]:
    present = set(through.objects.filter(**{own: activity}).values_list(other, flat=True))
    gone, new = present - set(wanted), set(wanted) - present
    for rows in querysets_among(through.objects.filter(**{own: activity}), other, gone):
        rows.delete()
    through.objects.bulk_create([through(**{own: activity, other: pk}) for pk in sorted(new)], batch_size=BATCH)
    return rows_changed(added=new, deleted=gone)


def check_ids(model: type[Model], ids: Ids[int], field: str) -> None:
    """Raises InvalidInput naming the field and the first id that does not exist in the model."""
    unknown = set(ids).difference(rows_among(model._default_manager.values_list("pk", flat=True), "pk", ids))
    if unknown:
        raise InvalidInput(f"There is no object with id {min(unknown)}.", field=field, code="does_not_exist")
