"""The parameters in force: what the authors wrote, overridden by what a model version estimated."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import F, FilteredRelation, Q, QuerySet
from django.db.models.functions import Coalesce

from adaptivity.database.sql import fetch
from adaptivity.engine.history import Priors, TagTable
from adaptivity.engine.parameters import DEFAULT_PRIOR
from adaptivity.models import ActivityKnowledgeComponent, KnowledgeComponent


@dataclass(frozen=True)
class Stamp:
    """The state under which a learner's masteries were traced.

    It holds the active model version (None means the authors' base) and the revision of tags and base parameters.
    """

    model_version_id: int | None
    tracing_revision: int


def current_stamp() -> Stamp:
    """The stamp in force. Before any content was written, there is no stored state yet. One query."""
    rows = fetch("SELECT active_model_version_id, tracing_revision FROM adaptivity_enginestate WHERE id = 1", [])
    return Stamp(*rows[0]) if rows else Stamp(None, 0)


def tags(model_version_id: int | None) -> QuerySet[Any]:
    """The tags (ActivityKnowledgeComponent), annotated with ``g``, ``s`` and ``t`` of the model version."""
    queryset = ActivityKnowledgeComponent.objects.all()
    if model_version_id is None:
        return queryset.annotate(g=F("guess"), s=F("slip"), t=F("transit"))
    # Joins the version's row for the same activity and KC as the tag's.
    return queryset.annotate(
        estimated=FilteredRelation(
            "activity__item_parameters",
            condition=Q(
                activity__item_parameters__model_version=model_version_id,
                activity__item_parameters__knowledge_component=F("knowledge_component"),
            ),
        ),
        g=Coalesce("estimated__guess", "guess"),
        s=Coalesce("estimated__slip", "slip"),
        t=Coalesce("estimated__transit", "transit"),
    )


def knowledge_components(model_version_id: int | None) -> QuerySet[Any]:
    """The KCs, annotated with ``prior``: the model version's, the authors', or the default."""
    queryset = KnowledgeComponent.objects.all()
    if model_version_id is None:
        return queryset.annotate(prior=Coalesce("mastery_prior", DEFAULT_PRIOR))
    return queryset.annotate(
        estimated=FilteredRelation(
            "knowledge_component_parameters",
            condition=Q(knowledge_component_parameters__model_version=model_version_id),
        ),
        prior=Coalesce("estimated__mastery_prior", "mastery_prior", DEFAULT_PRIOR),
    )


def tag_table(model_version_id: int | None, restriction: Q | None = None) -> TagTable:
    """The tags that meet the restriction, with the version's parameters. One query."""
    queryset = tags(model_version_id)
    if restriction is not None:
        queryset = queryset.filter(restriction)
    rows = queryset.order_by("activity_id", "knowledge_component_id").values_list(
        "activity_id", "knowledge_component_id", "g", "s", "t"
    )
    table = np.array(list(rows.iterator(chunk_size=5000)), dtype=np.float64).reshape(-1, 5)
    return TagTable(table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2], table[:, 3], table[:, 4])


def priors(model_version_id: int | None) -> Priors:
    """The priors of all KCs. One query."""
    rows = knowledge_components(model_version_id).order_by("id").values_list("id", "prior")
    table = np.array(list(rows.iterator(chunk_size=5000)), dtype=np.float64).reshape(-1, 2)
    return Priors(table[:, 0].astype(np.int64), table[:, 1])
