"""Imports several files of evidence, or the new files of the inbox."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from stat import S_ISREG
from time import perf_counter

import structlog
from django.db.models import QuerySet
from django.db.utils import DataError
from django.utils import timezone

from adaptivity.errors import AlreadyRunning, Conflict, InvalidInput
from adaptivity.evidence.jobs.import_scores import check_names, file_name
from adaptivity.evidence.jobs.load import ImportReport, Load, trace_learners
from adaptivity.evidence.jobs.reject_file import RejectFile
from adaptivity.evidence.readers.formats import FORMATS, format_of, reader
from adaptivity.evidence.readers.launch_urls import NO_ACTIVITY, LaunchUrls
from adaptivity.evidence.readers.lines import is_blank, survey
from adaptivity.evidence.services.imports import (
    UNKNOWN_ACTIVITY,
    score_import_again,
    score_import_ensure,
    score_import_find,
    score_import_update,
    score_imports_waiting,
)
from adaptivity.evidence.services.privacy import erasures_under_another_key
from adaptivity.models import Reject, ScoreImport
from adaptivity.progress import Progress, Stop, never, silent

log = structlog.get_logger(__name__)

# Suffixes of files that another program is still writing.
UNFINISHED = (".part", ".tmp")
# How long a file of the inbox is read again for scores of unknown activities. Evidence comes in beside the course that
# it belongs to, and may arrive first.
WAITING = timedelta(days=7)
NOT_KNOWN_YET = (UNKNOWN_ACTIVITY, f"event.problem_id: {NO_ACTIVITY}")
# The longest name taken over into a reject file's name, so that with its suffixes it fits into a file system.
NAME_BYTES = 200


@dataclass(frozen=True)
class RejectedLines:
    """How many lines of a file were refused for one reason, and the first of them."""

    file: Path
    reason: str
    count: int
    first_line: int


@dataclass
class EvidenceReport(ImportReport):
    """The combined result of importing several files.

    ``lines`` were read, in ``seconds``. ``skipped`` counts the files that had been imported before. ``failed`` holds
    the files that could not be imported and why. ``reject_files`` are the paths of the refused lines.
    """

    files: int = 0
    skipped: int = 0
    lines: int = 0
    seconds: float = 0.0
    failed: list[InvalidInput] = field(default_factory=list)
    rejects: list[RejectedLines] = field(default_factory=list)
    reject_files: list[Path] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether every line and file was imported."""
        return not self.refused and not self.failed


@dataclass(frozen=True)
class Options:
    """How files are imported.

    ``file_format`` is one of FORMATS, or None to detect it from the beginning of each file. ``guid``, unless it is "",
    is the learners' platform. ``create`` adds missing activities. ``again`` reads files that were already imported
    completely. ``edx_launch_url`` is the template of LaunchUrls. ``rejects`` is the directory of the reject files, or
    None to write none.

    ``inbox`` means that nobody named the files, so nobody can correct them or name others. It is then no error if none
    can be imported. Lines refused because their activity was unknown are read again automatically.
    """

    file_format: str | None = None
    collection_id: str | None = None
    guid: str = ""
    create: bool = False
    again: bool = False
    edx_launch_url: str = ""
    rejects: Path | None = None
    inbox: bool = False


def inbox_files(directory: Path) -> list[Path]:
    """The finished files of the directory, by name. Raises InvalidInput if the directory does not exist."""
    try:
        entries = sorted(directory.iterdir())
    except OSError as error:
        raise InvalidInput(error.strerror or str(error), field=str(directory)) from None
    return [
        entry
        for entry in entries
        if entry.is_file() and not entry.name.startswith(".") and entry.suffix not in UNFINISHED
    ]


def import_evidence(
    paths: Sequence[Path],
    options: Options,
    *,
    progress: Progress = silent,
    stop: Stop = never,
) -> EvidenceReport:
    """Imports the files in their order, then traces every learner whose masteries are out of date.

    A file that was imported completely is recognised by its content and skipped, unless ``again`` or a collection is
    given. An import that stopped halfway continues there. A file that cannot be imported is left out and reported.

    Raises InvalidInput for unusable options. Raises it too, once all learners are traced, if no file could be imported
    and the files are not those of the inbox. Raises AlreadyRunning if another process is importing one of the files,
    and Stopped between two batches if ``stop`` returns true.
    """
    _check(options)
    report = EvidenceReport(files=len(paths))
    unrecognisable = erasures_under_another_key()
    if unrecognisable:
        log.warning("erased_learners_not_recognised", count=unrecognisable, reason="SECRET_KEY has changed")
    launch_urls = LaunchUrls(options.edx_launch_url)
    started = perf_counter()
    for path in paths:
        try:
            _import_file(path, options, launch_urls, report, progress, stop)
        except AlreadyRunning as error:
            raise AlreadyRunning(error.message, field=str(path)) from error
        except (InvalidInput, Conflict) as error:
            failure = error if str(path) in str(error) else InvalidInput(str(error), field=str(path))
            report.failed.append(InvalidInput(failure.message, field=failure.field))
            log.error("file_not_imported", file=path.name, error=str(error))
        except (ValueError, OSError, DataError) as error:
            # A value that no check expected. Only this file fails; the others are still imported.
            report.failed.append(InvalidInput(f"failed with {type(error).__name__}", field=str(path)))
            log.exception("file_not_imported", file=path.name, error=type(error).__name__)
    report.seconds = perf_counter() - started
    trace_learners(report, progress=progress, stop=stop)
    if report.failed and len(report.failed) == len(paths) and not options.inbox:
        raise report.failed[0]
    return report


