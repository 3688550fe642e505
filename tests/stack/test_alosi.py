"""The published client of the 2018 API, unchanged, against the running service."""

import pytest
from alosi.engine_api import EngineApi

from tests.support.service import Service


@pytest.fixture
def api(service: Service) -> EngineApi:
    return EngineApi(host=service.address, token=service.token)


@pytest.fixture
def learner(name: str) -> dict[str, str]:
    return {"user_id": f"learner-{name}", "tool_consumer_instance_guid": "lms.example.org"}


@pytest.fixture
def collection(service: Service, name: str) -> dict[str, object]:
    """A collection; the client has no call that makes one."""
    return service.post("/api/v2/collection", {"collection_id": f"collection-{name}", "name": "Fractions"})


@pytest.fixture
def kc(api: EngineApi, name: str) -> dict[str, object]:
    response = api.create_knowledge_component(kc_id=f"kc-{name}", name="Adding", mastery_prior=0.5)
    assert response.status_code == 201
    return response.json()


@pytest.fixture
def activity(api: EngineApi, name: str, collection: dict[str, object], kc: dict[str, object]) -> str:
    """The URL of an activity of the collection that is tagged with the KC."""
    url = f"https://lms.example.org/{name}"
    response = api.create_activity(
        source_launch_url=url, name="A sum", collections=[collection["id"]], knowledge_components=[kc["id"]]
    )
    assert response.status_code == 201
    return url


def test_create_knowledge_component(kc: dict[str, object], name: str) -> None:
    assert kc == {"id": kc["id"], "kc_id": f"kc-{name}", "name": "Adding", "mastery_prior": 0.5}


def test_create_activity(api: EngineApi, name: str, collection: dict[str, object], kc: dict[str, object]) -> None:
    response = api.create_activity(
        source_launch_url=f"https://lms.example.org/{name}",
        name="A sum",
        difficulty=0.25,
        tags="sums",
        type="problem",
        collections=[collection["id"]],
        knowledge_components=[kc["id"]],
        prerequisite_activities=[],
    )

    assert response.status_code == 201
    assert response.json() == {
        "id": response.json()["id"],
        "source_launch_url": f"https://lms.example.org/{name}",
        "name": "A sum",
        "difficulty": 0.25,
        "tags": "sums",
        "type": "problem",
        "include_adaptive": True,
        "collections": [collection["id"]],
        "knowledge_components": [kc["id"]],
        "prerequisite_activities": [],
    }


def test_recommend_an_activity(
    api: EngineApi, activity: str, collection: dict[str, object], learner: dict[str, str]
) -> None:
    response = api.recommend(learner=learner, collection=collection["collection_id"], sequence=[])

    assert response.status_code == 200
    assert response.json() == {"source_launch_url": activity, "complete": False}


def test_recommend_without_a_sequence(
    api: EngineApi, activity: str, collection: dict[str, object], learner: dict[str, str]
) -> None:
    """The client's default sends ``sequence: null``."""
    response = api.recommend(learner=learner, collection=collection["collection_id"])

    assert response.status_code == 200
    assert response.json() == {"source_launch_url": activity, "complete": False}


def test_recommend_in_a_complete_collection(
    api: EngineApi, activity: str, collection: dict[str, object], learner: dict[str, str]
) -> None:
    sequence = [{"activity": activity, "score": None, "is_problem": True}]

    response = api.recommend(learner=learner, collection=collection["collection_id"], sequence=sequence)

    assert response.status_code == 200
    assert response.json() == {"collection": collection["collection_id"], "url": None, "complete": True}


def test_submit_score(
    service: Service, api: EngineApi, activity: str, name: str, collection: dict[str, object], learner: dict[str, str]
) -> None:
    response = api.submit_score(learner=learner, activity=activity, score=1.0)

    assert response.status_code == 201
    answer = response.json()
    assert {key: answer[key] for key in ("learner", "activity", "score", "event_id")} == {
        "learner": learner,
        "activity": activity,
        "score": 1.0,
        "event_id": None,
    }
    # Prior odds 1, transit odds 1/9, likelihood (1 - 0.15) / 0.1 = 8.5: odds 1/9 + 10/9 * 8.5 = 86/9, so 86/95.
    (mastery,) = service.get(f"/api/v2/mastery?learner__user_id=learner-{name}")["results"]
    assert mastery["value"] == pytest.approx(86 / 95, abs=1e-12)
    assert api.recommend(learner=learner, collection=collection["collection_id"]).json()["complete"] is True


def test_submit_score_out_of_range(api: EngineApi, activity: str, learner: dict[str, str]) -> None:
    response = api.submit_score(learner=learner, activity=activity, score=7)

    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == ["score"]


def test_bulk_update_mastery(service: Service, api: EngineApi, name: str, kc: dict[str, object]) -> None:
    learners = [{"user_id": f"{name}-{number}", "tool_consumer_instance_guid": ""} for number in range(2)]
    body = [
        {"learner": learner, "knowledge_component": {"kc_id": kc["kc_id"]}, "value": value}
        for learner, value in zip(learners, (0.25, 0.75), strict=True)
    ]

    response = api.bulk_update_mastery(body)

    assert response.status_code == 200
    assert [
        {key: entry[key] for key in ("learner", "knowledge_component", "value")} for entry in response.json()
    ] == body
    stored = [service.get(f"/api/v2/mastery?learner__user_id={learner['user_id']}") for learner in learners]
    assert [[entry["value"] for entry in page["results"]] for page in stored] == [[0.25], [0.75]]


def test_without_a_valid_token(service: Service) -> None:
    response = EngineApi(host=service.address, token="unknown").submit_score(learner={"user_id": "u"}, activity="a")

    assert response.status_code == 401
