"""A client of the API, what its requests are about, and what the answers to refused ones hold."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from rest_framework.test import APIClient

HALVES, THIRDS, READING = (
    "https://course.example/halves",
    "https://course.example/thirds",
    "https://course.example/read",
)
ANNA = {"user_id": "anna", "tool_consumer_instance_guid": "campus"}
CAMPUS = {
    "slug": "campus",
    "kind": "open_edx",
    "base_url": "https://lms.example",
    "course_id": "course-v1:Uni+Maths+2026",
    "credentials": "campus",
}

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
