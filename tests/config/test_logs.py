"""Every event is one JSON object a line on standard output, with the request's id and without personal data."""

import json
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from config.logs import without_quoted_rows
from tests.support.databases import new_database
from tests.support.service import Service, poll, prepare, running

pytestmark = pytest.mark.xdist_group("logs")
LEARNER = "learner-who-must-not-be-named"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    directory = tmp_path_factory.mktemp("logs")
    with (
        new_database("sqlite", directory) as database,
        running(database, prepare(database), directory / "output", LOG_LEVEL="DEBUG", DEBUG="true") as started,
    ):
        yield started


def lines(output: Path) -> list[dict[str, Any]]:
    """The events; raises where a line is no JSON object."""
    return [json.loads(line) for line in output.read_text().splitlines()]


def events(service: Service, request_id: str, logger: str) -> list[dict[str, Any]]:
    """What a logger says of a request, once the line of the access log is there: it is written after the answer."""

    def written() -> list[dict[str, Any]] | None:
        found = [line for line in lines(service.output) if line.get("request_id") == request_id]
        return found if any(line["logger"] == "gunicorn.access" for line in found) else None

    found = poll(written, seconds=60, failure=lambda: service.output.read_text())
    return [line for line in found if line["logger"] == logger]


def without_time(event: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in event.items() if key not in {"timestamp", "duration_ms", "bytes"}}


def test_the_access_log_says_what_was_asked_and_not_by_whom(service: Service) -> None:
    headers = {"X-Request-ID": "from-the-proxy", "User-Agent": "Browser of somebody", "Referer": f"/{LEARNER}"}

    response = service.call("GET", f"/api/v2/score?learner__user_id={LEARNER}", **headers)

    assert response.headers["X-Request-ID"] == "from-the-proxy"
    (event,) = events(service, "from-the-proxy", "gunicorn.access")
    assert without_time(event) == {
        "event": "request",
        "logger": "gunicorn.access",
        "level": "info",
        "method": "GET",
        "path": "/api/v2/score",
        "status": 200,
        "request_id": "from-the-proxy",
    }
    assert event["bytes"] == len(response.content)
    assert event["duration_ms"] > 0


@pytest.mark.parametrize("given", ["", "with space", "a" * 129, 'quote"d', "{brace}"])
def test_a_request_without_a_sensible_id_gets_one(service: Service, given: str) -> None:
    request_id = service.call("GET", "/health/", **{"X-Request-ID": given}).headers["X-Request-ID"]

    assert request_id != given
    assert len(request_id) == 32
    assert len(events(service, request_id, "gunicorn.access")) == 1


def test_our_own_events_have_the_request_id(service: Service) -> None:
    service.post("/api/v2/collection", {"collection_id": "course", "name": "A course"})
    body = {"learner": {"user_id": LEARNER}, "collection": "course", "sequence": [{"activity": "unknown"}]}

    service.call("POST", "/api/v2/activity/recommend", body, **{"X-Request-ID": "recommendation"})

    (event,) = events(service, "recommendation", "adaptivity.recommendation.services.recommendation")
    assert without_time(event) == {
        "event": "sequence_activities_ignored",
        "logger": "adaptivity.recommendation.services.recommendation",
        "level": "info",
        "collection": "course",
        "count": 1,
        "request_id": "recommendation",
    }


def test_an_error_is_one_line_with_its_traceback(service: Service) -> None:
    with closing(sqlite3.connect(service.database.url.removeprefix("sqlite:///"))) as database:
        database.execute("ALTER TABLE adaptivity_knowledgecomponent RENAME TO elsewhere")
        try:
            path = f"/api/v2/knowledge_component?kc_id={LEARNER}"
            response = service.call("GET", path, **{"X-Request-ID": "failure"})
        finally:
            database.execute("ALTER TABLE elsewhere RENAME TO adaptivity_knowledgecomponent")

    assert response.status_code == 500
    (event,) = events(service, "failure", "django.request")
    assert event["event"] == "Internal Server Error: /api/v2/knowledge_component"
    assert event["level"] == "error"
    assert event["exception"].startswith("Traceback (most recent call last):")
    assert event["exception"].endswith("OperationalError: no such table: adaptivity_knowledgecomponent")


def test_a_host_that_is_not_served_is_one_short_line(service: Service) -> None:
    response = service.call("GET", "/version/", Host="evil.example", **{"X-Request-ID": "foreign-host"})

    assert response.status_code == 400
    (event,) = events(service, "foreign-host", "django.security.DisallowedHost")
    assert without_time(event) == {
        "event": "Invalid HTTP_HOST header: 'evil.example'. You may need to add 'evil.example' to ALLOWED_HOSTS.",
        "logger": "django.security.DisallowedHost",
        "level": "warning",
        "request_id": "foreign-host",
    }


def test_an_invalid_request_is_not_quoted(service: Service) -> None:
    address = urlsplit(service.address)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(f"GET /{LEARNER} nonsense\r\n\r\n".encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 400 ")

    def written() -> dict[str, Any] | None:
        return next((line for line in lines(service.output) if line["event"] == "Invalid request"), None)

    event = poll(written, seconds=60, failure=lambda: service.output.read_text())
    assert without_time(event) == {"event": "Invalid request", "logger": "gunicorn.error", "level": "warning"}


def test_nothing_that_is_secret_or_personal_is_logged(service: Service) -> None:
    """At the most talkative level, after requests with all of it in them."""
    service.post("/api/v2/activity", {"source_launch_url": "https://lms.example.org/1"})
    score = {"learner": {"user_id": LEARNER}, "activity": "https://lms.example.org/1", "score": 0.123456789}
    for body in (score, score | {"score": 7}, score | {"activity": "unknown"}):
        service.call("POST", "/api/v2/score", body, **{"User-Agent": "Browser of somebody"})
    service.call("GET", f"/api/v2/mastery?learner__user_id={LEARNER}", **{"X-Request-ID": "last"})

    assert len(events(service, "last", "gunicorn.access")) == 1
    output = service.output.read_text()
    assert all({"timestamp", "level", "logger", "event"} <= line.keys() for line in lines(service.output))
    # The address occurs where gunicorn says on which it listens, and nowhere else.
    listening = [line for line in output.splitlines() if "127.0.0.1" in line]
    assert [json.loads(line)["event"].split(" (")[0] for line in listening] == [f"Listening at: {service.address}"]
    for secret in (LEARNER, "0.123456789", "Browser", service.token, "only-for-a-test"):
        assert secret not in output


@pytest.mark.parametrize(
    ("exception", "expected"),
    [
        (
            "UniqueViolation: duplicate key\nDETAIL:  Key (user_id)=(ada) already exists.\n\n\nDuring handling: more",
            "UniqueViolation: duplicate key\nDETAIL left out\n\n\nDuring handling: more",
        ),
        (
            "CheckViolation: new row\nDETAIL:  Failing row contains (1,\nada, 7).\n",
            "CheckViolation: new row\nDETAIL left out",
        ),
        ("ValueError: no DETAIL: here", "ValueError: no DETAIL: here"),
    ],
)
def test_what_the_database_quotes_is_left_out(exception: str, expected: str) -> None:
    assert without_quoted_rows(None, "error", {"exception": exception}) == {"exception": expected}
