"""Paths through the prerequisite graphs."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Model

from adaptivity.database.sql import rows_among
from adaptivity.models import PrerequisiteActivity, PrerequisiteKnowledgeComponent


def activity_comes_before(activity_id: int, others: Iterable[int], *, without_edge: int | None = None) -> bool:
    """Whether the activity is one of the others, or a direct or indirect prerequisite of one.

    ``without_edge`` is the edge that is about to change; it is left out of the graph.
    """
    return _reaches(PrerequisiteActivity, "from_activity_id", "to_activity_id", activity_id, others, without_edge)


def knowledge_component_comes_before(
    knowledge_component_id: int, others: Iterable[int], *, without_edge: int | None = None
) -> bool:
    """The same for knowledge components."""
    return _reaches(
        PrerequisiteKnowledgeComponent,
        "knowledge_component_id",
        "prerequisite_id",
        knowledge_component_id,
        others,
        without_edge,
    )


def _reaches(
    edges: type[Model], dependent: str, prerequisite: str, sought: int, start: Iterable[int], without_edge: int | None
) -> bool:
    seen: set[int] = set()
    frontier = set(start)
    queryset: Any = edges._default_manager.exclude(pk=without_edge) if without_edge else edges._default_manager
    while frontier and sought not in frontier:
        seen |= frontier
        found: set[int] = set()
        found.update(rows_among(queryset.values_list(prerequisite, flat=True), dependent, frontier))
        frontier = found - seen
    return sought in frontier
