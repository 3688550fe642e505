"""All rows of the engine, and blocks that leave none behind."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.db import transaction

from adaptivity.content.selectors import arrays


def rows() -> dict[str, list[dict[str, Any]]]:
    """Every row of every table of the engine."""
    return {
        model.__name__: list(model._default_manager.order_by("pk").values())
        for model in apps.get_app_config("adaptivity").get_models()
    }


@contextmanager
def rolled_back() -> Iterator[None]:
    """A savepoint that leaves nothing behind, neither rows nor the arrays that were cached under their ids."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    arrays.cache_clear()
