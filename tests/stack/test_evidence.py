"""Evidence in real processes: an import that is killed goes on; scores and imports that meet an erasure."""

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from benchmarks.tracking_log import course, write_log
from tests.support.databases import KINDS, Database, new_database
from tests.support.service import ROOT, Service, manage, service_environment, together

LINES, LEARNERS, PROBLEMS = 48_000, 60, 40
BROKEN_EVERY = 1000


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with new_database(request.param, tmp_path) as created:
        yield created


def test_killed_and_run_again(database: Database, tmp_path: Path) -> None:
    log, broken = tmp_path / "tracking.log", tmp_path / "broken.log"
    write_log(log, lines=LINES, learners=LEARNERS, problems=PROBLEMS)
    with log.open() as source, broken.open("w") as target:
        for number, line in enumerate(source, start=1):
            target.write("broken\n" if number % BROKEN_EVERY == 0 else line)
    (tmp_path / "course.toml").write_text(course(PROBLEMS))
    env = service_environment(database, EVIDENCE_REJECTS=str(tmp_path / "rejects"))
    manage("migrate", "-v0", env=env)
    manage("load_course", str(tmp_path / "course.toml"), env=env)

    process = subprocess.Popen(
        [sys.executable, "manage.py", "import_evidence", str(broken)],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    # The first line of this phase comes after the first batch was committed.
    next(line for line in process.stdout if '"importing"' in line)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    ((killed_at,),) = database.rows("SELECT COUNT(*) FROM adaptivity_score")
    assert 0 < killed_at < LINES / 4

    again = run(env, "import_evidence", str(broken))

    # Every fourth line is a graded problem, beginning with the first: none of those that were broken.
    refused = LINES // BROKEN_EVERY
    assert again.returncode == 3, again.stdout + again.stderr
    assert again.stdout.splitlines()[-1].startswith(
        f"{LINES // 4 - killed_at} scores imported, {killed_at} known already"
    )
    assert database.rows("SELECT COUNT(*), COUNT(DISTINCT event_id) FROM adaptivity_score") == [
        (LINES // 4, LINES // 4)
    ]
    assert database.rows("SELECT reason, count, first_line, last_line FROM adaptivity_reject") == [
        ("is not a JSON object", refused, BROKEN_EVERY, LINES)
    ]
    (rejects,) = (tmp_path / "rejects").iterdir()
    lines = [json.loads(entry)["line"] for entry in rejects.read_text().splitlines()]
    assert lines == list(range(BROKEN_EVERY, LINES + 1, BROKEN_EVERY))
    assert manage("verify_state", env=env).splitlines()[-1] == f"{LEARNERS} learners compared, 0 stale, 0 differences"

    # The log without its broken lines overlaps with what was imported, and is another file.
    whole = run(env, "import_evidence", str(log))
    assert whole.returncode == 0, whole.stdout + whole.stderr
    assert whole.stdout.splitlines()[-1].startswith(f"0 scores imported, {LINES // 4} known already, 0 lines refused")


def run(env: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120
    )


def test_scores_that_meet_an_erasure(service: Service, name: str) -> None:
    kc = service.post("/api/v2/knowledge_component", {"kc_id": name, "name": "A KC"})["id"]
    service.post("/api/v2/activity", {"source_launch_url": name, "knowledge_components": [kc]})
    learner = {"user_id": name, "tool_consumer_instance_guid": "campus"}
    score = partial(service.call, "POST", "/api/v2/score", {"learner": learner, "activity": name, "score": 0.5})
    erase = partial(service.call, "POST", "/api/v2/learner/erase", {"learner": learner})
    assert [score().status_code for _ in range(3)] == [201] * 3

    responses = together([score, score, score, erase] * 5)

    erasures = [response.json()["erased"] for response in responses if response.status_code == 200]
    assert Counter(response.status_code for response in responses) == {201: 15, 200: 5}
    left = service.get(f"/api/v2/score?learner__user_id={name}")["count"]
    assert sum(erased.get("scores", 0) for erased in erasures) + left == 18
    assert sum(erased.get("learners", 0) for erased in erasures) >= 1
    # What is left is whole: as many scores as there were after the last erasure, one after another.
    after = {"user_id": f"other-{name}", "tool_consumer_instance_guid": "campus"}
    for _ in range(left):
        service.post("/api/v2/score", {"learner": after, "activity": name, "score": 0.5})
    masteries = [
        [entry["value"] for entry in service.get(f"/api/v2/mastery?learner__user_id={who}")["results"]]
        for who in (name, f"other-{name}")
    ]
    assert masteries[0] == pytest.approx(masteries[1], abs=1e-9)


def test_an_import_that_meets_an_erasure(service: Service, name: str, tmp_path: Path) -> None:
    """Whichever is first: the erased learner's old scores are gone at the end, and everybody else's are there."""
    people = 200
    files = []
    for number in range(3):
        files.append(tmp_path / f"{number}.csv")
        rows = (f"{name}-{person},{name},k,1,,{number}" for person in range(people))
        files[-1].write_text("learner,item,kcs,score,timestamp,event_id\n" + "\n".join(rows) + "\n")
    env = service_environment(service.database, EVIDENCE_REJECTS=str(tmp_path / "rejects"))
    body = {"learner": {"user_id": f"{name}-7"}}
    erase = partial(service.call, "POST", "/api/v2/learner/erase", body)

    def import_files() -> list[int]:
        return [run(env, "import_evidence", str(file)).returncode for file in files]

    def erase_until(count: int) -> list[int]:
        return [erase().status_code for _ in range(count)]

    imported, erased = together([import_files, partial(erase_until, 40)])  # type: ignore[list-item]

    assert imported == [0, 0, 0]
    assert set(erased) == {200}
    # Also rows that were read before an erasure and written after it: they are older than it.
    count = "SELECT COUNT(*) FROM adaptivity_score s JOIN adaptivity_learner l ON l.id = s.learner_id WHERE l.user_id "
    assert service.database.rows(count + "= %s", f"{name}-7") == [(0,)]
    assert service.database.rows(count + "LIKE %s", f"{name}-%") == [(3 * (people - 1),)]
    assert list((tmp_path / "rejects").iterdir()) == []
