"""Creates, changes and deletes prerequisites among activities."""

from typing import TypedDict, Unpack

from django.db import transaction

from adaptivity.content.selectors.prerequisites import activity_comes_before
from adaptivity.content.services.revisions import ADDED, DELETED, collections_of, content_changed, content_lock
from adaptivity.database.writes import assign
from adaptivity.errors import InvalidInput
from adaptivity.models import Activity, PrerequisiteActivity


class PrerequisiteFields(TypedDict, total=False):
    from_activity: Activity
    to_activity: Activity


@transaction.atomic
def prerequisite_activity_create(**fields: Unpack[PrerequisiteFields]) -> PrerequisiteActivity:
    """Creates a prerequisite. Raises InvalidInput if it exists or would form a cycle."""
    content_lock()
    edge = PrerequisiteActivity(**fields)
    _check_edge(edge)
    edge.save()
    content_changed(changes={PrerequisiteActivity: [ADDED]}, collection_ids=collections_of([edge.from_activity_id]))
    return edge


@transaction.atomic
def prerequisite_activity_update(
    *, edge: PrerequisiteActivity, **fields: Unpack[PrerequisiteFields]
) -> PrerequisiteActivity:
    """Changes a prerequisite. Raises InvalidInput if it exists or would form a cycle."""
    content_lock()
    edge.refresh_from_db()
    before = edge.from_activity_id
    changed = assign(edge, fields)
    _check_edge(edge)
    if changed:
        edge.save(update_fields=changed)
        content_changed(
            changes={PrerequisiteActivity: changed}, collection_ids=collections_of([before, edge.from_activity_id])
        )
    return edge


@transaction.atomic
def prerequisite_activity_delete(*, edge: PrerequisiteActivity) -> None:
    """Deletes a prerequisite."""
    content_lock()
    affected = collections_of([edge.from_activity_id])
    edge.delete()
    content_changed(changes={PrerequisiteActivity: [DELETED]}, collection_ids=affected)


def _check_edge(edge: PrerequisiteActivity) -> None:
    same = PrerequisiteActivity.objects.filter(from_activity=edge.from_activity_id, to_activity=edge.to_activity_id)
    if same.exclude(pk=edge.pk).exists():
        raise InvalidInput("This prerequisite already exists.", field="to_activity", code="unique")
    if activity_comes_before(edge.from_activity_id, [edge.to_activity_id], without_edge=edge.pk):
        raise InvalidInput("The prerequisites would form a cycle.", field="to_activity", code="prerequisite_cycle")
