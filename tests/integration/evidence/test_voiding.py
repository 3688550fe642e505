"""Statements that void others: in any order and any file, a voided score counts no more and its row stays."""

import json
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from adaptivity.database.sql import fetch
from adaptivity.errors import Stopped
from adaptivity.evidence.jobs import file_import
from adaptivity.evidence.jobs.import_evidence import EvidenceReport, ImportOptions, import_evidence
from adaptivity.evidence.services import imports
from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.evidence.services.privacy import learner_erase
from adaptivity.evidence.services.scores import score_correct, score_create, score_delete
from adaptivity.evidence.services.verification import state_verify
from adaptivity.evidence.services.voidings import VOIDINGS
from adaptivity.models import (
    DoneActivity,
    ErasedLearner,
    Learner,
    Mastery,
    Score,
    ScoreImport,
    ScoreRevision,
    VoidedStatement,
)
from tests.support.builders import ON_POSTGRESQL, activity, knowledge_component
from tests.support.evidence_files import AT, counts, reasons, run, statement, write

pytestmark = pytest.mark.django_db

QUIZZES = ("https://lrs.example/quiz", "https://lrs.example/quiz2")
ANNA = LearnerIdentity("anna", "https://lms.example")


@pytest.fixture(autouse=True)
def world(db: None) -> None:
    kc = knowledge_component("lines")
    for quiz in QUIZZES:
        activity(quiz, [kc])


def id_of(number: int) -> str:
    return str(UUID(int=number, version=4))


def scored(number: int, *, learner: str = "anna", **changes: Any) -> dict[str, Any]:
    """The score of that number: of 0.0, 0.25, 0.5, 0.75 and again, a minute after the one before."""
    return statement(
        id=id_of(number),
        actor__account={"homePage": "https://lms.example", "name": learner},
        object__id=QUIZZES[number % 2],
        result__score={"scaled": number % 4 / 4},
        timestamp=AT.replace(minute=number % 60).isoformat(),
        **changes,
    )


def voiding(number: int, **changes: Any) -> dict[str, Any]:
    """What voids it, by the platform and not by the learner, with an id of its own."""
    return statement(
        id=id_of(1000 + number),
        actor={"account": {"homePage": "https://lms.example", "name": "administrator"}},
        verb__id="http://adlnet.gov/expapi/verbs/voided",
        object={"objectType": "StatementRef", "id": id_of(number)},
        result=None,
        **changes,
    )


def voided(report: EvidenceReport) -> tuple[int, int]:
    return report.voidings, report.voided


def masteries() -> dict[str, float]:
    return dict(Mastery.objects.values_list("learner__user_id", "value"))


def check(expected: dict[str, float]) -> None:
    """The masteries are these, and what the log leads to."""
    assert masteries() == expected
    assert not any(batch.differences or batch.stale for batch in state_verify())


def without(tmp_path: Path, numbers: Sequence[int], learner: str = "anna") -> dict[str, float]:
    """The masteries that these scores alone lead to; they are removed again."""
    run(write(tmp_path / "alone.jsonl", *[scored(number, learner=learner) for number in numbers]))
    found = masteries()
    learner_erase(learner=LearnerIdentity(learner, "https://lms.example"))
    ErasedLearner.objects.all().delete()
    ScoreImport.objects.all().delete()
    return found


ORDERS = {
    "after it": [[scored(1), scored(2), scored(3), voiding(2)]],
    "before it": [[voiding(2), scored(1), scored(2), scored(3)]],
    "in a later file": [[scored(1), scored(2), scored(3)], [voiding(2)]],
    "in an earlier file": [[voiding(2)], [scored(1), scored(2), scored(3)]],
    "in both": [[scored(1), voiding(2)], [scored(2), voiding(2), scored(3)]],
    "with its id in capitals": [
        [scored(1), scored(2, verb__display={}), scored(3)],
        [voiding(2) | {"object": {"objectType": "StatementRef", "id": id_of(2).upper()}}],
    ],
}


