"""Imports several files of evidence, or what is new in the inbox."""

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
from adaptivity.evidence.jobs.file_import import FileImport, ImportReport, trace_learners
from adaptivity.evidence.jobs.import_scores import check_names, file_name
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

# What a program that is still writing calls its file.
UNFINISHED = (".part", ".tmp")
# So long a file of the inbox is read again for the scores of activities that were not known yet: evidence comes in
# beside the course that it belongs to, and may be first.
WAITING = timedelta(days=7)
NOT_KNOWN_YET = (UNKNOWN_ACTIVITY, f"event.problem_id: {NO_ACTIVITY}")
# Of a reject file's name; what is added makes it no longer than file systems allow.
NAME_BYTES = 200


@dataclass(frozen=True)
class RejectedLines:
    """How many lines of a file were refused for a reason, and the first of them."""

    file: Path
    reason: str
    count: int
    first_line: int


@dataclass
class EvidenceReport(ImportReport):
    """What an import of several files did, all together. ``lines`` are those that were read, in ``seconds``;
    ``skipped`` counts the files that were imported before, ``failed`` holds those that could not be imported and why,
    ``reject_files`` where the lines are that were refused."""

    files: int = 0
    skipped: int = 0
    lines: int = 0
    seconds: float = 0.0
    failed: list[InvalidInput] = field(default_factory=list)
    rejects: list[RejectedLines] = field(default_factory=list)
    reject_files: list[Path] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether nothing was refused."""
        return not self.refused and not self.failed


@dataclass(frozen=True)
class ImportOptions:
    """How files are imported. ``file_format`` is one of FORMATS, or None to tell each by its beginning; ``guid``, where
    it is not "", stands for the learners' platform; ``create`` makes activities that are missing; ``again`` reads files
    that were imported whole; ``edx_launch_url`` is the template of LaunchUrls; ``rejects`` the directory of the reject
    files, or None for none. ``inbox``: nobody has named the files, who could mend or name them otherwise. So it is no
    error that none can be imported, and what was refused because its activity was not known is read again by itself."""

    file_format: str | None = None
    collection_id: str | None = None
    guid: str = ""
    create: bool = False
    again: bool = False
    edx_launch_url: str = ""
    rejects: Path | None = None
    inbox: bool = False


def inbox_files(directory: Path) -> list[Path]:
    """The files of the directory that are finished, by name. Raises InvalidInput where there is no such directory."""
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
    options: ImportOptions,
    *,
    progress: Progress = silent,
    stop: Stop = never,
) -> EvidenceReport:
    """Imports the files in their order, then traces every learner whose masteries are out of date.

    A file that was imported whole is recognised by its content and skipped, unless ``again`` or a collection asks for
    it; one that an import stopped in goes on there. A file that cannot be imported is left out and reported.

    Raises InvalidInput for unusable options and, once all learners are traced, where no file at all could be imported
    and it is not the inbox; AlreadyRunning where another process imports one of the files; Stopped between two batches
    where ``stop`` answers true.
    """
    _check(options)
    report = EvidenceReport(files=len(paths))
    unrecognisable = erasures_under_another_key()
    if unrecognisable:
        log.warning("erased_learners_not_recognised", count=unrecognisable, reason="SECRET_KEY was another one")
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
            # A value that nobody has thought of: it is of this file, and the others are none the worse for it.
            report.failed.append(InvalidInput(f"failed with {type(error).__name__}", field=str(path)))
            log.exception("file_not_imported", file=path.name, error=type(error).__name__)
    report.seconds = perf_counter() - started
    trace_learners(report, progress=progress, stop=stop)
    if report.failed and len(report.failed) == len(paths) and not options.inbox:
        raise report.failed[0]
    return report


def _check(options: ImportOptions) -> None:
    check_names(options.collection_id, options.guid)
    if options.file_format is not None and options.file_format not in FORMATS:
        raise InvalidInput(f"is none of {', '.join(FORMATS)}", field="format")
    if options.rejects is not None:
        try:
            options.rejects.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInput(error.strerror or str(error), field=str(options.rejects)) from None
        if not os.access(options.rejects, os.W_OK):
            raise InvalidInput("cannot be written to", field=str(options.rejects))


def _import_file(
    path: Path,
    options: ImportOptions,
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


def _is_known(path: Path, stamp: str, options: ImportOptions) -> bool:
    """Whether the file was imported whole in the format that it is to be imported in, told by no more than its
    beginning."""
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
        # Its format had to be named, and was.
        return True


def _waiting() -> QuerySet[ScoreImport]:
    return score_imports_waiting(reasons=NOT_KNOWN_YET, since=timezone.now() - WAITING)


def _waits(options: ImportOptions, run: ScoreImport) -> bool:
    """Whether an import of the inbox that came to its end is to be done again for activities that may be known now."""
    return options.inbox and run.finished_at is not None and _waiting().filter(pk=run.pk).exists()


def _load(
    path: Path,
    run: ScoreImport,
    lines: int,
    file_format: str,
    options: ImportOptions,
    launch_urls: LaunchUrls,
    report: EvidenceReport,
    progress: Progress,
    stop: Stop,
) -> None:
    rejects = None
    if options.rejects is not None:
        # The same content may be imported for several platforms, and refused for each on other grounds.
        platform = f".{hashlib.sha256(options.guid.encode()).hexdigest()[:6]}" if options.guid else ""
        name = os.fsencode(path.name)[:NAME_BYTES].decode("utf-8", "ignore")
        rejects = RejectFile(options.rejects / f"{name}.{run.content_hash[:12]}{platform}.jsonl")
    file_import = FileImport(
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
        file_import.execute(report, progress=progress, stop=stop)
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
    """What a file is known by without reading it."""
    try:
        stat = path.stat()
    except OSError as error:
        raise InvalidInput(error.strerror or str(error), field=str(path)) from None
    if not S_ISREG(stat.st_mode):
        raise InvalidInput("is no file that can be read more than once", field=str(path))
    return f"{stat.st_size} {stat.st_mtime_ns}"


def expanded(paths: Sequence[Path]) -> Iterator[Path]:
    """The paths, with the files of a directory in its place."""
    for path in paths:
        if path.is_dir():
            yield from inbox_files(path)
        else:
            yield path
