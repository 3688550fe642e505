"""Generates docs/routes.md, which shows every route with a request and the service's real answer.

    python docs/routes.py           writes docs/routes.md
    python docs/routes.py --check   exits with 1 if the page would change, or if a route has no example

It runs the service in this process on an empty database in memory, so the answers are the same every time. NOW
replaces the server's own time.
"""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "routes.md"

ADA = {"user_id": "ada", "tool_consumer_instance_guid": "uni.example"}
# Only the server's own times have microseconds; those that clients send have none.
SERVER_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
NOW = "2026-09-01T10:00:00.000000Z"
# A model version in the form that an estimate creates; the empty service has no scores to estimate from.
VERSION = {
    "name": "em-2026",
    "method": "em",
    "finished_at": "2026-09-01T04:00:00Z",
    "report": {
        "baseline": {"id": None, "name": None, "tracing_revision": 0},
        "checks": [{"name": "held_out_learners", "passed": False, "message": "0 held-out learners have responses."}],
    },
}

HALVES = "https://lms.example/halves"
QUARTERS = "https://lms.example/quarters"

# Method, path and body, in the order in which they are sent; each call sees the effects of the earlier ones.
CALLS: list[tuple[str, str, Any]] = [
    ("GET", "/health/", None),
    ("GET", "/ready/", None),
    ("GET", "/version/", None),
    ("POST", "/api/v2/knowledge_component", {"kc_id": "halves", "name": "Halves", "mastery_prior": 0.1}),
    ("POST", "/api/v2/knowledge_component", {"kc_id": "quarters", "name": "Quarters"}),
    ("GET", "/api/v2/knowledge_component?kc_id=halves", None),
    ("GET", "/api/v2/knowledge_component/halves", None),
    ("PATCH", "/api/v2/knowledge_component/halves", {"mastery_prior": 0.2}),
    ("PUT", "/api/v2/knowledge_component/quarters", {"kc_id": "quarters", "name": "Quarters of a whole"}),
    ("POST", "/api/v2/collection", {"collection_id": "week-1", "name": "Week 1", "max_problems": 10}),
    ("GET", "/api/v2/collection?collection_id=week-1", None),
    ("GET", "/api/v2/collection/week-1", None),
    ("PATCH", "/api/v2/collection/week-1", {"stop_on_mastery": True}),
    ("PUT", "/api/v2/collection/week-1", {"collection_id": "week-1", "name": "Week one", "stop_on_mastery": False}),
    (
        "POST",
        "/api/v2/activity",
        {
            "source_launch_url": HALVES,
            "name": "Half of eight",
            "type": "problem",
            "difficulty": 0.3,
            "collections": [1],
            "knowledge_components": [1],
        },
    ),
    ("GET", "/api/v2/activity?collections__collection_id=week-1", None),
    ("GET", "/api/v2/activity/1", None),
    ("PATCH", "/api/v2/activity/1", {"difficulty": "0.5"}),
    ("PUT", "/api/v2/activity/1", {"source_launch_url": HALVES, "name": "Half of 8"}),
    (
        "POST",
        "/api/v2/collection/week-1/activities",
        [
            {"source_launch_url": HALVES, "name": "Half of 8", "tags": None, "type": "problem", "repetition": 1},
            {"source_launch_url": QUARTERS, "name": "A quarter of 8", "type": "problem", "difficulty": 0.6},
        ],
    ),
    ("PATCH", "/api/v2/activity/2", {"knowledge_components": [2]}),
    ("GET", "/api/v2/collection/week-1/activities", None),
    ("GET", "/api/v2/collection/week-1/content_gaps", None),
    ("POST", "/api/v2/collection_activity", {"activity": 2, "collection": 1}),
    ("GET", "/api/v2/collection_activity?collection=1", None),
    ("GET", "/api/v2/collection_activity/2", None),
    ("PATCH", "/api/v2/collection_activity/2", {"collection": 1}),
    ("PUT", "/api/v2/collection_activity/2", {"activity": 2, "collection": 1}),
    ("POST", "/api/v2/prerequisite_activity", {"from_activity": 2, "to_activity": 1}),
    ("GET", "/api/v2/prerequisite_activity", None),
    ("GET", "/api/v2/prerequisite_activity/1", None),
    ("PATCH", "/api/v2/prerequisite_activity/1", {"to_activity": 1}),
    ("PUT", "/api/v2/prerequisite_activity/1", {"from_activity": 2, "to_activity": 1}),
    (
        "POST",
        "/api/v2/prerequisite_knowledge_component",
        {"prerequisite": 1, "knowledge_component": 2, "value": 0.5},
    ),
    ("GET", "/api/v2/prerequisite_knowledge_component", None),
    ("GET", "/api/v2/prerequisite_knowledge_component/1", None),
    ("PATCH", "/api/v2/prerequisite_knowledge_component/1", {"value": 0.8}),
    (
        "PUT",
        "/api/v2/prerequisite_knowledge_component/1",
        {"prerequisite": 1, "knowledge_component": 2, "value": 0.9},
    ),
    ("POST", "/api/v2/activity/recommend", {"learner": ADA, "collection": "week-1", "sequence": None}),
    ("POST", "/api/v2/activity/recommend?explain=true", {"learner": ADA, "collection": "week-1"}),
    ("POST", "/api/v2/activity/predict", {"learner": ADA, "activities": [HALVES, QUARTERS]}),
    (
        "POST",
        "/api/v2/score",
        {
            "learner": ADA,
            "activity": HALVES,
            "score": 1.0,
            "timestamp": "2026-09-01T09:00:00+02:00",
            "event_id": "attempt-1",
        },
    ),
    # Must come before any call that stores the server's time, which differs from run to run.
    ("POST", "/api/v2/learner/export", {"learner": ADA}),
    ("POST", "/api/v2/score", {"learner": ADA, "activity": "https://lms.example/thirds", "score": 7}),
    ("GET", "/api/v2/score?learner__user_id=ada", None),
    ("GET", "/api/v2/score/1", None),
    ("PATCH", "/api/v2/score/1", {"score": 0.5}),
    ("PUT", "/api/v2/score/1", {"learner": ADA, "activity": HALVES, "score": 0.9}),
    (
        "POST",
        "/api/v2/activity/recommend",
        {
            "learner": ADA,
            "collection": "week-1",
            "sequence": [{"activity": HALVES, "score": 0.9}, {"activity": QUARTERS, "score": None}],
        },
    ),
    ("GET", "/api/v2/mastery?learner__user_id=ada", None),
    ("POST", "/api/v2/mastery", {"learner": ADA, "knowledge_component": {"kc_id": "quarters"}, "value": 0.4}),
    ("GET", "/api/v2/mastery/{quarters}", None),
    ("PATCH", "/api/v2/mastery/{quarters}", {"value": 0.6}),
    (
        "PUT",
        "/api/v2/mastery/{quarters}",
        {"learner": ADA, "knowledge_component": {"kc_id": "quarters"}, "value": 0.7},
    ),
    (
        "PUT",
        "/api/v2/mastery/bulk_update",
        [{"learner": ADA, "knowledge_component": {"kc_id": "quarters"}, "value": 0.75}],
    ),
    ("POST", "/api/v2/collection/week-1/grade", {"learner": ADA}),
    (
        "POST",
        "/api/v2/course_source",
        {
            "slug": "campus",
            "kind": "open_edx",
            "enabled": False,
            "base_url": "https://lms.example",
            "course_id": "course-v1:Uni+Maths+2026",
            "credentials": "campus",
        },
    ),
    ("POST", "/api/v2/course_source", {"slug": "site", "kind": "website", "start_urls": ["file:///etc"]}),
    ("GET", "/api/v2/course_source?kind=open_edx", None),
    ("GET", "/api/v2/course_source/campus", None),
    ("PATCH", "/api/v2/course_source/campus", {"interval_hours": 24}),
    ("PUT", "/api/v2/course_source/campus", {"slug": "campus", "kind": "open_edx", "name": "The campus"}),
    ("DELETE", "/api/v2/course_source/campus", None),
    ("POST", "/api/v2/learner/erase", {"learner": {"user_id": "grace", "tool_consumer_instance_guid": "uni.example"}}),
    ("GET", "/api/v2/model_version?name=em-2026", None),
    ("GET", "/api/v2/model_version/em-2026", None),
    ("GET", "/api/v2/model_version/em-2026/gate", None),
    ("POST", "/api/v2/model_version/em-2026/promote", {}),
    ("POST", "/api/v2/model_version/em-2026/promote", {"force": True, "reason": "A trial in one course."}),
    ("POST", "/api/v2/model_version/rollback", {"reason": "The trial is over."}),
    ("GET", "/api/v2/model_version_event?model_version=em-2026", None),
    ("POST", "/api/v2/experiment", {"name": "stop-early", "collection": 1}),
    ("GET", "/api/v2/experiment?collection=1", None),
    ("GET", "/api/v2/experiment/1", None),
    ("PATCH", "/api/v2/experiment/1", {"name": "stop"}),
    ("PUT", "/api/v2/experiment/1", {"name": "stop", "collection": 1}),
    ("POST", "/api/v2/experimental_group", {"experiment": 1, "name": "control"}),
    (
        "POST",
        "/api/v2/experimental_group",
        {"experiment": 1, "name": "stop", "weight": 0.5, "policy": "stop_on_mastery", "mastery_threshold": 0.95},
    ),
    ("GET", "/api/v2/experimental_group?experiment=1", None),
    ("GET", "/api/v2/experimental_group/2", None),
    ("PATCH", "/api/v2/experimental_group/2", {"weight": 1}),
    ("PUT", "/api/v2/experimental_group/2", {"experiment": 1, "name": "stop", "policy": "stop_on_mastery"}),
    ("POST", "/api/v2/experiment/1/start", None),
    ("PATCH", "/api/v2/experimental_group/2", {"weight": 2}),
    ("POST", "/api/v2/experiment_pin", {"learner": ADA, "group": 2}),
    ("GET", "/api/v2/experiment_pin?experiment=1", None),
    ("GET", "/api/v2/experiment_pin/1", None),
    ("PATCH", "/api/v2/experiment_pin/1", {"group": 1}),
    ("PUT", "/api/v2/experiment_pin/1", {"learner": ADA, "group": 2}),
    ("DELETE", "/api/v2/experiment_pin/1", None),
    ("POST", "/api/v2/experiment/1/end", None),
    ("DELETE", "/api/v2/experimental_group/2", None),
    ("DELETE", "/api/v2/experiment/1", None),
    ("DELETE", "/api/v2/mastery/{quarters}", None),
    ("DELETE", "/api/v2/score/1", None),
    ("POST", "/api/v2/prerequisite_activity", {"from_activity": 1, "to_activity": 2}),
    ("DELETE", "/api/v2/prerequisite_activity/1", None),
    ("DELETE", "/api/v2/activity/1", None),
    ("DELETE", "/api/v2/collection_activity/2", None),
    ("DELETE", "/api/v2/activity/2", None),
    ("DELETE", "/api/v2/prerequisite_knowledge_component/1", None),
    ("DELETE", "/api/v2/knowledge_component/halves", None),
    ("DELETE", "/api/v2/collection/week-1", None),
]


