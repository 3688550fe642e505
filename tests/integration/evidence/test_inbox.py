"""The folder in which files of evidence arrive: each is taken once, and none keeps the others."""

import gzip
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from adaptivity.evidence.jobs import import_evidence as job
from adaptivity.evidence.readers import edx
from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.evidence.services.scores import score_create
from adaptivity.models import Activity, Learner, Score, ScoreImport
from tests.support.builders import activity
from tests.support.evidence_files import URL, USAGE_ID, event, statement, write

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("problem_and_quiz")]


class TestInbox:
    @pytest.fixture
    def inbox(self, tmp_path: Path, settings: Any) -> Path:
        settings.EVIDENCE_INBOX = str(tmp_path / "inbox")
        settings.EVIDENCE_REJECTS = str(tmp_path / "rejects")
        (tmp_path / "inbox").mkdir()
        return tmp_path / "inbox"

    def test_each_file_is_taken_once(
        self, inbox: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(inbox / "b.log", event(event__attempts=2))
        write(inbox / "a.jsonl", statement())
        write(inbox / "c.log.part", event(event__attempts=3))
        write(inbox / ".hidden", event(event__attempts=4))
        (inbox / "folder").mkdir()

        call_command("import_evidence", "--inbox")
        assert capsys.readouterr().out.startswith(
            "2 scores imported, 0 known already, 0 lines refused, 0 without a score, 2 learners traced (2 files, "
        )

        # A file that is known is not even read.
        monkeypatch.setattr(job, "survey", lambda _: pytest.fail("the file was read again"))
        call_command("import_evidence", "--inbox")
        assert capsys.readouterr().out == (
            "0 scores imported, 0 known already, 0 lines refused, 0 without a score, 0 learners traced "
            "(2 files, 2 imported before)\n"
        )

    def test_a_file_that_has_grown_gives_what_is_new(self, inbox: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write(inbox / "a.log", event())
        call_command("import_evidence", "--inbox")
        write(inbox / "a.log", event(), event(event__attempts=2))

        call_command("import_evidence", "--inbox")

        assert "1 scores imported, 1 known already" in capsys.readouterr().out
        assert Score.objects.count() == 2

    def test_a_file_that_cannot_be_read_does_not_keep_the_others(
        self, inbox: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (inbox / "a.gz").write_bytes(gzip.compress(b"x" * 1000)[:20])
        write(inbox / "b.log", event(), "broken")
        (inbox / "empty.log").write_text("")
        command = load_command()

        call_command(command, "--inbox")

        out, err = capsys.readouterr()
        assert command.exit_code == 3
        assert out.startswith("1 scores imported, 0 known already, 1 lines refused")
        assert "(3 files, 1 not imported, " in out
        lines = err.splitlines()
        assert lines[0] == "1 refused (b.log, first on line 2): is not a JSON object"
        assert lines[1].startswith("the refused lines are in ")
        assert lines[2].startswith(f"not imported: {inbox / 'a.gz'}: the gzip file is damaged")

    @pytest.mark.parametrize("stray", ["Read me.", "\n \n"])
    def test_a_stray_file_alone_is_no_failure_of_the_job(
        self, inbox: Path, capsys: pytest.CaptureFixture[str], stray: str
    ) -> None:
        (inbox / "README.txt").write_text(stray)
        score_create(learner=LearnerIdentity("anna"), activity=URL, score=1.0)
        Learner.objects.update(traced_revision=None)
        command = load_command()

        call_command(command, "--inbox")

        out, err = capsys.readouterr()
        assert command.exit_code == (3 if stray.strip() else 0)
        assert err.count("its beginning is not edx, xapi or csv") == bool(stray.strip())
        assert "1 learners traced" in out
        assert not ScoreImport.objects.exists()

    def test_a_value_that_nobody_has_thought_of_fails_its_file_alone(
        self, inbox: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(inbox / "a.log", event(context__user_id="\ud800"))
        write(inbox / "b.log", event(context__user_id=2))
        monkeypatch.setattr(edx, "check_text", lambda *_: None)
        command = load_command()

        call_command(command, "--inbox")

        out, err = capsys.readouterr()
        assert command.exit_code == 3
        assert out.startswith("1 scores imported")
        assert f"not imported: {inbox / 'a.log'}: failed with UnicodeEncodeError\n" in err
        assert Learner.objects.get().user_id == "2"

    def test_a_name_may_be_as_long_as_names_are(self, inbox: Path) -> None:
        name = "é" * 124 + ".log"
        write(inbox / name, event(), "broken")
        command = load_command()

        call_command(command, "--inbox")

        assert command.exit_code == 3
        (rejects,) = (inbox.parent / "rejects").iterdir()
        assert rejects.name.startswith("é" * 100 + ".")
        assert json.loads(rejects.read_text())["file"] == name

    def test_a_score_waits_for_its_activity(self, inbox: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """What is graded on the day it is published may come in before the course does."""
        write(inbox / "a.log", event(), event(event__problem_id=USAGE_ID + "0"))
        write(inbox / "b.jsonl", statement(object__id="https://lrs.example/new"), "broken")
        call_command("import_evidence", "--inbox")
        call_command("import_evidence", "--inbox")
        assert Score.objects.count() == 1
        capsys.readouterr()
        activity(URL + "0")
        activity("https://lrs.example/new")

        call_command("import_evidence", "--inbox")
        assert "2 scores imported, 1 known already, 1 lines refused" in capsys.readouterr().out
        call_command("import_evidence", "--inbox")
        assert "0 scores imported, 0 known already, 0 lines refused" in capsys.readouterr().out

        # Not for good: a problem that was deleted never comes.
        write(inbox / "c.log", event(event__problem_id=USAGE_ID + "1"))
        call_command("import_evidence", "--inbox")
        ScoreImport.objects.update(started_at=timezone.now() - timedelta(days=8))
        capsys.readouterr()
        call_command("import_evidence", "--inbox")
        assert "(3 files, 3 imported before)" in capsys.readouterr().out

    def test_no_inbox_is_nothing_to_do(self, settings: Any, capsys: pytest.CaptureFixture[str]) -> None:
        settings.EVIDENCE_INBOX = ""

        call_command("import_evidence", "--inbox")

        assert capsys.readouterr().out == "EVIDENCE_INBOX is not set; nothing to do\n"

    def test_an_inbox_that_is_missing_is_named(self, settings: Any, tmp_path: Path) -> None:
        settings.EVIDENCE_INBOX = str(tmp_path / "missing")

        with pytest.raises(CommandError, match=r"EVIDENCE_INBOX: .*missing: No such file") as error:
            call_command("import_evidence", "--inbox")
        assert error.value.returncode == 2

    def test_usage(self, tmp_path: Path, inbox: Path) -> None:
        for arguments in ([], ["--inbox", "file"], [str(tmp_path / "missing")]):
            with pytest.raises(CommandError) as error:
                call_command("import_evidence", *arguments)
            assert error.value.returncode == 2

    def test_a_folder_as_a_path(self, inbox: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write(inbox / "a.log", event())

        call_command("import_evidence", str(inbox), "--format", "edx", "--guid", "campus", "--collection", "c")

        assert capsys.readouterr().out.startswith("1 scores imported")
        assert Learner.objects.get().tool_consumer_instance_guid == "campus"
        assert Activity.objects.get(collections__collection_id="c").source_launch_url == URL


def load_command() -> Any:
    from adaptivity.management.commands.import_evidence import Command

    return Command()
