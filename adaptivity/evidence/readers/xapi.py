"""Files of xAPI statements: a JSON array, the answer of an LRS that contains one, or one statement a line.

Source: the xAPI specification 1.0.3, part two. Section 2 describes the parts of a statement, section 2.3.2 a voiding
statement, and section 2.5 an LRS's answer, the StatementResult.
"""

import gzip
import io
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from django.utils import timezone

from adaptivity.errors import InvalidInput
from adaptivity.evidence.readers.checks import (
    check_text,
    number_at,
    object_at,
    text_at,
    time_of,
)
from adaptivity.evidence.readers.edx import parsed
from adaptivity.evidence.readers.launch_urls import LaunchUrls
from adaptivity.evidence.readers.lines import MAX_LINE_BYTES, ParsedLine, lines_after, open_file
from adaptivity.evidence.services.imports import ScoreRow
from adaptivity.evidence.services.voidings import STATEMENT_ID
from adaptivity.text import NAME_LENGTH, URL_LENGTH

BLOCK_BYTES = 1 << 16
BEGINNING_BYTES = 1 << 16
# Matches up to the beginning of an array of statements, including what comes before it in an LRS's answer.
BEGINNING = re.compile(rb'\s*(?P<answer>\{\s*("more"\s*:\s*("[^"\\]*"|null)\s*,\s*)?"statements"\s*:\s*)?(?=\[)')
# The characters that structure JSON. A backslash takes away the meaning of the next one.
SIGN = re.compile(rb'\\.|["\[\]{},]', re.DOTALL)
TOO_LONG = f"is longer than {MAX_LINE_BYTES} bytes"
MAILTO = "mailto:"
# The only verb that the specification itself defines, under this id alone.
VOIDED = "http://adlnet.gov/expapi/verbs/voided"
# By the last part of the verb's id, because several vocabularies have these verbs. The value is the score of a
# statement without a result.
VERBS: dict[str, float | None] = {"scored": None, "answered": None, "completed": None, "passed": 1.0, "failed": 0.0}


def read_statements(path: Path, after: int, launch_urls: LaunchUrls) -> Iterator[ParsedLine]:
    """The scores that statements report, and the ids of the statements that they void.

    Begins after the statement (or line) with this number.
    """
    now = timezone.now()
    beginning = array_beginning(path)
    elements = _lines_after(path, after) if beginning is None else _elements_after(path, after, beginning)
    for number, text, problem in elements:
        if problem:
            yield ParsedLine(number, reason=problem, raw=text)
        elif not text.strip():
            yield ParsedLine(number)
        else:
            try:
                statement = parsed(text)
                verb = text_at(object_at(statement, "verb", "verb"), "id", "verb.id", URL_LENGTH)
                if verb == VOIDED:
                    yield ParsedLine(number, voids=_voided_id(statement), raw=text)
                else:
                    yield ParsedLine(number, row=_row(number, statement, verb, now, launch_urls), raw=text)
            except InvalidInput as error:
                yield ParsedLine(number, reason=str(error), raw=text)


def array_beginning(path: Path) -> re.Match[bytes] | None:
    """What comes before the file's array of statements, or None if there is no array."""
    with open_file(path) as file:
        return BEGINNING.match(file.read(BEGINNING_BYTES))


def _lines_after(path: Path, after: int) -> Iterator[tuple[int, bytes, str]]:
    for number, line, is_cut in lines_after(path, after):
        yield number, line, TOO_LONG if is_cut else ""


def _elements_after(path: Path, after: int, beginning: re.Match[bytes]) -> Iterator[tuple[int, bytes, str]]:
    for number, (text, problem) in enumerate(_elements(path, beginning), start=1):
        if number > after:
            yield number, text, problem


class _Outline:
    """Finds where a JSON array is cut into its elements, block by block."""

    def __init__(self) -> None:
        self.depth = 0
        self.is_closed = False
        self._quoted = False

    def cuts(self, block: bytes) -> Iterator[tuple[int, int]]:
        """The end of each element and the beginning of the next in this block: the array's brackets and commas."""
        for found in () if self.is_closed else SIGN.finditer(block):
            sign = found.group()
            if sign == b'"':
                self._quoted = not self._quoted
            if self._quoted or sign not in b"[]{},":
                continue
            is_outer = self.depth == 1
            if sign != b",":
                self.depth += 1 if sign in b"[{" else -1
                is_outer = self.depth == (1 if sign in b"[{" else 0)
            if is_outer:
                yield found.start(), found.end()
            if self.depth == 0:
                self.is_closed = True
                return


