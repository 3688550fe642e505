"""Requests that arrive at once, at two workers of four threads: the same result as one after another, no failures."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from requests import Response

from tests.support.service import Service, together

# A sum of conditional probabilities in another order of floating-point operations differs by far less.
TOLERANCE = 1e-9

Call = Callable[[], Response]


class Course:
    """Content of one test: four activities, each tagged with two of four KCs, in one collection."""

    def __init__(self, service: Service, name: str) -> None:
        self.service = service
        self.name = name
        self.collection = f"collection-{name}"
        collection = service.post("/api/v2/collection", {"collection_id": self.collection, "name": "Fractions"})
        kcs = [
            service.post("/api/v2/knowledge_component", {"kc_id": f"{name}-{number}", "name": "A KC"})["id"]
            for number in range(4)
        ]
        self.urls = [f"https://lms.example.org/{name}/{number}" for number in range(4)]
        self.ids = [
            service.post(
                "/api/v2/activity",
                {
                    "source_launch_url": url,
                    "collections": [collection["id"]],
                    "knowledge_components": [kcs[number], kcs[(number + 1) % 4]],
                },
            )["id"]
            for number, url in enumerate(self.urls)
        ]

    def score(self, learner: str, activity: str, score: float, **more: str) -> Call:
        """A call that posts a score."""
        body = {"learner": {"user_id": learner}, "activity": activity, "score": score, **more}
        return partial(self.service.call, "POST", "/api/v2/score", body)

    def recommend(self, learner: str) -> Call:
        """A call that asks for a recommendation."""
        body = {"learner": {"user_id": learner}, "collection": self.collection, "sequence": None}
        return partial(self.service.call, "POST", "/api/v2/activity/recommend", body)

    def masteries(self, learner: str) -> dict[str, float]:
        """The learner's mastery of each KC that has evidence; each KC once."""
        found = self.service.get(f"/api/v2/mastery?learner__user_id={learner}")["results"]
        masteries = {entry["knowledge_component"]["kc_id"]: entry["value"] for entry in found}
        assert len(masteries) == len(found)
        return masteries

    def log(self, learner: str) -> list[dict[str, Any]]:
        """The learner's scores in history order: by timestamp and, where it is equal, by arrival."""
        found = self.service.get(f"/api/v2/score?learner__user_id={learner}")
        assert found["next"] is None
        return sorted(found["results"], key=lambda entry: (entry["timestamp"], entry["id"]))

    def masteries_one_after_another(self, log: list[dict[str, Any]]) -> dict[str, float]:
        """What another learner has mastered after the same scores, each posted when the one before was answered."""
        other = f"sequential-{self.name}"
        for entry in log:
            assert self.score(other, entry["activity"], entry["score"])().status_code == 201
        return self.masteries(other)


@pytest.fixture
def course(service: Service, name: str) -> Course:
    return Course(service, name)


def statuses(responses: list[Response]) -> Counter[int]:
    """How often each status was answered."""
    return Counter(response.status_code for response in responses)


def count(service: Service, table: str, condition: str, *parameters: Any) -> int:
    """How many rows the database has."""
    ((found,),) = service.database.rows(f"SELECT COUNT(*) FROM {table} WHERE {condition}", *parameters)
    return found


def learners(service: Service, user_id: str) -> int:
    """How many learners have this user_id."""
    return count(service, "adaptivity_learner", "user_id = %s", user_id)


class TestScores:
    def test_parallel_scores_equal_the_same_scores_one_after_another(self, course: Course, name: str) -> None:
        calls = [course.score(name, course.urls[number % 4], number / 23) for number in range(24)]

        responses = together(calls)

        assert statuses(responses) == {201: 24}
        log = course.log(name)
        assert sorted(entry["score"] for entry in log) == [number / 23 for number in range(24)]
        assert len({entry["id"] for entry in log}) == 24
        masteries = course.masteries(name)
        assert len(masteries) == 4
        assert masteries == pytest.approx(course.masteries_one_after_another(log), abs=TOLERANCE)

    def test_parallel_scores_on_one_activity_lose_no_update(self, course: Course, name: str) -> None:
        responses = together([course.score(name, course.urls[0], 0.5)] * 20)

        assert statuses(responses) == {201: 20}
        log = course.log(name)
        assert len(log) == 20
        assert course.masteries(name) == pytest.approx(course.masteries_one_after_another(log), abs=TOLERANCE)

    def test_one_event_posted_twenty_times_is_one_score(self, course: Course, name: str) -> None:
        responses = together([course.score(name, course.urls[0], 1.0, event_id="event")] * 20)

        assert statuses(responses) == {201: 20}
        assert len({response.json()["id"] for response in responses}) == 1
        log = course.log(name)
        assert len(log) == 1
        assert course.masteries(name) == pytest.approx(course.masteries_one_after_another(log), abs=TOLERANCE)

    def test_deletions_among_new_scores(self, service: Service, course: Course, name: str) -> None:
        first = [course.score(name, course.urls[number % 4], 0.1)().json() for number in range(8)]
        deletions = [partial(service.call, "DELETE", f"/api/v2/score/{entry['id']}") for entry in first]
        posts = [course.score(name, course.urls[number % 4], 0.9) for number in range(8)]

        responses = together([call for pair in zip(deletions, posts, strict=True) for call in pair])

        assert statuses(responses) == {204: 8, 201: 8}
        log = course.log(name)
        assert [entry["score"] for entry in log] == [0.9] * 8
        assert course.masteries(name) == pytest.approx(course.masteries_one_after_another(log), abs=TOLERANCE)

    def test_a_score_deleted_ten_times_at_once_is_deleted_once(
        self, service: Service, course: Course, name: str
    ) -> None:
        score = course.score(name, course.urls[0], 1.0)().json()

        responses = together([partial(service.call, "DELETE", f"/api/v2/score/{score['id']}")] * 10)

        assert statuses(responses) == {204: 1, 404: 9}
        assert course.masteries(name) == {}


