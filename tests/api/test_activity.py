"""activity: create, read, change, delete."""

import pytest

from adaptivity.models import Activity, Collection, CollectionActivity, KnowledgeComponent, PrerequisiteActivity
from tests.support.api import ANNA, HALVES, READING, THIRDS, refusals

DEFAULTS = {
    "name": "",
    "difficulty": None,
    "tags": "",
    "type": "",
    "include_adaptive": True,
    "collections": [],
    "knowledge_components": [],
    "prerequisite_activities": [],
}


@pytest.mark.django_db
def test_the_url_alone_is_enough(api):
    response = api.post("activity", {"source_launch_url": "a"})

    activity = Activity.objects.get()
    assert response.status_code == 201
    assert response.json() == {"id": activity.id, "source_launch_url": "a", **DEFAULTS}
    assert response["Content-Type"] == "application/json"


def test_every_field_is_kept(api, course):
    body = {
        "source_launch_url": "https://course.example/quarters?x=1#y",
        "name": "Viertel ½",
        "difficulty": 0.25,
        "tags": "a,b",
        "type": "problem",
        "include_adaptive": False,
        "collections": [course["collection"].id],
        "knowledge_components": [course["third"].id, course["half"].id, course["half"].id],
        "prerequisite_activities": [course["activities"][0].id],
    }

    created = api.post("activity", body)

    expected = {
        **body,
        "id": created.json()["id"],
        "knowledge_components": sorted((course["half"].id, course["third"].id)),
    }
    assert created.status_code == 201
    assert created.json() == expected
    assert api.get(f"activity/{expected['id']}").json() == expected
    edge = PrerequisiteActivity.objects.get()
    assert (edge.from_activity_id, edge.to_activity_id) == (expected["id"], course["activities"][0].id)


@pytest.mark.django_db
@pytest.mark.parametrize("difficulty", ["0.5", 0.5, " 0.5 ", "5e-1", ".5", "+0.5"])
def test_difficulty_may_be_text(api, difficulty):
    response = api.post("activity", {"source_launch_url": "a", "difficulty": difficulty})

    assert response.status_code == 201
    assert response.json()["difficulty"] == 0.5


@pytest.mark.django_db
@pytest.mark.parametrize("difficulty", [0, 1])
def test_difficulty_may_be_at_either_end(api, difficulty):
    assert api.post("activity", {"source_launch_url": "a", "difficulty": difficulty}).json()["difficulty"] == difficulty


@pytest.mark.django_db
def test_tags_null_means_empty(api):
    response = api.post("activity", {"source_launch_url": "a", "tags": None})

    assert response.status_code == 201
    assert response.json()["tags"] == ""


@pytest.mark.django_db
def test_texts_are_kept_as_they_are(api):
    body = {"source_launch_url": " not a URL \n", "name": "  ", "tags": "\t🙂", "type": "x" * 255}

    response = api.post("activity", body)

    assert response.status_code == 201
    assert {key: response.json()[key] for key in body} == body


@pytest.mark.django_db
def test_texts_may_be_as_long_as_their_limit(api):
    body = {"source_launch_url": "ü" * 500, "name": "🙂" * 255, "type": "ü" * 255, "tags": "t" * 100_000}

    response = api.post("activity", body)

    assert response.status_code == 201
    assert {key: response.json()[key] for key in body} == body


@pytest.mark.django_db
def test_unknown_keys_are_ignored(api):
    body = {"source_launch_url": "a", "id": 77, "repetition": "any", "nonadaptive": {"deep": [None]}, "a\0b": "\0"}

    response = api.post("activity", body)

    assert response.status_code == 201
    assert response.json() == {"id": Activity.objects.get().id, "source_launch_url": "a", **DEFAULTS}


@pytest.mark.django_db
def test_ids_may_be_text(api):
    collection = Collection.objects.create(collection_id="c")

    response = api.post("activity", {"source_launch_url": "a", "collections": [str(collection.id)]})

    assert response.status_code == 201
    assert response.json()["collections"] == [collection.id]


def test_a_url_is_unique(api, course, unchanged):
    with unchanged():
        response = api.post("activity", {"source_launch_url": HALVES})

    assert response.status_code == 400
    assert refusals(response) == [("source_launch_url", "unique")]


def test_a_url_cannot_be_taken_from_another_activity(api, course, unchanged):
    with unchanged():
        response = api.put(f"activity/{course['activities'][0].id}", {"source_launch_url": THIRDS})

    assert response.status_code == 400
    assert refusals(response) == [("source_launch_url", "unique")]


