"""Lists: pages of limit and offset, and filters."""

import pytest
from django.utils.http import urlencode

from adaptivity.models import Activity, CollectionActivity, Learner
from tests.support.api import ANNA, HALVES, READING, THIRDS, refusals

RESOURCES = [
    "activity",
    "collection",
    "collection_activity",
    "knowledge_component",
    "mastery",
    "prerequisite_activity",
    "prerequisite_knowledge_component",
    "score",
]


@pytest.mark.django_db
@pytest.mark.parametrize("resource", RESOURCES)
def test_an_empty_list(api, resource):
    response = api.get(resource)

    assert response.status_code == 200
    assert response.json() == {"count": 0, "next": None, "previous": None, "results": []}


@pytest.fixture
def many(db):
    Activity.objects.bulk_create(Activity(source_launch_url=f"a{number:04}") for number in range(1_050))


def urls(response):
    return [item["source_launch_url"] for item in response.json()["results"]]


def test_a_hundred_a_page(api, many):
    page = api.get("activity")

    assert page.json()["count"] == 1_050
    assert page.json()["previous"] is None
    assert page.json()["next"] == "http://testserver/api/v2/activity?limit=100&offset=100"
    assert urls(page) == [f"a{number:04}" for number in range(100)]


def test_limit_and_offset(api, many):
    page = api.get("activity?limit=2&offset=3&name=")

    assert urls(page) == ["a0003", "a0004"]
    assert page.json()["next"] == "http://testserver/api/v2/activity?limit=2&name=&offset=5"
    assert page.json()["previous"] == "http://testserver/api/v2/activity?limit=2&name=&offset=1"


def test_following_next_reads_everything_once(api, many):
    seen, url = [], "activity?limit=500"
    while url:
        page = api.get(url.removeprefix("http://testserver"))
        seen += urls(page)
        url = page.json()["next"]

    assert seen == [f"a{number:04}" for number in range(1_050)]


def test_at_most_a_thousand_a_page(api, many):
    assert len(urls(api.get("activity?limit=5000"))) == 1_000


@pytest.mark.parametrize("offset", [1_050, 1_051, 2**63 - 1])
def test_beyond_the_end(api, many, offset):
    page = api.get(f"activity?offset={offset}")

    assert page.status_code == 200
    assert urls(page) == []


NONSENSE = {
    "limit": ["0", "-1", "", "abc", "1.0", "٣", "1\0", str(2**63), "9" * 5_000, "null"],
    "offset": ["-1", "", "1e3", "+1", " 1", str(2**63), "9" * 5_000, "\ufffd"],
}


@pytest.mark.django_db
@pytest.mark.parametrize("resource", RESOURCES)
@pytest.mark.parametrize("name", NONSENSE)
def test_limit_and_offset_are_whole_numbers(api, resource, name):
    answers = [api.get(f"{resource}?{urlencode({name: value})}") for value in NONSENSE[name]]

    assert [answer.status_code for answer in answers] == [400] * len(answers)
    assert [refusals(answer) for answer in answers] == [[(name, "invalid")]] * len(answers)


@pytest.fixture
def two_collections(api, course):
    api.post("collection/more/activities", [{"source_launch_url": HALVES}, {"source_launch_url": "only"}])
    api.patch("collection/more", {"name": "Fractions"})
    return [collection["id"] for collection in api.get("collection").json()["results"]]


def test_activities_by_url_and_name(api, two_collections):
    assert urls(api.get(f"activity?{urlencode({'url': HALVES})}")) == [HALVES]
    assert urls(api.get("activity?url=halves")) == []
    assert urls(api.get("activity?name=thirds")) == [THIRDS]
    assert urls(api.get("activity?name=THIRDS")) == []
    assert urls(api.get(f"activity?{urlencode({'url': HALVES, 'name': 'thirds'})}")) == []


def test_activities_by_collection(api, two_collections):
    fractions, more = two_collections

    assert urls(api.get(f"activity?collections={more}")) == [HALVES, "only"]
    assert urls(api.get("activity?collections__collection_id=fractions")) == [HALVES, THIRDS, READING]
    assert urls(api.get(f"activity?collections={fractions}&collections__collection_id=more")) == [HALVES]
    assert urls(api.get("activity?collections=987654321")) == []
    assert urls(api.get("activity?collections__collection_id=unknown")) == []


def test_an_activity_in_two_collections_of_a_name_is_listed_once(api, two_collections):
    response = api.get("activity?collections__name=Fractions")

    assert response.json()["count"] == 4
    assert urls(response) == [HALVES, THIRDS, READING, "only"]


