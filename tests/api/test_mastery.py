"""mastery: set by hand, one or many; read; taken back."""

import pytest

from adaptivity.evidence.services import masteries
from adaptivity.models import HandSetMastery, Learner, Mastery
from tests.support.api import ANNA, HALVES, refusals

BERT = {"user_id": "bert", "tool_consumer_instance_guid": ""}


def setting(value=0.7, kc_id="half", learner=ANNA):
    return {"learner": learner, "knowledge_component": {"kc_id": kc_id}, "value": value}


def test_post_creates(api, course):
    response = api.post("mastery", setting())

    assert response.status_code == 201
    assert response.json() == {"id": Mastery.objects.get().id, **setting()}
    assert Learner.objects.get().user_id == "anna"


def test_post_is_an_upsert(api, course):
    first = api.post("mastery", setting(0.7))
    second = api.post("mastery", setting("0.25"))

    assert second.status_code == 201
    assert second.json() == {**first.json(), "value": 0.25}
    assert Mastery.objects.count() == 1
    assert list(HandSetMastery.objects.order_by("arrival").values_list("value", flat=True)) == [0.7, 0.25]


@pytest.mark.parametrize("value", [0, 1])
def test_0_and_1_are_accepted(api, course, value):
    response = api.post("mastery", setting(value))

    assert response.status_code == 201
    assert response.json()["value"] == value


def test_a_mastery_set_by_hand_is_what_the_next_score_starts_from(api, course):
    api.post("mastery", setting(0.5))
    api.post("score", {"learner": ANNA, "activity": HALVES, "score": 1})

    odds = 1 / 9 + 10 / 9 * 8.5
    assert Mastery.objects.get().value == pytest.approx(odds / (1 + odds), abs=1e-12)


def test_an_unknown_knowledge_component(api, course, unchanged):
    with unchanged():
        response = api.post("mastery", setting(kc_id="unknown"))

    assert response.status_code == 400
    assert refusals(response) == [("knowledge_component.kc_id", "does_not_exist")]


def test_bulk_update(api, course):
    api.post("mastery", setting(0.1))
    body = [setting(0.2), setting(0.3, "third"), setting(0.4, "half", BERT)]

    response = api.put("mastery/bulk_update", body)

    ids = dict(Mastery.objects.values_list("value", "id"))
    assert response.status_code == 200
    assert response.json() == [{"id": ids[item["value"]], **item} for item in body]
    assert Mastery.objects.count() == 3


def test_bulk_update_of_a_repeated_pair_the_last_wins(api, course):
    response = api.put("mastery/bulk_update", [setting(0.2), setting(0.3, learner=BERT), setting(0.9)])

    assert response.status_code == 200
    assert [item["value"] for item in response.json()] == [0.9, 0.3, 0.9]
    assert Mastery.objects.get(learner__user_id="anna").value == 0.9


def test_bulk_update_is_all_or_nothing(api, course, unchanged):
    with unchanged():
        unknown = api.put("mastery/bulk_update", [setting(), setting(kc_id="unknown")])
        invalid = api.put("mastery/bulk_update", [setting(), setting(7), {}])

    assert (unknown.status_code, invalid.status_code) == (400, 400)
    assert refusals(unknown) == [("1.knowledge_component.kc_id", "does_not_exist")]
    assert refusals(invalid) == [
        ("1.value", "max_value"),
        ("2.learner", "required"),
        ("2.knowledge_component", "required"),
        ("2.value", "required"),
    ]


def test_bulk_update_of_nothing(api, course, unchanged):
    with unchanged():
        response = api.put("mastery/bulk_update", [])

    assert response.status_code == 200
    assert response.json() == []


@pytest.mark.one_database
def test_bulk_update_of_ten_thousand_and_no_more(api, course, unchanged):
    body = [setting(0.5, learner={"user_id": number}) for number in range(10_001)]

    with unchanged():
        too_many = api.put("mastery/bulk_update", body)
    enough = api.put("mastery/bulk_update", body[1:])

    assert too_many.status_code == 400
    assert refusals(too_many) == [("", "max_length")]
    assert enough.status_code == 200
    assert Mastery.objects.count() == 10_000


def test_put_and_patch(api, course):
    created = api.post("mastery", setting()).json()
    url = f"mastery/{created['id']}"

    put = api.put(url, setting(0.1))
    patch = api.patch(url, {"value": 0.2})
    nothing = api.patch(url, {})

    assert [answer.status_code for answer in (put, patch, nothing)] == [200, 200, 200]
    assert put.json() == {**created, "value": 0.1}
    assert patch.json() == nothing.json() == api.get(url).json() == {**created, "value": 0.2}


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"learner": BERT}, ("learner", "unchangeable")),
        ({"knowledge_component": {"kc_id": "third"}}, ("knowledge_component", "unchangeable")),
        ({"learner": {}}, ("learner.user_id", "required")),
        ({"knowledge_component": {}}, ("knowledge_component.kc_id", "required")),
        ({"value": -1}, ("value", "min_value")),
        ({"value": None}, ("value", "null")),
    ],
)
def test_what_a_change_cannot_touch(api, course, unchanged, body, refusal):
    created = api.post("mastery", setting()).json()

    with unchanged():
        response = api.patch(f"mastery/{created['id']}", body)

    assert response.status_code == 400
    assert refusals(response) == [refusal]


def test_deleting_returns_the_knowledge_component_to_its_prior(api, course):
    created = api.post("mastery", setting(0.9)).json()

    response = api.delete(f"mastery/{created['id']}")
    api.post("score", {"learner": ANNA, "activity": HALVES, "score": 1})

    assert response.status_code == 204
    assert api.get(f"mastery/{created['id']}").status_code == 404
    assert Mastery.objects.get().value == pytest.approx(0.712, abs=1e-12)


def test_the_list_holds_what_has_evidence(api, course):
    api.post("score", {"learner": ANNA, "activity": HALVES, "score": 1})
    api.post("mastery", setting(0.3, "third", BERT))

    response = api.get("mastery")

    first, second = response.json()["results"]
    assert response.json()["count"] == 2
    assert first == {"id": first["id"], **setting(pytest.approx(0.712, abs=1e-12))}
    assert second == {"id": second["id"], **setting(0.3, "third", BERT)}


def test_a_failure_at_the_end_leaves_nothing_half_done(api, course, unchanged, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError

    monkeypatch.setattr(masteries, "masteries_write", fail)

    with unchanged():
        response = api.put("mastery/bulk_update", [setting(), setting(learner=BERT)])

    assert response.status_code == 500