@pytest.mark.parametrize("rows_a_batch", [1, 2000])
@pytest.mark.parametrize("files", ORDERS.values(), ids=ORDERS)
def test_masteries_are_those_without_the_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: list[list[Any]], rows_a_batch: int
) -> None:
    monkeypatch.setattr(file_import, "BATCH_ROWS", rows_a_batch)
    expected = without(tmp_path, [1, 3])
    paths = [write(tmp_path / f"{number}.jsonl", *entries) for number, entries in enumerate(files)]

    reports = [run(path) for path in paths]

    check(expected)
    # The row stays in the log, and the last of its revisions deletes it.
    assert list(Score.objects.order_by("timestamp").values_list("event_id", "score")) == [
        (id_of(1), 0.25),
        (id_of(2), 0.5),
        (id_of(3), 0.75),
    ]
    (revision,) = ScoreRevision.objects.select_related("score", "activity")
    assert (revision.score.event_id, revision.activity.source_launch_url) == (id_of(2), QUIZZES[0])
    assert (revision.value, revision.timestamp, revision.deleted) == (0.5, AT.replace(minute=2), True)
    assert Learner.objects.get().evidence_count == 4
    assert set(DoneActivity.objects.values_list("activity__source_launch_url", flat=True)) == {QUIZZES[1]}
    assert sum(report.voided for report in reports) == 1
    assert sum(report.imported for report in reports) == 3
    assert all(report.refused == report.ignored == 0 for report in reports)

    again = [run(path, again=True) for path in reversed(paths)]

    check(expected)
    assert (Score.objects.count(), ScoreRevision.objects.count()) == (3, 1)
    assert sum(report.imported + report.voided + report.learners_traced for report in again) == 0
    assert sum(report.known for report in again) == 3
    assert sum(report.voidings for report in again) == sum(report.voidings for report in reports)


def test_what_the_summary_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "a.jsonl", scored(1), scored(2), voiding(1), voiding(2), voiding(7), {"verb": {"id": "x"}})

    call_command("import_evidence", str(file))
    assert capsys.readouterr().out.startswith(
        "2 scores imported, 0 known already, 0 lines refused, 1 without a score, 3 voiding statements, "
        "2 scores voided, 1 learners traced (1 files, "
    )
    call_command("import_evidence", str(file), "--again")
    assert capsys.readouterr().out.startswith(
        "0 scores imported, 2 known already, 0 lines refused, 1 without a score, 3 voiding statements, "
        "0 scores voided, 0 learners traced (1 files, "
    )
    check({})


def test_an_unknown_statement_changes_nothing_until_its_score_comes(tmp_path: Path) -> None:
    run(write(tmp_path / "a.jsonl", scored(1)))
    before = masteries()

    report = run(write(tmp_path / "b.jsonl", voiding(2), voiding(9)))
    assert (counts(report), voided(report), report.learners_traced) == ((0, 0, 0, 0), (2, 0), 0)
    check(before)

    # Weeks later, in a file of other lines.
    report = run(write(tmp_path / "c.jsonl", scored(2), scored(3, learner="ben")))
    assert (counts(report), voided(report)) == ((2, 0, 0, 0), (0, 1))
    check(before | {"ben": masteries()["ben"]})


def test_a_voiding_statement_cannot_be_voided(tmp_path: Path) -> None:
    expected = without(tmp_path, [1])
    of_the_voiding = voiding(1002)

    for entries in ([scored(1), scored(2), voiding(2)], [of_the_voiding], [scored(2), voiding(2), of_the_voiding]):
        report = run(write(tmp_path / f"{len(entries)}-{entries[0]['id']}.jsonl", *entries))
        assert (report.refused, report.ignored) == (0, 0)
        check(expected)
    assert ScoreRevision.objects.count() == 1


