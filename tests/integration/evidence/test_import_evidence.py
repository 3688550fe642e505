"""Evidence from tracking logs, xAPI statements and CSV: what is a score, what is refused and why, and that each event
counts once."""

import gzip
import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.utils import timezone

from adaptivity.errors import InvalidInput, Stopped
from adaptivity.evidence.jobs import file_import
from adaptivity.evidence.jobs import import_evidence as job
from adaptivity.evidence.jobs.import_evidence import EvidenceReport, ImportOptions, import_evidence
from adaptivity.evidence.readers import edx, xapi
from adaptivity.evidence.readers.formats import format_of
from adaptivity.evidence.readers.lines import MAX_LINE_BYTES
from adaptivity.evidence.services import imports
from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.evidence.services.scores import score_create
from adaptivity.evidence.services.verification import state_verify
from adaptivity.models import Activity, Collection, JobRun, Learner, Reject, Score, ScoreImport
from tests.support.builders import activity, knowledge_component

pytestmark = pytest.mark.django_db

USAGE_ID = "block-v1:Uni+Algebra+2026+type@problem+block@q1"
URL = f"https://lms.example/courses/course-v1:Uni+Algebra+2026/jump_to/{USAGE_ID}"
AT = datetime(2026, 1, 12, 8, 30, 15, 123456, tzinfo=UTC)
STATEMENT_ID = "6690e6c9-3ef0-4ed3-8b37-7f3964730bee"


@pytest.fixture(autouse=True)
def world(db: None) -> None:
    """One problem of a course on one KC, and an activity that xAPI statements are about."""
    kc = knowledge_component("lines")
    activity(URL, [kc])
    activity("https://lrs.example/quiz", [kc])


def event(**changes: Any) -> dict[str, Any]:
    """A graded problem as the server logs it; keys with dots lead into objects, and None takes a key out."""
    entry: dict[str, Any] = {
        "username": "anna",
        "event_type": "problem_check",
        "event_source": "server",
        "time": AT.isoformat(),
        "context": {"user_id": 17, "course_id": "course-v1:Uni+Algebra+2026"},
        "event": {"problem_id": USAGE_ID, "grade": 1, "max_grade": 4, "attempts": 1},
    }
    return changed(entry, changes)


def statement(**changes: Any) -> dict[str, Any]:
    """A scored quiz as an LRS has it."""
    entry: dict[str, Any] = {
        "id": STATEMENT_ID,
        "actor": {"account": {"homePage": "https://lms.example", "name": "anna"}},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/scored"},
        "object": {"id": "https://lrs.example/quiz"},
        "result": {"score": {"scaled": 0.75}},
        "timestamp": AT.isoformat(),
    }
    return changed(entry, changes)


