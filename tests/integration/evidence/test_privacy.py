"""Everything about one learner, their erasure, and that files from before it bring nothing back."""

import io
import json
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from adaptivity.errors import InvalidInput
from adaptivity.evidence.jobs.import_evidence import ImportOptions, import_evidence
from adaptivity.evidence.selectors.privacy import learner_data, relations_to_learner
from adaptivity.evidence.services import imports
from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.evidence.services.masteries import MasterySetting, masteries_set
from adaptivity.evidence.services.privacy import learner_erase
from adaptivity.evidence.services.scores import score_correct, score_create
from adaptivity.evidence.services.verification import state_verify
from adaptivity.models import (
    DoneActivity,
    ErasedLearner,
    HandSetMastery,
    ItemParameters,
    JobRun,
    KnowledgeComponent,
    Learner,
    Mastery,
    Reject,
    Score,
    ScoreRevision,
)
from tests.support.builders import activity, knowledge_component, learner, minutes, model_version_activate
from tests.support.reference import Tag

pytestmark = pytest.mark.django_db

ADA, BEN = LearnerIdentity("ada", "campus"), LearnerIdentity("ada", "elsewhere")
PERSONAL = (Learner, Score, ScoreRevision, HandSetMastery, Mastery, DoneActivity)


@pytest.fixture(autouse=True)
def world(db: None) -> None:
    """Two learners of one name at two platforms, with every kind of record."""
    add, sub = knowledge_component("add"), knowledge_component("sub")
    activity("q1", [add])
    q2 = activity("q2", [add])
    model_version_activate("v1", {(q2, add): Tag(guess=0.25)})
    for who in (ADA, BEN):
        score_create(learner=who, activity="q1", score=1.0, timestamp=minutes(1), event_id="e1")
        second = score_create(learner=who, activity="q2", score=0.0, timestamp=minutes(2))
        score_correct(score=second, value=0.5)
        masteries_set(settings=[MasterySetting(who, "sub", 0.75)])
    assert sub.pk


def held() -> dict[str, int]:
    return {model.__name__: model._default_manager.count() for model in PERSONAL}