def _elements(path: Path, beginning: re.Match[bytes]) -> Iterator[tuple[bytes, str]]:
    """The elements of a JSON array, each with an error about its outer form, or "".

    One element is held at a time. Invalid JSON inside an element does not affect the next.
    """
    outline, element = _Outline(), bytearray()
    with open_file(path) as file:
        file.read(beginning.end())
        for block in _blocks(file):
            start = 0
            for end, following in outline.cuts(block):
                _add(element, block[start:end])
                start = following
                if element.strip():
                    yield bytes(element), TOO_LONG if len(element) > MAX_LINE_BYTES else ""
                element.clear()
            _add(element, block[start:])
    if not outline.is_closed:
        yield bytes(element), "the array ends early"
    elif element.strip() and not beginning["answer"]:
        yield bytes(element), "follows the end of the array"


def _blocks(file: io.BufferedReader | gzip.GzipFile) -> Iterator[bytes]:
    """The file in blocks, none of which ends between a backslash and the character that it escapes."""
    while block := file.read(BLOCK_BYTES):
        while block.endswith(b"\\") and (more := file.read(1)):
            block += more
        yield block


def _add(element: bytearray, part: bytes) -> None:
    """Appends the part, up to just over the maximal length: an element that is too long is refused anyway."""
    element += part[: MAX_LINE_BYTES + 1 - len(element)]


def _voided_id(statement: dict[str, Any]) -> str:
    """The id of the statement that this one voids. Its actor is who voids, and need not be who was scored."""
    target = object_at(statement, "object", "object")
    if target.get("objectType") != "StatementRef":
        raise InvalidInput("is not a StatementRef", field="object.objectType")
    voided = text_at(target, "id", "object.id", NAME_LENGTH).lower()
    if not STATEMENT_ID.fullmatch(voided):
        raise InvalidInput("is not a UUID", field="object.id")
    return voided


def _row(line: int, statement: dict[str, Any], verb: str, now: datetime, launch_urls: LaunchUrls) -> ScoreRow | None:
    """The score that the statement reports, or None if it reports none."""
    verb = verb.rstrip("/").rpartition("/")[2].lower()
    if verb not in VERBS:
        return None
    score = _score(statement, VERBS[verb])
    if score is None:
        return None
    learner, guid = _learner(object_at(statement, "actor", "actor"))
    target = object_at(statement, "object", "object")
    if target.get("objectType", "Activity") != "Activity":
        raise InvalidInput("is not an Activity", field="object.objectType")
    object_id = text_at(target, "id", "object.id", URL_LENGTH)
    event_id = text_at(statement, "id", "id", NAME_LENGTH).lower()
    # Some letters become two in lower case.
    check_text("id", event_id, NAME_LENGTH)
    # "timestamp" is when it happened; an LRS must set it if the platform does not. "stored" is when it reached the LRS.
    when = "stored" if statement.get("timestamp") is None else "timestamp"
    return ScoreRow(
        line=line,
        learner=learner,
        item=launch_urls.of_object_id(object_id, field="object.id"),
        reported_item=object_id,
        knowledge_components=(),
        score=score,
        timestamp=time_of(text_at(statement, when, "timestamp", URL_LENGTH), now),
        event_id=event_id,
        guid=guid,
    )


def _score(statement: dict[str, Any], without_result: float | None) -> float | None:
    """The score from 0 to 1, or None: the scaled one, the raw one between min and max, the success, or the verb's."""
    if statement.get("result") is None:
        return without_result
    result = object_at(statement, "result", "result")
    if result.get("score") is not None:
        given = object_at(result, "score", "result.score")
        score, field = number_at(given, "scaled", "result.score"), "result.score.scaled"
        raw, greatest = number_at(given, "raw", "result.score"), number_at(given, "max", "result.score")
        if score is None and raw is not None:
            least = number_at(given, "min", "result.score") or 0.0
            if greatest is None or greatest <= least:
                raise InvalidInput("is not a number above min", field="result.score.max")
            score, field = (raw - least) / (greatest - least), "result.score.raw"
        if score is not None:
            if not 0.0 <= score <= 1.0:
                raise InvalidInput("is not in the range from no to full credit", field=field)
            return score
    success = result.get("success")
    if success is None:
        return without_result
    if not isinstance(success, bool):
        raise InvalidInput("is neither true nor false", field="result.success")
    return float(success)


def _learner(actor: dict[str, Any]) -> tuple[str, str]:
    """The learner and the platform: name and home page of the account, or the address of the mailbox and ""."""
    if actor.get("objectType", "Agent") != "Agent":
        raise InvalidInput("is not an Agent", field="actor.objectType")
    if actor.get("account") is not None:
        account = object_at(actor, "account", "actor.account")
        name = text_at(account, "name", "actor.account.name", NAME_LENGTH)
        return name, text_at(account, "homePage", "actor.account.homePage", NAME_LENGTH)
    if actor.get("mbox") is None:
        raise InvalidInput("has neither account nor mbox", field="actor")
    mbox = text_at(actor, "mbox", "actor.mbox", NAME_LENGTH + len(MAILTO))
    learner = mbox.removeprefix(MAILTO)
    check_text("actor.mbox", learner, NAME_LENGTH)
    return learner, ""
