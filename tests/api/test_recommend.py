"""activity/recommend: in and out. The numbers behind it are the engine's tests' business."""

import json

import pytest
from structlog.testing import capture_logs

from adaptivity.models import Learner
from tests.support.api import ANNA, HALVES, READING, THIRDS, refusals


def recommend(api, sequence=None, **fields):
    return api.post("activity/recommend", {"learner": ANNA, "collection": "fractions", "sequence": sequence, **fields})


def test_an_activity(api, course):
    # After a right answer on halves, thirds has the larger demand; reading, without KCs, has none.
    api.post("score", {"learner": ANNA, "activity": HALVES, "score": 1})

    response = recommend(api)

    assert response.status_code == 200
    assert response.json() == {"source_launch_url": THIRDS, "complete": False}


@pytest.mark.parametrize("sequence", [None, []])
def test_an_empty_sequence(api, course, sequence):
    assert recommend(api, sequence).json()["complete"] is False


def test_the_sequence_may_be_left_out(api, course):
    response = api.post("activity/recommend", {"learner": ANNA, "collection": "fractions"})

    assert response.status_code == 200
    assert response.json()["source_launch_url"] in {HALVES, THIRDS}


def test_what_the_sequence_holds_is_done_scored_or_not(api, course, unchanged):
    recommend(api)
    sequence = [{"activity": HALVES, "score": None}, {"activity": READING, "score": 0.5, "is_problem": False}]

    with unchanged():
        response = recommend(api, sequence)

    assert response.json() == {"source_launch_url": THIRDS, "complete": False}


def test_complete(api, course):
    response = recommend(api, [{"activity": url} for url in (HALVES, THIRDS, READING)])

    assert response.status_code == 200
    assert response.json() == {"collection": "fractions", "url": None, "complete": True}


def test_max_problems_leaves_out_what_is_no_problem(api, course):
    api.patch("collection/fractions", {"max_problems": 1})

    reading = recommend(api, [{"activity": READING, "is_problem": False}])
    problem = recommend(api, [{"activity": READING}])
    unsure = recommend(api, [{"activity": READING, "is_problem": None}])

    assert [response.json()["complete"] for response in (reading, problem, unsure)] == [False, True, True]


def test_an_unknown_activity_in_the_sequence_is_ignored_and_logged(api, course):
    with capture_logs() as logs:
        response = recommend(api, [{"activity": "elsewhere"}, {"activity": HALVES}, {"activity": READING}])

    assert response.json() == {"source_launch_url": THIRDS, "complete": False}
    assert logs == [
        {"event": "sequence_activities_ignored", "collection": "fractions", "count": 1, "log_level": "info"}
    ]


def test_an_unknown_learner_is_created_once(api, course):
    recommend(api)
    recommend(api)

    assert list(Learner.objects.values_list("user_id", "tool_consumer_instance_guid")) == [("anna", "campus")]


@pytest.mark.parametrize(
    ("learner", "stored"),
    [
        ({"user_id": 12}, ("12", "")),
        ({"user_id": "a", "tool_consumer_instance_guid": ""}, ("a", "")),
        ({"user_id": -5}, ("-5", "")),
    ],
)
def test_learners_as_platforms_name_them(api, course, learner, stored):
    assert recommend(api, learner=learner).status_code == 200
    assert list(Learner.objects.values_list("user_id", "tool_consumer_instance_guid")) == [stored]


def test_an_unknown_collection(api, course, unchanged):
    with unchanged():
        response = recommend(api, collection="unknown")

    assert response.status_code == 400
    assert refusals(response) == [("collection", "does_not_exist")]


def test_the_same_state_gives_the_same_answer(api, course):
    answers = {json.dumps(recommend(api).json()) for _ in range(10)}

    assert len(answers) == 1


def test_explain(api, course):
    api.patch(f"activity/{course['activities'][2].id}", {"prerequisite_activities": [course["activities"][1].id]})
    api.post("score", {"learner": ANNA, "activity": HALVES, "score": 1})

    response = api.post("activity/recommend?explain=true", {"learner": ANNA, "collection": "fractions"})

    body = response.json()
    (candidate,) = body["explanation"]["candidates"]
    assert (body["source_launch_url"], body["complete"]) == (THIRDS, False)
    assert set(candidate) == {"source_launch_url", "remediation", "continuity", "difficulty", "readiness", "total"}
    assert candidate["source_launch_url"] == THIRDS
    assert candidate["total"] == pytest.approx(
        2 * candidate["remediation"]
        + candidate["continuity"]
        + candidate["difficulty"] / 2
        + 2 * candidate["readiness"]
    )
    assert body["explanation"]["blocked"] == [{"source_launch_url": READING, "prerequisite": THIRDS}]
    assert body["explanation"]["reason"] == f"{THIRDS} is the only candidate."


@pytest.mark.parametrize("explain", ["false", "0", ""])
def test_explain_may_be_declined(api, course, explain):
    body = {"learner": ANNA, "collection": "fractions"}

    assert "explanation" not in api.post(f"activity/recommend?explain={explain}", body).json()


@pytest.mark.parametrize("explain", ["yes", "2", "%00", "%ED%A0%80"])
def test_explain_is_true_or_false(api, course, unchanged, explain):
    with unchanged():
        response = api.post(f"activity/recommend?explain={explain}", {"learner": ANNA, "collection": "fractions"})

    assert response.status_code == 400
    assert refusals(response) == [("explain", "invalid")]


@pytest.mark.one_database
def test_ten_thousand_items_and_no_more(api, course, unchanged):
    items = [{"activity": "elsewhere"}] * 10_001
    recommend(api)

    with unchanged():
        too_many = recommend(api, items)
        enough = recommend(api, items[1:])

    assert too_many.status_code == 400
    assert refusals(too_many) == [("sequence", "max_length")]
    assert enough.status_code == 200
