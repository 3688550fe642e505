"""Tracking logs of Open edX: JSON lines, of which only the server's events about graded problems count.

The fields are those of the edX Research Guide, "Problem Interaction Events". Such an event has the type
``problem_check`` and the source ``server``. It holds ``event.problem_id``, ``event.grade``, ``event.max_grade`` and
``event.attempts``, its user in ``context.user_id``, and its time in ``time``.
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from django.utils import timezone

from adaptivity.errors import InvalidInput
from adaptivity.evidence.readers.checks import check_text, number_at, object_at, time_of
from adaptivity.evidence.readers.launch_urls import LaunchUrls
from adaptivity.evidence.readers.lines import MAX_LINE_BYTES, ParsedLine, lines_after
from adaptivity.evidence.services.imports import ScoreRow
from adaptivity.text import NAME_LENGTH, URL_LENGTH

# Parsing costs most, and three lines of four come from browsers. json.dumps, with which edX writes its logs, escapes
# none of these characters, so a line without them cannot be such an event.
MARK = b'"problem_check"'
OBJECT_ENDS = (b"}\n", b"}\r\n", b"}")


def read_events(path: Path, after: int, launch_urls: LaunchUrls) -> Iterator[ParsedLine]:
    """The graded problems in the log after the line with this number, and the broken lines."""
    now = timezone.now()
    for number, line, is_cut in lines_after(path, after):
        if is_cut:
            yield ParsedLine(number, reason=f"is longer than {MAX_LINE_BYTES} bytes", raw=line)
        elif MARK not in line:
            if (line[:1] == b"{" and line.endswith(OBJECT_ENDS)) or not line.strip():
                yield ParsedLine(number)
            else:
                yield ParsedLine(number, reason="is not a JSON object", raw=line)
        else:
            try:
                yield ParsedLine(number, row=_row(number, parsed(line), now, launch_urls), raw=line)
            except InvalidInput as error:
                yield ParsedLine(number, reason=str(error), raw=line)


def parsed(text: bytes) -> dict[str, Any]:
    """The JSON object in the text. Raises InvalidInput if there is none."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise InvalidInput("is nested too deeply") from None
    except ValueError:
        raise InvalidInput("is not JSON") from None
    if not isinstance(value, dict):
        raise InvalidInput("is not a JSON object")
    return value


def _refuse_constant(_name: str) -> None:
    raise ValueError


def _row(line: int, entry: dict[str, Any], now: datetime, launch_urls: LaunchUrls) -> ScoreRow | None:
    """The graded problem, or None if the entry is something else."""
    if entry.get("event_type") != "problem_check" or entry.get("event_source") != "server":
        return None
    context, event = object_at(entry, "context", "context"), object_at(entry, "event", "event")
    learner = _user_id(context.get("user_id"))
    usage_id = _usage_id(context, event)
    grade, greatest = number_at(event, "grade", "event"), number_at(event, "max_grade", "event")
    if grade is None:
        raise InvalidInput("is missing", field="event.grade")
    if greatest is None or greatest <= 0:
        raise InvalidInput("is not a number above 0", field="event.max_grade")
    if not 0 <= grade <= greatest:
        raise InvalidInput("is not between 0 and max_grade", field="event.grade")
    time = entry.get("time")
    if not isinstance(time, str):
        raise InvalidInput("is missing", field="time")
    timestamp = time_of(time, now, "time")
    return ScoreRow(
        line=line,
        learner=learner,
        item=launch_urls.of_usage_id(usage_id, course_id=context.get("course_id"), field="event.problem_id"),
        reported_item=usage_id,
        knowledge_components=(),
        score=grade / greatest,
        timestamp=timestamp,
        event_id=_event_id(learner, usage_id, timestamp.isoformat(), str(event.get("attempts"))),
    )


def _user_id(value: Any) -> str:
    """The user's number. Unlike the name it never changes, and it reveals nothing about the person."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value:
        raise InvalidInput("is missing", field="context.user_id")
    check_text("context.user_id", value, NAME_LENGTH)
    return value


def _usage_id(context: dict[str, Any], event: dict[str, Any]) -> str:
    usage_id = event.get("problem_id")
    if usage_id is None and isinstance(module := context.get("module"), dict):
        usage_id = module.get("usage_key")
    if not isinstance(usage_id, str):
        raise InvalidInput("is missing", field="event.problem_id")
    check_text("event.problem_id", usage_id, URL_LENGTH)
    return usage_id


def _event_id(*parts: str) -> str:
    """An id for the event, since edX gives it none: a hash of who answered what, when, and at which attempt."""
    return "edx:" + hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
