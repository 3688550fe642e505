"""Bridge for Adaptivity, as its engine driver calls: what it sends beside and instead of the contract's fields."""

import pytest

from adaptivity.models import Activity, Learner, Score
from tests.support.api import Api

LTI = {
    "lis_person_name_full": "Anna Example",
    "lis_person_contact_email_primary": "anna@campus.example",
    "lis_outcome_service_url": "https://campus.example/outcome",
    "context_id": "course-v1",
    "roles": ["Student"],
    "custom": {"nested": {"deep": None}},
}
LEARNER = {"user_id": 17, "tool_consumer_instance_guid": "campus.example"}
STORED = {"user_id": "17", "tool_consumer_instance_guid": "campus.example"}
ONE, TWO, THREE = "https://bridge.example/1", "https://bridge.example/2", "https://bridge.example/3"


@pytest.fixture
def bridge(token):
    return Api(token, prefix="/engine/api/")


def activity(url, **fields):
    return {
        "name": "Problem",
        "tags": None,
        "type": "generic",
        "difficulty": "0.5",
        "source_launch_url": url,
        "repetition": 1,
        **fields,
    }


@pytest.fixture
def synchronized(bridge):
    return bridge.post(
        "collection/slug-of-it/activities",
        [
            activity(ONE),
            activity(TWO, type="pre-assessment", difficulty="0.9", tags="x"),
            activity(THREE, repetition=None),
        ],
    )


def item(url, score):
    return {"activity": url, "score": score, **LTI, "learner": LEARNER}


def test_synchronizing_a_collection(synchronized):
    def stored(url, **fields):
        return {"source_launch_url": url, "name": "Problem", "tags": "", "type": "generic", "difficulty": 0.5, **fields}

    assert synchronized.status_code == 200
    assert synchronized.json() == [
        stored(ONE),
        stored(TWO, type="pre-assessment", difficulty=0.9, tags="x"),
        stored(THREE),
    ]


def test_synchronizing_again_after_a_change(bridge, synchronized):
    response = bridge.post("collection/slug-of-it/activities", [activity(TWO, difficulty="0.1"), activity(ONE)])

    assert response.status_code == 200
    assert [(entry["source_launch_url"], entry["difficulty"]) for entry in response.json()] == [(ONE, 0.5), (TWO, 0.1)]
    assert Activity.objects.count() == 3


def test_recommending(bridge, synchronized):
    body = {"collection": "slug-of-it", "sequence": [item(ONE, None), item(THREE, 0.5)], **LTI, "learner": LEARNER}

    response = bridge.post("activity/recommend", body)

    assert response.status_code == 200
    assert response.json() == {"source_launch_url": TWO, "complete": False}
    assert list(Learner.objects.values_list("user_id", "tool_consumer_instance_guid")) == [("17", "campus.example")]


def test_recommending_at_the_end(bridge, synchronized):
    sequence = [item(url, 1) for url in (ONE, TWO, THREE)]

    response = bridge.post("activity/recommend", {"collection": "slug-of-it", "sequence": sequence, "learner": LEARNER})

    assert response.status_code == 200
    assert response.json() == {"collection": "slug-of-it", "url": None, "complete": True}
    assert response.json().get("source_launch_url") is None  # what the driver looks at


def test_submitting_an_answer(bridge, synchronized):
    response = bridge.post("score", {"activity": ONE, "score": 0.5, **LTI, "learner": LEARNER})

    assert response.status_code == 201
    assert response.json()["learner"] == STORED
    assert response.json()["score"] == Score.objects.get().score == 0.5


def test_asking_for_the_grade(bridge, synchronized):
    bridge.post("score", {"activity": ONE, "score": 0.5, "learner": LEARNER})

    response = bridge.post("collection/slug-of-it/grade", {**LTI, "learner": LEARNER})

    assert response.status_code == 200
    assert response.json() == {"learner": STORED, "grade": pytest.approx(1 / 3)}


def test_an_integer_and_its_digits_are_one_learner(bridge, synchronized):
    bridge.post("score", {"activity": ONE, "score": 1, "learner": LEARNER})
    bridge.post("score", {"activity": ONE, "score": 1, "learner": STORED})

    assert Learner.objects.count() == 1


def test_lti_parameters_inside_of_the_learner(bridge, synchronized):
    response = bridge.post("score", {"activity": ONE, "score": 1, "learner": {**LTI, **LEARNER}})

    assert response.status_code == 201
    assert response.json()["learner"] == STORED
