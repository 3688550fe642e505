"""event_id and the Idempotency-Key header: a repeated score is harmless."""

import pytest

from adaptivity.models import Score
from tests.support.api import ANNA, HALVES, READING, refusals

BODY = {"learner": ANNA, "activity": HALVES, "score": 0.5}


@pytest.mark.parametrize("first_key", ["body", "header"])
@pytest.mark.parametrize("second_key", ["body", "header", "both"])
def test_the_same_body_again_gets_the_first_answer(api, course, unchanged, first_key, second_key):
    sent = {
        "body": ({**BODY, "event_id": "e"}, {}),
        "header": (BODY, {"HTTP_IDEMPOTENCY_KEY": "e"}),
        "both": ({**BODY, "event_id": "e"}, {"HTTP_IDEMPOTENCY_KEY": "e"}),
    }
    body, headers = sent[first_key]
    first = api.post("score", body, **headers)
    body, headers = sent[second_key]

    with unchanged():
        second = api.post("score", body, **headers)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["event_id"] == "e"
    assert second.json() == first.json()


@pytest.mark.parametrize(
    "same",
    [
        {"score": "0.5"},
        {"timestamp": None},
        {"learner": {**ANNA, "lis_person_name": "Anna"}},
        {"is_problem": True},
    ],
)
def test_what_means_the_same_is_the_same(api, course, unchanged, same):
    first = api.post("score", {**BODY, "event_id": "e"})

    with unchanged():
        second = api.post("score", {**BODY, "event_id": "e", **same})

    assert second.status_code == 201
    assert second.json() == first.json()


def test_the_same_moment_in_another_zone_is_the_same(api, course, unchanged):
    first = api.post("score", {**BODY, "event_id": "e", "timestamp": "2024-01-01T12:00:00Z"})

    with unchanged():
        second = api.post("score", {**BODY, "event_id": "e", "timestamp": "2024-01-01T13:00:00+01:00"})

    assert second.status_code == 201
    assert second.json() == first.json()


@pytest.mark.parametrize(
    "other", [{"score": 0.25}, {"activity": READING}, {"activity": "unknown"}, {"timestamp": "2024-01-01T00:00:00Z"}]
)
@pytest.mark.parametrize("header", [False, True])
def test_another_body_is_a_conflict(api, course, unchanged, other, header):
    api.post("score", {**BODY, "event_id": "e"})

    with unchanged():
        if header:
            response = api.post("score", {**BODY, **other}, HTTP_IDEMPOTENCY_KEY="e")
        else:
            response = api.post("score", {**BODY, **other, "event_id": "e"})

    assert response.status_code == 409
    assert response.json()["code"] == "conflict"
    assert refusals(response) == [("event_id", "event_id_reused")]


def test_a_time_that_is_left_out_later_is_another_body(api, course, unchanged):
    api.post("score", {**BODY, "event_id": "e", "timestamp": "2024-01-01T00:00:00Z"})

    with unchanged():
        response = api.post("score", {**BODY, "event_id": "e"})

    assert response.status_code == 409


def test_event_ids_are_unique_per_learner(api, course):
    first = api.post("score", {**BODY, "event_id": "e"})
    other_user = api.post("score", {**BODY, "event_id": "e", "learner": {**ANNA, "user_id": "bert"}})
    other_platform = api.post("score", {**BODY, "event_id": "e", "learner": {"user_id": "anna"}})

    assert [answer.status_code for answer in (first, other_user, other_platform)] == [201, 201, 201]
    assert Score.objects.count() == 3


def test_another_event_id_counts_again(api, course):
    api.post("score", {**BODY, "event_id": "e"})
    api.post("score", {**BODY, "event_id": "E"})

    assert Score.objects.count() == 2


def test_the_first_answer_stays_the_answer_after_a_correction_and_a_deletion(api, course, unchanged):
    first = api.post("score", {**BODY, "event_id": "e"}).json()
    api.patch(f"score/{first['id']}", {"score": 1})
    with unchanged():
        assert api.post("score", {**BODY, "event_id": "e"}).json() == first

    api.delete(f"score/{first['id']}")
    with unchanged():
        again = api.post("score", {**BODY, "event_id": "e"})

    assert again.status_code == 201
    assert again.json() == first


def test_header_and_body_have_to_agree(api, course, unchanged):
    with unchanged():
        response = api.post("score", {**BODY, "event_id": "e"}, HTTP_IDEMPOTENCY_KEY="f")

    assert response.status_code == 400
    assert refusals(response) == [("event_id", "invalid")]


def test_a_null_in_the_body_leaves_it_to_the_header(api, course):
    response = api.post("score", {**BODY, "event_id": None}, HTTP_IDEMPOTENCY_KEY="e")

    assert response.status_code == 201
    assert response.json()["event_id"] == "e"


def test_a_header_beyond_ascii_is_utf_8(api, course, unchanged):
    header = "é🙂".encode().decode("latin-1")  # as a WSGI server hands it over
    first = api.post("score", BODY, HTTP_IDEMPOTENCY_KEY=header)

    with unchanged():
        second = api.post("score", {**BODY, "event_id": "é🙂"})

    assert first.json()["event_id"] == "é🙂"
    assert second.json() == first.json()


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("", "blank"),
        ("  ", "blank"),
        ("x" * 256, "max_length"),
        ("a\0b", "null_characters_not_allowed"),
        ("\xff\xfe", "invalid"),
        ("\ud800", "invalid"),
    ],
)
def test_a_header_that_is_no_event_id(api, course, unchanged, key, code):
    with unchanged():
        response = api.post("score", BODY, HTTP_IDEMPOTENCY_KEY=key)

    assert response.status_code == 400
    assert refusals(response) == [("event_id", code)]


def test_a_key_as_long_as_its_limit(api, course):
    assert api.post("score", BODY, HTTP_IDEMPOTENCY_KEY="x" * 255).json()["event_id"] == "x" * 255


def test_the_same_body_after_the_activity_was_renamed_gets_the_first_answer(api, course, unchanged):
    first = api.post("score", {**BODY, "event_id": "e"})
    activity = api.get(f"activity?url={HALVES}").json()["results"][0]
    assert api.patch(f"activity/{activity['id']}", {"source_launch_url": "renamed"}).status_code == 200

    with unchanged():
        again = api.post("score", {**BODY, "event_id": "e"})
        other = api.post("score", {**BODY, "activity": "renamed", "event_id": "e"})

    assert (again.status_code, again.json()) == (201, first.json())
    assert other.status_code == 409