@pytest.mark.parametrize("field", ["collections", "knowledge_components", "prerequisite_activities"])
def test_ids_have_to_exist(api, course, unchanged, field):
    with unchanged():
        response = api.post("activity", {"source_launch_url": "new", field: [2**63 - 1]})

    assert response.status_code == 400
    assert refusals(response) == [(field, "does_not_exist")]


def test_put_with_the_url_alone_leaves_the_rest(api, course):
    activity = course["activities"][0]
    before = api.get(f"activity/{activity.id}").json()

    response = api.put(f"activity/{activity.id}", {"source_launch_url": "moved"})

    assert response.status_code == 200
    assert response.json() == {**before, "source_launch_url": "moved"}
    assert api.get(f"activity/{activity.id}").json() == response.json()


def test_put_needs_the_url(api, course, unchanged):
    with unchanged():
        response = api.put(f"activity/{course['activities'][0].id}", {"name": "x"})

    assert response.status_code == 400
    assert refusals(response) == [("source_launch_url", "required")]


def test_patch_changes_what_it_names(api, course):
    activity = course["activities"][0]
    before = api.get(f"activity/{activity.id}").json()

    response = api.patch(f"activity/{activity.id}", {"difficulty": 1, "knowledge_components": []})

    assert response.status_code == 200
    assert response.json() == {**before, "difficulty": 1.0, "knowledge_components": []}
    assert api.get(f"activity/{activity.id}").json() == response.json()


def test_knowledge_components_that_stay_keep_their_parameters(api, course):
    activity = course["activities"][0]
    activity.tagged.update(guess=0.3)

    api.patch(f"activity/{activity.id}", {"knowledge_components": [course["half"].id, course["third"].id]})

    tags = activity.tagged.order_by("knowledge_component_id").values_list("knowledge_component_id", "guess")
    assert list(tags) == [(course["half"].id, 0.3), (course["third"].id, 0.1)]


def test_prerequisites_cannot_form_a_cycle(api, course, unchanged):
    first, second, third = (activity.id for activity in course["activities"])
    api.patch(f"activity/{second}", {"prerequisite_activities": [first]})
    api.patch(f"activity/{third}", {"prerequisite_activities": [second]})

    with unchanged():
        round_trip = api.patch(f"activity/{first}", {"name": "new", "prerequisite_activities": [third]})
        itself = api.patch(f"activity/{first}", {"prerequisite_activities": [first]})

    assert (round_trip.status_code, itself.status_code) == (400, 400)
    assert refusals(round_trip) == refusals(itself) == [("prerequisite_activities", "prerequisite_cycle")]


def test_delete(api, course):
    response = api.delete(f"activity/{course['activities'][0].id}")

    assert response.status_code == 204
    assert response.content == b""
    assert list(Activity.objects.order_by("id").values_list("source_launch_url", flat=True)) == [THIRDS, READING]
    assert CollectionActivity.objects.count() == 2
    assert KnowledgeComponent.objects.count() == 2


def test_an_activity_with_a_score_stays(api, course, unchanged):
    api.post("score", {"learner": ANNA, "activity": READING, "score": 1})

    with unchanged():
        response = api.delete(f"activity/{course['activities'][2].id}")

    assert response.status_code == 409
    assert response.json()["code"] == "conflict"
    assert refusals(response) == [("", "has_evidence")]


def test_an_activity_whose_score_was_deleted_stays_for_the_log(api, course):
    score = api.post("score", {"learner": ANNA, "activity": READING, "score": 1}).json()
    api.delete(f"score/{score['id']}")

    assert api.delete(f"activity/{course['activities'][2].id}").status_code == 409


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("activity_id", ["0", "987654321", str(2**63), "9" * 400, "000"])
def test_an_unknown_activity(api, course, unchanged, method, activity_id):
    body = {"source_launch_url": "x"} if method in {"PUT", "PATCH"} else None

    with unchanged():
        response = api(method, f"activity/{activity_id}", body)

    assert response.status_code == 404
    assert response.json() == {"code": "not_found", "detail": "Not found.", "errors": []}


@pytest.mark.parametrize(
    "path", ["activity/abc", "activity/-1", "activity/1.0", "activity/٣", "activity/1/2", "activity/"]
)
def test_what_is_no_id_is_no_route(api, course, path):
    response = api.get(path)

    assert response.status_code == 404
    assert refusals(response) == []
