"""xAPI statements: which are scores, why the others are refused, and arrays of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from adaptivity.errors import Stopped
from adaptivity.evidence.jobs import file_import
from adaptivity.evidence.jobs.import_evidence import ImportOptions, import_evidence
from adaptivity.evidence.readers import xapi
from adaptivity.evidence.readers.lines import MAX_LINE_BYTES
from adaptivity.models import Learner, Score, ScoreImport
from tests.support.evidence_files import AT, STATEMENT_ID, URL, USAGE_ID, counts, reasons, run, statement, write

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("problem_and_quiz")]


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