def changed(entry: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    for path, value in changes.items():
        *parents, name = path.split("__")
        table = entry
        for parent in parents:
            table = table[parent]
        if value is None:
            del table[name]
        else:
            table[name] = value
    return entry


def write(path: Path, *entries: Any) -> Path:
    """A file with a line for each entry: a text as it is, anything else as JSON."""
    lines = [entry if isinstance(entry, str) else json.dumps(entry) for entry in entries]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def run(*paths: Path, **options: Any) -> EvidenceReport:
    return import_evidence(paths, ImportOptions(**options))


def counts(report: EvidenceReport) -> tuple[int, int, int, int]:
    """Imported, known, refused, without a score."""
    return report.imported, report.known, report.refused, report.ignored


def reasons() -> list[tuple[str, int, int, int]]:
    return list(Reject.objects.order_by("id").values_list("reason", "count", "first_line", "last_line"))


class TestTrackingLog:
    def test_a_graded_problem_is_a_score_and_nothing_else_is(self, tmp_path: Path) -> None:
        log = write(
            tmp_path / "tracking.log",
            {"event_type": "page_close", "event_source": "browser"},
            event(),
            event(event_source="browser"),
            event(event_type="/courses/x/handler/problem_check"),
            "",
            event(context__user_id="18", time="2026-01-12T09:30:15+01:00", event__grade=4),
        )

        report = run(log, guid="lms.example")

        assert counts(report) == (2, 0, 0, 4)
        assert report.learners_traced == 2
        rows = Score.objects.order_by("id").values_list(
            "learner__user_id",
            "learner__tool_consumer_instance_guid",
            "activity__source_launch_url",
            "score",
            "timestamp",
            "timestamp_given",
        )
        assert list(rows) == [
            ("17", "lms.example", URL, 0.25, AT, True),
            ("18", "lms.example", URL, 1.0, AT.replace(microsecond=0), True),
        ]
        assert not any(batch.differences or batch.stale for batch in state_verify())

    def test_the_event_id_is_of_who_what_when_and_which_attempt(self, tmp_path: Path) -> None:
        same_instant = event(time="2026-01-12T09:30:15.123456+01:00", username="renamed")
        others = [
            event(context__user_id=18),
            event(event__attempts=2),
            event(time="2026-01-12T08:30:15.123457+00:00"),
        ]

        report = run(write(tmp_path / "a.log", event(), same_instant, *others))

        assert counts(report) == (4, 1, 0, 0)
        event_ids = set(Score.objects.values_list("event_id", flat=True))
        assert len(event_ids) == 4
        assert {len(str(event_id)) for event_id in event_ids} == {36}

    def test_attempts_that_are_no_text_make_an_event_id(self, tmp_path: Path) -> None:
        report = run(
            write(tmp_path / "a.log", event(event__attempts="\ud800"), event(event__attempts={"a": [1]}), event())
        )

        assert counts(report) == (3, 0, 0, 0)

    def test_the_problem_may_be_named_by_its_module(self, tmp_path: Path) -> None:
        run(write(tmp_path / "a.log", event(event__problem_id=None, context__module={"usage_key": USAGE_ID})))

        assert Score.objects.get().activity.source_launch_url == URL

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ("nonsense", "is not a JSON object"),
            ('{"event_type": "page_close"', "is not a JSON object"),
            ('{"event_type": "problem_check"', "is not JSON"),
            ('["problem_check"]', "is not a JSON object"),
            (json.dumps(event())[:-30] + "NaN}}", "is not JSON"),
            (event(context=None), "context: is missing"),
            (event(context="x"), "context: is not an object"),
            (event(event="input_q1=choice_1"), "event: is not an object"),
            (event(context__user_id=None), "context.user_id: is missing"),
            (event(context__user_id=""), "context.user_id: is missing"),
            (event(context__user_id=True), "context.user_id: is missing"),
            (event(event__problem_id=None), "event.problem_id: is missing"),
            (event(event__grade=None), "event.grade: is missing"),
            (event(event__grade="1"), "event.grade: is not a number"),
            (event(event__grade=10**400), "event.grade: is not a number"),
            (event(event__grade=5), "event.grade: is not between 0 and max_grade"),
            (event(event__grade=-1), "event.grade: is not between 0 and max_grade"),
            (event(event__max_grade=0), "event.max_grade: is not a number above 0"),
            (event(event__max_grade=None), "event.max_grade: is not a number above 0"),
            (event(time=None), "time: is missing"),
            (event(time="2026-01-12T08:30:15"), "time: has no time zone"),
            (event(time="2999-01-12T08:30:15Z"), "time: is in the future"),
            (
                event(event__problem_id=USAGE_ID + "x"),
                "event.problem_id: no activity has this usage id in its source_launch_url",
            ),
            (event(context__user_id="1\0"), "context.user_id: contains a NUL character"),
            (event(context__user_id="\ud800"), "context.user_id: is not UTF-8"),
        ],
    )
    def test_a_broken_line_is_refused_with_its_reason(self, tmp_path: Path, line: Any, reason: str) -> None:
        report = run(write(tmp_path / "a.log", event(event__attempts=7), line, event()), file_format="edx")

        assert counts(report) == (2, 0, 1, 0)
        assert reasons() == [(reason, 1, 2, 2)]

    def test_a_line_too_long_to_be_one_is_refused_and_the_next_is_read(self, tmp_path: Path) -> None:
        report = run(write(tmp_path / "a.log", event(), '{"problem_check' + "x" * 3 * MAX_LINE_BYTES, event()))

        assert counts(report) == (1, 1, 1, 0)
        assert reasons() == [(f"is longer than {MAX_LINE_BYTES} bytes", 1, 2, 2)]

    def test_a_usage_id_is_found_percent_encoded_and_in_old_courses(self, tmp_path: Path) -> None:
        activity("https://lms.example/lti/block-v1%3AUni%2BAlgebra%2B2026%2Btype%40problem%2Bblock%40q2")
        activity("https://lms.example/i4x://Uni/Algebra/problem/q3?x=1")

        report = run(
            write(
                tmp_path / "a.log",
                event(event__problem_id="block-v1:Uni+Algebra+2026+type@problem+block@q2"),
                event(event__problem_id="i4x://Uni/Algebra/problem/q3"),
            )
        )

        assert counts(report) == (2, 0, 0, 0)

    def test_a_usage_id_of_two_activities_means_neither(self, tmp_path: Path) -> None:
        activity(f"https://other.example/{USAGE_ID}")

        report = run(write(tmp_path / "a.log", event()))

        assert counts(report) == (0, 0, 1, 0)
        assert reasons()[0][0] == "event.problem_id: several activities have this usage id in their source_launch_url"

    def test_a_template_makes_the_url(self, tmp_path: Path) -> None:
        template = "https://lti.example/{course_id}/{usage_id}"
        log = write(tmp_path / "a.log", event(), event(context__course_id=None, event__attempts=2))

        report = run(log, edx_launch_url=template)
        created = run(log, edx_launch_url=template, create=True, again=True)

        assert (counts(report), counts(created)) == ((0, 0, 2, 0), (1, 0, 1, 0))
        assert Score.objects.get().activity.source_launch_url == (
            f"https://lti.example/course-v1:Uni+Algebra+2026/{USAGE_ID}"
        )
        assert reasons() == [("context.course_id: is missing", 1, 2, 2)]


