"""activity/predict: in and out. The numbers behind it are other tests' business."""

import pytest

from adaptivity.engine.prediction import FEATURES
from adaptivity.model_versions.jobs.estimate import estimate
from adaptivity.model_versions.services.model_versions import model_version_promote
from tests.support.api import ANNA, HALVES, READING, THIRDS, refusals


def predict(api, *activities, path="activity/predict", **fields):
    return api.post(path, {"learner": ANNA, "activities": list(activities), **fields})


def test_what_tracing_says_where_no_version_is_in_force(api, course, unchanged):
    with unchanged():
        response = predict(api, HALVES, READING)

    assert response.status_code == 200
    # 0.2 * 0.85 + 0.8 * 0.1: the defaults.
    assert response.json() == {
        "model": "tracing",
        "model_version": None,
        "predictions": [
            {"activity": HALVES, "probability": pytest.approx(0.25)},
            {"activity": READING, "probability": 0.5},
        ],
    }


def test_what_the_model_of_success_says_and_why(api, course):
    for number in range(12):
        learner = {"user_id": f"learner-{number}"}
        for url in (HALVES, THIRDS):
            api.post("score", {"learner": learner, "activity": url, "score": number % 3 / 2})
    estimate(name="v1", minimum_evidence=False)
    model_version_promote(name="v1", by="test", force=True, reason="a small log")

    plain = predict(api, HALVES)
    explained = predict(api, HALVES, path="activity/predict?explain=true")

    assert plain.status_code == explained.status_code == 200
    assert (plain.json()["model"], plain.json()["model_version"]) == ("hybrid", "v1")
    [prediction] = explained.json()["predictions"]
    assert plain.json()["predictions"] == [{"activity": HALVES, "probability": prediction["probability"]}]
    assert set(prediction["explanation"]) == set(FEATURES)


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ({"activities": [HALVES]}, [("learner", "required")]),
        ({"learner": ANNA}, [("activities", "required")]),
        ({"learner": ANNA, "activities": []}, [("activities", "empty")]),
        ({"learner": ANNA, "activities": HALVES}, [("activities", "not_a_list")]),
        ({"learner": ANNA, "activities": [HALVES, 5]}, [("activities.1", "invalid")]),
        ({"learner": ANNA, "activities": [HALVES, "nowhere"]}, [("activities.1", "does_not_exist")]),
        ({"learner": ANNA, "activities": [HALVES] * 1001}, [("activities", "max_length")]),
    ],
)
def test_what_is_wrong_is_named(api, course, unchanged, body, refused):
    with unchanged():
        response = api.post("activity/predict", body)

    assert response.status_code == 400
    assert refusals(response) == refused


def test_explain_is_true_or_false(api, course):
    response = predict(api, HALVES, path="activity/predict?explain=perhaps")

    assert response.status_code == 400
    assert refusals(response) == [("explain", "invalid")]
