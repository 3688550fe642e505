"""Imports a CSV file of scores: in batches, resumable, each row at most once."""

import csv
import gzip
import hashlib
import io
import math
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from adaptivity.errors import InvalidInput, Stopped
from adaptivity.models import ScoreImport
from adaptivity.services.imports import ScoreRow, items_ensure, scores_import_batch
from adaptivity.services.tracing import stale_learners_retrace

REQUIRED_COLUMNS = ("learner", "item", "kcs", "score")
BATCH_ROWS = 2000
GZIP_MAGIC = b"\x1f\x8b"
LENGTHS = {"learner": 255, "item": 500, "kcs": 255, "event_id": 255, "timestamp": 64}
# Python's float() would also take underscores and the digits of every script.
NUMBER = re.compile(r" *[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)? *")

# Called with a phase ("reading", "importing", "tracing"), how much of it is done, and its total.
Progress = Callable[[str, int, int], None]
# Called with the line number and the reason for each row that is refused.
Refuse = Callable[[int, str], None]


@dataclass
class ImportReport:
    """What an import did: rows imported now, rows known from before, rows refused, learners traced."""

    imported: int = 0
    known: int = 0
    refused: int = 0
    learners_traced: int = 0


@dataclass
class ParsedLine:
    """A row of the file, or the reason why it is none."""

    line: int
    row: ScoreRow | None = None
    reason: str = ""


def import_scores(
    path: Path,
    *,
    collection_id: str | None = None,
    guid: str = "",
    strict: bool = False,
    progress: Progress = lambda *_: None,
    refuse: Refuse = lambda *_: None,
    stop: Callable[[], bool] = lambda: False,
) -> ImportReport:
    """Imports the file's scores, then traces every learner whose masteries are out of date.

    The file is CSV, plain or gzip, UTF-8, with the columns ``learner,item,kcs,score`` and optionally ``timestamp``
    (ISO 8601 with zone) and ``event_id``. A row without event_id is known by the file's content and its line, so the
    same file continues where an import of it stopped and is never imported twice. A bad row is reported and left out;
    with ``strict`` the first one stops the import, with nothing imported.

    Raises InvalidInput for a file that cannot be read, an unusable header, or in strict mode a bad row; AlreadyRunning
    where the same file is being imported by another process; Stopped between two batches where ``stop`` answers true.
    """
    check_text("collection", collection_id or "-", 255)
    check_text("guid", guid or "-", 255)
    content_hash, lines = _survey(path, strict=strict, progress=progress)
    run, _ = ScoreImport.objects.get_or_create(
        content_hash=content_hash, tool_consumer_instance_guid=guid, defaults={"started_at": timezone.now()}
    )
    report = ImportReport()
    with transaction.atomic() if strict else nullcontext():
        for batch in _batches(path):
            _import_batch(run, batch, collection_id, strict=strict, report=report, refuse=refuse)
            progress("importing", batch[-1].line, lines)
            if stop():
                raise Stopped(f"{report.imported} scores imported; stopped, run it again to go on")
        if run.finished_at is None:
            run.finished_at = timezone.now()
            run.save(update_fields=["finished_at"])
    for done, total in stale_learners_retrace():
        report.learners_traced = done
        progress("tracing", done, total)
        if done < total and stop():
            raise Stopped(f"{report.imported} scores imported; stopped, {total - done} learners are left to trace")
    return report


def _import_batch(
    run: ScoreImport,
    batch: list[ParsedLine],
    collection_id: str | None,
    *,
    strict: bool,
    report: ImportReport,
    refuse: Refuse,
) -> None:
    rows = [parsed.row for parsed in batch if parsed.row is not None]
    new = [row for row in rows if row.line > run.lines_done]
    report.known += len(rows) - len(new)
    refused = [(parsed.line, parsed.reason) for parsed in batch if parsed.row is None and parsed.line > run.lines_done]
    if batch[-1].line <= run.lines_done:
        # Imported before, perhaps without this collection.
        if collection_id is not None:
            items_ensure(rows=rows, collection_id=collection_id)
        return
    result = scores_import_batch(run=run, rows=new, lines_done=batch[-1].line, collection_id=collection_id)
    report.imported += result.imported
    report.known += result.known
    refused += [(row.line, reason) for row, reason in result.refused]
    for line, reason in sorted(refused):
        if strict:
            raise InvalidInput(reason, field=f"line {line}")
        refuse(line, reason)
    report.refused += len(refused)


