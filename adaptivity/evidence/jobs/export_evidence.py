"""Writes scores, masteries and parameters to CSV files."""

import csv
import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import IO, Any

from adaptivity.content.selectors.parameters import current_stamp
from adaptivity.errors import AlreadyRunning, InvalidInput, Stopped
from adaptivity.evidence.readers.csv_scores import GUID_COLUMN, KC_SEPARATOR
from adaptivity.evidence.selectors import export
from adaptivity.models import Learner
from adaptivity.progress import Progress, Stop, never, silent

COLUMNS = {
    "scores.csv": ("learner", GUID_COLUMN, "item", "kcs", "score", "timestamp", "event_id"),
    "masteries.csv": ("learner", GUID_COLUMN, "kc", "mastery"),
    "item_parameters.csv": (
        "item",
        "kc",
        "guess",
        "slip",
        "transit",
        "base_guess",
        "base_slip",
        "base_transit",
        "model_version",
    ),
    "kc_parameters.csv": ("kc", "name", "mastery_prior", "base_mastery_prior", "model_version"),
}
LOCK = ".export.lock"


@dataclass
class ExportReport:
    """How many rows each file got, and how many KCs have an ambiguous id.

    An ambiguous id cannot be recognised in the column ``kcs`` when the scores are imported.
    """

    scores: int = 0
    masteries: int = 0
    item_parameters: int = 0
    kc_parameters: int = 0
    ambiguous_kcs: int = 0


def export_evidence(directory: Path, *, progress: Progress = silent, stop: Stop = never) -> ExportReport:
    """Writes the files of COLUMNS into the directory, which is created if it is missing.

    Only their owner can read the directory and the files. Scores are written in their current state, learner by learner
    in history order, in the format that `import_scores` reads. All files appear at the end, each complete, so nobody
    reads half a file. What changes during the export appears as it was before or after the change.

    Raises InvalidInput if the directory cannot be written to, and AlreadyRunning if another process is exporting there.
    Raises Stopped, with nothing exported, if ``stop`` returns true.
    """
    report = ExportReport()
    with _locked(directory), _files(directory) as writers:
        total, done = Learner.objects.count(), 0
        for page in export.learner_pages():
            for entry in export.scores_of(page):
                writers["scores.csv"].writerow(
                    (
                        entry.learner.user_id,
                        entry.learner.guid,
                        entry.activity,
                        KC_SEPARATOR.join(entry.kc_ids),
                        entry.score,
                        entry.timestamp.astimezone(UTC).isoformat(),
                        entry.event_id or "",
                    )
                )
                report.scores += 1
            for learner, kc_id, value in export.masteries_of(page):
                writers["masteries.csv"].writerow((learner.user_id, learner.guid, kc_id, value))
                report.masteries += 1
            done += len(page)
            progress("exporting", done, max(total, done))
            if stop():
                raise Stopped("stopped; nothing was exported, run it again")
        version_id = current_stamp().model_version_id
        version = export.model_version_name(version_id)
        for row in export.item_parameters(version_id):
            writers["item_parameters.csv"].writerow((*row, version))
            report.item_parameters += 1
        for row in export.kc_parameters(version_id):
            writers["kc_parameters.csv"].writerow((*("" if value is None else value for value in row), version))
            report.kc_parameters += 1
            kc_id = str(row[0])
            report.ambiguous_kcs += KC_SEPARATOR in kc_id or kc_id != kc_id.strip()
    return report


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (directory / LOCK).open("w")
    except OSError as error:
        raise InvalidInput(error.strerror or str(error), field=str(directory)) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning("Another export into this directory is running.", field=str(directory)) from None
        yield


def _private(path: Path) -> IO[str]:
    """A new file that only its owner can read, because it holds personal data."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600, exist_ok=False)
    return path.open("w", encoding="utf-8", newline="")


@contextmanager
def _files(directory: Path) -> Iterator[dict[str, Any]]:
    """A writer for each file, its header already written. The files get their final names at the end of the block."""
    temporary = {name: directory / f".{name}.part" for name in COLUMNS}
    try:
        with ExitStack() as stack:
            files: list[IO[str]] = []
            writers = {}
            for name, path in temporary.items():
                files.append(stack.enter_context(_private(path)))
                writers[name] = csv.writer(files[-1], lineterminator="\n")
                writers[name].writerow(COLUMNS[name])
            yield writers
            for file in files:
                file.flush()
                os.fsync(file.fileno())
        for name, path in temporary.items():
            path.replace(directory / name)
    except OSError as error:
        raise InvalidInput(error.strerror or str(error), field=str(directory)) from None
    finally:
        for path in temporary.values():
            path.unlink(missing_ok=True)
