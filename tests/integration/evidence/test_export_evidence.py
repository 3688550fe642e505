"""The export: what is in its files, that it can be imported again, and that no file is ever half there."""

import csv
import fcntl
import stat
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from adaptivity.errors import AlreadyRunning, InvalidInput, Stopped
from adaptivity.evidence.jobs.export_evidence import COLUMNS, ExportReport, export_evidence
from adaptivity.evidence.jobs.file_import import ImportReport
from adaptivity.evidence.jobs.import_scores import import_scores
from adaptivity.evidence.selectors import export
from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.evidence.services.masteries import MasterySetting, masteries_set
from adaptivity.evidence.services.scores import score_correct, score_create, score_delete
from adaptivity.models import Activity, Collection, EngineState, KnowledgeComponent, Learner, Score
from tests.support.builders import activity, knowledge_component, masteries, minutes, model_version_activate
from tests.support.reference import Tag

pytestmark = pytest.mark.django_db

ADA, BEN = LearnerIdentity("ada", "campus"), LearnerIdentity('ben, "the second"')


@pytest.fixture(autouse=True)
def world(db: None) -> None:
    """Scores in another order than their times, one corrected, one deleted, one with an event id, one without time."""
    add, sub = knowledge_component("add"), knowledge_component("sub")
    activity("q1", [add])
    activity("q2", [add, sub])
    activity("read, first")
    score_create(learner=ADA, activity="q2", score=0.1, timestamp=minutes(5), event_id="e1")
    score_create(learner=BEN, activity="read, first", score=1.0, timestamp=minutes(0))
    score_create(learner=ADA, activity="q1", score=1.0, timestamp=minutes(1))
    corrected = score_create(learner=ADA, activity="q1", score=0.0, timestamp=minutes(2))
    score_correct(score=corrected, activity="q2", value=0.5, timestamp=minutes(7.5))
    score_delete(score=score_create(learner=ADA, activity="q1", score=0.3, timestamp=minutes(3)))
    score_create(learner=BEN, activity="q2", score=1 / 3, timestamp=minutes(4))


def rows(directory: Path, name: str) -> list[list[str]]:
    with (directory / name).open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    out = tmp_path / "out"

    export_evidence(out)

    assert stat.S_IMODE(out.stat().st_mode) == 0o700
    assert {name: stat.S_IMODE((out / name).stat().st_mode) for name in COLUMNS} == dict.fromkeys(COLUMNS, 0o600)


def test_the_files_hold_what_stands(tmp_path: Path) -> None:
    report = export_evidence(tmp_path / "new" / "out")

    assert report == ExportReport(scores=5, masteries=4, item_parameters=3, kc_parameters=2)
    out = tmp_path / "new" / "out"
    assert rows(out, "scores.csv") == [
        ["learner", "tool_consumer_instance_guid", "item", "kcs", "score", "timestamp", "event_id"],
        ["ada", "campus", "q1", "add", "1.0", "2024-03-01T12:01:00+00:00", ""],
        ["ada", "campus", "q2", "add;sub", "0.1", "2024-03-01T12:05:00+00:00", "e1"],
        ["ada", "campus", "q2", "add;sub", "0.5", "2024-03-01T12:07:30+00:00", ""],
        ['ben, "the second"', "", "read, first", "", "1.0", "2024-03-01T12:00:00+00:00", ""],
        ['ben, "the second"', "", "q2", "add;sub", repr(1 / 3), "2024-03-01T12:04:00+00:00", ""],
    ]
    ada, ben = masteries(ADA), masteries(BEN)
    assert rows(out, "masteries.csv") == [
        ["learner", "tool_consumer_instance_guid", "kc", "mastery"],
        ["ada", "campus", "add", repr(ada["add"])],
        ["ada", "campus", "sub", repr(ada["sub"])],
        ['ben, "the second"', "", "add", repr(ben["add"])],
        ['ben, "the second"', "", "sub", repr(ben["sub"])],
    ]
    assert rows(out, "item_parameters.csv")[1:] == [
        ["q1", "add", *["0.1", "0.15", "0.1"] * 2, ""],
        ["q2", "add", *["0.1", "0.15", "0.1"] * 2, ""],
        ["q2", "sub", *["0.1", "0.15", "0.1"] * 2, ""],
    ]
    assert rows(out, "kc_parameters.csv") == [
        ["kc", "name", "mastery_prior", "base_mastery_prior", "model_version"],
        ["add", "add", "0.2", "", ""],
        ["sub", "sub", "0.2", "", ""],
    ]


