"""Loads a course from a file as described in docs/course-format.md: checked, then written, all or nothing."""

import math
from collections.abc import Collection as Collected
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from django.db import transaction
from django.db.models import Model

from adaptivity.content.services.revisions import (
    ADDED,
    DELETED,
    STALE_AFTER,
    collections_of,
    content_changed,
    content_lock,
    rows_changed,
)
from adaptivity.database.sql import BATCH, querysets_among, rows_among
from adaptivity.engine.parameters import DEFAULT_GUESS, DEFAULT_SLIP, DEFAULT_TRANSIT
from adaptivity.errors import InvalidInput
from adaptivity.models import (
    Activity,
    ActivityKnowledgeComponent,
    Collection,
    CollectionActivity,
    KnowledgeComponent,
    PrerequisiteActivity,
    PrerequisiteKnowledgeComponent,
)
from adaptivity.text import NAME_LENGTH, URL_LENGTH, is_storable

FORMAT = 1


@dataclass(frozen=True)
class Key:
    """What a key of a table holds. ``kind`` is a Python type. ``table`` describes the entries of a list of tables."""

    kind: type
    required: bool = False
    low: float = -math.inf
    high: float = math.inf
    table: "Mapping[str, Key] | None" = None


def text(high: int, *, low: int = 0, required: bool = False) -> Key:
    """A text of ``low`` to ``high`` characters."""
    return Key(str, required, low, high)


PROBABILITY = Key(float, low=0, high=1)
FREE_TEXT = text(1_000_000)
KC_PREREQUISITE = {"kc_id": text(NAME_LENGTH, low=1, required=True), "value": PROBABILITY}
TAG = {
    "kc_id": text(NAME_LENGTH, low=1, required=True),
    "guess": PROBABILITY,
    "slip": PROBABILITY,
    "transit": PROBABILITY,
}
COURSE: Mapping[str, Key] = {
    "format": Key(int, required=True),
    "course": Key(
        dict,
        required=True,
        table={
            "title": text(1000, low=1, required=True),
            "description": FREE_TEXT,
            "language": FREE_TEXT,
            "license": FREE_TEXT,
        },
    ),
    "knowledge_components": Key(
        list,
        required=True,
        table={
            "kc_id": text(NAME_LENGTH, low=1, required=True),
            "name": text(NAME_LENGTH, required=True),
            "mastery_prior": PROBABILITY,
            "prerequisites": Key(list, table=KC_PREREQUISITE),
        },
    ),
    "collections": Key(
        list,
        required=True,
        table={
            "collection_id": text(NAME_LENGTH, low=1, required=True),
            "name": text(NAME_LENGTH, required=True),
            "max_problems": Key(int, low=0, high=2**31 - 1),
            "stop_on_mastery": Key(bool),
        },
    ),
    "activities": Key(
        list,
        required=True,
        table={
            "source_launch_url": text(URL_LENGTH, low=1, required=True),
            "name": text(NAME_LENGTH, required=True),
            "type": text(NAME_LENGTH, required=True),
            "difficulty": PROBABILITY,
            "tags": FREE_TEXT,
            "include_adaptive": Key(bool),
            "collections": Key(list, required=True),
            "knowledge_components": Key(list, required=True, table=TAG),
            "prerequisites": Key(list),
            "prompt": FREE_TEXT,
            "answer": FREE_TEXT,
            "explanation": FREE_TEXT,
        },
    ),
}
# The part of the file that has a model's rows, and the fields that identify a row. The last part of the first field's
# name is the key in the file.
ROWS: Mapping[type[Model], tuple[str, tuple[str, ...]]] = {
    KnowledgeComponent: ("knowledge_components", ("kc_id",)),
    PrerequisiteKnowledgeComponent: (
        "knowledge_components",
        ("knowledge_component__kc_id", "prerequisite__kc_id"),
    ),
    Collection: ("collections", ("collection_id",)),
    CollectionActivity: ("collections", ("collection__collection_id", "activity__source_launch_url")),
    Activity: ("activities", ("source_launch_url",)),
    ActivityKnowledgeComponent: ("activities", ("activity__source_launch_url", "knowledge_component__kc_id")),
    PrerequisiteActivity: ("activities", ("from_activity__source_launch_url", "to_activity__source_launch_url")),
}
Rows = dict[type[Model], dict[tuple[str, ...], dict[str, Any]]]
KIND_NAMES = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
}


@dataclass(frozen=True)
class CourseSummary:
    """How many objects of each kind a course holds."""

    knowledge_components: int
    collections: int
    activities: int


