"""Files of scores: what is created, what is refused, and that nothing is imported twice."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from adaptivity.content.services.activities import activity_create
from adaptivity.errors import Conflict, InvalidInput
from adaptivity.evidence.jobs import file_import
from adaptivity.evidence.jobs.file_import import ImportReport
from adaptivity.evidence.jobs.import_scores import import_scores
from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.evidence.services.scores import score_create
from adaptivity.evidence.services.verification import state_verify
from adaptivity.models import (
    Activity,
    Collection,
    DoneActivity,
    JobRun,
    KnowledgeComponent,
    Learner,
    Mastery,
    Score,
    ScoreImport,
)
from adaptivity.recommendation.services.recommendation import activity_recommend

pytestmark = pytest.mark.django_db

HEADER = "learner,item,kcs,score\n"


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def no_differences() -> bool:
    return not any(batch.differences or batch.stale for batch in state_verify())


def refused(path: Path, **options: object) -> tuple[ImportReport, list[tuple[int, str]]]:
    seen: list[tuple[int, str]] = []
    report = import_scores(path, refuse=lambda line, reason: seen.append((line, reason)), **options)  # type: ignore[arg-type]
    return report, seen


def test_creates_what_is_missing_and_traces(tmp_path: Path) -> None:
    file = write(tmp_path / "scores.csv", HEADER + "7,q1,add;sub,1\n7,q2,add,0\n8,q1,add;sub,0.5\n")

    report = import_scores(file, collection_id="algebra", guid="uni")

    assert report == ImportReport(imported=3, known=0, refused=0, learners_traced=2)
    assert list(Learner.objects.order_by("id").values_list("user_id", "tool_consumer_instance_guid")) == [
        ("7", "uni"),
        ("8", "uni"),
    ]
    assert list(Activity.objects.order_by("id").values_list("source_launch_url", "name")) == [
        ("q1", "q1"),
        ("q2", "q2"),
    ]
    assert list(KnowledgeComponent.objects.order_by("kc_id").values_list("kc_id", "name")) == [
        ("add", "add"),
        ("sub", "sub"),
    ]
    collection = Collection.objects.get(collection_id="algebra")
    assert set(collection.activities.values_list("source_launch_url", flat=True)) == {"q1", "q2"}
    # O = 0.25; after a score of 1: 1/9 + 10/9 * 0.25 * 8.5 = 2.472222, which is p = 0.712; after a 0 on the same KC:
    # 1/9 + 10/9 * 2.472222 * (0.15/0.9) = 0.568930.
    sub = Mastery.objects.get(learner__user_id="7", knowledge_component__kc_id="sub")
    assert sub.value == pytest.approx(0.712, abs=1e-12)
    add = Mastery.objects.get(learner__user_id="7", knowledge_component__kc_id="add")
    odds = 1 / 9 + 10 / 9 * (0.712 / 0.288) * (0.15 / 0.9)
    assert add.value == pytest.approx(odds / (1 + odds), abs=1e-12)
    assert DoneActivity.objects.filter(learner__user_id="7").count() == 2
    assert no_differences()


def test_a_second_run_imports_nothing(tmp_path: Path) -> None:
    rows = HEADER + "7,q1,add,1\n7,q1,add,1\n"
    first = write(tmp_path / "scores.csv", rows)
    packed = tmp_path / "other-name.csv.gz"
    packed.write_bytes(gzip.compress(rows.encode()))

    assert import_scores(first).imported == 2
    assert import_scores(first) == ImportReport(imported=0, known=2)
    assert import_scores(packed) == ImportReport(imported=0, known=2)
    assert import_scores(first, guid="another platform").imported == 2
    assert Score.objects.count() == 4


def test_a_second_run_may_name_a_collection(tmp_path: Path) -> None:
    file = write(tmp_path / "scores.csv", HEADER + "7,q1,add,1\n7,q2,add,1\n")
    import_scores(file)

    assert import_scores(file, collection_id="late").imported == 0
    assert Collection.objects.get(collection_id="late").activities.count() == 2


def test_rows_with_event_id_count_once_in_any_file(tmp_path: Path) -> None:
    header = "learner,item,kcs,score,timestamp,event_id\n"
    first = write(tmp_path / "a.csv", header + "7,q1,add,1,2026-01-01T10:00:00Z,e1\n7,q2,add,1,,e2\n")
    overlap = write(
        tmp_path / "b.csv",
        header + "7,q2,add,1,,e2\n7,q3,add,0,,e3\n7,q1,add,0,2026-01-01T10:00:00Z,e1\n7,q4,add,1,,e4\n7,q4,add,1,,e4\n",
    )

    assert import_scores(first).imported == 2
    report, reasons = refused(overlap)

    assert report == ImportReport(imported=2, known=2, refused=1, learners_traced=1)
    assert reasons == [(4, "event_id: recorded for this learner with different content")]
    assert Score.objects.count() == 4
    assert no_differences()


def test_history_order_is_by_time_and_then_by_line(tmp_path: Path) -> None:
    header = "learner,item,kcs,score,timestamp\n"
    file = write(
        tmp_path / "scores.csv",
        header
        + "7,q1,add,1,2026-01-02T10:00:00+01:00\n7,q2,add,0,2026-01-01T10:00:00Z\n7,q3,add,1,2026-01-02T09:00:00Z\n",
    )

    import_scores(file)

    learner = Learner.objects.get()
    assert learner.last_activity is not None
    assert learner.last_activity.source_launch_url == "q3"
    assert learner.latest_timestamp == datetime(2026, 1, 2, 9, tzinfo=UTC)
    # 0 first (O = 1/9 + 10/9 * 0.25 / 6), then twice 1.
    odds = 1 / 9 + 10 / 9 * 0.25 * (0.15 / 0.9)
    for _ in range(2):
        odds = 1 / 9 + 10 / 9 * odds * (0.85 / 0.1)
    assert Mastery.objects.get().value == pytest.approx(odds / (1 + odds), abs=1e-12)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("7,q1,add,7", "score: is not a number from 0 to 1"),
        ("7,q1,add,-1", "score: is not a number from 0 to 1"),
        ("7,q1,add,nan", "score: is not a number from 0 to 1"),
        ("7,q1,add,", "score: is not a number from 0 to 1"),
        ("7,q1,add,0_1", "score: is not a number from 0 to 1"),
        ("7,q1,add,١", "score: is not a number from 0 to 1"),
        (",q1,add,1", "learner: is blank"),
        ("7, ,add,1", "item: is blank"),
        ("7,q1,add", "3 values for 4 columns"),
        ("7,q1,add,1,1", "5 values for 4 columns"),
        ("u" * 256 + ",q1,add,1", "learner: is longer than 255 characters"),
        ("7," + "q" * 501 + ",add,1", "item: is longer than 500 characters"),
        ("7,q1," + "k" * 256 + ",1", "kcs: is longer than 255 characters"),
        ("7,q\0,add,1", "item: contains a NUL character"),
    ],
)
def test_a_bad_row_is_reported_and_the_good_ones_are_kept(tmp_path: Path, row: str, reason: str) -> None:
    file = write(tmp_path / "scores.csv", HEADER + "7,q1,add,1\n" + row + "\n7,q2,add,1\n")

    report, reasons = refused(file)

    assert reasons == [(3, reason)]
    assert (report.imported, report.refused) == (2, 1)
    assert Score.objects.count() == 2


@pytest.mark.parametrize(
    ("timestamp", "reason"),
    [
        ("2026-01-01T10:00:00", "timestamp: has no time zone"),
        ("yesterday", "timestamp: is not a time in ISO 8601"),
        ("0001-01-01T00:00:00+14:00", "timestamp: is not a time in ISO 8601"),
        ("2026-01-01T10:00:00+01:00\0", "timestamp: contains a NUL character"),
        ("2999-01-01T10:00:00Z", "timestamp: is in the future"),
    ],
)
def test_a_bad_timestamp_is_reported(tmp_path: Path, timestamp: str, reason: str) -> None:
    file = write(tmp_path / "scores.csv", f"learner,item,kcs,score,timestamp\n7,q1,add,1,{timestamp}\n")

    report, reasons = refused(file)

    assert (report.imported, reasons) == (0, [(2, reason)])


def test_bytes_that_are_not_utf_8_spoil_only_their_row(tmp_path: Path) -> None:
    file = tmp_path / "scores.csv"
    file.write_bytes(HEADER.encode() + b"7,q\xff,add,1\n7,\xc3\xa9,add,1\n")

    report, reasons = refused(file)

    assert (report.imported, reasons) == (1, [(2, "item: is not UTF-8")])
    assert Activity.objects.get().source_launch_url == "é"


def test_strict_imports_nothing_at_the_first_bad_row(tmp_path: Path) -> None:
    file = write(tmp_path / "scores.csv", HEADER + "7,q1,add,1\n7,q2,add,2\n")

    with pytest.raises(InvalidInput, match="line 3: score: is not a number from 0 to 1"):
        import_scores(file, strict=True, collection_id="c")

    assert not Score.objects.exists()
    assert not Activity.objects.exists()
    assert not Learner.objects.exists()
    assert not Collection.objects.exists()


def test_strict_rolls_back_what_only_the_database_refuses(tmp_path: Path) -> None:
    header = "learner,item,kcs,score,event_id\n"
    import_scores(write(tmp_path / "a.csv", header + "7,q1,add,1,e1\n"))

    with pytest.raises(InvalidInput, match="line 3: event_id: recorded"):
        import_scores(write(tmp_path / "b.csv", header + "9,q9,add,1,e9\n7,q1,add,0,e1\n"), strict=True)

    assert Score.objects.count() == 1
    assert not Learner.objects.filter(user_id="9").exists()


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("learner,item,score\n", "line 1: the header lacks the column kcs"),
        ("", "line 1: the header lacks the column learner"),
        ("learner,item,kcs,score,score\n", "line 1: the header names a column twice"),
    ],
)
def test_an_unusable_header_stops_the_import(tmp_path: Path, header: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        import_scores(write(tmp_path / "scores.csv", header))
    assert not ScoreImport.objects.exists()


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"missing\.csv: No such file"):
        import_scores(tmp_path / "missing.csv")
    broken = tmp_path / "broken.gz"
    broken.write_bytes(gzip.compress(HEADER.encode() * 100)[:40])
    with pytest.raises(InvalidInput, match=r"broken\.gz: the gzip file is damaged"):
        import_scores(broken)
    flipped = bytearray(gzip.compress(bytes(range(256)) * 50))
    flipped[15:20] = b"\xff" * 5
    broken.write_bytes(flipped)
    with pytest.raises(InvalidInput, match=r"broken\.gz: the gzip file is damaged"):
        import_scores(broken)


def test_stopped_between_batches_it_continues_and_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "".join(f"{n % 7},q{n % 11},k{n % 3},{(n % 5) / 4}\n" for n in range(95))
    file = write(tmp_path / "scores.csv", HEADER + rows)
    monkeypatch.setattr(file_import, "BATCH_ROWS", 10)
    whole = file_import.scores_import_batch
    calls = 0

    def stops_in_the_fifth(**arguments: object) -> object:
        nonlocal calls
        calls += 1
        result = whole(**arguments)  # type: ignore[arg-type]
        if calls == 5:
            raise KeyboardInterrupt
        return result

    monkeypatch.setattr(file_import, "scores_import_batch", stops_in_the_fifth)
    with pytest.raises(KeyboardInterrupt):
        import_scores(file)
    # What the fifth batch had written went with its transaction.
    assert Score.objects.count() == 40
    monkeypatch.setattr(file_import, "scores_import_batch", whole)

    assert import_scores(file) == ImportReport(imported=55, known=40, learners_traced=7)

    resumed = list(Mastery.objects.order_by("learner", "knowledge_component").values_list("value", flat=True))
    assert no_differences()
    import_scores(file, guid="at once")
    at_once = Mastery.objects.filter(learner__tool_consumer_instance_guid="at once")
    # Learners and KCs have the same order in both runs, for their ids rise with their first row.
    assert list(at_once.order_by("learner", "knowledge_component").values_list("value", flat=True)) == resumed


def test_two_imports_of_one_file_do_not_mix(tmp_path: Path) -> None:
    file = write(tmp_path / "scores.csv", HEADER + "7,q1,add,1\n")
    import_scores(file)
    run = ScoreImport.objects.get()
    run.lines_done = 0

    with pytest.raises(Conflict, match="Another import of the same file"):
        file_import.scores_import_batch(run=run, rows=[], lines_done=1, collection_id=None)


def test_an_activity_that_exists_keeps_its_tags(tmp_path: Path) -> None:
    activity_create(source_launch_url="q1", name="By its author", difficulty=0.3)

    import_scores(write(tmp_path / "scores.csv", HEADER + "7,q1,add,1\n"))

    activity = Activity.objects.get()
    assert (activity.name, activity.difficulty, activity.knowledge_components.count()) == ("By its author", 0.3, 0)
    assert not Mastery.objects.exists()


def test_the_next_recommendation_knows_the_imported_scores(tmp_path: Path) -> None:
    import_scores(write(tmp_path / "scores.csv", HEADER + "7,q1,add,1\n8,q2,add,1\n"), collection_id="c")

    assert activity_recommend(learner=LearnerIdentity("7"), collection_id="c").url == "q2"


def test_a_score_between_the_batches_and_the_tracing_replays_its_learner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_import, "stale_learners_retrace", lambda: iter(()))
    import_scores(write(tmp_path / "scores.csv", HEADER + "7,q1,add,1\n8,q1,add,1\n"))
    assert [batch.stale for batch in state_verify()] == [2]

    score_create(learner=LearnerIdentity("7"), activity="q1", score=0.0)

    assert [(batch.stale, list(batch.differences)) for batch in state_verify()] == [(1, [])]


def test_the_command_reports_and_its_exit_code_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "scores.csv", HEADER + "7,q1,add,1\n7,q2,add,9\n")

    call_command("import_scores", str(file), "--collection", "c")

    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == "1 scores imported, 0 known already, 1 rows refused, 1 learners traced"
    assert err == "line 3: score: is not a number from 0 to 1\n"
    with pytest.raises(CommandError, match=r"line 3: score: .*; nothing was imported"):
        call_command("import_scores", str(file), "--strict", "--guid", "g")
    with pytest.raises(CommandError, match="guid: is longer"):
        call_command("import_scores", str(file), "--guid", "g" * 256)


def test_what_an_earlier_import_did_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "scores.csv", HEADER + "7,q1,add,1\n7,q2,add,0\n" + "8,q1,add,x\n" * 6)
    call_command("import_evidence", file, rejects=tmp_path / "rejects")

    with pytest.raises(CommandError) as strict:
        call_command("import_scores", file, strict=True)
    assert (strict.value.returncode, str(strict.value)) == (
        2,
        (
            "line 4: score: is not a number from 0 to 1; nothing was imported now; "
            "an earlier import of the file imported 2 scores and refused 6 rows"
        ),
    )

    call_command("import_scores", file)

    assert capsys.readouterr().out.splitlines()[-1] == (
        "0 scores imported, 2 known already, 0 rows refused, 6 refused by an earlier import of the file, "
        "0 learners traced"
    )
    assert list(JobRun.objects.order_by("id").values_list("exit_code", flat=True)) == [3, 2, 3]
