"""Files of evidence, line by line, and what importing them gave."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adaptivity.evidence.jobs.import_evidence import EvidenceReport, ImportOptions, import_evidence
from adaptivity.models import Reject

USAGE_ID = "block-v1:Uni+Algebra+2026+type@problem+block@q1"


URL = f"https://lms.example/courses/course-v1:Uni+Algebra+2026/jump_to/{USAGE_ID}"


AT = datetime(2026, 1, 12, 8, 30, 15, 123456, tzinfo=UTC)


STATEMENT_ID = "6690e6c9-3ef0-4ed3-8b37-7f3964730bee"


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
