"""prerequisite_activity, prerequisite_knowledge_component and collection_activity: edges between two objects."""

from dataclasses import dataclass

import pytest

from adaptivity.content.services.knowledge_components import knowledge_component_create
from adaptivity.models import CollectionActivity, PrerequisiteActivity, PrerequisiteKnowledgeComponent
from tests.support.api import refusals


@dataclass
class Prerequisite:
    """One of the two kinds, with three nodes to join."""

    route: str
    dependent: str
    prerequisite: str
    cycle_field: str
    extra: dict
    nodes: list

    def body(self, prerequisite, dependent, **fields):
        return {self.prerequisite: self.nodes[prerequisite], self.dependent: self.nodes[dependent], **fields}


@pytest.fixture(params=["activity", "knowledge_component"])
def edges(request, course):
    if request.param == "activity":
        nodes = [activity.id for activity in course["activities"]]
        return Prerequisite("prerequisite_activity", "from_activity", "to_activity", "to_activity", {}, nodes)
    kcs = [course["half"], course["third"], knowledge_component_create(kc_id="fourth", name="")]
    return Prerequisite(
        "prerequisite_knowledge_component",
        "knowledge_component",
        "prerequisite",
        "prerequisite",
        {"value": 1.0},
        [kc.id for kc in kcs],
    )


def test_create_read_delete(api, edges):
    response = api.post(edges.route, edges.body(0, 1))
    url = f"{edges.route}/{response.json()['id']}"

    assert response.status_code == 201
    assert response.json() == {"id": response.json()["id"], **edges.body(0, 1), **edges.extra}
    assert api.get(url).json() == response.json()
    assert api.get(edges.route).json()["results"] == [response.json()]
    assert api.delete(url).status_code == 204
    assert api.get(url).status_code == 404


def test_change(api, edges):
    created = api.post(edges.route, edges.body(0, 1)).json()
    url = f"{edges.route}/{created['id']}"

    put = api.put(url, edges.body(1, 0))
    patch = api.patch(url, {edges.dependent: edges.nodes[2]})

    assert put.json() == {**created, **edges.body(1, 0)}
    assert patch.json() == api.get(url).json() == {**created, **edges.body(1, 2)}


def test_no_cycles(api, edges, unchanged):
    api.post(edges.route, edges.body(0, 1))
    last = api.post(edges.route, edges.body(1, 2)).json()

    with unchanged():
        answers = [
            api.post(edges.route, edges.body(2, 0)),
            api.post(edges.route, edges.body(1, 0)),
            api.post(edges.route, edges.body(2, 2)),
            api.patch(f"{edges.route}/{last['id']}", edges.body(1, 0)),
        ]

    assert [answer.status_code for answer in answers] == [400] * 4
    assert [refusals(answer) for answer in answers] == [[(edges.cycle_field, "prerequisite_cycle")]] * 4


def test_an_edge_may_be_turned_round(api, edges):
    created = api.post(edges.route, edges.body(0, 1)).json()

    assert api.put(f"{edges.route}/{created['id']}", edges.body(1, 0)).status_code == 200


def test_an_edge_is_unique(api, edges, unchanged):
    api.post(edges.route, edges.body(0, 1))
    other = api.post(edges.route, edges.body(0, 2)).json()

    with unchanged():
        again = api.post(edges.route, edges.body(0, 1))
        taken = api.put(f"{edges.route}/{other['id']}", edges.body(0, 1))

    assert (again.status_code, taken.status_code) == (400, 400)
    assert refusals(again) == refusals(taken) == [(edges.cycle_field, "unique")]


@pytest.mark.parametrize(("sent", "kept"), [(0, 0.0), (1, 1.0), ("0.5", 0.5)])
def test_the_strength_of_a_prerequisite(api, course, sent, kept):
    body = {"prerequisite": course["half"].id, "knowledge_component": course["third"].id, "value": sent}

    response = api.post("prerequisite_knowledge_component", body)

    assert response.status_code == 201
    assert response.json()["value"] == PrerequisiteKnowledgeComponent.objects.get().value == kept


def test_put_without_the_strength_leaves_it(api, course):
    body = {"prerequisite": course["half"].id, "knowledge_component": course["third"].id}
    created = api.post("prerequisite_knowledge_component", {**body, "value": 0.4}).json()

    assert api.put(f"prerequisite_knowledge_component/{created['id']}", body).json() == created


def test_the_same_edges_are_an_activitys_prerequisite_activities(api, course):
    first, second, _ = (activity.id for activity in course["activities"])

    api.post("prerequisite_activity", {"from_activity": second, "to_activity": first})

    assert api.get(f"activity/{second}").json()["prerequisite_activities"] == [first]
    assert api.get(f"activity/{first}").json()["prerequisite_activities"] == []
    assert PrerequisiteActivity.objects.count() == 1


def test_collection_activity(api, course):
    activity, collection = course["activities"][0].id, course["collection"].id
    other = api.post("collection", {"collection_id": "other", "name": ""}).json()["id"]

    created = api.post("collection_activity", {"activity": str(activity), "collection": other})
    url = f"collection_activity/{created.json()['id']}"

    assert created.status_code == 201
    assert created.json() == {"id": created.json()["id"], "activity": activity, "collection": other}
    assert api.get(f"activity/{activity}").json()["collections"] == [collection, other]
    changed = api.patch(url, {"activity": course["activities"][1].id})
    assert changed.json() == {**created.json(), "activity": course["activities"][1].id}
    assert api.delete(url).status_code == 204
    assert api.get(f"activity/{activity}").json()["collections"] == [collection]


def test_a_collection_activity_is_unique(api, course, unchanged):
    body = {"activity": course["activities"][0].id, "collection": course["collection"].id}
    other = CollectionActivity.objects.get(activity=course["activities"][1])

    with unchanged():
        again = api.post("collection_activity", body)
        taken = api.patch(f"collection_activity/{other.id}", {"activity": body["activity"]})

    assert (again.status_code, taken.status_code) == (400, 400)
    assert refusals(again) == refusals(taken) == [("activity", "unique")]
