"""A version's whole life on the real service: what is published counts at once in both workers, and what is taken back
leaves no trace in any answer."""

import csv
import random
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.databases import KINDS, new_database
from tests.support.service import Service, manage, prepare, running, service_environment, together

LEARNERS, RESPONSES = 240, 8
# Guess, slip and transit of the items of two KCs; the authors' defaults are 0.1, 0.15 and 0.1.
TRUTH = {"easy": (0.45, 0.03, 0.3), "hard": (0.05, 0.35, 0.05)}
# Enough requests at once for each of two workers of four threads; and the learners for whom they are made.
AT_ONCE, ASKED = 12, 4


@pytest.fixture(params=KINDS)
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    """One of its own: an estimate is of every score that there is, and what is promoted is in force for all."""
    with (
        new_database(request.param, tmp_path) as database,
        running(database, prepare(database), tmp_path / "output") as started,
    ):
        yield started


@pytest.fixture
def name() -> str:
    """Always the same: the learners' names decide who is held out, and so whether the gate sees the improvement."""
    return "course"


@pytest.fixture
def course(service: Service, name: str, tmp_path: Path) -> str:
    """A collection with twelve items of two KCs, and the scores of 240 learners on them."""
    drawn = random.Random(7)
    path = tmp_path / "scores.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["learner", "item", "kcs", "score"])
        for learner in range(LEARNERS):
            for kc, (guess, slip, transit) in TRUTH.items():
                mastered = drawn.random() < 0.3
                for item in drawn.sample(range(6), 4):
                    right = drawn.random() < (1 - slip if mastered else guess)
                    mastered = mastered or drawn.random() < transit
                    rows.writerow([f"{name}-{learner}", f"{name}/{kc}/{item}", f"{name}-{kc}", int(right)])
    manage("import_scores", str(path), "--collection", name, env=service_environment(service.database))
    return name


def answers(service: Service, course: str) -> list[Any]:
    """What some learners are recommended, with every sub-score; each is asked for at once in all workers."""
    found = []
    for learner in range(ASKED):
        body = {"learner": {"user_id": f"{course}-{learner}"}, "collection": course}
        call = partial(service.call, "POST", "/api/v2/activity/recommend?explain=true", body)
        responses = together([call] * AT_ONCE)
        assert {response.status_code for response in responses} == {200}
        texts = {response.text for response in responses}
        assert len(texts) == 1
        found.append(texts.pop())
    return found


def masteries(service: Service, course: str) -> list[tuple[Any, ...]]:
    return service.database.rows(
        "SELECT learner.user_id, mastery.knowledge_component_id, mastery.value FROM adaptivity_mastery mastery"
        " JOIN adaptivity_learner learner ON learner.id = mastery.learner_id WHERE learner.user_id LIKE %s"
        " ORDER BY learner.id, mastery.knowledge_component_id",
        f"{course}-%",
    )


def test_estimated_promoted_and_rolled_back(service: Service, course: str) -> None:
    env = service_environment(service.database)
    before, before_masteries = answers(service, course), masteries(service, course)

    printed = manage("estimate", "--name", course, env=env)
    assert "passed  improvement" in printed, printed
    assert "FAILED" not in printed
    assert service.get(f"/api/v2/model_version/{course}")["active"] is False
    assert answers(service, course) == before

    # Taken back before anybody was traced under it, nothing has to be replayed.
    assert service.post(f"/api/v2/model_version/{course}/promote", {}, status=200)["active"] is True
    at_once = answers(service, course)
    assert all(new != old for new, old in zip(at_once, before, strict=True))
    assert service.post("/api/v2/model_version/rollback", {}, status=200) == {"active": None}
    assert answers(service, course) == before

    service.post(f"/api/v2/model_version/{course}/promote", {}, status=200)
    try:
        assert answers(service, course) == at_once
        assert service.get("/version/")["model_version"] == course
        assert masteries(service, course) == before_masteries
        manage("trace_learners", env=env)
        assert len(masteries(service, course)) == len(before_masteries)
        assert masteries(service, course) != before_masteries
        assert answers(service, course) != at_once
    finally:
        rolled_back = service.post("/api/v2/model_version/rollback", {}, status=200)
    manage("trace_learners", env=env)

    assert rolled_back == {"active": None}
    assert masteries(service, course) == before_masteries
    assert answers(service, course) == before

    # Who promotes or rolls back at the same time takes turns: one is through, the others are told what they met.
    # Both have the same parameters, so that either may be the one.
    assert "FAILED" not in manage("estimate", "--name", f"{course}-2", env=env)
    names = [course, f"{course}-2"]
    calls = [partial(service.call, "POST", f"/api/v2/model_version/{name}/promote", {}) for name in names * 4]
    outcomes = Counter(
        (name, response.status_code, *(error["code"] for error in response.json().get("errors", ())))
        for name, response in zip(names * 4, together(calls), strict=True)
    )
    active = service.get("/version/")["model_version"]
    (other,) = set(names) - {active}
    assert outcomes == {(active, 200): 1, (active, 409, "active"): 3, (other, 409, "baseline"): 4}
    rollbacks = together([partial(service.call, "POST", "/api/v2/model_version/rollback", {})] * 4)
    assert Counter(response.status_code for response in rollbacks) == {200: 1, 409: 3}
    assert service.get("/version/")["model_version"] is None
    # Nothing was traced in between.
    assert answers(service, course) == before
