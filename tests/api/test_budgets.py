"""What a request may cost, counted exactly, through HTTP with a token.

Django counts every statement that it sends, the two that begin and end a transaction among them: BEGIN and COMMIT in
service, SAVEPOINT and RELEASE SAVEPOINT here, where a test runs inside a transaction of its own. The numbers of score
include these two; recommend of a known learner opens no transaction.
"""

import itertools
import json

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from adaptivity.content.selectors.arrays import cache_clear
from adaptivity.content.services.activities import activity_update
from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.evidence.services.retracing import learners_retrace
from adaptivity.models import (
    Activity,
    ActivityKnowledgeComponent,
    Collection,
    CollectionActivity,
    DoneActivity,
    Experiment,
    ExperimentalGroup,
    KnowledgeComponent,
    Learner,
    Mastery,
    PrerequisiteKnowledgeComponent,
    Score,
)
from adaptivity.recommendation.services.experiments import experiment_pin, experiment_start
from tests.support.builders import NOON, ON_POSTGRESQL, minutes, model_version_activate
from tests.support.reference import Tag

pytestmark = pytest.mark.django_db

KNOWN = {"user_id": "known", "tool_consumer_instance_guid": "campus"}

# token, learner, collection version, masteries with the last item's relevance, done activities
RECOMMEND = 5
# token, learner, collection version, the new learner's row
RECOMMEND_NEW = 4
# activities, tags, KC prerequisites, KCs, activity prerequisites, and whether the version is still the same
LOAD_ARRAYS = 6
# the experiment, its groups
LOAD_EXPERIMENT = 2
# token, savepoint, learner (locked), stamp, the activity with its tags and the learner's masteries; the score, the
# masteries, the done activity, the learner; release
SCORE_FIRST = 10
SCORE_DONE_BEFORE = SCORE_FIRST - 1
EVENT_ID = 1
# ... and to create the learner's row and lock it
NEW_LEARNER = 2


@pytest.fixture
def client():
    client = APIClient()
    token = Token.objects.create(user=get_user_model().objects.create_user("platform"))
    client.credentials(HTTP_AUTHORIZATION=f"Token {token.key}")
    return client


def course(activities: int, collection_id: str = "course", kcs: int = 5) -> Collection:
    """A collection of so many activities, each tagged with two of the KCs; each KC is a prerequisite of the next."""
    collection = Collection.objects.create(collection_id=collection_id)
    created = KnowledgeComponent.objects.bulk_create(
        KnowledgeComponent(kc_id=f"{collection_id} kc {number}") for number in range(kcs)
    )
    PrerequisiteKnowledgeComponent.objects.bulk_create(
        PrerequisiteKnowledgeComponent(prerequisite=before, knowledge_component=after, value=0.5)
        for before, after in itertools.pairwise(created)
    )
    items = Activity.objects.bulk_create(
        Activity(source_launch_url=f"{collection_id}/{number}", difficulty=number / activities)
        for number in range(activities)
    )
    CollectionActivity.objects.bulk_create(CollectionActivity(collection=collection, activity=item) for item in items)
    ActivityKnowledgeComponent.objects.bulk_create(
        ActivityKnowledgeComponent(activity=item, knowledge_component=kc)
        for number, item in enumerate(items)
        for kc in (created[number % kcs], created[(number + 1) % kcs])
    )
    return collection


def history(identity: LearnerIdentity, collection_id: str, scores: int, activities: int) -> None:
    """So many scores of the learner on the first activities of the collection, one after another."""
    (learner,) = Learner.objects.bulk_create(
        [
            Learner(
                user_id=identity.user_id,
                tool_consumer_instance_guid=identity.tool_consumer_instance_guid,
                evidence_count=scores,
            )
        ]
    )
    done = list(Activity.objects.filter(source_launch_url__startswith=f"{collection_id}/").order_by("id")[:activities])
    Score.objects.bulk_create(
        Score(
            learner=learner,
            activity=done[number % activities],
            score=0.5,
            timestamp=minutes(number),
            arrival=number + 1,
        )
        for number in range(scores)
    )
    learners_retrace(learner_ids=[learner.pk])


KNOWN_IDENTITY = LearnerIdentity(KNOWN["user_id"], KNOWN["tool_consumer_instance_guid"])


def recommend(client, learner=KNOWN, **more):
    response = client.post(
        "/api/v2/activity/recommend", {"learner": learner, "collection": "course"} | more, format="json"
    )
    assert response.status_code == 200
    return response.json()


def score(client, activity, learner=KNOWN, **more):
    response = client.post(
        "/api/v2/score", {"learner": learner, "activity": activity, "score": 0.7} | more, format="json"
    )
    assert response.status_code == 201
    return response.json()