class TestNewLearner:
    def test_twenty_recommendations_at_once(self, service: Service, course: Course, name: str) -> None:
        responses = together([course.recommend(name)] * 20)

        assert statuses(responses) == {200: 20}
        assert len({response.text for response in responses}) == 1
        assert learners(service, name) == 1

    def test_twenty_scores_at_once(self, service: Service, course: Course, name: str) -> None:
        responses = together([course.score(name, course.urls[number % 4], 1.0) for number in range(20)])

        assert statuses(responses) == {201: 20}
        assert learners(service, name) == 1
        assert len(course.log(name)) == 20

    def test_hand_set_masteries_of_the_same_learners_in_opposite_order(
        self, service: Service, course: Course, name: str
    ) -> None:
        """Whoever locks several learners or masteries in an order of their own waits for the other for ever."""
        entries = [
            {
                "learner": {"user_id": f"{name}-{learner}"},
                "knowledge_component": {"kc_id": f"{name}-{kc}"},
                "value": 0.5,
            }
            for learner in range(5)
            for kc in range(4)
        ]
        put = partial(service.call, "PUT", "/api/v2/mastery/bulk_update")

        responses = together([partial(put, entries), partial(put, entries[::-1])] * 5)

        assert statuses(responses) == {200: 10}
        assert [learners(service, f"{name}-{learner}") for learner in range(5)] == [1] * 5
        assert [course.masteries(f"{name}-{learner}") for learner in range(5)] == [
            {f"{name}-{kc}": 0.5 for kc in range(4)}
        ] * 5


