"""The lines that an import refuses, each with its reason: for whoever mends the file and imports it again."""

import json
import math
from pathlib import Path
from typing import IO

from adaptivity.errors import InvalidInput
from adaptivity.evidence.readers.lines import KEPT_BYTES, ParsedLine


class RejectFile:
    """JSON lines: ``file``, ``line``, ``reason``, ``content``. Made with the first refusal, and for its owner alone to
    read, since the lines hold personal data.

    What was written for a batch that did not come to its end is taken back when the import goes on: ``rewind``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_rewound = False
        self._file: IO[bytes] | None = None

    def rewind(self, lines_done: int) -> None:
        """Cuts what was written of later lines."""
        self.is_rewound = True
        if not self.path.exists():
            return
        file = self._opened()
        file.seek(0)
        position = 0
        # In the order of the lines, and the last entry may be half written.
        while entry := file.readline():
            if not entry.endswith(b"\n") or _line_of(entry) > lines_done:
                break
            position = file.tell()
        file.seek(position)
        file.truncate()

    def write(self, name: str, refused: list[ParsedLine]) -> None:
        """Appends the lines of one batch; they are there when this returns."""
        if not refused:
            return
        file = self._opened()
        for line in refused:
            raw = line.raw if isinstance(line.raw, bytes) else line.raw.encode("utf-8", "surrogateescape")
            entry = {
                "file": name,
                "line": line.line,
                "reason": line.reason,
                "content": raw[:KEPT_BYTES].decode("utf-8", "replace").rstrip("\r\n"),
            }
            file.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
        file.flush()

    def close(self) -> None:
        """Closes the file, where one was made."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            try:
                self.path.touch(mode=0o600)
                self._file = self.path.open("r+b")
                self._file.seek(0, 2)
            except OSError as error:
                raise InvalidInput(error.strerror or str(error), field=str(self.path)) from None
        return self._file


def _line_of(entry: bytes) -> float:
    """The line that an entry is about; of one that is broken, none that comes before any other."""
    try:
        return float(json.loads(entry)["line"])
    except (ValueError, KeyError, TypeError):
        return math.inf