def test_a_voiding_of_the_voiding_that_comes_first_changes_nothing(tmp_path: Path) -> None:
    run(write(tmp_path / "a.jsonl", voiding(1002), voiding(2), scored(2)))

    assert masteries() == {}
    assert Score.objects.count() == ScoreRevision.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"object": None}, "object: is missing"),
        ({"object": "x"}, "object: is not an object"),
        ({"object": {"id": id_of(1)}}, "object.objectType: is not a StatementRef"),
        ({"object__objectType": "Activity"}, "object.objectType: is not a StatementRef"),
        ({"object__id": None}, "object.id: is missing"),
        ({"object__id": 7}, "object.id: is not a text"),
        ({"object__id": ""}, "object.id: is blank"),
        ({"object__id": "s1"}, "object.id: is not a UUID"),
        ({"object__id": id_of(1).replace("-", "")}, "object.id: is not a UUID"),
        ({"object__id": f"{id_of(1)}\n"}, "object.id: is not a UUID"),
        ({"object__id": f"urn:uuid:{id_of(1)}"}, "object.id: is not a UUID"),
    ],
)
def test_one_that_names_no_statement_is_refused(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    entry = {**voiding(1)}
    for path, value in changes.items():
        table, name = (entry["object"], path.removeprefix("object__")) if "__" in path else (entry, path)
        table.pop(name) if value is None else table.update({name: value})

    report = run(write(tmp_path / "a.jsonl", scored(1), entry, scored(3)), rejects=tmp_path / "rejects")

    assert (counts(report), voided(report)) == ((2, 0, 1, 0), (0, 0))
    assert reasons() == [(reason, 1, 2, 2)]
    assert json.loads(report.reject_files[0].read_text())["reason"] == reason
    assert not VoidedStatement.objects.exists()


def test_another_verb_of_the_same_end_voids_nothing(tmp_path: Path) -> None:
    report = run(write(tmp_path / "a.jsonl", scored(1), voiding(1) | {"verb": {"id": "https://x.example/voided"}}))

    assert (counts(report), voided(report)) == ((1, 0, 0, 1), (0, 0))


def test_overlapping_files_void_once(tmp_path: Path) -> None:
    entries = [scored(1), voiding(2), scored(2), scored(3), voiding(3), scored(5)]
    expected = without(tmp_path, [1, 5])

    reports = [run(write(tmp_path / f"{n}.jsonl", *entries[n : n + 3])) for n in range(4)]

    assert [(report.imported, report.known, *voided(report)) for report in reports] == [
        (2, 0, 1, 1),
        (1, 1, 1, 0),
        (0, 2, 1, 1),
        (1, 1, 1, 0),
    ]
    check(expected)
    assert ScoreRevision.objects.count() == 2


def test_the_statement_says_which_learner_s_and_all_who_have_it_lose_it(tmp_path: Path) -> None:
    """A file that was imported for two platforms is evidence of two learners."""
    file = write(tmp_path / "a.jsonl", scored(1), scored(2, learner="ben"))
    run(file)
    run(file, guid="campus")

    report = run(write(tmp_path / "b.jsonl", voiding(1)), guid="elsewhere")

    assert voided(report) == (1, 2)
    assert sorted(Mastery.objects.values_list("learner__user_id", "learner__tool_consumer_instance_guid")) == [
        ("ben", "campus"),
        ("ben", "https://lms.example"),
    ]
    check(masteries())


def test_a_corrected_score_and_a_deleted_one(tmp_path: Path) -> None:
    run(write(tmp_path / "a.jsonl", scored(1), scored(2)))
    corrected, deleted = Score.objects.order_by("timestamp")
    score_correct(score=corrected, value=1.0, activity=QUIZZES[0])
    score_delete(score=deleted)

    report = run(write(tmp_path / "b.jsonl", voiding(1), voiding(2)))

    assert voided(report) == (2, 1)
    last = corrected.revisions.select_related("activity").latest("arrival")
    assert (last.value, last.activity.source_launch_url, last.deleted, last.arrival) == (1.0, QUIZZES[0], True, 5)
    assert deleted.revisions.count() == 1
    check({})


def test_a_score_of_the_api_under_the_statement_s_id_is_the_same_event(tmp_path: Path) -> None:
    score_create(learner=ANNA, activity=QUIZZES[0], score=0.5, timestamp=AT, event_id=id_of(2))
    score_create(learner=ANNA, activity=QUIZZES[0], score=0.5, timestamp=AT, event_id="not-a-uuid")
    before = Score.objects.get(event_id="not-a-uuid")

    assert voided(run(write(tmp_path / "a.jsonl", voiding(2)))) == (1, 1)
    assert not before.revisions.exists()
    check(masteries())
    assert Mastery.objects.count() == 1


def test_a_csv_row_under_a_voided_id_does_not_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(write(tmp_path / "a.jsonl", voiding(2)))
    rows = ["learner,item,kcs,score,event_id", f"anna,{QUIZZES[0]},lines,1,{id_of(2)}", f"ben,{QUIZZES[0]},lines,1,e"]

    call_command("import_scores", str(write(tmp_path / "a.csv", *rows)))

    assert capsys.readouterr().out == (
        "2 scores imported, 0 known already, 0 rows refused, 1 of voided statements, 2 learners traced\n"
    )
    assert set(masteries()) == {"ben"}


def test_stopped_after_each_batch_it_ends_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_import, "BATCH_ROWS", 3)
    numbers = range(1, 20)
    expected = without(tmp_path, [number for number in numbers if number % 3])
    entries = [entry for n in numbers for entry in ([scored(n)] if n % 3 else [voiding(n), scored(n)])]
    file, rounds = write(tmp_path / "a.jsonl", *entries), 0
    while True:
        rounds += 1
        try:
            import_evidence([file], ImportOptions(), stop=lambda: True)
        except Stopped:
            continue
        break

    assert rounds == 10
    check(expected)
    assert (Score.objects.count(), ScoreRevision.objects.count()) == (19, 6)


