"""The scenarios that are measured, and the target of each figure."""

import random
from dataclasses import dataclass

from benchmarks import data
from benchmarks.load import Request

REQUESTS = 2000


@dataclass(frozen=True)
class Scenario:
    """Requests to one of two databases: ``few`` has 200 learners, ``many`` has 20,000 and learners for special
    scenarios.
    """

    name: str
    database: str
    requests: list[Request]


@dataclass(frozen=True)
class Target:
    """A bound for a scenario's rate.

    Without ``compared``, the rate as a share of the floor's must be at least ``bound``. With ``compared``, the scenario
    may be at most ``bound`` times slower than that scenario.
    """

    title: str
    scenario: str
    bound: float
    compared: str | None = None


FLOOR = "floor"
TARGETS = [
    Target("recommend, 1,000 activities, 100 KCs", "recommend", 0.35),
    Target("score", "score", 0.25),
    Target("recommend: 20 to 1,000 activities", "recommend", 1.3, "recommend, 20 activities"),
    Target("recommend: 200 to 20,000 learners", "recommend", 1.3, "recommend, 200 learners"),
    Target("recommend: 10 to 2,000 scores", "recommend, 2,000 scores", 1.3, "recommend, 10 scores"),
    Target("score: 20 to 1,000 activities", "score", 1.3, "score, 20 activities"),
    Target("score: 200 to 20,000 learners", "score", 1.3, "score, 200 learners"),
    Target("score: 10 to 2,000 scores", "score, 2,000 scores", 1.3, "score, 10 scores"),
]


def scenarios(learners: int) -> list[Scenario]:
    """All scenarios, the floor first.

    Of each kind of learner, those with odd numbers get scores and those with even numbers get recommendations. So every
    round measures the same recommendations.
    """
    copies = learners // data.FEW_LEARNERS
    every, few = range(copies), range(1)
    typical, short, long = data.FEW_LEARNERS, data.SHORT_LEARNERS, data.LONG_LEARNERS
    return [
        Scenario(FLOOR, "many", [Request(f"/benchmarks/floor/{who}") for who in some("typical", typical, every, 0)]),
        Scenario("recommend", "many", recommend(data.LARGE, some("typical", typical, every, 0))),
        Scenario("score", "many", score(data.ACTIVITIES, some("typical", typical, every, 1))),
        Scenario("recommend, 20 activities", "many", recommend(data.SMALL, some("typical", typical, every, 0))),
        Scenario("score, 20 activities", "many", score(data.SMALL_ACTIVITIES, some("typical", typical, every, 1))),
        Scenario("recommend, 200 learners", "few", recommend(data.LARGE, some("typical", typical, few, 0))),
        Scenario("score, 200 learners", "few", score(data.ACTIVITIES, some("typical", typical, few, 1))),
        Scenario("recommend, 10 scores", "many", recommend(data.LARGE, some("short", short, few, 0))),
        Scenario("score, 10 scores", "many", score(data.ACTIVITIES, some("short", short, few, 1))),
        Scenario("recommend, 2,000 scores", "many", recommend(data.LARGE, some("long", long, few, 0))),
        Scenario("score, 2,000 scores", "many", score(data.ACTIVITIES, some("long", long, few, 1))),
    ]


def some(group: str, learners: int, copies: range, odd: int) -> list[str]:
    """REQUESTS learners of a group in random order; none comes again before every other has come."""
    whole = [data.learner_id(group, number, copy) for copy in copies for number in range(odd, learners, 2)]
    random.Random(data.SEED).shuffle(whole)
    return [whole[n % len(whole)] for n in range(REQUESTS)]


def recommend(collection: str, learners: list[str]) -> list[Request]:
    """A recommendation for each learner."""
    return [
        Request(
            "/api/v2/activity/recommend",
            {
                "learner": {"user_id": who, "tool_consumer_instance_guid": ""},
                "collection": collection,
                "sequence": [],
            },
            b'"complete":false',
        )
        for who in learners
    ]


def score(activities: int, learners: list[str]) -> list[Request]:
    """A score of each learner on one of the first activities."""
    generator = random.Random(data.SEED)
    return [
        Request(
            "/api/v2/score",
            {
                "learner": {"user_id": who, "tool_consumer_instance_guid": ""},
                "activity": data.activity_url(generator.randrange(activities)),
                "score": generator.choice([0.0, 0.5, 1.0]),
            },
        )
        for who in learners
    ]
