"""Experiments over HTTP: for the staff alone, planned, run, and felt by who asks for a recommendation."""

import pytest
from django.contrib.auth import get_user_model

from tests.support.api import ANNA, refusals

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(api):
    get_user_model().objects.update(is_staff=True)
    return api


@pytest.mark.parametrize("resource", ["experiment", "experimental_group", "experiment_pin"])
def test_only_the_staff(api, anonymous, unchanged, resource):
    with unchanged():
        assert api.get(resource).status_code == api.post(resource, {}).status_code == 403
        assert anonymous.get(resource).status_code == 401


def test_planned_run_and_felt(staff, course):
    masteries = [{"learner": ANNA, "knowledge_component": {"kc_id": kc}, "value": 0.99} for kc in ("half", "third")]
    assert staff.put("mastery/bulk_update", masteries).status_code == 200
    recommend = {"learner": ANNA, "collection": "fractions"}
    experiment = staff.post("experiment", {"name": "stop", "collection": course["collection"].id}).json()
    group = staff.post(
        "experimental_group", {"experiment": experiment["id"], "name": "stop", "policy": "stop_on_mastery"}
    )
    assert (group.status_code, group.json()) == (
        201,
        {
            "id": group.json()["id"], "experiment": experiment["id"], "name": "stop", "weight": 1.0,
            "remediation_weight": 2.0, "continuity_weight": 1.0, "difficulty_weight": 0.5, "readiness_weight": 2.0,
            "forgiveness": 0.0, "mastery_threshold": 0.9, "policy": "stop_on_mastery",
        },
    )  # fmt: skip
    assert staff.post("activity/recommend", recommend).json()["complete"] is False

    started = staff.post(f"experiment/{experiment['id']}/start", {})

    assert (started.status_code, started.json()["ended_at"]) == (200, None)
    assert staff.post("activity/recommend", recommend).json()["complete"] is True
    changed = staff.patch(f"experimental_group/{group.json()['id']}", {"weight": 2})
    assert (changed.status_code, refusals(changed)) == (409, [("experiment", "started")])
    assert staff.post(f"experiment/{experiment['id']}/end", {}).status_code == 200
    assert staff.post("activity/recommend", recommend).json()["complete"] is False
    deleted = staff.delete(f"experiment/{experiment['id']}")
    assert (deleted.status_code, refusals(deleted)) == (409, [("experiment", "started")])


def test_a_pin(staff, course):
    experiment = staff.post("experiment", {"name": "stop", "collection": course["collection"].id}).json()["id"]
    first, second = (
        staff.post("experimental_group", {"experiment": experiment, "name": name}).json()["id"] for name in "ab"
    )
    other = staff.post("experiment", {"name": "other", "collection": course["collection"].id}).json()["id"]
    elsewhere = staff.post("experimental_group", {"experiment": other, "name": "a"}).json()["id"]

    pin = staff.post("experiment_pin", {"learner": ANNA, "group": first})
    path = f"experiment_pin/{pin.json()['id']}"

    assert (pin.status_code, pin.json()) == (201, {"id": pin.json()["id"], "learner": ANNA, "group": first})
    assert staff.patch(path, {"group": second}).json()["group"] == second
    assert refusals(staff.patch(path, {"group": elsewhere})) == [("group", "unchangeable")]
    assert refusals(staff.patch(path, {"learner": {"user_id": "ben"}})) == [("learner", "unchangeable")]
    assert staff.get(f"experiment_pin?experiment={experiment}").json()["count"] == 1
    assert staff.get(f"experiment_pin?experiment={other}").json()["count"] == 0
    assert staff.delete(path).status_code == 204


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ({"name": "b", "weight": -1}, ("weight", "min_value")),
        ({"name": "b", "weight": 1e9}, ("weight", "max_value")),
        ({"name": "b", "mastery_threshold": 2}, ("mastery_threshold", "max_value")),
        ({"name": "b", "mastery_threshold": 1}, ("mastery_threshold", "invalid")),
        ({"name": "b", "mastery_threshold": 0.0}, ("mastery_threshold", "invalid")),
        ({"name": "b", "policy": "magic"}, ("policy", "invalid_choice")),
        ({"name": "a"}, ("name", "unique")),
        ({"name": " "}, ("name", "blank")),
    ],
)
def test_bad_groups(staff, course, unchanged, body, refused):
    experiment = staff.post("experiment", {"name": "stop", "collection": course["collection"].id}).json()["id"]
    staff.post("experimental_group", {"experiment": experiment, "name": "a"})
    with unchanged():
        response = staff.post("experimental_group", {"experiment": experiment, **body})
        assert (response.status_code, refusals(response)) == (400, [refused])
        assert staff.post(f"experiment/{experiment}/end", {}).status_code == 409