def test_text_filters_are_not_trimmed(api, course):
    api.post("activity", {"source_launch_url": " a "})

    assert urls(api.get("activity?url=%20a%20")) == [" a "]
    assert urls(api.get("activity?url=a")) == []


def test_collections_and_knowledge_components(api, course):
    api.post("collection", {"collection_id": "b", "name": "Fractions"})

    def ids(path, field):
        return [item[field] for item in api.get(path).json()["results"]]

    assert ids("collection?collection_id=b", "collection_id") == ["b"]
    assert ids("collection?name=Fractions", "collection_id") == ["fractions", "b"]
    assert ids("knowledge_component?kc_id=half", "kc_id") == ["half"]
    assert ids("knowledge_component?name=Thirds", "kc_id") == ["third"]
    assert ids("knowledge_component?name=nothing", "kc_id") == []


@pytest.mark.parametrize("resource", ["mastery", "score"])
def test_evidence_by_learner(api, course, resource):
    for user_id in ("anna", "bert"):
        api.post("score", {"learner": {"user_id": user_id}, "activity": HALVES, "score": 1})
    api.post("score", {"learner": ANNA, "activity": HALVES, "score": 1})
    bert = Learner.objects.get(user_id="bert")

    def learners(query):
        return [item["learner"] for item in api.get(f"{resource}?{query}").json()["results"]]

    assert learners(f"learner={bert.id}") == [{"user_id": "bert", "tool_consumer_instance_guid": ""}]
    assert learners("learner__user_id=anna") == [{"user_id": "anna", "tool_consumer_instance_guid": ""}, ANNA]
    assert learners(f"learner={bert.id}&learner__user_id=anna") == []


def test_collection_activities(api, two_collections, course):
    fractions, more = two_collections
    halves = course["activities"][0].id

    def found(query):
        results = api.get(f"collection_activity?{query}").json()["results"]
        return [(item["collection"], item["activity"]) for item in results]

    assert found(f"activity={halves}") == [(fractions, halves), (more, halves)]
    assert found(f"collection={more}&activity={halves}") == [(more, halves)]
    assert len(found(f"collection={more}")) == 2
    assert CollectionActivity.objects.count() == 5


ID_FILTERS = [
    ("activity", "collections"),
    ("mastery", "learner"),
    ("score", "learner"),
    ("collection_activity", "activity"),
    ("collection_activity", "collection"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("resource", "name"), ID_FILTERS)
def test_an_id_filter_takes_an_id(api, resource, name):
    values = ["", " 1", "+1", "1_0", "٣", "abc", "0", "-1", "1.5", "1\0", str(2**63), "9" * 5_000, "\ufffd"]

    answers = [api.get(f"{resource}?{urlencode({name: value})}") for value in values]

    assert [answer.status_code for answer in answers] == [400] * len(values)
    assert [[field for field, _ in refusals(answer)] for answer in answers] == [[name]] * len(values)


TEXT_FILTERS = [
    ("activity", "url"),
    ("activity", "name"),
    ("activity", "collections__collection_id"),
    ("activity", "collections__name"),
    ("collection", "collection_id"),
    ("collection", "name"),
    ("knowledge_component", "kc_id"),
    ("knowledge_component", "name"),
    ("mastery", "learner__user_id"),
    ("score", "learner__user_id"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("resource", "name"), TEXT_FILTERS)
def test_a_nul_in_a_text_filter(api, resource, name):
    response = api.get(f"{resource}?{name}=a%00b")

    assert response.status_code == 400
    assert refusals(response) == [(name, "null_characters_not_allowed")]


@pytest.mark.django_db
@pytest.mark.parametrize(("resource", "name"), TEXT_FILTERS)
def test_any_other_text_is_looked_for(api, resource, name):
    values = ["%ED%A0%80", "%FF", "x" * 5_000, "%", "%F0%9F%99%82"]

    answers = [api.get(f"{resource}?{name}={value}") for value in values]

    assert [(answer.status_code, answer.json()["results"]) for answer in answers] == [(200, [])] * len(values)


def test_unknown_parameters_are_ignored(api, course):
    assert api.get("activity?ordering=name&x=%00&format=xml&format=").json()["count"] == 3


def test_filters_are_for_lists_alone(api, course):
    activity = course["activities"][0]

    assert api.get(f"activity/{activity.id}?name=other&collections=abc").status_code == 200
    assert api.get("collection/fractions?name=other").status_code == 200
    assert api.get("collection/fractions/activities?name=other&limit=abc").status_code == 200
    assert api.post("collection/fractions/grade?name=other", {"learner": ANNA}).status_code == 200