def render() -> str:
    """The text of the page, with the answers of a service on an empty database."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.local"
    os.environ["DATABASE_CONNECTION"] = "sqlite://:memory:"
    os.environ["CELERY_BROKER_URL"] = ""
    os.environ["LOG_LEVEL"] = "CRITICAL"
    os.environ["APP_TAG"] = os.environ["APP_COMMIT"] = ""
    sys.path.insert(0, str(ROOT))

    import django

    django.setup()
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.test import Client
    from drf_spectacular.generators import SchemaGenerator
    from rest_framework.authtoken.models import Token

    from adaptivity.models import ModelVersion

    call_command("migrate", verbosity=0)
    token = Token.objects.create(user=get_user_model().objects.create(username="platform", is_staff=True))
    ModelVersion.objects.create(**VERSION)
    client = Client(headers={"Authorization": f"Token {token.key}", "Host": "localhost"})

    lines = [
        "# Routes",
        "",
        "This page shows every route with a request and the service's real answer. The requests were sent in this",
        "order to an empty service with one model version. `python docs/routes.py` generates the page; a test",
        "generates it again and compares the two.",
        "",
        "The same routes are available under the old prefix `/engine/api/`. `/api/schema/` serves the OpenAPI",
        "document, and `/api/docs/` shows it as a page.",
        "",
        "| request | body | answer |",
        "| --- | --- | --- |",
    ]
    names: dict[str, int] = {}
    covered: set[tuple[str, str]] = set()
    operations = routes(SchemaGenerator().get_schema(request=None, public=True))
    for method, path, body in CALLS:
        for name, value in names.items():
            path = path.replace(f"{{{name}}}", str(value))
        data = None if body is None else json.dumps(body)
        response = client.generic(method, path, data or "", content_type="application/json")
        if method == "POST" and path == "/api/v2/mastery":
            names["quarters"] = response.json()["id"]
        covered.add((method, route_of(path, operations)))
        answer = json.loads(response.content) if response.content else None
        lines.append(f"| `{method} {path}` | {cell(body)} | {response.status_code} {cell(answer)} |")
    missing = {(method, path) for path, methods in operations.items() for method in methods} - covered
    if missing:
        raise SystemExit(f"docs/routes.py: no example for {sorted(missing)}")
    return "\n".join(lines) + "\n"


def routes(schema: Any) -> dict[str, set[str]]:
    """The schema's paths, with the methods of each."""
    return {path: {method.upper() for method in item} for path, item in schema["paths"].items()}


def route_of(path: str, operations: dict[str, set[str]]) -> str:
    """The schema's path that matches a real path."""
    parts = path.split("?")[0].split("/")
    candidates = [route for route in operations if len(route.split("/")) == len(parts)]
    exact = [route for route in candidates if route == "/".join(parts)]
    fitting = [
        route
        for route in candidates
        if all(own == given or own.startswith("{") for own, given in zip(route.split("/"), parts, strict=True))
    ]
    return (exact or fitting or [path])[0]


def cell(value: Any) -> str:
    """A value as JSON, for a cell of a Markdown table."""
    text = SERVER_TIME.sub(NOW, json.dumps(value, ensure_ascii=False))
    return "" if value is None else f"`{text}`".replace("|", "\\|")


def main() -> int:
    """Writes the page, or compares it with the existing one."""
    page = render()
    if "--check" not in sys.argv[1:]:
        TARGET.write_text(page, encoding="utf-8")
        return 0
    if TARGET.exists() and TARGET.read_text(encoding="utf-8") == page:
        return 0
    sys.stderr.write("docs/routes.md differs from what the service answers; run `python docs/routes.py`\n")
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