@contextmanager
def _open(path: Path) -> Iterator[io.BufferedReader | gzip.GzipFile]:
    """The file's content, uncompressed. Raises InvalidInput where it cannot be read."""
    try:
        with path.open("rb") as file:
            magic = file.read(len(GZIP_MAGIC))
            file.seek(0)
            if magic != GZIP_MAGIC:
                yield file
                return
            with gzip.open(file, "rb") as unpacked:
                yield unpacked
    except (EOFError, zlib.error) as error:
        raise InvalidInput(f"the gzip file is damaged ({error})", field=str(path)) from None
    except OSError as error:
        raise InvalidInput(error.strerror or str(error), field=str(path)) from None


def _survey(path: Path, *, strict: bool, progress: Progress) -> tuple[str, int]:
    """The SHA-256 of the file's uncompressed content and its number of lines; in strict mode, checks every row."""
    digest, lines = hashlib.sha256(), 0
    with _open(path) as file:
        while block := file.read(1 << 20):
            digest.update(block)
            lines += block.count(b"\n")
    parsed = _parse(path)
    if strict:
        for entry in parsed:
            if entry.row is None:
                raise InvalidInput(entry.reason, field=f"line {entry.line}")
            if entry.line % BATCH_ROWS == 0:
                progress("reading", entry.line, lines)
    else:
        next(parsed, None)
    return digest.hexdigest(), lines


def _batches(path: Path) -> Iterator[list[ParsedLine]]:
    batch: list[ParsedLine] = []
    for parsed in _parse(path):
        batch.append(parsed)
        if len(batch) == BATCH_ROWS:
            yield batch
            batch = []
    if batch:
        yield batch


def _parse(path: Path) -> Iterator[ParsedLine]:
    """The rows with their line numbers. Raises InvalidInput where the header is unusable."""
    now = timezone.now()
    with _open(path) as file:
        # Bytes that are not UTF-8 become surrogates, which make just their row a bad one.
        reader = csv.reader(io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline=""))
        try:
            header = next(reader, [])
        except csv.Error as error:
            raise InvalidInput(str(error), field="line 1") from None
        missing = [column for column in REQUIRED_COLUMNS if column not in header]
        if missing:
            raise InvalidInput(f"the header lacks the column {missing[0]}", field="line 1")
        if len(set(header)) != len(header):
            raise InvalidInput("the header names a column twice", field="line 1")
        while True:
            line = reader.line_num + 1
            try:
                values = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield ParsedLine(line, reason=str(error))
                continue
            if not values:
                continue
            try:
                if len(values) != len(header):
                    raise InvalidInput(f"{len(values)} values for {len(header)} columns")
                yield ParsedLine(line, row=_row(line, dict(zip(header, values, strict=True)), now))
            except InvalidInput as error:
                yield ParsedLine(line, reason=str(error))


def _row(line: int, values: dict[str, str], now: datetime) -> ScoreRow:
    check_text("learner", values["learner"], LENGTHS["learner"])
    check_text("item", values["item"], LENGTHS["item"])
    kcs = tuple(dict.fromkeys(kc.strip() for kc in values["kcs"].split(";") if kc.strip()))
    for kc in kcs:
        check_text("kcs", kc, LENGTHS["kcs"])
    event_id = values.get("event_id") or None
    if event_id is not None:
        check_text("event_id", event_id, LENGTHS["event_id"])
    return ScoreRow(
        line=line,
        learner=values["learner"],
        item=values["item"],
        knowledge_components=kcs,
        score=_score(values["score"]),
        timestamp=_timestamp(values.get("timestamp", ""), now),
        event_id=event_id,
    )


def check_text(name: str, text: str, length: int) -> None:
    """Raises InvalidInput naming the column where a text is blank, too long, or cannot be stored."""
    if not text.strip():
        raise InvalidInput("is blank", field=name)
    if len(text) > length:
        raise InvalidInput(f"is longer than {length} characters", field=name)
    if "\0" in text:
        raise InvalidInput("contains a NUL character", field=name)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidInput("is not UTF-8", field=name) from None


def _score(text: str) -> float:
    score = float(text) if NUMBER.fullmatch(text) else math.nan
    if not 0.0 <= score <= 1.0:
        raise InvalidInput("is not a number from 0 to 1", field="score")
    return score


def _timestamp(text: str, now: datetime) -> datetime | None:
    if not text:
        return None
    check_text("timestamp", text, LENGTHS["timestamp"])
    try:
        timestamp = datetime.fromisoformat(text)
        if timestamp.tzinfo is None:
            raise InvalidInput("has no time zone", field="timestamp")
        # In UTC it may lie before the first year, which no database and no datetime takes.
        timestamp = timestamp.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput("is not a time in ISO 8601", field="timestamp") from None
    if timestamp > now:
        raise InvalidInput("lies in the future", field="timestamp")
    return timestamp
