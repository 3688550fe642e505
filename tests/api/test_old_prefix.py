"""/engine/api/: the same routes under the prefix of the 2018 service."""

import pytest

from tests.support.api import ANNA, HALVES, THIRDS, Api


@pytest.fixture
def old(token):
    return Api(token, prefix="/engine/api/")


def test_both_prefixes_have_the_same_routes():
    from django.urls import get_resolver

    routes = {str(entry.pattern): entry for entry in get_resolver().url_patterns}

    def patterns(prefix):
        return [str(pattern.pattern) for pattern in routes[prefix].url_patterns]

    assert patterns("engine/api/") == patterns("api/v2/")
    assert len(patterns("api/v2/")) == 40


def test_a_lesson_over_the_old_prefix(old, api, course):
    body = {"learner": ANNA, "collection": "fractions", "sequence": []}

    score = old.post("score", {"learner": ANNA, "activity": HALVES, "score": 1})
    recommendation = old.post("activity/recommend", body)
    grade = old.post("collection/fractions/grade", {"learner": ANNA})

    assert score.status_code == 201
    assert (
        api.get(f"score/{score.json()['id']}").json() == old.get(f"score/{score.json()['id']}").json() == score.json()
    )
    assert recommendation.json() == {"source_launch_url": THIRDS, "complete": False}
    assert grade.json() == api.post("collection/fractions/grade", {"learner": ANNA}).json()


def test_pages_stay_under_their_prefix(old, course):
    assert old.get("activity?limit=1").json()["next"] == "http://testserver/engine/api/activity?limit=1&offset=1"


def test_errors_have_the_envelope(old, db):
    assert old.get("nothing").json() == {"code": "not_found", "detail": "There is nothing at this URL.", "errors": []}
    assert Api(None, prefix="/engine/api/").get("activity").status_code == 401