def test_a_batch_that_is_rolled_back_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(write(tmp_path / "a.jsonl", scored(1)))
    before = masteries()
    monkeypatch.setattr(file_import, "rejects_record", lambda **_: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        run(write(tmp_path / "b.jsonl", voiding(1)))

    assert not VoidedStatement.objects.exists()
    check(before)


def test_an_erasure_takes_what_was_voided_with_it(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", scored(1), scored(2), voiding(2), scored(3, learner="ben"), voiding(3))
    run(file)

    erased = learner_erase(learner=ANNA)

    assert (erased["score_revisions"], erased["voided_statements"]) == (1, 1)
    assert list(VoidedStatement.objects.values_list("statement_id", flat=True)) == [id_of(3)]
    # Imported again, nothing of the learner comes back; the other's stays voided.
    report = run(file, again=True)
    assert (counts(report), report.erased, voided(report)) == ((0, 1, 0, 0), 2, (2, 0))
    assert list(Learner.objects.values_list("user_id", flat=True)) == ["ben"]
    check({})


@pytest.mark.one_database
def test_many_at_once(tmp_path: Path) -> None:
    """A batch of voidings costs as many statements as one of scores does, however many learners it is about."""
    numbers = range(600)
    run(write(tmp_path / "a.jsonl", *[scored(n, learner=f"u{n}") for n in numbers]))
    file = write(tmp_path / "b.jsonl", *[voiding(n) for n in numbers])

    with CaptureQueriesContext(connection) as queries:
        report = run(file)

    assert voided(report) == (600, 600)
    check({})
    # Tracing takes the masteries and activities away learner by learner.
    statements = [query["sql"] for query in queries if not query["sql"].startswith("DELETE")]
    assert len(statements) < 100


@pytest.mark.skipif(not ON_POSTGRESQL, reason="SQLite has one writer at a time: nothing to wait for")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("first", ["scores", "voiding"])
def test_two_imports_at_once_do_not_miss_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """One of them stands before its commit, and the other has begun: neither sees what the other writes."""
    files = {
        "scores": write(tmp_path / "a.jsonl", scored(1), scored(2, learner="ben")),
        "voiding": write(tmp_path / "b.jsonl", voiding(1)),
    }
    second = next(name for name in files if name != first)
    whole, stands, reports = imports.scores_import_batch, threading.Event(), {}

    def held(**arguments: Any) -> Any:
        with transaction.atomic():
            result = whole(**arguments)
            if threading.current_thread().name == first:
                stands.set()
                wait_for_a_lock_that_is_waited_for()
            return result

    def in_a_thread(name: str) -> threading.Thread:
        def work() -> None:
            try:
                reports[name] = run(files[name])
            finally:
                connection.close()

        thread = threading.Thread(target=work, name=name)
        thread.start()
        return thread

    monkeypatch.setattr(file_import, "scores_import_batch", held)
    threads = [in_a_thread(first)]
    assert stands.wait(30)
    threads.append(in_a_thread(second))
    for thread in threads:
        thread.join(60)

    assert (reports["scores"].imported, sum(report.voided for report in reports.values())) == (2, 1)
    run(*files.values(), again=True)
    assert set(masteries()) == {"ben"}
    check(masteries())


def wait_for_a_lock_that_is_waited_for() -> None:
    """Until another session of this database waits for the lock of voidings, or has had its time to."""
    sql = "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted"
    until = time.monotonic() + 10
    while time.monotonic() < until and fetch(sql, [VOIDINGS]) == [(0,)]:
        pass
