"""Writes what a reader finds in a file into the evidence log, in batches: resumable, each row at most once."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from adaptivity.database.writes import overtakable
from adaptivity.errors import InvalidInput, Stopped
from adaptivity.evidence.jobs.reject_file import RejectFile
from adaptivity.evidence.readers.lines import ParsedLine, Read
from adaptivity.evidence.services.imports import (
    BatchResult,
    items_ensure,
    rejects_record,
    score_import_update,
    scores_import_batch,
)
from adaptivity.evidence.services.retracing import stale_learners_retrace
from adaptivity.models import ScoreImport
from adaptivity.progress import Progress, Stop, never, silent

BATCH_ROWS = 2000
BATCH_BYTES = 8 << 20
# How many lines without scores an import reads before it saves its progress.
BATCH_LINES = 50_000

# Called with the line number and the reason for each refused line.
Refuse = Callable[[int, str], None]


@dataclass
class ImportReport:
    """The result of an import.

    Rows imported now, rows already known, refused lines, learners traced, lines without a score (``ignored``), and rows
    of erased learners, which are left out. ``voidings`` counts the statements that void another one. ``voided`` counts
    the scores deleted because of that, imported now or before. ``refused_before`` counts the lines that an earlier
    import of the file refused, if that is known.
    """

    imported: int = 0
    known: int = 0
    refused: int = 0
    learners_traced: int = 0
    ignored: int = 0
    erased: int = 0
    voidings: int = 0
    voided: int = 0
    refused_before: int = 0


@dataclass
class Batch:
    """The lines up to ``last_line``, of which ``ignored`` hold no score."""

    last_line: int = 0
    lines: int = 0
    ignored: int = 0
    size: int = 0
    entries: list[ParsedLine] = field(default_factory=list)

    def add(self, parsed: ParsedLine) -> None:
        self.last_line = parsed.line
        self.lines += 1
        if parsed.row is None and not parsed.reason and not parsed.voids:
            self.ignored += 1
        else:
            self.entries.append(parsed)
            self.size += len(parsed.raw)

    @property
    def is_full(self) -> bool:
        return len(self.entries) >= BATCH_ROWS or self.size >= BATCH_BYTES or self.lines >= BATCH_LINES


@dataclass(frozen=True)
class Load:
    """One import of one file."""

    run: ScoreImport
    read: Read
    path: Path
    lines: int
    collection_id: str | None = None
    create: bool = True
    strict: bool = False
    rejects: RejectFile | None = None

    def execute(
        self,
        report: ImportReport,
        *,
        progress: Progress = silent,
        refuse: Refuse = lambda *_: None,
        stop: Stop = never,
    ) -> None:
        """Imports the rest of the file that was not imported yet, and updates the report as it goes.

        Raises InvalidInput if the file cannot be read. With ``strict``, raises it for the first refused line, and
        nothing is imported. Raises AlreadyRunning if another process is importing the same file, and Stopped between
        two batches if ``stop`` returns true.
        """
        report.known += self.run.imported
        # Rows imported before are read again only to put their activities into a collection.
        again = self.collection_id is not None
        with transaction.atomic() if self.strict else nullcontext():
            for batch in self._batches(0 if again else self.run.lines_done):
                self._import(batch, report, refuse)
                progress("importing", batch.last_line, max(self.lines, batch.last_line))
                if stop():
                    raise Stopped(f"{report.imported} scores imported; stopped, run it again to go on")
            if self.run.finished_at is None:
                score_import_update(run=self.run, finished_at=timezone.now())

    def _batches(self, after: int) -> Iterator[Batch]:
        batch = Batch()
        lines_done = self.run.lines_done
        for parsed in self.read(self.path, after):
            # A batch never spans the point that an earlier import reached.
            if batch.is_full or batch.last_line == lines_done != 0:
                if batch.lines:
                    yield batch
                batch = Batch()
            batch.add(parsed)
        if batch.lines:
            yield batch

    def _import(self, batch: Batch, report: ImportReport, refuse: Refuse) -> None:
        if batch.last_line <= self.run.lines_done:
            rows = [parsed.row for parsed in batch.entries if parsed.row is not None]
            items_ensure(rows=rows, collection_id=self.collection_id, create=self.create)
            return
        before = (self.run.lines_done, self.run.imported, self.run.refused)
        result, refused = self._write(batch, before)
        report.imported += result.imported
        report.known += result.known
        report.erased += result.erased
        report.voidings += sum(1 for parsed in batch.entries if parsed.voids)
        report.voided += result.voided
        report.ignored += batch.ignored
        report.refused += len(refused)
        for line in refused:
            refuse(line.line, line.reason)

    @overtakable
    def _write(self, batch: Batch, before: tuple[int, int, int]) -> tuple[BatchResult, list[ParsedLine]]:
        # An attempt that was rolled back left its counts here, and its lines in the file.
        is_again = (self.run.lines_done, self.run.imported, self.run.refused) != before
        self.run.lines_done, self.run.imported, self.run.refused = before
        result = scores_import_batch(
            run=self.run,
            rows=[parsed.row for parsed in batch.entries if parsed.row is not None],
            lines_done=batch.last_line,
            collection_id=self.collection_id,
            create=self.create,
            voidings=[parsed.voids for parsed in batch.entries if parsed.voids],
        )
        by_line = {parsed.line: parsed for parsed in batch.entries}
        refused = [parsed for parsed in batch.entries if parsed.reason]
        refused += [ParsedLine(row.line, reason=reason, raw=by_line[row.line].raw) for row, reason in result.refused]
        refused.sort(key=lambda parsed: parsed.line)
        if self.strict and refused:
            raise InvalidInput(refused[0].reason, field=f"line {refused[0].line}")
        rejects_record(run=self.run, refused=[(parsed.line, parsed.reason) for parsed in refused])
        if self.rejects is not None:
            # Only once the batch holds the lock on the import's row: before that, another process may be writing this
            # file.
            if is_again or not self.rejects.is_rewound:
                self.rejects.rewind(before[0])
            # Written before the commit, so every line that the database counts as refused is in the file.
            self.rejects.write(self.run.file_name, refused)
        return result, refused


def trace_learners(report: ImportReport, *, progress: Progress = silent, stop: Stop = never) -> None:
    """Traces every learner whose masteries are out of date. Raises Stopped between two batches if ``stop`` returns
    true.
    """
    for done, total in stale_learners_retrace():
        report.learners_traced = done
        progress("tracing", done, total)
        if done < total and stop():
            raise Stopped(f"{report.imported} scores imported; stopped, {total - done} learners are left to trace")
