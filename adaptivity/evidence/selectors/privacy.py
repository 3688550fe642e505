"""All data about one learner."""

from base64 import b64encode
from datetime import datetime
from typing import Any

from django.db.models import ForeignKey, ManyToOneRel, Model

from adaptivity.models import Learner


def relations_to_learner() -> list[ManyToOneRel]:
    """The relations from other models to a learner, ordered by the name of the model."""
    relations = [
        relation for relation in Learner._meta.get_fields(include_hidden=True) if isinstance(relation, ManyToOneRel)
    ]
    return sorted(relations, key=lambda relation: record_name(relation.related_model))


def record_name(model: Any) -> str:
    """What the model's rows are called in answers, such as hand_set_masteries."""
    return str(model._meta.verbose_name_plural).replace(" ", "_").replace("-", "_")


def learner_data(*, user_id: str, tool_consumer_instance_guid: str) -> dict[str, Any]:
    """Every row of every model that belongs to the learner. Raises Learner.DoesNotExist.

    ``learner`` has the columns of their own row. ``records`` has the other rows by their kind (scores, masteries and so
    on), each ordered by id. Activities, KCs and the like are named as the API names them.
    """
    learner = Learner.objects.get(user_id=user_id, tool_consumer_instance_guid=tool_consumer_instance_guid)
    records = {record_name(relation.related_model): _rows(relation, learner) for relation in relations_to_learner()}
    return {"learner": _row(learner), "records": records}


def _rows(relation: ManyToOneRel, learner: Learner) -> list[dict[str, Any]]:
    model: Any = relation.related_model
    named = [field.name for field in _foreign_keys(model) if not _is_personal(field)]
    rows = model._base_manager.filter(**{relation.field.name: learner}).select_related(*named).order_by("pk")
    return [_row(row) for row in rows]


def _row(row: Model) -> dict[str, Any]:
    """The columns as JSON. The learner is left out, because every row is about them."""
    result: dict[str, Any] = {}
    for field in row._meta.concrete_fields:
        value: Any = getattr(row, field.attname)
        if isinstance(field, ForeignKey):
            if field.related_model is Learner:
                continue
            if value is not None and not _is_personal(field):
                value = str(getattr(row, field.name))
        elif isinstance(value, datetime):
            value = value.isoformat()
        elif isinstance(value, bytes | memoryview):
            value = b64encode(value).decode()
        result[field.name] = value
    return result


def _foreign_keys(model: type[Model]) -> list[ForeignKey[Any, Any]]:
    return [field for field in model._meta.concrete_fields if isinstance(field, ForeignKey)]


def _is_personal(field: ForeignKey[Any, Any]) -> bool:
    """Whether the key leads to the learner or to another of their records, which is best named by its id."""
    target = field.related_model
    return target is Learner or any(key.related_model is Learner for key in _foreign_keys(target))
