"""Creates, changes and deletes collections and what is in them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

from django.db import transaction

from adaptivity.content.services.activities import ActivityFields
from adaptivity.content.services.revisions import (
    ADDED,
    DELETED,
    collections_of,
    content_changed,
    content_lock,
    rows_changed,
)
from adaptivity.database.sql import BATCH, querysets_among, rows_among
from adaptivity.database.writes import assign
from adaptivity.errors import InvalidInput
from adaptivity.models import Activity, Collection, CollectionActivity


class CollectionFields(TypedDict, total=False):
    collection_id: str
    name: str
    max_problems: int | None
    stop_on_mastery: bool


class MembershipFields(TypedDict, total=False):
    activity: Activity
    collection: Collection


@dataclass(frozen=True)
class WrittenActivities:
    """The result of writing activities.

    The id of each activity by its source_launch_url, the ids of the new or changed ones, and the names of what changed.
    """

    ids: dict[str, int]
    created: list[int]
    updated: list[int]
    changes: list[str]


@transaction.atomic
def collection_create(**fields: Unpack[CollectionFields]) -> Collection:
    """Creates a collection. Raises InvalidInput for a known collection_id."""
    content_lock()
    _check_collection_id(fields.get("collection_id"), None)
    collection = Collection.objects.create(**fields)
    content_changed(changes={Collection: [ADDED]})
    return collection


@transaction.atomic
def collection_update(*, collection: Collection, **fields: Unpack[CollectionFields]) -> Collection:
    """Changes a collection. Raises InvalidInput for a collection_id that another collection has."""
    content_lock()
    collection.refresh_from_db()
    _check_collection_id(fields.get("collection_id"), collection)
    changed = assign(collection, fields)
    if changed:
        collection.save(update_fields=changed)
        content_changed(changes={Collection: changed})
    return collection


@transaction.atomic
def collection_delete(*, collection: Collection) -> None:
    """Deletes a collection. Its activities and their evidence stay."""
    content_lock()
    collection.delete()
    content_changed(changes={Collection: [DELETED]})


@transaction.atomic
def collection_activities_replace(*, collection_id: str, activities: Sequence[ActivityFields]) -> Collection:
    """Makes the collection hold exactly these activities, all or nothing.

    Creates the collection and unknown activities, updates the given fields of known ones, and deletes none. If a
    source_launch_url is repeated, the last entry wins.
    """
    content_lock()
    collection, is_new = Collection.objects.get_or_create(collection_id=collection_id)
    written = _write(activities)
    wanted = set(written.ids.values())
    present = set(collection.memberships.values_list("activity_id", flat=True))
    _take_out(collection, present - wanted)
    _put_in(collection, wanted - present)
    links = rows_changed(added=wanted - present, deleted=present - wanted)
    content_changed(
        changes={
            Collection: rows_changed(added=is_new),
            Activity: written.changes,
            CollectionActivity: links,
        },
        collection_ids={collection.id} | collections_of(written.updated),
    )
    return collection


@transaction.atomic
def collection_activities_add(*, collection_id: str, activities: Sequence[ActivityFields]) -> WrittenActivities:
    """Adds these activities to the collection and keeps the others, all or nothing.

    Creates the collection and unknown activities, and updates the given fields of known ones. If a source_launch_url is
    repeated, the last entry wins.
    """
    content_lock()
    collection, is_new = Collection.objects.get_or_create(collection_id=collection_id)
    written = _write(activities)
    new = set(written.ids.values()) - set(collection.memberships.values_list("activity_id", flat=True))
    _put_in(collection, new)
    content_changed(
        changes={
            Collection: rows_changed(added=is_new),
            Activity: written.changes,
            CollectionActivity: rows_changed(added=new),
        },
        collection_ids=({collection.id} if new else set()) | collections_of(written.updated),
    )
    return written


@transaction.atomic
def collection_activities_remove(*, collection_id: str, activity_ids: Iterable[int]) -> int:
    """Takes these activities out of the collection without deleting them. Returns how many were in it."""
    content_lock()
    collection = Collection.objects.filter(collection_id=collection_id).first()
    if collection is None:
        return 0
    present = set(collection.memberships.values_list("activity_id", flat=True)) & set(activity_ids)
    _take_out(collection, present)
    if present:
        content_changed(changes={CollectionActivity: [DELETED]}, collection_ids=[collection.id])
    return len(present)


def _write(activities: Sequence[ActivityFields]) -> WrittenActivities:
    """Creates the unknown activities, and updates the given fields of known ones."""
    wanted = {fields["source_launch_url"]: fields for fields in activities}
    known = _by_url(list(wanted))

    touched: list[Activity] = []
    columns: set[str] = set()
    for url, activity in known.items():
        if changed := assign(activity, wanted[url]):
            touched.append(activity)
            columns.update(changed)
    if touched:
        Activity.objects.bulk_update(touched, sorted(columns), batch_size=200)
    Activity.objects.bulk_create(
        [Activity(**_columns(fields)) for url, fields in wanted.items() if url not in known], batch_size=BATCH
    )
    ids = {url: activity.id for url, activity in _by_url(list(wanted)).items()}
    created = [id_ for url, id_ in ids.items() if url not in known]
    return WrittenActivities(
        ids=ids,
        created=created,
        updated=[activity.id for activity in touched],
        changes=[*sorted(columns), *rows_changed(added=created)],
    )


def _take_out(collection: Collection, activity_ids: set[int]) -> None:
    for memberships in querysets_among(collection.memberships, "activity", activity_ids):
        memberships.delete()


def _put_in(collection: Collection, activity_ids: set[int]) -> None:
    CollectionActivity.objects.bulk_create(
        [CollectionActivity(collection=collection, activity_id=new) for new in sorted(activity_ids)],
        batch_size=BATCH,
    )


@transaction.atomic
def collection_activity_create(**fields: Unpack[MembershipFields]) -> CollectionActivity:
    """Puts an activity into a collection. Raises InvalidInput if it is already there."""
    content_lock()
    membership = CollectionActivity(**fields)
    _check_membership(membership)
    membership.save()
    content_changed(changes={CollectionActivity: [ADDED]}, collection_ids=[membership.collection_id])
    return membership


@transaction.atomic
def collection_activity_update(
    *, membership: CollectionActivity, **fields: Unpack[MembershipFields]
) -> CollectionActivity:
    """Changes the activity or the collection of a membership. Raises InvalidInput if that membership already exists."""
    content_lock()
    membership.refresh_from_db()
    before = membership.collection_id
    changed = assign(membership, fields)
    _check_membership(membership)
    if changed:
        membership.save(update_fields=changed)
        content_changed(changes={CollectionActivity: changed}, collection_ids=[before, membership.collection_id])
    return membership


@transaction.atomic
def collection_activity_delete(*, membership: CollectionActivity) -> None:
    """Takes an activity out of a collection."""
    content_lock()
    membership.delete()
    content_changed(changes={CollectionActivity: [DELETED]}, collection_ids=[membership.collection_id])


def _columns(fields: ActivityFields) -> dict[str, Any]:
    return dict(fields)


def _by_url(urls: Sequence[str]) -> dict[str, Activity]:
    found = rows_among(Activity.objects, "source_launch_url", urls)
    return {activity.source_launch_url: activity for activity in found}


def _check_collection_id(collection_id: str | None, own: Collection | None) -> None:
    others = Collection.objects.filter(collection_id=collection_id)
    if collection_id is not None and (others.exclude(pk=own.pk) if own else others).exists():
        raise InvalidInput("A collection with this collection_id already exists.", field="collection_id", code="unique")


def _check_membership(membership: CollectionActivity) -> None:
    same = CollectionActivity.objects.filter(activity=membership.activity_id, collection=membership.collection_id)
    if same.exclude(pk=membership.pk).exists():
        raise InvalidInput("The activity is already in this collection.", field="activity", code="unique")
