"""score: recorded, read, corrected, deleted."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from adaptivity.models import Learner, Mastery, Score, ScoreRevision
from tests.support.api import ANNA, HALVES, READING, THIRDS, refusals

# O = 1/9 + 10/9 * 1/4 * 0.85/0.1 after a right answer, 1/9 + 10/9 * 1/4 * 0.15/0.9 after a wrong one; p = O/(1 + O).
RIGHT, WRONG = 0.712, 17 / 125


def score(api, **fields):
    return api.post("score", {"learner": ANNA, "activity": HALVES, "score": 1.0, **fields})


def mastery(kc_id):
    return Mastery.objects.filter(knowledge_component__kc_id=kc_id).values_list("value", flat=True).first()


def test_a_score_is_recorded_and_the_mastery_follows(api, course):
    before = timezone.now()

    response = score(api)

    recorded = Score.objects.get()
    assert response.status_code == 201
    assert response.json() == {
        "id": recorded.id,
        "learner": ANNA,
        "activity": HALVES,
        "score": 1.0,
        "timestamp": recorded.timestamp.isoformat().replace("+00:00", "Z"),
        "event_id": None,
    }
    assert before <= recorded.timestamp <= timezone.now()
    assert mastery("half") == pytest.approx(RIGHT, abs=1e-12)
    assert mastery("third") is None


@pytest.mark.parametrize(("sent", "kept"), [(0, 0.0), (1, 1.0), ("0.25", 0.25), (0.75, 0.75), ("1e-3", 0.001)])
def test_scores_from_0_to_1_also_as_text(api, course, sent, kept):
    response = score(api, score=sent)

    assert response.status_code == 201
    assert response.json()["score"] == Score.objects.get().score == kept


def test_every_post_counts_also_an_identical_one(api, course):
    first, second = score(api, activity=READING), score(api, activity=READING)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]
    assert Score.objects.count() == 2


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        ("2024-02-29T12:00:00Z", "2024-02-29T12:00:00Z"),
        ("2024-02-29T12:00:00.123456+01:30", "2024-02-29T10:30:00.123456Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
    ],
)
def test_a_given_timestamp(api, course, sent, answered):
    response = score(api, timestamp=sent)

    assert response.status_code == 201
    assert response.json()["timestamp"] == answered
    assert api.get(f"score/{response.json()['id']}").json()["timestamp"] == answered


@pytest.mark.parametrize(
    ("timestamp", "code"),
    [
        ("2024-02-29T12:00:00", "zone"),
        ("2024-02-29", "zone"),
        ("2024-02-30T12:00:00Z", "invalid"),
        ("yesterday", "invalid"),
        ("", "invalid"),
        (1_700_000_000, "invalid"),
        (True, "invalid"),
        (["2024-02-29T12:00:00Z"], "invalid"),
        ("2024-02-29T12:00:00Z\0", "invalid"),
        ("\ud800", "invalid"),
        ("0001-01-01T00:00:00+14:00", "overflow"),
        ("9" * 5000, "invalid"),
        ("9999-12-31T23:59:59Z", "future"),
    ],
)
def test_a_timestamp_has_a_zone_and_a_past(api, course, unchanged, timestamp, code):
    with unchanged():
        response = score(api, timestamp=timestamp)

    assert response.status_code == 400
    assert refusals(response) == [("timestamp", code)]


def test_a_timestamp_a_minute_ahead_is_in_the_future(api, course, unchanged):
    with unchanged():
        response = score(api, timestamp=(timezone.now() + timedelta(minutes=1)).isoformat())

    assert refusals(response) == [("timestamp", "future")]


def test_timestamp_and_event_id_may_be_null(api, course):
    response = score(api, timestamp=None, event_id=None)

    assert response.status_code == 201
    assert response.json()["event_id"] is None


def test_an_unknown_activity_changes_nothing_not_even_the_learners(api, course, unchanged):
    with unchanged():
        response = score(api, activity="unknown")

    assert response.status_code == 400
    assert refusals(response) == [("activity", "does_not_exist")]
    assert response.json()["detail"] == "activity: There is no activity with this source_launch_url."


def test_put_corrects_and_replays(api, course):
    first = score(api).json()

    response = api.put(f"score/{first['id']}", {"learner": ANNA, "activity": HALVES, "score": 0})

    assert response.status_code == 200
    assert response.json() == {**first, "score": 0.0}
    assert api.get(f"score/{first['id']}").json() == response.json()
    assert mastery("half") == pytest.approx(WRONG, abs=1e-12)
    assert Score.objects.get().score == 1.0  # the log keeps what was first reported
    assert ScoreRevision.objects.get().value == 0.0


def test_patch_moves_a_score_to_another_activity_and_time(api, course):
    first = score(api, event_id="e").json()

    response = api.patch(f"score/{first['id']}", {"activity": THIRDS, "timestamp": "2024-01-01T00:00:00Z"})

    assert response.status_code == 200
    assert response.json() == {**first, "activity": THIRDS, "timestamp": "2024-01-01T00:00:00Z"}
    assert mastery("half") is None
    assert mastery("third") == pytest.approx(RIGHT, abs=1e-12)


def test_a_correction_that_changes_nothing_is_not_logged(api, course, unchanged):
    first = score(api, event_id="e").json()

    with unchanged():
        same = api.put(f"score/{first['id']}", first)
        empty = api.patch(f"score/{first['id']}", {})

    assert same.json() == empty.json() == first


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"learner": {"user_id": "bert", "tool_consumer_instance_guid": "campus"}}, ("learner", "unchangeable")),
        ({"learner": {"user_id": "anna"}}, ("learner", "unchangeable")),
        ({"learner": {}}, ("learner.user_id", "required")),
        ({"learner": {"tool_consumer_instance_guid": "campus"}}, ("learner.user_id", "required")),
        ({"learner": None}, ("learner", "null")),
        ({"event_id": "other"}, ("event_id", "unchangeable")),
        ({"event_id": None}, ("event_id", "unchangeable")),
        ({"activity": "unknown"}, ("activity", "does_not_exist")),
        ({"score": 7}, ("score", "max_value")),
        ({"timestamp": "9999-01-01T00:00:00Z"}, ("timestamp", "future")),
    ],
)
def test_what_a_correction_cannot_change(api, course, unchanged, body, refusal):
    recorded = score(api, event_id="e").json()

    with unchanged():
        response = api.patch(f"score/{recorded['id']}", body)

    assert response.status_code == 400
    assert refusals(response) == [refusal]


def test_put_needs_the_whole_score(api, course, unchanged):
    recorded = score(api).json()

    with unchanged():
        response = api.put(f"score/{recorded['id']}", {})

    assert response.status_code == 400
    assert refusals(response) == [("learner", "required"), ("activity", "required"), ("score", "required")]


def test_deleting_the_only_score_makes_the_activity_undone(api, course):
    recorded = score(api).json()

    response = api.delete(f"score/{recorded['id']}")

    learner = Learner.objects.get()
    assert response.status_code == 204
    assert mastery("half") is None
    assert learner.done_activities.count() == 0
    assert learner.last_activity is None
    assert api.get("score").json()["count"] == 0


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_a_deleted_score_is_gone(api, course, unchanged, method):
    recorded = score(api).json()
    api.delete(f"score/{recorded['id']}")

    with unchanged():
        response = api(method, f"score/{recorded['id']}", recorded if method in {"PUT", "PATCH"} else None)

    assert response.status_code == 404
    assert Score.objects.count() == 1  # in the log


def test_a_late_score_is_replayed_in_its_place(api, course):
    score(api, score=1, timestamp="2024-01-02T00:00:00Z")
    score(api, score=0, timestamp="2024-01-01T00:00:00Z")

    odds = 1 / 9 + 10 / 9 * (1 / 9 + 10 / 9 / 4 / 6) * 8.5
    assert mastery("half") == pytest.approx(odds / (1 + odds), abs=1e-12)


def test_the_list_shows_the_current_state(api, course):
    first = score(api).json()
    second = score(api, activity=READING, score=0.5).json()
    api.patch(f"score/{first['id']}", {"score": 0})

    response = api.get("score")

    assert response.json() == {"count": 2, "next": None, "previous": None, "results": [{**first, "score": 0.0}, second]}


def test_times_of_the_server_never_run_backwards(api, course):
    ahead = timezone.now() + timedelta(hours=1)
    score(api)
    Learner.objects.update(latest_timestamp=ahead)

    assert datetime.fromisoformat(score(api).json()["timestamp"]) == ahead.astimezone(UTC)


def test_a_failure_at_the_end_leaves_nothing_half_done(api, course, unchanged, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(Learner, "save", fail)
        with unchanged():
            response = score(api)

    assert response.status_code == 500
    assert score(api).status_code == 201
