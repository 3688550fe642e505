"""Prerequisites never form a cycle, by whichever route one is tried."""

import itertools

import pytest

from adaptivity.content.services.activities import activity_create, activity_update
from adaptivity.content.services.knowledge_components import (
    prerequisite_knowledge_component_create,
    prerequisite_knowledge_component_delete,
    prerequisite_knowledge_component_update,
)
from adaptivity.content.services.prerequisite_activities import (
    prerequisite_activity_create,
    prerequisite_activity_delete,
    prerequisite_activity_update,
)
from adaptivity.errors import InvalidInput
from adaptivity.models import PrerequisiteActivity, PrerequisiteKnowledgeComponent
from tests.support.builders import activity, knowledge_component

pytestmark = pytest.mark.django_db


class Activities:
    """Nodes and edges among activities, in the words that both graphs share."""

    model = PrerequisiteActivity
    ends = ("from_activity", "to_activity")
    field = "to_activity"
    node = staticmethod(activity)
    create = staticmethod(prerequisite_activity_create)
    update = staticmethod(prerequisite_activity_update)
    delete = staticmethod(prerequisite_activity_delete)


class KnowledgeComponents:
    model = PrerequisiteKnowledgeComponent
    ends = ("knowledge_component", "prerequisite")
    field = "prerequisite"
    node = staticmethod(knowledge_component)
    create = staticmethod(prerequisite_knowledge_component_create)
    update = staticmethod(prerequisite_knowledge_component_update)
    delete = staticmethod(prerequisite_knowledge_component_delete)


@pytest.fixture(params=[Activities, KnowledgeComponents])
def graph(request):
    return request.param


def link(graph, dependent, prerequisite):
    return graph.create(**dict(zip(graph.ends, (dependent, prerequisite), strict=True)))


def edges(graph):
    return set(graph.model.objects.values_list(*graph.ends))


def refused_as_cycle(graph, write):
    before = edges(graph)
    with pytest.raises(InvalidInput) as refused:
        write()
    assert (refused.value.field, refused.value.code) == (graph.field, "prerequisite_cycle")
    assert edges(graph) == before


def test_its_own_prerequisite(graph):
    a = graph.node("a")
    refused_as_cycle(graph, lambda: link(graph, a, a))


@pytest.mark.parametrize("length", [2, 3, 10])
def test_a_cycle_of_any_length(graph, length):
    nodes = [graph.node(f"n{number}") for number in range(length)]
    for dependent, prerequisite in itertools.pairwise(nodes):
        link(graph, dependent, prerequisite)
    refused_as_cycle(graph, lambda: link(graph, nodes[-1], nodes[0]))


def test_a_diamond_is_not_a_cycle(graph):
    a, b, c, d = (graph.node(name) for name in "abcd")
    for dependent, prerequisite in [(a, b), (a, c), (b, d), (c, d)]:
        link(graph, dependent, prerequisite)
    assert len(edges(graph)) == 4
    refused_as_cycle(graph, lambda: link(graph, d, a))


def test_a_duplicate_is_refused_as_one(graph):
    a, b = graph.node("a"), graph.node("b")
    link(graph, a, b)
    with pytest.raises(InvalidInput) as refused:
        link(graph, a, b)
    assert (refused.value.field, refused.value.code) == (graph.field, "unique")


def test_an_edge_that_is_turned_into_one_that_closes_a_cycle(graph):
    a, b, c = (graph.node(name) for name in "abc")
    link(graph, a, b)
    edge = link(graph, b, c)
    refused_as_cycle(graph, lambda: graph.update(edge=edge, **{graph.ends[1]: a}))
    refused_as_cycle(graph, lambda: graph.update(edge=edge, **{graph.ends[1]: b}))


def test_an_edge_may_be_turned_round_as_it_no_longer_counts_itself(graph):
    a, b = graph.node("a"), graph.node("b")
    edge = link(graph, a, b)
    graph.update(edge=edge, **dict(zip(graph.ends, (b, a), strict=True)))
    assert edges(graph) == {(b.pk, a.pk)}


def test_a_deleted_edge_no_longer_counts(graph):
    a, b = graph.node("a"), graph.node("b")
    graph.delete(edge=link(graph, a, b))
    link(graph, b, a)
    assert edges(graph) == {(b.pk, a.pk)}


def test_writers_that_read_the_graph_before_another_wrote_are_checked_against_what_is_there_now(graph):
    """Two authors hold objects from before each other's writes; the one who comes second is refused."""
    a, b, c = (graph.node(name) for name in "abc")
    first, second = link(graph, a, b), link(graph, b, c)
    held_by_the_second_author = graph.model.objects.get(pk=second.pk)
    graph.update(edge=first, **dict(zip(graph.ends, (c, a), strict=True)))
    # c needs a now, so b -> c may not become a -> c.
    refused_as_cycle(graph, lambda: graph.update(edge=held_by_the_second_author, **{graph.ends[0]: a}))


def test_through_an_activity_s_own_list_of_prerequisites():
    a, b = activity("a"), activity("b")
    c = activity_create(source_launch_url="c", prerequisite_activities=[b.pk])
    activity_update(activity=b, prerequisite_activities=[a.pk])
    for prerequisite in (a, b, c):
        with pytest.raises(InvalidInput) as refused:
            activity_update(activity=a, name="renamed", prerequisite_activities=[prerequisite.pk] * 2)
        assert (refused.value.field, refused.value.code) == ("prerequisite_activities", "prerequisite_cycle")
    a.refresh_from_db()
    assert a.name == ""
    assert edges(Activities) == {(c.pk, b.pk), (b.pk, a.pk)}
