"""Model versions over HTTP: for the staff alone, promoted through the gate or by force, and taken back."""

import pytest
from django.contrib.auth import get_user_model

from adaptivity.models import EngineState, ModelVersion, ModelVersionEvent
from tests.support.api import refusals

pytestmark = pytest.mark.django_db

FORCE = {"force": True, "reason": "It was agreed."}


@pytest.fixture
def staff(api):
    get_user_model().objects.update(is_staff=True)
    return api


@pytest.fixture
def version():
    baseline = {"id": None, "name": None, "tracing_revision": 0}
    passed = [{"name": "improvement", "passed": True, "message": "It is better."}]
    return ModelVersion.objects.create(
        name="v1", method="em", report={"baseline": baseline, "checks": passed}, finished_at="2024-03-01T12:00:00Z"
    )


@pytest.fixture
def worse():
    failed = [
        {"name": "improvement", "passed": False, "message": "It is not better."},
        {"name": "starved", "passed": False, "message": "A KC ran away."},
    ]
    return ModelVersion.objects.create(
        name="v0",
        report={"baseline": {"id": None, "name": None, "tracing_revision": 0}, "checks": failed},
        finished_at="2024-03-01T12:00:00Z",
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "model_version"),
        ("GET", "model_version/v1"),
        ("GET", "model_version/v1/gate"),
        ("POST", "model_version/v1/promote"),
        ("POST", "model_version/rollback"),
        ("GET", "model_version_event"),
    ],
)
def test_only_the_staff(api, anonymous, version, unchanged, method, path):
    body = FORCE if method == "POST" else None
    with unchanged():
        assert api(method, path, body).status_code == 403
        assert anonymous(method, path, body).status_code == 401


def test_promoted_and_taken_back(staff, version):
    promoted = staff.post("model_version/v1/promote", {})
    listed = staff.get("model_version?name=v1").json()["results"]
    public = staff.get("/version/").json()["model_version"]
    rolled_back = staff.post("model_version/rollback", {"reason": "A complaint."})

    assert promoted.status_code == 200
    assert (
        promoted.json()
        == listed[0]
        == {
            "id": version.pk,
            "name": "v1",
            "method": "em",
            "created_at": listed[0]["created_at"],
            "finished_at": "2024-03-01T12:00:00Z",
            "active": True,
            "purged_at": None,
            "report": version.report,
        }
    )
    assert public == "v1"
    assert (rolled_back.status_code, rolled_back.json()) == (200, {"active": None})
    assert EngineState.objects.get().active_model_version is None
    events = staff.get("model_version_event?model_version=v1").json()["results"]
    assert [(e["kind"], e["model_version"], e["previous"], e["by"], e["reason"]) for e in events] == [
        ("promoted", "v1", None, "platform", ""),
        ("rolled_back", "v1", None, "platform", "A complaint."),
    ]
    assert [check["name"] for check in events[0]["checks"]] == ["baseline", "improvement"]


def test_what_the_gate_says_and_what_a_rollback_holds(staff, version, worse, unchanged):
    with unchanged():
        through, refused = (staff.get(f"model_version/{name}/gate").json() for name in ("v1", "v0"))
        unknown = staff.get("model_version/nowhere/gate")
    assert staff.post("model_version/v1/promote", {}).status_code == 200
    assert staff.post("model_version/rollback", {}).status_code == 200
    held = staff.get("model_version/v0/gate").json()

    assert through == {
        "passes": True,
        "checks": [
            {
                "name": "baseline",
                "passed": True,
                "message": "Its report compares it with what is in force: the authors' parameters.",
            },
            *version.report["checks"],
        ],
        "held": None,
    }
    assert (refused["passes"], [check["name"] for check in refused["checks"] if not check["passed"]]) == (
        False,
        ["improvement", "starved"],
    )
    assert unknown.status_code == 404
    assert held["held"].startswith("The last change of the active version was a rollback of 'v1' at ")
    # Somebody who names the version is not held.
    assert staff.post("model_version/v1/promote", {}).status_code == 200
    assert staff.get("model_version/v0/gate").json()["held"] is None


def test_refused_says_every_reason_and_changes_nothing_but_the_record(staff, worse):
    response = staff.post("model_version/v0/promote", {})

    assert response.status_code == 409
    assert refusals(response) == [("name", "improvement"), ("name", "starved")]
    assert response.json()["errors"][1]["message"] == "A KC ran away."
    assert EngineState.objects.get().active_model_version is None
    assert ModelVersionEvent.objects.get().kind == "refused"


def test_by_force_with_a_reason(staff, worse, unchanged):
    with unchanged():
        response = staff.post("model_version/v0/promote", {"force": True})
        assert (response.status_code, refusals(response)) == (400, [("reason", "required")])

    assert staff.post("model_version/v0/promote", FORCE).json()["active"] is True
    event = ModelVersionEvent.objects.get()
    assert (event.kind, event.reason) == ("forced", "It was agreed.")


def test_what_cannot_be(staff, version, unchanged):
    assert staff.post("model_version/v1/promote", {}).status_code == 200
    with unchanged():
        again = staff.post("model_version/v1/promote", {})
        unknown = staff.post("model_version/nowhere/promote", {})
        wrong = staff.post("model_version/v1/promote", {"force": "yes"})
    assert (again.status_code, refusals(again)) == (409, [("name", "active")])
    assert unknown.status_code == 404
    assert (wrong.status_code, refusals(wrong)) == (400, [("force", "invalid")])
    assert staff.post("model_version/rollback", {}).status_code == 200
    nothing = staff.post("model_version/rollback", {})
    assert (nothing.status_code, refusals(nothing)) == (409, [("", "nothing")])
