"""collection: create, read, change, delete; its grade."""

import pytest

from adaptivity.models import Activity, Collection, Learner
from tests.support.api import ANNA, HALVES, READING, THIRDS, refusals


@pytest.mark.django_db
def test_id_and_name_are_enough(api):
    response = api.post("collection", {"collection_id": "c", "name": "C"})

    collection = Collection.objects.get()
    assert response.status_code == 201
    assert response.json() == {
        "id": collection.id,
        "collection_id": "c",
        "name": "C",
        "max_problems": None,
        "stop_on_mastery": False,
    }


@pytest.mark.django_db
@pytest.mark.parametrize("missing", ["collection_id", "name"])
def test_id_and_name_are_required(api, unchanged, missing):
    body = {"collection_id": "c", "name": "C"}
    del body[missing]

    with unchanged():
        response = api.post("collection", body)

    assert response.status_code == 400
    assert refusals(response) == [(missing, "required")]


@pytest.mark.django_db
@pytest.mark.parametrize(("given", "kept"), [(5, 5), ("5", 5), (5.0, 5), ("5.0", 5), (0, 0), (None, None)])
def test_max_problems(api, given, kept):
    response = api.post("collection", {"collection_id": "c", "name": "", "max_problems": given})

    assert response.status_code == 201
    assert response.json()["max_problems"] == kept


@pytest.mark.django_db
def test_put_with_the_required_fields_leaves_the_rest(api):
    body = {"collection_id": "c", "name": "C", "max_problems": 3, "stop_on_mastery": True}
    created = api.post("collection", body).json()

    response = api.put("collection/c", {"collection_id": "c2", "name": "D"})

    assert response.status_code == 200
    assert response.json() == {**created, "collection_id": "c2", "name": "D"}
    assert api.get("collection/c").status_code == 404
    assert api.get("collection/c2").json() == response.json()


@pytest.mark.django_db
def test_patch_changes_what_it_names(api):
    created = api.post("collection", {"collection_id": "c", "name": "C", "max_problems": 3}).json()

    response = api.patch("collection/c", {"max_problems": None})

    assert response.status_code == 200
    assert response.json() == {**created, "max_problems": None}


@pytest.mark.django_db
def test_a_collection_id_is_unique(api, unchanged):
    api.post("collection", {"collection_id": "c", "name": "C"})
    api.post("collection", {"collection_id": "d", "name": "D"})

    with unchanged():
        again = api.post("collection", {"collection_id": "c", "name": "C"})
        taken = api.patch("collection/d", {"collection_id": "c"})

    assert (again.status_code, taken.status_code) == (400, 400)
    assert refusals(again) == refusals(taken) == [("collection_id", "unique")]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("collection_id", "path"),
    [
        ("a b", "a%20b"),
        ("ü?&#%", "%C3%BC%3F%26%23%25"),
        ("x.json", "x.json"),
        ("..", ".."),
        ("line\nbreak", "line%0Abreak"),
        ("activities", "activities"),
        (" lead", "%20lead"),
        ("🙂" * 255, "%F0%9F%99%82" * 255),
    ],
)
def test_ids_in_paths_hold_any_character_but_the_slash(api, collection_id, path):
    api.post("collection", {"collection_id": collection_id, "name": "C"})

    assert api.get(f"collection/{path}").json()["collection_id"] == collection_id
    assert api.get(f"collection/{path}/activities").json() == []
    assert api.post(f"collection/{path}/grade", {"learner": ANNA}).json() == {"learner": ANNA, "grade": 0.0}
    assert api.delete(f"collection/{path}").status_code == 204


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["unknown", "a%00b", "%00", "%ED%A0%80", "%FF", "x" * 256, "🙂"])
@pytest.mark.parametrize(
    ("method", "suffix"), [("GET", ""), ("PUT", ""), ("DELETE", ""), ("GET", "/activities"), ("POST", "/grade")]
)
def test_an_unknown_collection(api, unchanged, path, method, suffix):
    bodies = {"PUT": {"collection_id": "c", "name": "C"}, "POST": {"learner": ANNA}}

    with unchanged():
        response = api(method, f"collection/{path}{suffix}", bodies.get(method))

    assert response.status_code == 404
    assert response.json() == {"code": "not_found", "detail": "Not found.", "errors": []}


def test_delete_leaves_the_activities(api, course):
    assert api.delete("collection/fractions").status_code == 204

    assert Activity.objects.count() == 3
    assert Collection.objects.count() == 0


def test_grade(api, course):
    # One of two KCs: O = 1/9 + 10/9 * 1/4 * 0.85/0.1, p = O/(1 + O) = 0.712; (0.712 - 0.2)/(0.9 - 0.2) / 2.
    api.post("score", {"learner": ANNA, "activity": HALVES, "score": 1})

    response = api.post("collection/fractions/grade", {"learner": ANNA})

    assert response.status_code == 200
    assert response.json() == {"learner": ANNA, "grade": pytest.approx(0.512 / 0.7 / 2, abs=1e-12)}


def test_grade_of_an_unknown_learner_creates_nobody(api, course, unchanged):
    with unchanged():
        response = api.post("collection/fractions/grade", {"learner": {"user_id": 7}})

    assert response.json() == {"learner": {"user_id": "7", "tool_consumer_instance_guid": ""}, "grade": 0.0}
    assert Learner.objects.count() == 0


def test_grade_without_knowledge_components_is_the_share_that_is_done(api, course):
    api.post("collection/plain/activities", [{"source_launch_url": READING}, {"source_launch_url": "other"}])
    api.post("score", {"learner": ANNA, "activity": READING, "score": 0})

    assert api.post("collection/plain/grade", {"learner": ANNA}).json()["grade"] == 0.5


def test_grade_with_a_prior_at_the_threshold_is_a_number(api, course):
    api.patch("knowledge_component/half", {"mastery_prior": 0.9})
    api.patch("knowledge_component/third", {"mastery_prior": 1})

    assert api.post("collection/fractions/grade", {"learner": ANNA}).json()["grade"] == 1.0


def test_grade_of_an_empty_collection_is_a_number(api, course):
    api.post("collection/fractions/activities", [])

    assert api.post("collection/fractions/grade", {"learner": ANNA}).json()["grade"] == 0.0


def test_scores_elsewhere_do_not_count(api, course):
    api.post("collection/one/activities", [{"source_launch_url": HALVES}])
    api.post("score", {"learner": ANNA, "activity": THIRDS, "score": 1})

    assert api.post("collection/one/grade", {"learner": ANNA}).json()["grade"] == 0.0