class TestContent:
    def test_one_of_twenty_creates_the_collection(self, service: Service, name: str) -> None:
        create = partial(service.call, "POST", "/api/v2/collection", {"collection_id": name, "name": "Fractions"})

        responses = together([create] * 20)

        assert statuses(responses) == {201: 1, 400: 19}
        refused = [response.json()["errors"] for response in responses if response.status_code == 400]
        assert {errors[0]["field"] for errors in refused} == {"collection_id"}
        assert service.get(f"/api/v2/collection?collection_id={name}")["count"] == 1

    @pytest.mark.parametrize(
        ("route", "unique", "body"),
        [
            ("activity", "source_launch_url", {}),
            ("knowledge_component", "kc_id", {"name": "Adding"}),
        ],
    )
    def test_one_of_ten_creates_it(
        self, service: Service, name: str, route: str, unique: str, body: dict[str, str]
    ) -> None:
        create = partial(service.call, "POST", f"/api/v2/{route}", {unique: name, **body})

        assert statuses(together([create] * 10)) == {201: 1, 400: 9}

    def test_one_direction_of_an_activity_prerequisite_wins(self, service: Service, course: Course) -> None:
        post = partial(service.call, "POST", "/api/v2/prerequisite_activity")
        for first, second in [(0, 1), (1, 2), (2, 3), (0, 2)]:
            one, other = course.ids[first], course.ids[second]

            responses = together(
                [
                    partial(post, {"from_activity": one, "to_activity": other}),
                    partial(post, {"from_activity": other, "to_activity": one}),
                ]
            )

            assert statuses(responses) == {201: 1, 400: 1}
            (won,) = (response.json() for response in responses if response.status_code == 201)
            assert service.call("DELETE", f"/api/v2/prerequisite_activity/{won['id']}").status_code == 204

    def test_one_direction_of_a_knowledge_component_prerequisite_wins(
        self, service: Service, course: Course, name: str
    ) -> None:
        kcs = [service.get(f"/api/v2/knowledge_component/{name}-{number}")["id"] for number in range(4)]
        post = partial(service.call, "POST", "/api/v2/prerequisite_knowledge_component")
        for first, second in [(0, 1), (2, 3)]:
            one, other = kcs[first], kcs[second]

            responses = together(
                [
                    partial(post, {"prerequisite": one, "knowledge_component": other, "value": 1.0}),
                    partial(post, {"prerequisite": other, "knowledge_component": one, "value": 1.0}),
                ]
            )

            assert statuses(responses) == {201: 1, 400: 1}

    def test_a_replaced_collection_holds_one_of_the_lists(self, service: Service, name: str) -> None:
        lists = [[f"https://lms.example.org/{name}/{(writer + item) % 7}" for item in range(3)] for writer in range(10)]
        replace = partial(service.call, "POST", f"/api/v2/collection/{name}/activities")

        responses = together([partial(replace, [{"source_launch_url": url} for url in urls]) for urls in lists])

        assert statuses(responses) == {200: 10}
        held = {entry["source_launch_url"] for entry in service.get(f"/api/v2/collection/{name}/activities")}
        assert held in [set(urls) for urls in lists]

    def test_an_activity_deleted_while_it_is_scored(self, service: Service, course: Course, name: str) -> None:
        """Either it has evidence and stays, or it is gone and nobody has scored it."""
        for url, activity_id in zip(course.urls, course.ids, strict=True):
            delete = partial(service.call, "DELETE", f"/api/v2/activity/{activity_id}")
            scores = [course.score(f"{name}-{learner}", url, 1.0) for learner in range(6)]

            deleted, *scored = together([delete, *scores])

            kept = count(service, "adaptivity_score", "activity_id = %s", activity_id)
            if deleted.status_code == 204:
                assert set(statuses(scored)) <= {400, 409}
                assert kept == 0
            else:
                assert deleted.status_code == 409
                assert set(statuses(scored)) == {201}
                assert kept == 6

    def test_a_knowledge_component_deleted_while_it_is_scored_and_set(
        self, service: Service, course: Course, name: str
    ) -> None:
        """A score is recorded whether the KC is still there or not; a mastery is set, or refused for an unknown KC."""
        for number in range(8):
            kc_id, url = f"{name}-kc-{number}", f"https://lms.example.org/{name}/kc-{number}"
            kc = service.call("POST", "/api/v2/knowledge_component", {"kc_id": kc_id, "name": kc_id}).json()["id"]
            service.call("POST", "/api/v2/activity", {"source_launch_url": url, "knowledge_components": [kc]})
            learners = [f"{name}-{number}-{learner}" for learner in range(6)]
            for learner in learners:
                assert course.score(learner, course.urls[0], 1.0)().status_code == 201
            # Makes them stale, so that each write replays its learner.
            service.call("PATCH", f"/api/v2/activity/{course.ids[1]}", {"knowledge_components": [kc]})
            setting = {"knowledge_component": {"kc_id": kc_id}, "value": 0.5}

            deleted, *written = together(
                [
                    partial(service.call, "DELETE", f"/api/v2/knowledge_component/{kc_id}"),
                    *(course.score(learner, url, 1.0) for learner in learners[:3]),
                    *(
                        partial(service.call, "POST", "/api/v2/mastery", {"learner": {"user_id": learner}, **setting})
                        for learner in learners[3:]
                    ),
                ]
            )

            assert deleted.status_code in {204, 409}
            assert statuses(written[:3]) == {201: 3}
            assert set(statuses(written[3:])) <= {201, 400}


def test_readers_among_writers(service: Service, course: Course, name: str) -> None:
    """Scores, content and reads at once: every answer is right for some moment."""
    extra = [f"https://lms.example.org/{name}/extra-{number}" for number in range(4)]
    replace = partial(service.call, "POST", f"/api/v2/collection/{course.collection}/activities")
    writers = [course.score(name, course.urls[number % 4], number / 7) for number in range(8)]
    writers += [partial(replace, [{"source_launch_url": url} for url in [*course.urls, new]]) for new in extra]
    recommendations = [course.recommend(f"{name}-{number}") for number in range(8)]
    grade = {"learner": {"user_id": name}}
    readers = [
        partial(service.call, "GET", f"/api/v2/score?learner__user_id={name}"),
        partial(service.call, "GET", f"/api/v2/mastery?learner__user_id={name}"),
        partial(service.call, "POST", f"/api/v2/collection/{course.collection}/grade", grade),
        partial(service.call, "GET", f"/api/v2/collection/{course.collection}/activities"),
    ]

    responses = together([*writers, *recommendations, *readers])

    assert statuses(responses[:8]) == {201: 8}
    assert statuses(responses[8:]) == {200: 16}
    recommended = {response.json()["source_launch_url"] for response in responses[12:20]}
    assert recommended <= {*course.urls, *extra}
    assert course.masteries(name) == pytest.approx(course.masteries_one_after_another(course.log(name)), abs=TOLERANCE)
