"""Creates, changes and deletes knowledge components and their prerequisites."""

from typing import TypedDict, Unpack

from django.db import transaction
from django.db.models import ProtectedError

from adaptivity.content.selectors.prerequisites import knowledge_component_comes_before
from adaptivity.content.services.revisions import ADDED, DELETED, content_changed, content_lock
from adaptivity.database.writes import assign
from adaptivity.errors import Conflict, InvalidInput
from adaptivity.models import KnowledgeComponent, PrerequisiteKnowledgeComponent


class KnowledgeComponentFields(TypedDict, total=False):
    kc_id: str
    name: str
    mastery_prior: float | None


class PrerequisiteFields(TypedDict, total=False):
    prerequisite: KnowledgeComponent
    knowledge_component: KnowledgeComponent
    value: float


@transaction.atomic
def knowledge_component_create(**fields: Unpack[KnowledgeComponentFields]) -> KnowledgeComponent:
    """Creates a KC. Raises InvalidInput for a known kc_id."""
    content_lock()
    _check_kc_id(fields.get("kc_id"), None)
    knowledge_component = KnowledgeComponent.objects.create(**fields)
    content_changed(changes={KnowledgeComponent: [ADDED]})
    return knowledge_component


@transaction.atomic
def knowledge_component_update(
    *, knowledge_component: KnowledgeComponent, **fields: Unpack[KnowledgeComponentFields]
) -> KnowledgeComponent:
    """Changes a KC. Raises InvalidInput for a kc_id that another KC has."""
    content_lock()
    knowledge_component.refresh_from_db()
    _check_kc_id(fields.get("kc_id"), knowledge_component)
    changed = assign(knowledge_component, fields)
    if changed:
        knowledge_component.save(update_fields=changed)
        content_changed(changes={KnowledgeComponent: changed}, shared="mastery_prior" in changed)
    return knowledge_component


@transaction.atomic
def knowledge_component_delete(*, knowledge_component: KnowledgeComponent) -> None:
    """Deletes a KC. Raises Conflict if it has evidence."""
    content_lock()
    try:
        knowledge_component.delete()
    except ProtectedError as error:
        raise Conflict("The knowledge component has evidence and cannot be deleted.", code="has_evidence") from error
    content_changed(changes={KnowledgeComponent: [DELETED]}, shared=True)


@transaction.atomic
def prerequisite_knowledge_component_create(**fields: Unpack[PrerequisiteFields]) -> PrerequisiteKnowledgeComponent:
    """Creates a prerequisite. Raises InvalidInput if it exists or would form a cycle."""
    content_lock()
    edge = PrerequisiteKnowledgeComponent(**fields)
    _check_edge(edge)
    edge.save()
    content_changed(changes={PrerequisiteKnowledgeComponent: [ADDED]}, shared=True)
    return edge


@transaction.atomic
def prerequisite_knowledge_component_update(
    *, edge: PrerequisiteKnowledgeComponent, **fields: Unpack[PrerequisiteFields]
) -> PrerequisiteKnowledgeComponent:
    """Changes a prerequisite. Raises InvalidInput if it exists or would form a cycle."""
    content_lock()
    edge.refresh_from_db()
    changed = assign(edge, fields)
    _check_edge(edge)
    if changed:
        edge.save(update_fields=changed)
        content_changed(changes={PrerequisiteKnowledgeComponent: changed}, shared=True)
    return edge


@transaction.atomic
def prerequisite_knowledge_component_delete(*, edge: PrerequisiteKnowledgeComponent) -> None:
    """Deletes a prerequisite."""
    content_lock()
    edge.delete()
    content_changed(changes={PrerequisiteKnowledgeComponent: [DELETED]}, shared=True)


def _check_kc_id(kc_id: str | None, own: KnowledgeComponent | None) -> None:
    others = KnowledgeComponent.objects.filter(kc_id=kc_id)
    if kc_id is not None and (others.exclude(pk=own.pk) if own else others).exists():
        raise InvalidInput("A knowledge component with this kc_id already exists.", field="kc_id", code="unique")


def _check_edge(edge: PrerequisiteKnowledgeComponent) -> None:
    same = PrerequisiteKnowledgeComponent.objects.filter(
        prerequisite=edge.prerequisite_id, knowledge_component=edge.knowledge_component_id
    )
    if same.exclude(pk=edge.pk).exists():
        raise InvalidInput("This prerequisite already exists.", field="prerequisite", code="unique")
    if knowledge_component_comes_before(edge.knowledge_component_id, [edge.prerequisite_id], without_edge=edge.pk):
        raise InvalidInput("The prerequisites would form a cycle.", field="prerequisite", code="prerequisite_cycle")
