"""A client with a token, a small course, and a way to see that a refused request changed nothing."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from rest_framework.authtoken.models import Token

from adaptivity.content.services.activities import activity_create
from adaptivity.content.services.collections import collection_create
from adaptivity.content.services.knowledge_components import knowledge_component_create
from tests.support.api import HALVES, READING, THIRDS, Api
from tests.support.rows import rows


@pytest.fixture
def token(db: None) -> str:
    return str(Token.objects.create(user=get_user_model().objects.create_user("platform")).key)


@pytest.fixture
def api(token: str) -> Api:
    return Api(token)


@pytest.fixture
def anonymous() -> Api:
    return Api(None)


@pytest.fixture
def course(db: None) -> dict[str, Any]:
    """Two KCs, three activities (two tagged), one collection with all of them."""
    collection = collection_create(collection_id="fractions", name="Fractions")
    half = knowledge_component_create(kc_id="half", name="Halves")
    third = knowledge_component_create(kc_id="third", name="Thirds")
    activities = [
        activity_create(
            source_launch_url=url,
            name=url.rsplit("/", 1)[1],
            collections=[collection.id],
            knowledge_components=[kc.id for kc in kcs],
        )
        for url, kcs in ((HALVES, [half]), (THIRDS, [third]), (READING, []))
    ]
    return {"collection": collection, "half": half, "third": third, "activities": activities}


@pytest.fixture
def unchanged() -> Callable[[], AbstractContextManager[None]]:
    """A block during which no row of the engine may change."""

    @contextmanager
    def block() -> Iterator[None]:
        before = rows()
        yield
        assert rows() == before

    return block
