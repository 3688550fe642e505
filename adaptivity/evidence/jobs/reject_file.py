"""The lines that an import refused, each with its reason, so that someone can mend and import them again."""

import json
import math
from pathlib import Path
from typing import IO

from adaptivity.errors import InvalidInput
from adaptivity.evidence.readers.lines import KEPT_BYTES, ParsedLine


class RejectFile:
    """A file of JSON lines with ``file``, ``line``, ``reason`` and ``content``.

    It is created with the first refusal. Only its owner can read it, because the lines hold personal data. When an
    import continues, ``rewind`` removes the lines of a batch that did not finish.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_rewound = False
        self._file: IO[bytes] | None = None

    def rewind(self, lines_done: int) -> None:
        """Cuts off the entries of all later lines."""
        self.is_rewound = True
        if not self.path.exists():
            return
        file = self._opened()
        file.seek(0)
        position = 0
        # The entries are in the order of the lines, and the last one may be incomplete.
        while entry := file.readline():
            if not entry.endswith(b"\n") or _line_of(entry) > lines_done:
                break
            position = file.tell()
        file.seek(position)
        file.truncate()

    def write(self, name: str, refused: list[ParsedLine]) -> None:
        """Appends the lines of one batch, and flushes the file before it returns."""
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
        """Closes the file if it was opened."""
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
    """The line that an entry is about; infinity for a broken entry, so that it counts as later than any line."""
    try:
        return float(json.loads(entry)["line"])
    except (ValueError, KeyError, TypeError):
        return math.inf
