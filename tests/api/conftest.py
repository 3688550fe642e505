"""A client with a token, a small course, and a way to see that a refused request changed nothing."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from adaptivity.content.services.activities import activity_create
from adaptivity.content.services.collections import collection_create
from adaptivity.content.services.knowledge_components import knowledge_component_create

HALVES, THIRDS, READING = (
    "https://course.example/halves",
    "https://course.example/thirds",
    "https://course.example/read",
)
ANNA = {"user_id": "anna", "tool_consumer_instance_guid": "campus"}

# json.dumps has no way to write a number that is too large for a float.
TOO_LARGE_FOR_A_FLOAT = "<1e999>"


class Api:
    """Calls the API as another program would: JSON out, JSON in, never an exception."""

    def __init__(self, token: str | None, prefix: str = "/api/v2/") -> None:
        self.client = APIClient(raise_request_exception=False)
        self.prefix = prefix
        if token:
            self.client.credentials(HTTP_AUTHORIZATION=f"Token {token}")

    def __call__(self, method: str, path: str, body: Any = None, **extra: Any) -> Any:
        """``body`` is dumped as JSON, unless it is bytes; ``path`` follows the prefix unless it begins with ``/``."""
        url = path if path.startswith("/") else self.prefix + path
        if body is None:
            return self.client.generic(method, url, **extra)
        if not isinstance(body, bytes):
            body = json.dumps(body).replace(f'"{TOO_LARGE_FOR_A_FLOAT}"', "1e999").encode()
        extra.setdefault("content_type", "application/json")
        return self.client.generic(method, url, body, **extra)

    def get(self, path: str, **extra: Any) -> Any:
        return self("GET", path, **extra)

    def post(self, path: str, body: Any, **extra: Any) -> Any:
        return self("POST", path, body, **extra)

    def put(self, path: str, body: Any, **extra: Any) -> Any:
        return self("PUT", path, body, **extra)

    def patch(self, path: str, body: Any, **extra: Any) -> Any:
        return self("PATCH", path, body, **extra)

    def delete(self, path: str, **extra: Any) -> Any:
        return self("DELETE", path, **extra)


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


@contextmanager
def connection_kept() -> Iterator[None]:
    """Around a call of the WSGI application, which would close the connection that holds the test's transaction;
    Django's own test client looks after that itself, and connects the signals again."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in signals:
            signal.connect(close_old_connections)


def rows() -> dict[str, list[dict[str, Any]]]:
    """Every row of every table of the engine."""
    return {
        model.__name__: list(model._default_manager.order_by("pk").values())
        for model in apps.get_app_config("adaptivity").get_models()
    }


@pytest.fixture
def unchanged() -> Callable[[], AbstractContextManager[None]]:
    """A block during which no row of the engine may change."""

    @contextmanager
    def block() -> Iterator[None]:
        before = rows()
        yield
        assert rows() == before

    return block


def refusals(response: Any) -> list[tuple[str, str]]:
    """The fields that an error answer names, each with its code, once the envelope is what it has to be."""
    body = response.json()
    assert response["Content-Type"] == "application/json"
    assert set(body) == {"code", "detail", "errors"}
    assert isinstance(body["code"], str)
    assert body["detail"]
    for entry in body["errors"]:
        assert set(entry) == {"field", "code", "message"}
        assert entry["message"]
    return [(entry["field"], entry["code"]) for entry in body["errors"]]
