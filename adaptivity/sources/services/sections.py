"""What a source's courses become: a collection for each section, with its items as activities."""

import hashlib
from collections.abc import Collection as Collected
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from django.db import transaction

from adaptivity.content.services.activities import ActivityFields
from adaptivity.content.services.collections import (
    collection_activities_add,
    collection_activities_remove,
    collection_update,
)
from adaptivity.content.services.revisions import collections_of, content_changed, content_lock
from adaptivity.database.sql import BATCH, querysets_among, rows_among
from adaptivity.models import Activity, Collection, CollectionActivity, CourseSource, SourceItem, SourceSection
from adaptivity.sources.services.course_sources import course_source_lock
from adaptivity.text import NAME_LENGTH, URL_LENGTH, is_storable, storable

UNSTORABLE = "contains NUL or a lone surrogate, which no database stores"


@dataclass(frozen=True)
class Item:
    """A problem or reading as a platform describes it. ``kind`` becomes the activity's type."""

    external_id: str
    title: str
    kind: str
    url: str
    graded: bool = False
    format: str = ""


@dataclass(frozen=True)
class Section:
    """A section of a course with its items, in the course's order."""

    external_id: str
    title: str
    items: Sequence[Item] = ()


@dataclass
class SectionResult:
    """How many activities a section has created, changed and lost, and the refused items with their reasons."""

    created: int = 0
    updated: int = 0
    taken_out: int = 0
    unchanged: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)


@transaction.atomic
def section_write(*, source: CourseSource, section: Section, position: int) -> SectionResult:
    """Makes a section's collection and activities match the platform.

    Only what differs from the last writing is written, so a field that an author changed stays until the platform
    changes the item.

    Items that left the section are taken out of its collection, unless another source shows them there. Activities that
    others added stay. Activities that others took out stay out until the platform changes them. No activity is deleted,
    and one that others deleted is created again. A new item under a known id keeps its activity, and so its evidence,
    even under another URL. Raises SourceDeleted.
    """
    content_lock()
    course_source_lock(source=source)
    result = SectionResult()
    if not section.external_id.strip() or len(section.external_id) > NAME_LENGTH:
        result.refused.append((_cut(section.external_id), f"its id is blank or longer than {NAME_LENGTH}"))
        return result
    if not is_storable(section.external_id):
        result.refused.append((_cut(section.external_id), f"its id {UNSTORABLE}"))
        return result
    items = [_storable(item) for item in _by_id(section.items) if _is_acceptable(item, result)]
    section = replace(section, title=_name(section.title))
    fingerprint = _fingerprint(
        [section.external_id, section.title, position, *(list(asdict(item).values()) for item in items)]
    )
    known_section = SourceSection.objects.filter(source=source, external_id=section.external_id).first()
    external_ids = [item.external_id for item in items]
    is_same = known_section is not None and known_section.fingerprint == fingerprint
    # An activity's item is deleted with it.
    if is_same and _count_held(source, external_ids) == len(items):
        result.unchanged = len(items)
        return result

    collection_id = collection_id_of(section)
    known = _known_items(source, external_ids)
    stays_here = known_section is not None and known_section.collection.collection_id == collection_id
    present = _present(collection_id)
    fields: list[ActivityFields] = []
    activity_ids: dict[str, int] = {}
    urls: dict[str, str] = {}
    for item in items:
        before = known.get(item.external_id)
        if before is not None and before.fingerprint == _fingerprint(asdict(item)):
            if stays_here and before.section == known_section and before.activity_id not in present:
                # Taken out by hand.
                activity_ids[item.external_id] = before.activity_id
                continue
            urls[item.external_id] = before.activity.source_launch_url
            fields.append({"source_launch_url": before.activity.source_launch_url})
            continue
        if before is not None and before.activity.source_launch_url != item.url:
            _rename(before.activity, item.url)
        urls[item.external_id] = item.url
        fields.append({"source_launch_url": item.url, "name": item.title, "type": item.kind, "tags": _tags(item)})
    written = collection_activities_add(collection_id=collection_id, activities=fields)
    activity_ids |= {id_: written.ids[url] for id_, url in urls.items()}
    moved = [
        (before.section.collection, before.activity_id)
        for before in known.values()
        if before.section is not None and before.section != known_section
    ]
    held = {before.activity_id for before in known.values()}
    stored = _write_section(source, section, position, fingerprint, collection_id, known_section)
    _write_items(source, stored, items, known, activity_ids)

    members = set(activity_ids.values())
    left = _release(stored, set(activity_ids)) | held
    result.taken_out = _take_out(stored.collection, left - members, source)
    for former, activity_id in moved:
        if former != stored.collection:
            _take_out(former, {activity_id}, source)
    result.created, result.updated = len(written.created), len(written.updated)
    result.unchanged = len(members) - result.created - result.updated
    return result


@transaction.atomic
def sections_retire(*, source: CourseSource, present: Collected[str]) -> int:
    """Takes the items of all sections that are not in ``present`` out of their collections.

    The collections stay, without these items unless another source shows them there. Returns how many were taken out.
    Raises SourceDeleted.
    """
    content_lock()
    course_source_lock(source=source)
    taken_out = 0
    for section in SourceSection.objects.filter(source=source).select_related("collection"):
        if section.external_id in present:
            continue
        taken_out += _take_out(section.collection, set(section.items.values_list("activity_id", flat=True)), source)
        section.delete()
    return taken_out


