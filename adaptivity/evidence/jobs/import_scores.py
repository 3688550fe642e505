"""Imports a CSV file of scores in batches: resumable, each row at most once."""

from collections.abc import Callable
from pathlib import Path

from adaptivity.errors import InvalidInput
from adaptivity.evidence.jobs.load import BATCH_ROWS, ImportReport, Load, Refuse, trace_learners
from adaptivity.evidence.readers.checks import check_text
from adaptivity.evidence.readers.csv_scores import read_scores
from adaptivity.evidence.readers.lines import survey
from adaptivity.evidence.services.imports import score_import_ensure, score_import_find, score_import_update
from adaptivity.progress import Progress, Stop, never, silent
from adaptivity.text import NAME_LENGTH

# Called with the numbers of rows that an earlier import of the file imported and refused.
Earlier = Callable[[int, int], None]


def import_scores(
    path: Path,
    *,
    collection_id: str | None = None,
    guid: str = "",
    strict: bool = False,
    progress: Progress = silent,
    refuse: Refuse = lambda *_: None,
    earlier: Earlier = lambda *_: None,
    stop: Stop = never,
) -> ImportReport:
    """Imports the file's scores, then traces every learner whose masteries are out of date.

    The file is CSV in UTF-8, plain or gzip, with the columns ``learner,item,kcs,score``. Optional columns are
    ``timestamp`` (ISO 8601 with zone), ``event_id`` and ``tool_consumer_instance_guid`` (used if ``guid`` is "").

    A row without event_id is identified by the file's content and its line. So an import of the same file continues
    where it stopped, and no row is imported twice. A bad row is reported and left out. With ``strict`` the first bad
    row stops the import, and nothing is imported. If an import of the file began before, ``earlier`` is called first.

    Raises InvalidInput if the file cannot be read or its header is unusable and, in strict mode, for a bad row. Raises
    AlreadyRunning if another process is importing the same file, and Stopped between two batches if ``stop`` returns
    true.
    """
    check_names(collection_id, guid)
    content_hash, lines = survey(path)
    before = score_import_find(content_hash=content_hash, guid=guid, file_format="csv")
    if before is not None and before.lines_done:
        earlier(before.imported, before.refused)
    _check(path, lines, strict=strict, progress=progress)
    run = score_import_ensure(content_hash=content_hash, guid=guid, file_format="csv")
    score_import_update(run=run, file_name=file_name(path), file_format="csv")
    report = ImportReport(refused_before=run.refused)
    load = Load(run=run, read=read_scores, path=path, lines=lines, collection_id=collection_id, strict=strict)
    load.execute(report, progress=progress, refuse=refuse, stop=stop)
    trace_learners(report, progress=progress, stop=stop)
    return report


def check_names(collection_id: str | None, guid: str) -> None:
    """Raises InvalidInput if no collection or platform can have this name."""
    check_text("collection", collection_id or "-", NAME_LENGTH)
    check_text("guid", guid or "-", NAME_LENGTH)


def file_name(path: Path) -> str:
    """The file's name, in a form that the database can store."""
    return path.name.encode("utf-8", "replace").decode()[:255]


def _check(path: Path, lines: int, *, strict: bool, progress: Progress) -> None:
    """Raises InvalidInput if the header is unusable or, in strict mode, if any row is."""
    parsed = read_scores(path)
    if not strict:
        next(parsed, None)
        return
    for entry in parsed:
        if entry.row is None:
            raise InvalidInput(entry.reason, field=f"line {entry.line}")
        if entry.line % BATCH_ROWS == 0:
            progress("reading", entry.line, lines)
