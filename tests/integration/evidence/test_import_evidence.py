"""Evidence from files: each event counts once, and what is refused is written down with its reason."""

import gzip
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError

from adaptivity.errors import InvalidInput, Stopped
from adaptivity.evidence.jobs import file_import
from adaptivity.evidence.jobs import import_evidence as job
from adaptivity.evidence.jobs.import_evidence import ImportOptions, import_evidence
from adaptivity.evidence.readers.formats import format_of
from adaptivity.evidence.readers.lines import MAX_LINE_BYTES
from adaptivity.evidence.services import imports
from adaptivity.evidence.services.verification import state_verify
from adaptivity.models import Activity, Collection, JobRun, Score, ScoreImport
from tests.support.builders import activity
from tests.support.evidence_files import URL, USAGE_ID, counts, event, reasons, run, statement, write

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("problem_and_quiz")]


class TestOnce:
    def test_twice_compressed_and_overlapping_is_once(self, tmp_path: Path) -> None:
        entries = [event(event__attempts=number) for number in range(6)]
        first = write(tmp_path / "monday.log", *entries[:4])
        packed = tmp_path / "monday.log.gz"
        packed.write_bytes(gzip.compress(first.read_bytes()))
        overlapping = write(tmp_path / "tuesday.log", *entries[2:])

        reports = [run(first), run(first), run(packed), run(overlapping), run(first, again=True)]

        assert [counts(report) for report in reports] == [
            (4, 0, 0, 0),
            (0, 0, 0, 0),
            (0, 0, 0, 0),
            (2, 2, 0, 0),
            (0, 4, 0, 0),
        ]
        assert [report.skipped for report in reports] == [0, 1, 1, 0, 0]
        assert Score.objects.count() == 6

    def test_an_event_with_another_content_is_refused(self, tmp_path: Path) -> None:
        report = run(write(tmp_path / "a.log", event(), event(event__grade=2)))

        assert counts(report) == (1, 0, 1, 0)
        assert reasons() == [("event_id: recorded for this learner with different content", 1, 2, 2)]

    def test_it_is_the_same_event_when_the_activity_has_another_url(self, tmp_path: Path) -> None:
        log, statements = (
            write(tmp_path / "a.log", event()),
            write(tmp_path / "a.jsonl", statement(object__id=f"x/{USAGE_ID}")),
        )
        assert counts(run(log, statements)) == (2, 0, 0, 0)
        moved = Activity.objects.get(source_launch_url=URL)
        moved.source_launch_url = f"https://new.example/{USAGE_ID}"
        moved.save()

        assert counts(run(log, statements, again=True)) == (0, 2, 0, 0)

    def test_what_was_refused_comes_in_when_its_course_is_there(self, tmp_path: Path) -> None:
        unknown = event(event__problem_id=USAGE_ID + "0")
        log = write(tmp_path / "a.log", event(), unknown)
        assert counts(run(log)) == (1, 0, 1, 0)
        activity(URL + "0")

        assert counts(run(log)) == (0, 0, 0, 0)
        assert counts(run(log, again=True)) == (1, 1, 0, 0)
        assert reasons() == []
        assert (ScoreImport.objects.get().refused, ScoreImport.objects.get().imported) == (0, 1)

    def test_what_is_no_file_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "fifo")

        with pytest.raises(InvalidInput, match="fifo: is not a regular file, so it cannot be read more than once"):
            run(tmp_path / "fifo")

    def test_a_csv_file_is_not_read_again(self, tmp_path: Path) -> None:
        file = write(tmp_path / "a.csv", "learner,item,kcs,score", "7,q1,add,1")
        assert counts(run(file)) == (1, 0, 0, 0)

        with pytest.raises(InvalidInput, match=r"a\.csv: a csv file is not imported again"):
            run(file, again=True)
        assert Score.objects.count() == 1

    @pytest.mark.parametrize("command", ["import_evidence", "import_scores"])
    def test_another_format_is_another_import(
        self, tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = write(tmp_path / "a.csv", "learner,item,kcs,score", "7,q1,add,1", "8,q1,add,0")
        call_command("import_evidence", file, format="xapi", rejects=tmp_path / "rejects")
        assert JobRun.objects.get().exit_code == 3

        call_command(command, file)

        assert capsys.readouterr().out.splitlines()[-1].startswith("2 scores imported, 0 known already, 0 ")
        assert sorted(ScoreImport.objects.values_list("file_format", "imported", "refused")) == [
            ("csv", 2, 0),
            ("xapi", 0, 3),
        ]
        assert counts(run(file)) == counts(run(file, file_format="xapi")) == (0, 0, 0, 0)
        assert run(file).skipped == run(file, file_format="xapi").skipped == 1
        assert Score.objects.count() == 2

    def test_a_collection_takes_what_was_imported_before(self, tmp_path: Path) -> None:
        log = write(tmp_path / "a.log", event(), event(event__problem_id="unknown", event__attempts=2))
        run(log)

        report = run(log, collection_id="late")

        assert counts(report) == (0, 1, 0, 0)
        collection = Collection.objects.get(collection_id="late")
        assert list(collection.activities.values_list("source_launch_url", flat=True)) == [URL]

    def test_stopped_it_goes_on_and_ends_the_same(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(file_import, "BATCH_ROWS", 4)
        lines = [event(event__attempts=number) if number % 3 else "broken" for number in range(20)]
        log, rejects = write(tmp_path / "a.log", *lines), tmp_path / "rejects"

        asked = iter([False, False, True])
        with pytest.raises(Stopped, match="stopped, run it again"):
            import_evidence([log], ImportOptions(file_format="edx", rejects=rejects), stop=lambda: next(asked))
        assert Score.objects.count() == 8
        assert not any(batch.differences for batch in state_verify())

        report = run(log, file_format="edx", rejects=rejects)
        assert counts(report) == (5, 8, 3, 0)
        assert reasons() == [("is not a JSON object", 7, 1, 19)]
        (file,) = rejects.iterdir()
        assert [json.loads(line)["line"] for line in file.read_text().splitlines()] == [1, 4, 7, 10, 13, 16, 19]
        assert not any(batch.differences or batch.stale for batch in state_verify())

    def test_lines_without_a_score_are_noted_as_done_too(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(file_import, "BATCH_LINES", 10)
        log = write(tmp_path / "a.log", *[{"event_type": "page_close"}] * 25)

        with pytest.raises(Stopped):
            import_evidence([log], ImportOptions(), stop=lambda: True)

        assert ScoreImport.objects.get().lines_done == 10
        assert counts(run(log)) == (0, 0, 0, 15)


class TestRejects:
    def test_the_reject_file_says_where_and_why(self, tmp_path: Path) -> None:
        log = tmp_path / "a.log"
        log.write_bytes(json.dumps(event()).encode() + b"\nbroken \xff\r\n" + json.dumps(event(time="x")).encode())

        report = run(log, rejects=tmp_path / "deep" / "rejects")

        (path,) = report.reject_files
        assert path.parent == tmp_path / "deep" / "rejects"
        assert path.name == f"a.log.{ScoreImport.objects.get().content_hash[:12]}.jsonl"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert [json.loads(line) for line in path.read_text().splitlines()] == [
            {"file": "a.log", "line": 2, "reason": "is not a JSON object", "content": "broken \ufffd"},
            {
                "file": "a.log",
                "line": 3,
                "reason": "time: is not a time in ISO 8601",
                "content": json.dumps(event(time="x")),
            },
        ]

    def test_an_import_that_another_one_overtakes_leaves_the_reject_file_alone(self, tmp_path: Path) -> None:
        log = write(tmp_path / "a.log", event(), "first", "second")
        run(log, rejects=tmp_path / "rejects")
        (file,) = (tmp_path / "rejects").iterdir()
        before = file.read_bytes()
        # Where it was when the one that is done by now began.
        late = ScoreImport.objects.get()
        late.lines_done = late.imported = late.refused = 0
        late.finished_at = None
        second = file_import.FileImport(
            run=late, read=job.reader("edx", job.LaunchUrls()), path=log, lines=3, rejects=file_import.RejectFile(file)
        )

        with pytest.raises(imports.AlreadyRunning):
            second.execute(file_import.ImportReport())

        assert file.read_bytes() == before

    def test_another_platform_has_a_reject_file_of_its_own(self, tmp_path: Path) -> None:
        log = write(tmp_path / "a.log", event(), "first")

        run(log, rejects=tmp_path / "rejects", guid="north")
        run(log, rejects=tmp_path / "rejects", guid="south")

        assert [len(file.read_text().splitlines()) for file in (tmp_path / "rejects").iterdir()] == [1, 1]

    def test_lines_of_a_batch_that_was_never_committed_are_written_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Killed after the refused lines were written, and before the commit; the last of them is half there."""
        monkeypatch.setattr(file_import, "BATCH_ROWS", 2)
        log = write(tmp_path / "a.log", event(), "first", "second", event(event__attempts=2), "third", "fourth")
        whole, writes = file_import.RejectFile.write, 0

        def killed_in_the_second(self: Any, *arguments: Any) -> None:
            nonlocal writes
            writes += 1
            whole(self, *arguments)
            if writes == 2:
                with self.path.open("ab") as file:
                    file.write(b'{"file": "a.lo')
                raise KeyboardInterrupt

        monkeypatch.setattr(file_import.RejectFile, "write", killed_in_the_second)
        with pytest.raises(KeyboardInterrupt):
            run(log, rejects=tmp_path / "rejects")
        (file,) = (tmp_path / "rejects").iterdir()
        assert len(file.read_text().splitlines()) == 3
        monkeypatch.setattr(file_import.RejectFile, "write", whole)

        run(log, rejects=tmp_path / "rejects")

        assert [json.loads(line)["content"] for line in file.read_text().splitlines()] == [
            "first",
            "second",
            "third",
            "fourth",
        ]
        assert reasons() == [("is not a JSON object", 4, 2, 6)]

    def test_what_only_the_database_refuses_is_in_the_file_too(self, tmp_path: Path) -> None:
        other = statement(id="s2", object__id="https://lrs.example/other")

        report = run(write(tmp_path / "a.jsonl", statement(), other), rejects=tmp_path)

        entry = json.loads(report.reject_files[0].read_text())
        assert (entry["line"], entry["reason"]) == (2, "activity: is not known here")
        assert json.loads(entry["content"]) == other

    def test_a_csv_row_is_shown_whole(self, tmp_path: Path) -> None:
        file = write(tmp_path / "a.csv", "learner,item,kcs,score", '7,"q\n1",add,9', "8,q2,add,1", "9,q2,add,x")

        report = run(file, rejects=tmp_path / "rejects")

        assert [json.loads(line) for line in report.reject_files[0].read_text().splitlines()] == [
            {"file": "a.csv", "line": 2, "reason": "score: is not a number from 0 to 1", "content": '7,"q\n1",add,9'},
            {"file": "a.csv", "line": 5, "reason": "score: is not a number from 0 to 1", "content": "9,q2,add,x"},
        ]
        assert (report.imported, report.refused) == (1, 2)

    def test_without_a_folder_only_the_reasons_are_kept(
        self, tmp_path: Path, settings: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        settings.EVIDENCE_REJECTS = ""

        call_command("import_evidence", str(write(tmp_path / "a.log", event(), "broken")))

        assert capsys.readouterr().err.splitlines() == [
            "1 refused (a.log, first on line 2): is not a JSON object",
            "the refused lines were not kept; to keep them, set --rejects or EVIDENCE_REJECTS",
        ]
        assert reasons() == [("is not a JSON object", 1, 2, 2)]

    def test_without_a_refusal_there_is_no_file(self, tmp_path: Path) -> None:
        assert run(write(tmp_path / "a.log", event()), rejects=tmp_path / "rejects").reject_files == []
        assert list((tmp_path / "rejects").iterdir()) == []

    def test_the_database_holds_reasons_not_lines_and_not_many(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(imports, "MAX_REASONS", 3)
        monkeypatch.setattr(file_import, "BATCH_ROWS", 4)
        rows = [",".join("x" * count) for count in (1, 2, 3, 5, 6, 1, 2, 5)]

        report = run(write(tmp_path / "a.csv", "learner,item,kcs,score", *rows))

        assert counts(report) == (0, 0, 8, 0)
        assert reasons() == [
            ("1 values for 4 columns", 2, 2, 7),
            ("2 values for 4 columns", 2, 3, 8),
            ("3 values for 4 columns", 1, 4, 4),
            ("other reasons", 3, 5, 9),
        ]
        assert ScoreImport.objects.get().refused == 8

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r", ""])
    def test_a_long_line_is_refused_and_ends_where_it_ends(self, tmp_path: Path, end: str) -> None:
        """Short values, of which as many are left as there are columns, once it is cut."""
        header = ["learner", "item", "kcs", "score", *(f"more {n}" for n in range(11))]
        long = ["anna", "quiz", "", "1", *["x" * 100_000] * 12]
        short = ["anna", "quiz", "", "1", *["x"] * 11]
        rows = [header, long, short] if end else [header, long]
        file = tmp_path / "a.csv"
        file.write_text((end or "\n").join(map(",".join, rows)), newline="")

        report = run(file)

        assert counts(report) == (bool(end), 0, 1, 0)
        assert reasons() == [(f"is longer than {MAX_LINE_BYTES} characters", 1, 2, 2)]

    def test_a_folder_that_cannot_be_written_to_stops_before_anything(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")

        with pytest.raises(InvalidInput, match="file: File exists"):
            run(write(tmp_path / "a.log", event()), rejects=tmp_path / "file")
        assert not ScoreImport.objects.exists()


class TestFormats:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            (json.dumps(event()), "edx"),
            ('{"broken": \n' + json.dumps(event()), "edx"),
            ('ent_type": "problem_check"}\n' + json.dumps(event()), "edx"),
            ('{"text": "' + "x" * 2_000_000 + '"}\n' + json.dumps(event()), "edx"),
            (json.dumps(statement()), "xapi"),
            ("x" * 2_000_000 + "\n" + json.dumps(statement()), "xapi"),
            ("\n [" + json.dumps(statement()) + "]", "xapi"),
            ("learner,item,kcs,score\n", "csv"),
            ("\ufeffscore,kcs,item,learner,more\r\n", "csv"),
            ("learner,item,kcs,score\ranna,quiz,,1\r", "csv"),
        ],
    )
    def test_a_file_is_told_by_its_beginning(self, tmp_path: Path, text: str, expected: str) -> None:
        file = tmp_path / "file"
        file.write_bytes(gzip.compress(text.encode()))

        assert format_of(file) == expected

    @pytest.mark.parametrize("text", ["a,b\n", '{"a": 1}', "{", "\0"])
    def test_a_file_that_says_nothing_is_refused(self, tmp_path: Path, text: str) -> None:
        file = tmp_path / "file"
        file.write_text(text)

        with pytest.raises(InvalidInput, match="file: its beginning is not edx, xapi or csv"):
            run(file)
        assert not ScoreImport.objects.exists()


def test_a_job_that_runs_twice_at_once_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = write(tmp_path / "a.log", event())
    whole = file_import.scores_import_batch

    def overtaken(**arguments: Any) -> Any:
        ScoreImport.objects.update(lines_done=1)
        return whole(**arguments)

    monkeypatch.setattr(file_import, "scores_import_batch", overtaken)
    with pytest.raises(CommandError, match=r"a\.log: Another import of the same file is running") as error:
        call_command("import_evidence", str(log), "--rejects", str(tmp_path / "rejects"))
    assert error.value.returncode == 4
    assert not Score.objects.exists()
    assert list((tmp_path / "rejects").iterdir()) == []


@pytest.mark.django_db(transaction=True)
def test_a_batch_whose_commit_fails_is_done_again_from_where_it_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where something that a row refers to is deleted at the same moment: foreign keys are checked at the end."""
    log = write(tmp_path / "a.log", event(), "broken", event(event__attempts=2))
    whole, writes = file_import.RejectFile.write, 0

    def fails_at_first(self: Any, *arguments: Any) -> None:
        nonlocal writes
        writes += 1
        whole(self, *arguments)
        if writes == 1:
            raise IntegrityError("a foreign key")

    monkeypatch.setattr(file_import.RejectFile, "write", fails_at_first)

    report = run(log, rejects=tmp_path / "rejects")

    assert writes == 2
    assert counts(report) == (2, 0, 1, 0)
    assert (ScoreImport.objects.get().imported, ScoreImport.objects.get().refused) == (2, 1)
    assert reasons() == [("is not a JSON object", 1, 2, 2)]
    assert len(report.reject_files[0].read_text().splitlines()) == 1


@pytest.mark.parametrize("packed", [False, True])
def test_a_mark_before_utf_8_is_no_part_of_the_first_line(tmp_path: Path, packed: bool) -> None:
    pack = gzip.compress if packed else bytes
    log, array = tmp_path / "a.log", tmp_path / "a.json"
    log.write_bytes(pack(b"\xef\xbb\xbf" + json.dumps(event()).encode() + b"\n"))
    array.write_bytes(pack(b"\xef\xbb\xbf" + json.dumps([statement()], indent=1).encode()))

    assert counts(run(log)) == (1, 0, 0, 0)
    assert counts(run(array)) == (1, 0, 0, 0)
