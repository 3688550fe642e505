"""collection/<collection_id>/activities: what is in a collection, as an array."""

import pytest

from adaptivity.content.services import collections
from adaptivity.models import Activity, Collection, CollectionActivity
from tests.support.api import HALVES, READING, THIRDS, refusals


def entry(url, **fields):
    return {"source_launch_url": url, "name": "", "tags": "", "type": "", "difficulty": None, **fields}


def test_get_is_a_plain_array(api, course):
    response = api.get("collection/fractions/activities")

    assert response.status_code == 200
    assert response.json() == [entry(HALVES, name="halves"), entry(THIRDS, name="thirds"), entry(READING, name="read")]


@pytest.mark.django_db
def test_get_is_not_paged(api):
    api.post("collection/c/activities", [{"source_launch_url": str(number)} for number in range(150)])

    assert [item["source_launch_url"] for item in api.get("collection/c/activities?limit=2").json()] == [
        str(number) for number in range(150)
    ]


@pytest.mark.django_db
def test_post_creates_the_collection_and_the_activities(api):
    response = api.post("collection/new/activities", [{"source_launch_url": "a", "name": "A", "difficulty": "0.5"}])

    assert response.status_code == 200
    assert response.json() == [entry("a", name="A", difficulty=0.5)]
    assert list(Collection.objects.values_list("collection_id", "name")) == [("new", "")]


def test_post_replaces_without_deleting(api, course):
    response = api.post("collection/fractions/activities", [{"source_launch_url": THIRDS, "type": "generic"}])

    assert response.status_code == 200
    assert response.json() == [entry(THIRDS, name="thirds", type="generic")]
    assert list(Activity.objects.order_by("id").values_list("source_launch_url", flat=True)) == [
        HALVES,
        THIRDS,
        READING,
    ]
    assert list(Activity.objects.get(source_launch_url=THIRDS).knowledge_components.all()) == [course["third"]]


def test_an_activity_stays_in_its_other_collections(api, course):
    api.post("collection/other/activities", [{"source_launch_url": HALVES}, {"source_launch_url": THIRDS}])

    api.post("collection/other/activities", [{"source_launch_url": THIRDS}])

    assert len(api.get("collection/fractions/activities").json()) == 3


def test_only_the_given_fields_of_known_activities_change(api, course):
    url = f"activity/{course['activities'][0].id}"
    api.patch(url, {"difficulty": 0.3, "include_adaptive": False, "tags": "t"})
    before = api.get(url).json()

    api.post("collection/fractions/activities", [{"source_launch_url": HALVES, "tags": None}])

    assert api.get(url).json() == {**before, "tags": ""}


def test_an_empty_array_empties(api, course):
    response = api.post("collection/fractions/activities", [])

    assert response.status_code == 200
    assert response.json() == []
    assert CollectionActivity.objects.count() == 0
    assert Activity.objects.count() == 3


@pytest.mark.django_db
def test_of_a_repeated_url_the_last_wins(api):
    body = [
        {"source_launch_url": "a", "name": "first", "type": "first"},
        {"source_launch_url": "b"},
        {"source_launch_url": "a", "name": "last"},
    ]

    response = api.post("collection/c/activities", body)

    assert sorted(response.json(), key=lambda item: item["source_launch_url"]) == [entry("a", name="last"), entry("b")]


def test_all_or_nothing(api, course, unchanged):
    body = [{"source_launch_url": "new"}, {"source_launch_url": HALVES, "difficulty": 7}, {"name": "no url"}]

    with unchanged():
        response = api.post("collection/fractions/activities", body)

    assert response.status_code == 400
    assert refusals(response) == [("1.difficulty", "max_value"), ("2.source_launch_url", "required")]


@pytest.mark.django_db
def test_a_refused_array_creates_no_collection(api, unchanged):
    with unchanged():
        response = api.post("collection/new/activities", [{"source_launch_url": ""}])

    assert response.status_code == 400


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "code"),
    [("a%00b", "null_characters_not_allowed"), ("x" * 256, "max_length"), ("%20%20", "blank")],
)
def test_the_path_has_to_be_an_id_that_a_collection_can_have(api, unchanged, path, code):
    with unchanged():
        response = api.post(f"collection/{path}/activities", [])

    assert response.status_code == 400
    assert refusals(response) == [("collection_id", code)]


@pytest.mark.one_database
@pytest.mark.django_db
def test_ten_thousand_entries_and_no_more(api, unchanged):
    entries = [{"source_launch_url": f"https://course.example/{number}"} for number in range(10_001)]

    with unchanged():
        too_many = api.post("collection/c/activities", entries)
    enough = api.post("collection/c/activities", entries[1:])

    assert too_many.status_code == 400
    assert refusals(too_many) == [("", "max_length")]
    assert enough.status_code == 200
    assert len(enough.json()) == CollectionActivity.objects.count() == 10_000


def test_a_failure_at_the_end_leaves_nothing_half_done(api, course, unchanged, monkeypatch):
    def fail(**_):
        raise RuntimeError

    monkeypatch.setattr(collections, "content_changed", fail)

    with unchanged():
        response = api.post("collection/new/activities", [{"source_launch_url": "new"}, {"source_launch_url": HALVES}])

    assert response.status_code == 500
