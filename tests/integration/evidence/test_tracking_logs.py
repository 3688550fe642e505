"""Tracking logs of Open edX: which events are scores, and why the others are refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from adaptivity.evidence.readers.lines import MAX_LINE_BYTES
from adaptivity.evidence.services.verification import state_verify
from adaptivity.models import Score
from tests.support.builders import activity
from tests.support.evidence_files import AT, URL, USAGE_ID, counts, event, reasons, run, write

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("problem_and_quiz")]


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
