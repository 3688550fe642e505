"""CSV files of scores, as `export_evidence` writes them and `import_scores` reads them."""

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from django.utils import timezone

from adaptivity.errors import InvalidInput
from adaptivity.evidence.readers.checks import (
    check_text,
    fraction,
    time_of,
)
from adaptivity.evidence.readers.lines import MAX_LINE_BYTES, ParsedLine, open_file
from adaptivity.evidence.services.imports import ScoreRow
from adaptivity.text import NAME_LENGTH, URL_LENGTH

REQUIRED_COLUMNS = ("learner", "item", "kcs", "score")
GUID_COLUMN = "tool_consumer_instance_guid"
KC_SEPARATOR = ";"


def read_scores(path: Path, after: int = 0) -> Iterator[ParsedLine]:
    """The rows after the line with this number. Raises InvalidInput if the header is unusable."""
    now = timezone.now()
    with open_file(path) as file:
        # Bytes that are not UTF-8 become surrogates, so that only their row is refused.
        text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
        raw: list[str] = []
        reader = csv.reader(_remembered(text, raw))
        # A quoted value may span many lines, but the length of each line is limited.
        header = _header(reader)
        while True:
            line = reader.line_num + 1
            raw.clear()
            try:
                values = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                if line > after:
                    yield ParsedLine(line, reason=str(error), raw="".join(raw))
                continue
            if not values or line <= after:
                continue
            try:
                if any(map(_is_cut, raw)):
                    raise InvalidInput(f"is longer than {MAX_LINE_BYTES} characters")
                if len(values) != len(header):
                    raise InvalidInput(f"{len(values)} values for {len(header)} columns")
                row = _row(line, dict(zip(header, values, strict=True)), now)
                yield ParsedLine(line, row=row, raw="".join(raw))
            except InvalidInput as error:
                yield ParsedLine(line, reason=str(error), raw="".join(raw))


def _header(reader: Iterator[list[str]]) -> list[str]:
    try:
        header = next(reader, [])
    except csv.Error as error:
        raise InvalidInput(str(error), field="line 1") from None
    missing = [column for column in REQUIRED_COLUMNS if column not in header]
    if missing:
        raise InvalidInput(f"the header lacks the column {missing[0]}", field="line 1")
    if len(set(header)) != len(header):
        raise InvalidInput("the header names a column twice", field="line 1")
    return header


def _remembered(text: io.TextIOWrapper, memory: list[str]) -> Iterator[str]:
    """Yields the lines and appends them to ``memory``; a longer line is cut at MAX_LINE_BYTES characters."""
    while line := text.readline(MAX_LINE_BYTES):
        memory.append(line)
        if _is_cut(line):
            while (rest := text.readline(MAX_LINE_BYTES)) and not rest.endswith(("\n", "\r")):
                pass
        yield line


def _is_cut(line: str) -> bool:
    return len(line) == MAX_LINE_BYTES and not line.endswith(("\n", "\r"))


def _row(line: int, values: dict[str, str], now: datetime) -> ScoreRow:
    check_text("learner", values["learner"], NAME_LENGTH)
    check_text("item", values["item"], URL_LENGTH)
    kcs = tuple(dict.fromkeys(kc.strip() for kc in values["kcs"].split(KC_SEPARATOR) if kc.strip()))
    for kc in kcs:
        check_text("kcs", kc, NAME_LENGTH)
    event_id = values.get("event_id") or None
    if event_id is not None:
        check_text("event_id", event_id, NAME_LENGTH)
    guid = values.get(GUID_COLUMN, "")
    if guid:
        check_text(GUID_COLUMN, guid, NAME_LENGTH)
    return ScoreRow(
        line=line,
        learner=values["learner"],
        item=values["item"],
        knowledge_components=kcs,
        score=fraction(values["score"]),
        timestamp=time_of(values["timestamp"], now) if values.get("timestamp") else None,
        event_id=event_id,
        guid=guid,
    )