def test_parameters_are_those_in_force_beside_those_of_the_base(tmp_path: Path) -> None:
    q1, add = Activity.objects.get(source_launch_url="q1"), KnowledgeComponent.objects.get(kc_id="add")
    model_version_activate("v1", {(q1, add): Tag(guess=0.25, slip=0.05, transit=0.2)}, {add: 0.4})

    export_evidence(tmp_path)

    assert rows(tmp_path, "item_parameters.csv") == [
        list(COLUMNS["item_parameters.csv"]),
        ["q1", "add", "0.25", "0.05", "0.2", "0.1", "0.15", "0.1", "v1"],
        ["q2", "add", *["0.1", "0.15", "0.1"] * 2, "v1"],
        ["q2", "sub", *["0.1", "0.15", "0.1"] * 2, "v1"],
    ]
    assert rows(tmp_path, "kc_parameters.csv")[1:] == [["add", "add", "0.4", "", "v1"], ["sub", "sub", "0.2", "", "v1"]]


def test_the_scores_can_be_imported_into_an_empty_service(tmp_path: Path) -> None:
    before = {identity: masteries(identity) for identity in (ADA, BEN)}
    export_evidence(tmp_path)
    for model in (Learner, Activity, KnowledgeComponent, Collection, EngineState):
        model.objects.all().delete()

    report = import_scores(tmp_path / "scores.csv", strict=True)

    assert report == ImportReport(imported=5, learners_traced=2)
    for identity, values in before.items():
        assert masteries(identity) == pytest.approx(values, abs=1e-12)
    export_evidence(tmp_path / "again")
    # Learner by learner in another order.
    assert sorted(rows(tmp_path / "again", "scores.csv")) == sorted(rows(tmp_path, "scores.csv"))
    # What has an event id counts once, also where it comes by another way.
    score_create(learner=ADA, activity="q2", score=0.1, timestamp=minutes(5), event_id="e1")
    assert Score.objects.count() == 5


def test_pages_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export_evidence(tmp_path / "whole")
    monkeypatch.setattr(export, "PAGE_ENTRIES", 1)
    seen: list[tuple[str, int, int]] = []

    export_evidence(tmp_path / "paged", progress=lambda *done: seen.append(done))

    assert seen == [("exporting", 1, 2), ("exporting", 2, 2)]
    for name in COLUMNS:
        assert (tmp_path / "paged" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_queries_do_not_grow_with_the_evidence(tmp_path: Path) -> None:
    with CaptureQueriesContext(
        connection,
    ) as few:
        export_evidence(tmp_path)
    for number in range(30):
        score_create(learner=LearnerIdentity(f"u{number}"), activity="q1", score=0.5)
        score_create(learner=ADA, activity="q1", score=0.5)

    with CaptureQueriesContext(connection) as many:
        export_evidence(tmp_path)

    assert len(many) == len(few)


def test_stopped_it_leaves_the_export_before(tmp_path: Path) -> None:
    export_evidence(tmp_path)
    before = {name: (tmp_path / name).read_text() for name in COLUMNS}
    score_create(learner=ADA, activity="q1", score=1.0)

    with pytest.raises(Stopped):
        export_evidence(tmp_path, stop=lambda: True)

    assert {name: (tmp_path / name).read_text() for name in COLUMNS} == before
    assert {path.name for path in tmp_path.iterdir()} == {*COLUMNS, ".export.lock"}


def test_two_exports_into_one_folder_take_no_turns(tmp_path: Path) -> None:
    with (tmp_path / ".export.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(AlreadyRunning):
            export_evidence(tmp_path)
    assert export_evidence(tmp_path).scores == 5


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(InvalidInput, match=r"file: File exists"):
        export_evidence(tmp_path / "file")


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: Any) -> None:
    settings.EXPORT_DIRECTORY = str(tmp_path)
    masteries_set(settings=[MasterySetting(LearnerIdentity("cleo"), "add", 0.5)])
    knowledge_component("a;b")

    call_command("export_evidence")

    out, err = capsys.readouterr()
    assert out == "5 scores, 5 masteries, parameters of 3 tags and 3 knowledge components exported\n"
    assert err.startswith("1 knowledge components have a kc_id with ';'")
    (tmp_path / "scores.csv").unlink()
    # As the pipeline nightly calls it where it is told no folder.
    call_command("export_evidence", "")
    assert (tmp_path / "scores.csv").exists()
    settings.EXPORT_DIRECTORY = ""
    with pytest.raises(CommandError, match="directory: name a directory, or set EXPORT_DIRECTORY") as error:
        call_command("export_evidence")
    assert error.value.returncode == 2
