"""What is held about one learner, and its erasure: for staff alone."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from rest_framework.authtoken.models import Token

from adaptivity.models import ErasedLearner, Learner, Score
from tests.support.api import ANNA, HALVES, Api, refusals

LEARNER = {"user_id": "anna", "tool_consumer_instance_guid": "campus"}


@pytest.fixture
def staff(db: None) -> Api:
    """A client with the token of a user who is staff."""
    user = get_user_model().objects.create_user("officer", is_staff=True)
    return Api(str(Token.objects.create(user=user).key))


@pytest.fixture(autouse=True)
def scored(api: Api, course: dict[str, Any]) -> None:
    assert api.post("score", {"learner": ANNA, "activity": HALVES, "score": 1, "event_id": "e1"}).status_code == 201


def test_export_answers_everything_of_the_learner(staff: Api) -> None:
    response = staff.post("learner/export", {"learner": ANNA, "custom_parameter": 7})

    assert response.status_code == 200
    body = response.json()
    assert set(body) == {"learner", "records"}
    assert {name: body["learner"][name] for name in LEARNER} == LEARNER
    (score,) = body["records"]["scores"]
    assert (score["activity"], score["score"], score["event_id"]) == (HALVES, 1.0, "e1")
    assert [entry["knowledge_component"] for entry in body["records"]["masteries"]] == ["half"]


def test_erase_removes_the_learner(staff: Api, api: Api) -> None:
    response = staff.post("learner/erase", {"learner": ANNA})

    assert response.status_code == 200
    assert response.json() == {
        "learner": LEARNER,
        "erased": {"done_activities": 1, "learners": 1, "masteries": 1, "scores": 1},
    }
    assert not Learner.objects.exists()
    assert api.get("score").json()["count"] == 0
    assert api.get("mastery").json()["count"] == 0
    again = staff.post("learner/erase", {"learner": ANNA})
    assert (again.status_code, again.json()["erased"]) == (200, {})
    assert refusals(staff.post("learner/export", {"learner": ANNA})) == [("learner", "does_not_exist")]


@pytest.mark.parametrize("route", ["learner/export", "learner/erase"])
class TestPermission:
    def test_a_platform_may_not(self, api: Api, route: str) -> None:
        response = api.post(route, {"learner": ANNA})

        assert response.status_code == 403
        assert (response.json()["code"], refusals(response)) == ("permission_denied", [])
        assert Score.objects.count() == 1

    def test_nobody_else_may(self, anonymous: Api, route: str) -> None:
        assert anonymous.post(route, {"learner": ANNA}).status_code == 401
        assert Api("0" * 40).post(route, {"learner": ANNA}).status_code == 401
        assert Score.objects.count() == 1

    def test_staff_of_whom_nothing_else_is_known_may(self, staff: Api, route: str) -> None:
        assert staff.post(route, {"learner": ANNA}).status_code == 200

    def test_who_left_may_no_longer(self, staff: Api, route: str) -> None:
        get_user_model().objects.filter(username="officer").update(is_active=False)

        assert staff.post(route, {"learner": ANNA}).status_code == 401

    @pytest.mark.parametrize(
        ("body", "field", "code"),
        [
            ({}, "learner", "required"),
            ({"learner": "anna"}, "learner", "invalid"),
            ({"learner": {}}, "learner.user_id", "required"),
            ({"learner": {"user_id": " "}}, "learner.user_id", "blank"),
            ({"learner": {"user_id": True}}, "learner.user_id", "invalid"),
            ({"learner": {"user_id": "a" * 256}}, "learner.user_id", "max_length"),
        ],
    )
    def test_who_is_meant_has_to_be_said(
        self, staff: Api, route: str, body: dict[str, Any], field: str, code: str
    ) -> None:
        response = staff.post(route, body)

        assert response.status_code == 400
        assert refusals(response) == [(field, code)]
        assert Score.objects.count() == 1
        assert not ErasedLearner.objects.exists()

    def test_only_post(self, staff: Api, route: str) -> None:
        assert staff.get(route).status_code == 405

    def test_under_the_old_prefix_too(self, staff: Api, route: str) -> None:
        assert staff.post(f"/engine/api/{route}", {"learner": ANNA}).status_code == 200