def collection_id_of(section: Section) -> str:
    """The collection that a section becomes: the platform's id without slashes, which API paths cannot contain."""
    return section.external_id.replace("/", ":")


def _by_id(items: Sequence[Item]) -> list[Item]:
    """The items in order, each once even if the course shows it twice."""
    return list({item.external_id: item for item in items}.values())


def _is_acceptable(item: Item, result: SectionResult) -> bool:
    reason = ""
    if not item.url.strip() or len(item.url) > URL_LENGTH:
        reason = f"its URL is blank or longer than {URL_LENGTH} characters"
    elif not is_storable(item.url):
        reason = f"its URL {UNSTORABLE}"
    elif len(item.external_id) > NAME_LENGTH:
        reason = f"its id is longer than {NAME_LENGTH} characters"
    elif not is_storable(item.external_id):
        reason = f"its id {UNSTORABLE}"
    if reason:
        result.refused.append((_cut(item.external_id), reason))
    return not reason


def _cut(external_id: str) -> str:
    return storable(external_id, NAME_LENGTH)


def _storable(item: Item) -> Item:
    return replace(item, title=_name(item.title), kind=_name(item.kind), format=_name(item.format))


def _name(text: str) -> str:
    """The text cut to the length of a name, and without characters that no database can store."""
    return storable(text, NAME_LENGTH)


def _tags(item: Item) -> str:
    return ", ".join(tag for tag in ("graded" if item.graded else "", item.format) if tag)


def _fingerprint(value: Any) -> str:
    return hashlib.blake2b(repr(value).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _known_items(source: CourseSource, external_ids: Sequence[str]) -> dict[str, SourceItem]:
    items = SourceItem.objects.filter(source=source).select_related("activity", "section__collection")
    return {item.external_id: item for item in rows_among(items, "external_id", external_ids)}


def _count_held(source: CourseSource, external_ids: Sequence[str]) -> int:
    """How many of these items exist and belong to a section."""
    held = SourceItem.objects.filter(source=source, section__isnull=False)
    return sum(items.count() for items in querysets_among(held, "external_id", external_ids))


def _present(collection_id: str) -> set[int]:
    memberships = CollectionActivity.objects.filter(collection__collection_id=collection_id)
    return set(memberships.values_list("activity_id", flat=True))


def _take_out(collection: Collection, activity_ids: set[int], source: CourseSource) -> int:
    """Takes the activities out of the collection, except those that another source shows there. Returns how many."""
    others = SourceItem.objects.filter(section__collection=collection).exclude(source=source)
    shown = set(rows_among(others.values_list("activity_id", flat=True), "activity", activity_ids))
    return collection_activities_remove(collection_id=collection.collection_id, activity_ids=activity_ids - shown)


def _rename(activity: Activity, url: str) -> None:
    """Gives the activity the platform's current URL, unless another activity has it."""
    if Activity.objects.filter(source_launch_url=url).exists():
        return
    activity.source_launch_url = url
    activity.save(update_fields=["source_launch_url"])
    content_changed(changes={Activity: ["source_launch_url"]}, collection_ids=collections_of([activity.id]))


def _write_section(
    source: CourseSource,
    section: Section,
    position: int,
    fingerprint: str,
    collection_id: str,
    known: SourceSection | None,
) -> SourceSection:
    collection = Collection.objects.get(collection_id=collection_id)
    collection_update(collection=collection, name=section.title)
    if known is None:
        return SourceSection.objects.create(
            source=source,
            external_id=section.external_id,
            collection=collection,
            position=position,
            fingerprint=fingerprint,
        )
    known.collection, known.position, known.fingerprint = collection, position, fingerprint
    known.save(update_fields=["collection", "position", "fingerprint"])
    return known


def _write_items(
    source: CourseSource,
    section: SourceSection,
    items: Sequence[Item],
    known: dict[str, SourceItem],
    activity_ids: dict[str, int],
) -> None:
    new, changed = [], []
    for position, item in enumerate(items):
        values = {
            "activity_id": activity_ids[item.external_id],
            "section_id": section.pk,
            "position": position,
            "fingerprint": _fingerprint(asdict(item)),
        }
        before = known.get(item.external_id)
        if before is None:
            new.append(SourceItem(source=source, external_id=item.external_id, **values))
        elif any(getattr(before, name) != value for name, value in values.items()):
            for name, value in values.items():
                setattr(before, name, value)
            changed.append(before)
    SourceItem.objects.bulk_create(new, batch_size=BATCH)
    SourceItem.objects.bulk_update(changed, ["activity", "section", "position", "fingerprint"], batch_size=200)


def _release(section: SourceSection, external_ids: set[str]) -> set[int]:
    """Releases the section's items except these, and returns their activities."""
    rows = section.items.values_list("pk", "external_id", "activity_id")
    gone = {pk: activity_id for pk, external_id, activity_id in rows if external_id not in external_ids}
    for items in querysets_among(SourceItem.objects, "pk", gone):
        items.update(section=None)
    return set(gone.values())
