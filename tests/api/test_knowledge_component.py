"""knowledge_component: create, read, change, delete."""

import pytest

from adaptivity.models import KnowledgeComponent
from tests.support.api import ANNA, HALVES, refusals


@pytest.mark.django_db
def test_id_and_name_are_enough(api):
    response = api.post("knowledge_component", {"kc_id": "k", "name": "K"})

    assert response.status_code == 201
    assert response.json() == {
        "id": KnowledgeComponent.objects.get().id,
        "kc_id": "k",
        "name": "K",
        "mastery_prior": None,
    }


@pytest.mark.django_db
@pytest.mark.parametrize("missing", ["kc_id", "name"])
def test_id_and_name_are_required(api, unchanged, missing):
    body = {"kc_id": "k", "name": "K"}
    del body[missing]

    with unchanged():
        response = api.post("knowledge_component", body)

    assert response.status_code == 400
    assert refusals(response) == [(missing, "required")]


@pytest.mark.django_db
@pytest.mark.parametrize(("sent", "kept"), [(0, 0.0), (1, 1.0), ("0.3", 0.3), (None, None)])
def test_mastery_prior(api, sent, kept):
    response = api.post("knowledge_component", {"kc_id": "k", "name": "K", "mastery_prior": sent})

    assert response.status_code == 201
    assert response.json()["mastery_prior"] == kept


@pytest.mark.django_db
def test_put_with_the_required_fields_leaves_the_prior(api):
    created = api.post("knowledge_component", {"kc_id": "a b/c", "name": "K", "mastery_prior": 0.4}).json()
    api.post("knowledge_component", {"kc_id": "ü ?", "name": "K", "mastery_prior": 0.4})

    response = api.put("knowledge_component/%C3%BC%20%3F", {"kc_id": "k", "name": "new"})

    assert response.status_code == 200
    assert response.json() == {"id": created["id"] + 1, "kc_id": "k", "name": "new", "mastery_prior": 0.4}
    assert api.patch("knowledge_component/k", {"mastery_prior": None}).json()["mastery_prior"] is None


@pytest.mark.django_db
def test_a_kc_id_is_unique(api, unchanged):
    api.post("knowledge_component", {"kc_id": "k", "name": "K"})
    api.post("knowledge_component", {"kc_id": "l", "name": "L"})

    with unchanged():
        again = api.post("knowledge_component", {"kc_id": "k", "name": "K"})
        taken = api.put("knowledge_component/l", {"kc_id": "k", "name": "L"})

    assert (again.status_code, taken.status_code) == (400, 400)
    assert refusals(again) == refusals(taken) == [("kc_id", "unique")]


def test_delete(api, course):
    assert api.delete("knowledge_component/third").status_code == 204
    assert list(KnowledgeComponent.objects.values_list("kc_id", flat=True)) == ["half"]


@pytest.mark.parametrize("evidence", ["score", "mastery", "deleted mastery"])
def test_a_knowledge_component_with_evidence_stays(api, course, unchanged, evidence):
    if evidence == "score":
        api.post("score", {"learner": ANNA, "activity": HALVES, "score": 1})
    else:
        body = {"learner": ANNA, "knowledge_component": {"kc_id": "half"}, "value": 0.5}
        created = api.post("mastery", body).json()
        if evidence == "deleted mastery":
            api.delete(f"mastery/{created['id']}")

    with unchanged():
        response = api.delete("knowledge_component/half")

    assert response.status_code == 409
    assert response.json()["code"] == "conflict"
    assert refusals(response) == [("", "has_evidence")]


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["unknown", "%00", "x" * 300, "%FF"])
def test_an_unknown_knowledge_component(api, unchanged, method, path):
    body = {"kc_id": "k", "name": "K"} if method in {"PUT", "PATCH"} else None

    with unchanged():
        response = api(method, f"knowledge_component/{path}", body)

    assert response.status_code == 404
    assert response.json()["code"] == "not_found"