def _check(options: Options) -> None:
    check_names(options.collection_id, options.guid)
    if options.file_format is not None and options.file_format not in FORMATS:
        raise InvalidInput(f"is not one of {', '.join(FORMATS)}", field="format")
    if options.rejects is not None:
        try:
            options.rejects.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInput(error.strerror or str(error), field=str(options.rejects)) from None
        if not os.access(options.rejects, os.W_OK):
            raise InvalidInput("cannot be written to", field=str(options.rejects))


def _import_file(
    path: Path,
    options: Options,
    launch_urls: LaunchUrls,
    report: EvidenceReport,
    progress: Progress,
    stop: Stop,
) -> None:
    wants_it_again = options.again or options.collection_id is not None
    stamp = _stamp(path)
    if not wants_it_again and _is_known(path, stamp, options):
        report.skipped += 1
        return
    if is_blank(path):
        return
    content_hash, lines = survey(path)
    file_format = options.file_format or format_of(path)
    run = score_import_find(content_hash=content_hash, guid=options.guid, file_format=file_format)
    if run is not None and not options.again and _waits(options, run):
        wants_it_again = True
        score_import_again(run=run)
    if options.again and run is not None:
        if file_format == "csv":
            raise InvalidInput("a csv file is not imported again: rows without event_id would count twice")
        score_import_again(run=run)
    if run is None:
        run = score_import_ensure(content_hash=content_hash, guid=options.guid, file_format=file_format)
    score_import_update(run=run, file_name=file_name(path), file_format=file_format, file_stamp=stamp)
    if run.finished_at is not None and not wants_it_again:
        report.skipped += 1
        return
    _load(path, run, lines, file_format, options, launch_urls, report, progress, stop)


def _is_known(path: Path, stamp: str, options: Options) -> bool:
    """Whether the file was imported completely in the format asked for, judging by its beginning alone."""
    imports = ScoreImport.objects.filter(tool_consumer_instance_guid=options.guid, finished_at__isnull=False)
    if options.inbox:
        imports = imports.exclude(pk__in=_waiting().values("pk"))
    known = imports.filter(file_name=file_name(path), file_stamp=stamp)
    formats = set(known.values_list("file_format", flat=True))
    if not formats or options.file_format is not None:
        return options.file_format in formats
    try:
        return format_of(path) in formats
    except InvalidInput:
        # The format cannot be detected, so the earlier import was given it by name.
        return True


def _waiting() -> QuerySet[ScoreImport]:
    return score_imports_waiting(reasons=NOT_KNOWN_YET, since=timezone.now() - WAITING)


def _waits(options: Options, run: ScoreImport) -> bool:
    """Whether to repeat a finished import from the inbox, because its unknown activities may exist by now."""
    return options.inbox and run.finished_at is not None and _waiting().filter(pk=run.pk).exists()


def _load(
    path: Path,
    run: ScoreImport,
    lines: int,
    file_format: str,
    options: Options,
    launch_urls: LaunchUrls,
    report: EvidenceReport,
    progress: Progress,
    stop: Stop,
) -> None:
    rejects = None
    if options.rejects is not None:
        # The same content may be imported for several platforms, and each import may refuse different lines.
        platform = f".{hashlib.sha256(options.guid.encode()).hexdigest()[:6]}" if options.guid else ""
        name = os.fsencode(path.name)[:NAME_BYTES].decode("utf-8", "ignore")
        rejects = RejectFile(options.rejects / f"{name}.{run.content_hash[:12]}{platform}.jsonl")
    load = Load(
        run=run,
        read=reader(file_format, launch_urls),
        path=path,
        lines=lines,
        collection_id=options.collection_id,
        create=options.create or file_format == "csv",
        rejects=rejects,
    )
    lines_before, refused_before, started = run.lines_done, report.refused, perf_counter()
    try:
        load.execute(report, progress=progress, stop=stop)
    finally:
        if rejects is not None:
            rejects.close()
        seconds = perf_counter() - started
        done = run.lines_done - lines_before
        report.lines += done
        log.info(
            "evidence_file",
            file=path.name,
            format=file_format,
            lines=done,
            imported=run.imported,
            refused=run.refused,
            finished=run.finished_at is not None,
            seconds=round(seconds, 1),
            lines_a_second=round(done / seconds) if seconds else 0,
        )
    if report.refused > refused_before:
        report.rejects += [
            RejectedLines(path, reject.reason, reject.count, reject.first_line)
            for reject in Reject.objects.filter(score_import=run).order_by("first_line")
        ]
        if rejects is not None:
            report.reject_files.append(rejects.path)


def _stamp(path: Path) -> str:
    """What identifies a file without reading it."""
    try:
        stat = path.stat()
    except OSError as error:
        raise InvalidInput(error.strerror or str(error), field=str(path)) from None
    if not S_ISREG(stat.st_mode):
        raise InvalidInput("is not a regular file, so it cannot be read more than once", field=str(path))
    return f"{stat.st_size} {stat.st_mtime_ns}"


def expanded(paths: Sequence[Path]) -> Iterator[Path]:
    """The paths, with each directory replaced by its files."""
    for path in paths:
        if path.is_dir():
            yield from inbox_files(path)
        else:
            yield path