@pytest.fixture(params=[(10, 10), (200, 10), (10, 200), (200, 200)], ids=lambda p: f"{p[0]} activities, {p[1]} scores")
def size(request):
    """A course of so many activities, and a known learner with so many scores on half of them, the arrays cached."""
    activities, scores = request.param
    course(activities)
    course(4, "elsewhere")
    history(KNOWN_IDENTITY, "course", scores, activities // 2)
    return activities, scores


class TestRecommend:
    def test_a_known_learner(self, client, size, django_assert_num_queries):
        recommend(client)
        with django_assert_num_queries(RECOMMEND):
            answer = recommend(client)
        assert answer["complete"] is False

    def test_the_last_item_lies_in_another_collection(self, client, size, django_assert_num_queries):
        recommend(client)
        score(client, "elsewhere/0")
        with django_assert_num_queries(RECOMMEND):
            recommend(client)

    def test_with_a_sequence_and_an_explanation(self, client, size, django_assert_num_queries):
        recommend(client)
        sequence = [{"activity": f"course/{number}", "score": None} for number in range(5)]
        with django_assert_num_queries(RECOMMEND):
            recommend(client, sequence=[*sequence, {"activity": "nowhere", "score": 1.0}])
        with django_assert_num_queries(RECOMMEND):
            client.post(
                "/api/v2/activity/recommend?explain=true", {"learner": KNOWN, "collection": "course"}, format="json"
            )

    def test_with_a_model_version(self, client, size, django_assert_num_queries):
        item, kc = Activity.objects.get(source_launch_url="course/0"), KnowledgeComponent.objects.all()[0]
        model_version_activate("v1", {(item, kc): Tag(0.2, 0.2, 0.2)}, {kc: 0.3})
        recommend(client)
        with django_assert_num_queries(RECOMMEND):
            recommend(client)

    def test_in_an_experiment(self, client, size, django_assert_num_queries):
        experiment = Experiment.objects.create(
            name="experiment", collection=Collection.objects.get(collection_id="course")
        )
        groups = [ExperimentalGroup.objects.create(experiment=experiment, name=name) for name in "ab"]
        recommend(client)
        experiment_start(experiment=experiment)
        with django_assert_num_queries(RECOMMEND + LOAD_EXPERIMENT):
            recommend(client)
        with django_assert_num_queries(RECOMMEND):
            recommend(client)
        experiment_pin(group=groups[1], learner=KNOWN_IDENTITY)
        with CaptureQueriesContext(connection) as captured:
            recommend(client)
        assert len(captured) == RECOMMEND
        assert {statement["sql"].split()[0] for statement in captured.captured_queries} == {"SELECT"}
        with django_assert_num_queries(RECOMMEND_NEW):
            recommend(client, learner={"user_id": "new"})

    def test_a_learner_whose_masteries_are_stale(self, client, size, django_assert_num_queries):
        activity_update(activity=Activity.objects.get(source_launch_url="course/0"), knowledge_components=[])
        recommend(client)
        with django_assert_num_queries(RECOMMEND):
            recommend(client)

    def test_a_known_learner_without_evidence(self, client, size, django_assert_num_queries):
        recommend(client, learner={"user_id": "fresh"})
        with django_assert_num_queries(RECOMMEND):
            recommend(client, learner={"user_id": "fresh"})

    def test_a_new_learner(self, client, size, django_assert_num_queries):
        recommend(client)
        with django_assert_num_queries(RECOMMEND_NEW):
            recommend(client, learner={"user_id": "new"})
        assert Learner.objects.filter(user_id="new").count() == 1

    def test_after_changed_content(self, client, size, django_assert_num_queries):
        recommend(client)
        activity_update(activity=Activity.objects.get(source_launch_url="course/0"), difficulty=0.9)
        with django_assert_num_queries(RECOMMEND + LOAD_ARRAYS):
            recommend(client)
        with django_assert_num_queries(RECOMMEND):
            recommend(client)

    def test_in_a_new_process(self, client, size, django_assert_num_queries):
        cache_clear()
        with django_assert_num_queries(RECOMMEND + LOAD_ARRAYS):
            recommend(client)

    def test_a_known_learner_is_not_written(self, client, size):
        with CaptureQueriesContext(connection) as captured:
            recommend(client)
        assert {statement["sql"].split()[0] for statement in captured.captured_queries} == {"SELECT"}


class TestScore:
    def test_the_first_on_an_activity(self, client, size, django_assert_num_queries):
        with django_assert_num_queries(SCORE_FIRST):
            score(client, f"course/{size[0] - 1}")

    def test_a_later_one(self, client, size, django_assert_num_queries):
        with django_assert_num_queries(SCORE_DONE_BEFORE):
            score(client, "course/0")

    def test_with_a_timestamp_in_order(self, client, size, django_assert_num_queries):
        with django_assert_num_queries(SCORE_DONE_BEFORE):
            score(client, "course/0", timestamp=minutes(1000).isoformat())

    def test_with_an_event_id(self, client, size, django_assert_num_queries):
        with django_assert_num_queries(SCORE_DONE_BEFORE + EVENT_ID):
            score(client, "course/0", event_id="e1")

    def test_repeated_with_its_event_id(self, client, size, django_assert_num_queries):
        first = score(client, "course/0", event_id="e1")
        # token, savepoint, learner (locked), the score with this event id, release
        with django_assert_num_queries(5):
            assert score(client, "course/0", event_id="e1") == first

    def test_of_a_new_learner(self, client, size, django_assert_num_queries):
        with django_assert_num_queries(SCORE_FIRST + NEW_LEARNER):
            score(client, "course/0", learner={"user_id": "new"})

    def test_a_late_one_replays_in_a_fixed_number_of_statements(self, client, size, django_assert_num_queries):
        # To where the score is recorded as ever: token, savepoint, learner, stamp, activity, score. Then the learner's
        # count; a savepoint, the learner again; the stamp, tags, corrections, scores, hand-set masteries, priors; the
        # masteries and done activities as they are; the masteries as they become, the learner; two releases.
        with django_assert_num_queries(6 + 1 + 2 + 6 + 2 + 2 + 2):
            score(client, "course/0", timestamp=minutes(-1).isoformat())


LEARNERS, ELSEWHERE, MEMBERS, KCS = 1_600, 1_500, 20, 10
# Tables that grow with the number of learners or of what they do.
GROWING = ("adaptivity_learner", "adaptivity_mastery", "adaptivity_doneactivity", "adaptivity_score")


@pytest.fixture
def crowd(client):
    """The statements of one recommendation, among 1,600 learners; this one has done 1,500 activities elsewhere."""
    collection = course(MEMBERS, kcs=KCS)
    course(ELSEWHERE, "elsewhere", kcs=500)
    learners = Learner.objects.bulk_create(Learner(user_id=f"learner {number}") for number in range(LEARNERS))
    known = Learner.objects.create(**KNOWN)
    items = list(Activity.objects.values_list("id", flat=True))
    kcs = list(KnowledgeComponent.objects.values_list("id", flat=True))
    members = list(collection.memberships.order_by("activity_id").values_list("activity_id", flat=True))
    # Few activities of many learners: an index on the activity alone costs more, whatever the sizes of the indexes.
    done = [(learner, item) for learner in learners for item in {members[0], *items[:: len(items) // 4]}]
    done += [(known, item) for item in items if item not in members or item == members[0]]
    DoneActivity.objects.bulk_create(DoneActivity(learner=learner, activity_id=item) for learner, item in done)
    Score.objects.bulk_create(
        Score(learner=learner, activity_id=item, score=1.0, timestamp=NOON, arrival=number)
        for number, (learner, item) in enumerate(done, start=1)
    )
    held = [(learner, kc) for learner in learners for kc in kcs[::100]] + [(known, kc) for kc in kcs]
    Mastery.objects.bulk_create(Mastery(learner=learner, knowledge_component_id=kc, value=0.5) for learner, kc in held)
    Learner.objects.filter(pk=known.pk).update(
        evidence_count=ELSEWHERE + 1, last_activity=Activity.objects.get(pk=items[-1])
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    recommend(client)
    with CaptureQueriesContext(connection) as captured:
        recommend(client)
    assert len(captured) == RECOMMEND
    return [statement["sql"] for statement in captured.captured_queries]


def plan_nodes(node):
    """The nodes of a PostgreSQL plan."""
    yield node
    for child in node.get("Plans", []):
        yield from plan_nodes(child)


def explained(sql):
    """The nodes of the plan that PostgreSQL ran the statement with, or the lines of SQLite's plan."""
    with connection.cursor() as cursor:
        if ON_POSTGRESQL:
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}")
            (answer,) = cursor.fetchone()
            answer = json.loads(answer) if isinstance(answer, str) else answer
            return list(plan_nodes(answer[0]["Plan"]))
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        return [row[3] for row in cursor.fetchall()]


class TestRowsRead:
    def test_every_query_of_a_recommendation_finds_its_rows_by_index(self, crowd):
        for sql in crowd:
            for node in explained(sql):
                if ON_POSTGRESQL:
                    assert (node["Node Type"], node.get("Relation Name")) not in {
                        ("Seq Scan", table) for table in GROWING
                    }
                else:
                    assert not any(f"SCAN {table}" in node for table in GROWING), node
                    assert not node.startswith("SCAN tag"), node

    def test_rows_of_a_learner_are_bounded_by_the_collection(self, crowd):
        """What the learner did 1,500 times elsewhere, and the 500 masteries there, are not read."""
        of_learner = {"adaptivity_mastery": 0, "adaptivity_doneactivity": 0}
        for sql in crowd:
            for node in explained(sql):
                if ON_POSTGRESQL and node.get("Relation Name") in of_learner:
                    read = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
                    of_learner[node["Relation Name"]] += read * node["Actual Loops"]
                elif not ON_POSTGRESQL and "adaptivity_doneactivity" in node:
                    assert "(learner_id=? AND activity_id=?)" in node
                elif not ON_POSTGRESQL and "adaptivity_mastery" in node:
                    assert "(learner_id=? AND knowledge_component_id=?)" in node
        if ON_POSTGRESQL:
            assert of_learner["adaptivity_mastery"] <= KCS
            assert of_learner["adaptivity_doneactivity"] <= MEMBERS

    def test_no_query_of_a_recommendation_names_the_log(self, crowd):
        for table in ("adaptivity_score", "adaptivity_scorerevision", "adaptivity_handsetmastery"):
            assert not any(table in sql for sql in crowd)