@transaction.atomic
def course_load(*, course: Mapping[str, Any]) -> CourseSummary:
    """Writes a parsed course file: creates new objects, updates existing ones, and deletes no activity, KC or evidence.

    The file decides the tags, parameters and prerequisites of what it names, and which activities its collections hold.
    Raises InvalidInput naming the key, such as ``activities[3].difficulty``. In that case nothing has changed.
    """
    course_check(course)
    content_lock()
    before = _watched(course)
    known = _ids(Activity, "source_launch_url", [entry["source_launch_url"] for entry in course["activities"]])
    affected = collections_of(known.values())

    _upsert(KnowledgeComponent, "kc_id", course["knowledge_components"], {"name": "", "mastery_prior": None})
    _upsert(
        Collection, "collection_id", course["collections"], {"name": "", "max_problems": None, "stop_on_mastery": False}
    )
    _upsert(
        Activity,
        "source_launch_url",
        course["activities"],
        {"name": "", "type": "", "difficulty": None, "tags": "", "include_adaptive": True},
    )
    kcs = _ids(KnowledgeComponent, "kc_id", [entry["kc_id"] for entry in course["knowledge_components"]])
    collections = _ids(Collection, "collection_id", [entry["collection_id"] for entry in course["collections"]])
    activities = _ids(Activity, "source_launch_url", [entry["source_launch_url"] for entry in course["activities"]])
    _write_knowledge_component_prerequisites(course, kcs)
    _write_tags(course, activities, kcs)
    _write_memberships(course, activities, collections)
    _write_activity_prerequisites(course, activities)
    _check_graphs()
    content_changed(
        changes=_changes(before, _watched(course), known),
        collection_ids=affected | set(collections.values()),
        shared=True,
    )
    return CourseSummary(len(kcs), len(collections), len(activities))


def course_check(course: Mapping[str, Any]) -> None:
    """Raises InvalidInput if a parsed course file breaks a rule of the format."""
    _check_table(course, COURSE, "")
    if course["format"] != FORMAT:
        raise InvalidInput(f"must be {FORMAT}", field="format")
    kcs = _unique(course["knowledge_components"], "kc_id", "knowledge_components")
    collections = _unique(course["collections"], "collection_id", "collections")
    activities = _unique(course["activities"], "source_launch_url", "activities")
    for number, kc in enumerate(course["knowledge_components"]):
        at = f"knowledge_components[{number}].prerequisites"
        _check_references([entry["kc_id"] for entry in kc.get("prerequisites", [])], kcs, at, own=kc["kc_id"])
    for number, activity in enumerate(course["activities"]):
        at = f"activities[{number}]"
        tags = activity["knowledge_components"]
        _check_references(activity["collections"], collections, f"{at}.collections")
        _check_references([tag["kc_id"] for tag in tags], kcs, f"{at}.knowledge_components")
        _check_references(
            activity.get("prerequisites", []), activities, f"{at}.prerequisites", own=activity["source_launch_url"]
        )
        for tag_number, tag in enumerate(tags):
            if tag.get("guess", DEFAULT_GUESS) + tag.get("slip", DEFAULT_SLIP) > 1.0:
                raise InvalidInput(
                    "guess and slip add up to more than 1", field=f"{at}.knowledge_components[{tag_number}]"
                )


def _check_table(table: Mapping[str, Any], keys: Mapping[str, Key], at: str) -> None:
    for name in table:
        if name not in keys:
            raise InvalidInput("is not a key of the format", field=f"{at}{name}")
    for name, key in keys.items():
        if name in table:
            _check_value(table[name], key, f"{at}{name}")
        elif key.required:
            raise InvalidInput("is missing", field=f"{at}{name}")


def _check_value(value: Any, key: Key, at: str) -> None:
    kinds = (int, float) if key.kind is float else (key.kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and key.kind is not bool):
        raise InvalidInput(f"must be {KIND_NAMES[key.kind]}", field=at)
    if isinstance(value, str):
        if key.low and not value.strip():
            raise InvalidInput("is blank", field=at)
        if len(value) > key.high or not is_storable(value):
            raise InvalidInput(f"must have at most {key.high:.0f} characters and no NUL", field=at)
    elif isinstance(value, int | float) and not key.low <= value <= key.high:
        raise InvalidInput(f"must lie between {key.low} and {key.high}", field=at)
    elif isinstance(value, dict) and key.table is not None:
        _check_table(value, key.table, f"{at}.")
    elif isinstance(value, list):
        for number, entry in enumerate(value):
            inner = Key(str, low=1, high=URL_LENGTH) if key.table is None else Key(dict, table=key.table)
            _check_value(entry, inner, f"{at}[{number}]")


def _unique(entries: Iterable[Mapping[str, Any]], name: str, at: str) -> set[str]:
    seen: set[str] = set()
    for number, entry in enumerate(entries):
        if entry[name] in seen:
            raise InvalidInput(f"{entry[name]} is defined twice", field=f"{at}[{number}].{name}")
        seen.add(entry[name])
    return seen


def _check_references(names: Iterable[str], known: set[str], at: str, *, own: str | None = None) -> None:
    seen: set[str] = set()
    for number, name in enumerate(names):
        if name not in known:
            raise InvalidInput(f"{name} is not defined in this file", field=f"{at}[{number}]")
        if name in seen:
            raise InvalidInput(f"{name} is named twice", field=f"{at}[{number}]")
        if name == own:
            raise InvalidInput("nothing can be its own prerequisite", field=f"{at}[{number}]")
        seen.add(name)