class TestStatements:
    def test_a_statement_is_a_score(self, tmp_path: Path) -> None:
        report = run(write(tmp_path / "a.jsonl", statement(id=STATEMENT_ID.upper())))

        assert counts(report) == (1, 0, 0, 0)
        score = Score.objects.select_related("learner").get()
        assert (score.learner.user_id, score.learner.tool_consumer_instance_guid) == ("anna", "https://lms.example")
        assert (score.activity.source_launch_url, score.score, score.timestamp, score.event_id) == (
            "https://lrs.example/quiz",
            0.75,
            AT,
            STATEMENT_ID,
        )

    @pytest.mark.parametrize(
        ("changes", "score"),
        [
            ({"result__score": {"scaled": 0}}, 0.0),
            ({"result__score": {"raw": 7, "min": 5, "max": 15}}, 0.2),
            ({"result__score": {"raw": 3, "max": 4}}, 0.75),
            ({"result__score": {"raw": 3, "max": 4, "scaled": 0.5}}, 0.5),
            ({"result": {"success": True}}, 1.0),
            ({"result": {"success": False, "score": {}}}, 0.0),
            ({"result": {"score": {"raw": 0, "max": 1}, "success": True}}, 0.0),
            ({"verb": {"id": "http://adlnet.gov/expapi/verbs/passed"}, "result": None}, 1.0),
            ({"verb": {"id": "https://w3id.org/xapi/adl/verbs/failed/"}, "result": {"response": "x"}}, 0.0),
            ({"verb": {"id": "http://adlnet.gov/expapi/verbs/answered"}}, 0.75),
            ({"verb": {"id": "http://adlnet.gov/expapi/verbs/completed"}}, 0.75),
            ({"verb": {"id": "http://adlnet.gov/expapi/verbs/completed"}, "result": None}, None),
            ({"verb": {"id": "http://adlnet.gov/expapi/verbs/answered"}, "result": {"response": "x"}}, None),
        ],
    )
    def test_what_the_result_says(self, tmp_path: Path, changes: dict[str, Any], score: float | None) -> None:
        report = run(write(tmp_path / "a.jsonl", statement(**changes)))

        assert counts(report) == ((0, 0, 0, 1) if score is None else (1, 0, 0, 0))
        assert list(Score.objects.values_list("score", flat=True)) == ([] if score is None else [pytest.approx(score)])

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"verb": None}, "verb: is missing"),
            ({"verb__id": 7}, "verb.id: is not a text"),
            ({"id": None}, "id: is missing"),
            ({"id": "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}" * 200}, "id: is longer than 255 characters"),
            ({"actor": {}}, "actor: has neither account nor mbox"),
            ({"actor": {"objectType": "Group"}}, "actor.objectType: is not an Agent"),
            ({"actor__account": {"homePage": "x"}}, "actor.account.name: is missing"),
            ({"actor": {"mbox": "mailto:"}}, "actor.mbox: is blank"),
            ({"object": {"objectType": "StatementRef", "id": "x"}}, "object.objectType: is not an Activity"),
            ({"object": {}}, "object.id: is missing"),
            ({"object": {"id": "https://lrs.example/other"}}, "activity: is not known here"),
            ({"result": 7}, "result: is not an object"),
            (
                {"result__score": {"scaled": -0.1}},
                "result.score.scaled: is not in the range from no to full credit",
            ),
            ({"result__score": {"scaled": "1"}}, "result.score.scaled: is not a number"),
            ({"result__score": {"raw": 3}}, "result.score.max: is not a number above min"),
            (
                {"result__score": {"raw": 3, "max": 2}},
                "result.score.raw: is not in the range from no to full credit",
            ),
            ({"result": {"success": "yes"}}, "result.success: is neither true nor false"),
            ({"timestamp": None}, "timestamp: is missing"),
            ({"timestamp": "soon"}, "timestamp: is not a time in ISO 8601"),
        ],
    )
    def test_a_broken_statement_is_refused_with_its_reason(
        self, tmp_path: Path, changes: dict[str, Any], reason: str
    ) -> None:
        report = run(write(tmp_path / "a.jsonl", statement(id="first"), statement(**changes)), file_format="xapi")

        assert counts(report) == (1, 0, 1, 0)
        assert reasons() == [(reason, 1, 2, 2)]

    def test_a_mailbox_is_a_learner_and_stored_is_a_time(self, tmp_path: Path) -> None:
        run(
            write(
                tmp_path / "a.jsonl",
                statement(actor={"mbox": "mailto:anna@uni.example"}, timestamp=None, stored=AT.isoformat()),
            )
        )

        score = Score.objects.select_related("learner").get()
        assert (score.learner.user_id, score.learner.tool_consumer_instance_guid) == ("anna@uni.example", "")
        assert score.timestamp == AT

    def test_the_option_stands_for_the_home_page(self, tmp_path: Path) -> None:
        run(write(tmp_path / "a.jsonl", statement()), guid="campus")

        assert Learner.objects.get().tool_consumer_instance_guid == "campus"

    def test_an_object_of_edx_is_known_by_its_usage_id(self, tmp_path: Path) -> None:
        run(write(tmp_path / "a.jsonl", statement(object__id=f"https://lms.example/xblock/{USAGE_ID}")))

        assert Score.objects.get().activity.source_launch_url == URL

    @pytest.mark.parametrize("block", [1, 2, 3, 7, 1 << 16])
    @pytest.mark.parametrize("indent", [None, 2])
    def test_an_array_is_read_element_by_element(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, indent: int | None
    ) -> None:
        monkeypatch.setattr(xapi, "BLOCK_BYTES", block)
        tricky = r'a "quoted", [bracketed] {braced} \ and é'
        entries = [
            statement(id="s1", result__response=tricky),
            {"verb": {"id": "x/experienced"}, "note": "\\"},
            "no statement",
            7,
            statement(id="s2", result__score={"scaled": 0.5}),
        ]
        file = tmp_path / "statements.json"
        file.write_text(" \n" + json.dumps(entries, indent=indent), encoding="utf-8")

        report = run(file, file_format="xapi")

        assert counts(report) == (2, 0, 2, 1)
        assert list(Score.objects.order_by("event_id").values_list("event_id", "score")) == [("s1", 0.75), ("s2", 0.5)]
        assert reasons() == [("is not a JSON object", 2, 3, 4)]

    @pytest.mark.parametrize(
        ("text", "imported", "expected"),
        [
            ("[]", 0, []),
            ("[%s", 0, [("the array ends early", 1, 1, 1)]),
            ("[%s,", 1, [("the array ends early", 1, 2, 2)]),
            ("[%s] [%s]", 1, [("follows the end of the array", 1, 2, 2)]),
            ('[{"a": nope}, %s]', 1, [("is not JSON", 1, 1, 1)]),
            (
                '[{"a": "' + "x" * 2 * MAX_LINE_BYTES + '"}, %s]',
                1,
                [(f"is longer than {MAX_LINE_BYTES} bytes", 1, 1, 1)],
            ),
        ],
    )
    def test_a_broken_array_gives_what_is_whole(
        self, tmp_path: Path, text: str, imported: int, expected: list[Any]
    ) -> None:
        file = tmp_path / "statements.json"
        file.write_text(text.replace("%s", json.dumps(statement())), encoding="utf-8")

        report = run(file)

        assert report.imported == imported
        assert reasons() == expected

    @pytest.mark.parametrize("indent", [None, 2])
    @pytest.mark.parametrize(
        "answer",
        [
            {"statements": [], "more": "/xapi/statements/more?page=2"},
            {"more": "", "statements": []},
            {"more": None, "statements": []},
            {"statements": []},
        ],
    )
    def test_the_answer_of_an_lrs_is_its_statements(
        self, tmp_path: Path, answer: dict[str, Any], indent: int | None
    ) -> None:
        file = tmp_path / "answer.json"
        statements = [statement(id="s1"), "no statement", statement(id="s2")]
        file.write_text(json.dumps(answer | {"statements": statements}, indent=indent))

        assert counts(run(file)) == (2, 0, 1, 0)
        assert reasons() == [("is not a JSON object", 1, 2, 2)]
        assert ScoreImport.objects.get().file_format == "xapi"

    def test_an_array_in_one_line_goes_on_where_it_stopped(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(file_import, "BATCH_ROWS", 2)
        file = tmp_path / "statements.json"
        file.write_text(json.dumps([statement(id=f"s{number}") for number in range(5)]), encoding="utf-8")

        with pytest.raises(Stopped):
            import_evidence([file], ImportOptions(), stop=lambda: True)
        assert Score.objects.count() == 2

        assert counts(run(file)) == (3, 2, 0, 0)


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