class TestExport:
    def test_it_has_every_record(self) -> None:
        data = learner_data(user_id="ada", tool_consumer_instance_guid="campus")

        assert json.loads(json.dumps(data)) == data
        row = learner(ADA)
        assert data["learner"] == {
            "id": row.id,
            "user_id": "ada",
            "tool_consumer_instance_guid": "campus",
            "evidence_count": 4,
            "latest_timestamp": row.latest_timestamp.isoformat() if row.latest_timestamp else None,
            "last_activity": "q2",
            "traced_revision": 0,
            "traced_model_version": "v1",
        }
        records = data["records"]
        first, second = row.scores.order_by("id")
        assert records["scores"] == [
            {
                "id": first.id,
                "activity": "q1",
                "score": 1.0,
                "timestamp": "2024-03-01T12:01:00+00:00",
                "timestamp_given": True,
                "arrival": 1,
                "event_id": "e1",
                "event_fingerprint": first.event_fingerprint,
                "model_version": "v1",
            },
            {
                "id": second.id,
                "activity": "q2",
                "score": 0.0,
                "timestamp": "2024-03-01T12:02:00+00:00",
                "timestamp_given": True,
                "arrival": 2,
                "event_id": None,
                "event_fingerprint": "",
                "model_version": "v1",
            },
        ]
        (revision,) = records["score_revisions"]
        assert (revision["score"], revision["value"], revision["activity"]) == (second.id, 0.5, "q2")
        (by_hand,) = records["hand_set_masteries"]
        assert (by_hand["knowledge_component"], by_hand["value"], by_hand["arrival"]) == ("sub", 0.75, 4)
        assert {entry["knowledge_component"]: entry["value"] for entry in records["masteries"]} == {
            mastery.knowledge_component.kc_id: mastery.value for mastery in row.masteries.all()
        }
        assert {entry["activity"] for entry in records["done_activities"]} == {"q1", "q2"}

    def test_an_unknown_learner_is_none(self) -> None:
        with pytest.raises(Learner.DoesNotExist):
            learner_data(user_id="ada", tool_consumer_instance_guid="")

    def test_the_command(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        expected = learner_data(user_id="ada", tool_consumer_instance_guid="campus")

        call_command("export_learner", "ada", "--guid", "campus")
        assert json.loads(capsys.readouterr().out) == expected

        file = tmp_path / "ada.json"
        call_command("export_learner", "ada", "--guid", "campus", "--output", str(file))
        assert json.loads(file.read_text()) == expected
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        with pytest.raises(CommandError, match="File exists") as error:
            call_command("export_learner", "ada", "--guid", "campus", "--output", str(file))
        assert error.value.returncode == 2
        with pytest.raises(CommandError, match="there is no learner") as error:
            call_command("export_learner", "ada")
        assert error.value.returncode == 2
        # The record of a run would name the learner.
        assert not JobRun.objects.exists()


class TestErasure:
    def test_it_removes_all_of_one_learner_and_nothing_else(self) -> None:
        before, other = held(), learner_data(user_id="ada", tool_consumer_instance_guid="elsewhere")

        erased = learner_erase(learner=ADA)

        assert erased == {
            "done_activities": 2,
            "hand_set_masteries": 1,
            "learners": 1,
            "masteries": 2,
            "score_revisions": 1,
            "scores": 2,
        }
        assert held() == {name: count // 2 for name, count in before.items()}
        assert learner_data(user_id="ada", tool_consumer_instance_guid="elsewhere") == other
        assert ItemParameters.objects.count() == 1
        assert KnowledgeComponent.objects.count() == 2
        assert not any(batch.differences or batch.stale for batch in state_verify())

    def test_whatever_belongs_to_a_learner_goes_with_them(self) -> None:
        """A model that keeps its rows when the learner goes has to be thought of in the erasure."""
        assert {relation.on_delete.__name__ for relation in relations_to_learner()} == {"CASCADE"}
        assert {relation.related_model for relation in relations_to_learner()} >= set(PERSONAL) - {Learner}

    def test_twice_and_of_an_unknown_learner_it_removes_nothing(self) -> None:
        learner_erase(learner=ADA)

        assert learner_erase(learner=ADA) == {}
        assert learner_erase(learner=LearnerIdentity("nobody")) == {}
        assert Learner.objects.count() == 1
        assert ErasedLearner.objects.count() == 2
        with pytest.raises(InvalidInput, match=r"learner\.user_id"):
            learner_erase(learner=LearnerIdentity(" "))

    def test_what_is_remembered_does_not_say_who(self, settings: Any) -> None:
        learner_erase(learner=ADA)
        digest = ErasedLearner.objects.get().identity_digest
        settings.SECRET_KEY = "another " * 10

        learner_erase(learner=ADA)

        assert len(digest) == 64
        assert ErasedLearner.objects.exclude(identity_digest=digest).count() == 1

    def test_a_score_after_it_is_the_first_of_a_new_learner(self) -> None:
        learner_erase(learner=ADA)

        score_create(learner=ADA, activity="q1", score=1.0, event_id="e1")

        assert learner(ADA).evidence_count == 1
        # From the prior: 1/9 + 10/9 · 0.25 · 8.5 are the odds of 0.712.
        assert learner(ADA).masteries.get().value == pytest.approx(0.712, abs=1e-12)

    def test_the_command(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(CommandError, match="pass --yes") as error:
            call_command("erase_learner", "ada", "--guid", "campus")
        assert error.value.returncode == 2
        assert Learner.objects.count() == 2

        monkeypatch.setattr("sys.stdin", io.StringIO("ada\n"))
        call_command("erase_learner", "-", "--guid", "campus", "--yes")
        assert capsys.readouterr().out == (
            "erased: 2 done activities, 1 hand set masteries, 1 learners, 2 masteries, 1 score revisions, 2 scores\n"
        )
        call_command("erase_learner", "ada", "--guid", "campus", "--yes")
        assert capsys.readouterr().out == "nothing was stored about this learner; recorded for later imports\n"
        assert not JobRun.objects.exists()

    @pytest.mark.parametrize(("answer", "left"), [("no", 2), ("yes", 1)])
    def test_on_a_terminal_it_asks(self, monkeypatch: pytest.MonkeyPatch, answer: str, left: int) -> None:
        monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
        monkeypatch.setattr("builtins.input", lambda _: answer)

        if answer == "yes":
            call_command("erase_learner", "ada", "--guid", "campus")
        else:
            with pytest.raises(CommandError, match="nothing was erased"):
                call_command("erase_learner", "ada", "--guid", "campus")
        assert Learner.objects.count() == left


class TestFilesFromBefore:
    HEADER = "learner,item,kcs,score,timestamp\n"

    def file(self, tmp_path: Path, *rows: str) -> Path:
        path = tmp_path / "scores.csv"
        path.write_text(self.HEADER + "".join(f"{row}\n" for row in rows))
        return path

    def test_bring_nothing_back(self, tmp_path: Path) -> None:
        learner_erase(learner=ADA)
        later = (timezone.now() + timedelta(microseconds=1)).isoformat()
        file = self.file(
            tmp_path, "ada,q1,add,1,2026-01-01T00:00:00Z", "ada,q1,add,1,", "cleo,q1,add,1,", f"ada,q2,add,1,{later}"
        )

        report = import_evidence([file], ImportOptions(guid="campus", rejects=tmp_path / "rejects"))

        # What the learner has done since is new evidence.
        assert (report.imported, report.erased, report.refused) == (2, 2, 0)
        assert report.is_complete
        assert list(learner(ADA).scores.values_list("activity__source_launch_url", flat=True)) == ["q2"]
        # Their lines are not kept elsewhere either.
        assert list((tmp_path / "rejects").iterdir()) == []
        assert not Reject.objects.exists()

    def test_leave_no_row_of_the_learner(self, tmp_path: Path) -> None:
        learner_erase(learner=ADA)

        import_evidence([self.file(tmp_path, "ada,new,add,1,")], ImportOptions(guid="campus"))

        assert not Learner.objects.filter(user_id="ada", tool_consumer_instance_guid="campus").exists()

    def test_of_another_learner_of_that_name_come_in(self, tmp_path: Path) -> None:
        learner_erase(learner=ADA)

        assert import_evidence([self.file(tmp_path, "ada,q1,add,1,")], ImportOptions(guid="third")).imported == 1

    def test_are_not_recognised_under_another_key_and_that_is_said(
        self, tmp_path: Path, settings: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        learner_erase(learner=ADA)
        settings.SECRET_KEY = "another " * 10

        report = import_evidence([self.file(tmp_path, "ada,q1,add,1,")], ImportOptions(guid="campus"))

        assert (report.imported, report.erased) == (1, 0)
        (entry,) = [record.msg for record in caplog.records if "not_recognised" in str(record.msg)]
        assert (entry["event"], entry["count"]) == ("erased_learners_not_recognised", 1)


@pytest.mark.django_db(transaction=True)
def test_an_erasure_during_an_import_is_seen_before_the_batch_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The erasure came after the first look for erased learners, and before the lock."""
    file = tmp_path / "scores.csv"
    file.write_text("learner,item,kcs,score\nada,q1,add,1\nbad,q1,add,7\n")
    learner_erase(learner=ADA)
    whole, looks = imports.erasures_of, 0

    def too_early_at_first(**arguments: Any) -> Any:
        nonlocal looks
        looks += 1
        return {} if looks == 1 else whole(**arguments)

    monkeypatch.setattr(imports, "erasures_of", too_early_at_first)

    report = import_evidence([file], ImportOptions(guid="campus", rejects=tmp_path / "rejects"))

    assert (report.imported, report.erased, report.refused) == (0, 1, 1)
    assert not Learner.objects.filter(user_id="ada", tool_consumer_instance_guid="campus").exists()
    (rejects,) = report.reject_files
    assert [json.loads(line)["line"] for line in rejects.read_text().splitlines()] == [3]