def _upsert(model: Any, name: str, entries: Iterable[Mapping[str, Any]], defaults: Mapping[str, Any]) -> None:
    model.objects.bulk_create(
        [
            model(**{name: entry[name]}, **{column: entry.get(column, default) for column, default in defaults.items()})
            for entry in entries
        ],
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=[name],
        update_fields=list(defaults),
    )


def _ids(model: Any, name: str, values: Iterable[str]) -> dict[str, int]:
    return dict(rows_among(model.objects.values_list(name, "id"), name, values))


def _replace_edges(model: Any, owner: str, owners: Iterable[int], edges: list[Any]) -> None:
    for replaced in querysets_among(model.objects, owner, owners):
        replaced.delete()
    model.objects.bulk_create(edges, batch_size=BATCH)


def _write_knowledge_component_prerequisites(course: Mapping[str, Any], kcs: Mapping[str, int]) -> None:
    edges = [
        PrerequisiteKnowledgeComponent(
            knowledge_component_id=kcs[kc["kc_id"]],
            prerequisite_id=kcs[entry["kc_id"]],
            value=entry.get("value", 1.0),
        )
        for kc in course["knowledge_components"]
        for entry in kc.get("prerequisites", [])
    ]
    _replace_edges(PrerequisiteKnowledgeComponent, "knowledge_component", kcs.values(), edges)


def _write_tags(course: Mapping[str, Any], activities: Mapping[str, int], kcs: Mapping[str, int]) -> None:
    tags = [
        ActivityKnowledgeComponent(
            activity_id=activities[activity["source_launch_url"]],
            knowledge_component_id=kcs[tag["kc_id"]],
            guess=tag.get("guess", DEFAULT_GUESS),
            slip=tag.get("slip", DEFAULT_SLIP),
            transit=tag.get("transit", DEFAULT_TRANSIT),
        )
        for activity in course["activities"]
        for tag in activity["knowledge_components"]
    ]
    _replace_edges(ActivityKnowledgeComponent, "activity", activities.values(), tags)


def _write_memberships(
    course: Mapping[str, Any], activities: Mapping[str, int], collections: Mapping[str, int]
) -> None:
    memberships = [
        CollectionActivity(
            activity_id=activities[activity["source_launch_url"]], collection_id=collections[collection_id]
        )
        for activity in course["activities"]
        for collection_id in activity["collections"]
    ]
    _replace_edges(CollectionActivity, "collection", collections.values(), memberships)


def _write_activity_prerequisites(course: Mapping[str, Any], activities: Mapping[str, int]) -> None:
    edges = [
        PrerequisiteActivity(
            from_activity_id=activities[activity["source_launch_url"]], to_activity_id=activities[prerequisite]
        )
        for activity in course["activities"]
        for prerequisite in activity.get("prerequisites", [])
    ]
    _replace_edges(PrerequisiteActivity, "from_activity", activities.values(), edges)


def _check_graphs() -> None:
    """Raises InvalidInput if the prerequisites form a cycle, together with those that already existed."""
    graphs = {
        "knowledge_components.prerequisites": PrerequisiteKnowledgeComponent.objects.values_list(
            "knowledge_component__kc_id", "prerequisite__kc_id"
        ),
        "activities.prerequisites": PrerequisiteActivity.objects.values_list(
            "from_activity__source_launch_url", "to_activity__source_launch_url"
        ),
    }
    for field, edges in graphs.items():
        sorter: TopologicalSorter[str] = TopologicalSorter()
        for dependent, prerequisite in edges:
            sorter.add(dependent, prerequisite)
        try:
            sorter.prepare()
        except CycleError as error:
            cycle = " → ".join(error.args[1])
            raise InvalidInput(f"the prerequisites form a cycle: {cycle}", field=field) from None


def _watched(course: Mapping[str, Any]) -> Rows:
    """The rows that the file may change, each with the fields that STALE_AFTER lists."""
    found: Rows = {}
    for model, watched in STALE_AFTER.items():
        part, names = ROWS[model]
        fields = sorted(watched - {ADDED, DELETED})
        rows = found[model] = {}
        values = [entry[names[0].split("__")[-1]] for entry in course[part]]
        for row in rows_among(model._default_manager.values_list(*names, *fields), names[0], values):
            rows[row[: len(names)]] = dict(zip(fields, row[len(names) :], strict=True))
    return found


def _changes(before: Rows, after: Rows, known: Collected[str]) -> dict[type[Model], set[str]]:
    """What has changed, by model. The tags of a new activity are part of its addition."""
    changes: dict[type[Model], set[str]] = {}
    for model, rows in after.items():
        former = before[model]
        new = [key for key in rows.keys() - former.keys() if model is not ActivityKnowledgeComponent or key[0] in known]
        changes[model] = {
            *rows_changed(added=new, deleted=former.keys() - rows.keys()),
            *(
                field
                for key in rows.keys() & former.keys()
                for field, value in rows[key].items()
                if former[key][field] != value
            ),
        }
    return changes
