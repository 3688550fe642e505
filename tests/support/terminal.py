"""A terminal for tests: a pty of a set size, and what a person would see on it."""

import os
import pty
import re
import termios
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from threading import Thread

TOKEN = re.compile(r"\x1b\[[\d;]*m|\x1b\[(\d*)([A-Z])|\r|\n|[^\x1b\r\n]+", re.DOTALL)


@dataclass
class Screen:
    """Applies the few control codes that are used here: up, clear to the end, return, new line."""

    rows: int
    columns: int
    scrolled: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._cells = [""] * self.rows
        self._row = self._column = 0

    def feed(self, text: str) -> None:
        """Takes output. Raises AssertionError for an unknown control code."""
        position = 0
        while position < len(text):
            token = TOKEN.match(text, position)
            assert token is not None, text[position : position + 20]
            position = token.end()
            if token[2]:
                self._code(token[2], int(token[1] or (0 if token[2] == "J" else 1)))
            elif token[0].startswith("\x1b"):
                pass  # a colour
            elif token[0] == "\r":
                self._column = 0
            elif token[0] == "\n":
                self._down()
            else:
                for character in token[0]:
                    self._put(character)

    def lines(self) -> list[str]:
        """All lines, including those that were scrolled away, without blank ones at the end."""
        found = [line.rstrip() for line in (*self.scrolled, *self._cells)]
        while found and not found[-1]:
            found.pop()
        return found

    def _code(self, code: str, number: int) -> None:
        if code == "A":
            self._row = max(0, self._row - number)
            return
        assert (code, number) == ("J", 0)
        self._cells[self._row] = self._cells[self._row][: self._column]
        self._cells[self._row + 1 :] = [""] * (self.rows - self._row - 1)

    def _put(self, character: str) -> None:
        if self._column == self.columns:
            self._column = 0
            self._down()
        line = self._cells[self._row].ljust(self._column)
        self._cells[self._row] = line[: self._column] + character + line[self._column + 1 :]
        self._column += 1

    def _down(self) -> None:
        if self._row == self.rows - 1:
            self.scrolled.append(self._cells.pop(0))
            self._cells.append("")
        else:
            self._row += 1


@contextmanager
def terminal(rows: int, columns: int) -> Iterator[tuple[int, list[bytes]]]:
    """A descriptor to write to, and the output.

    The output is complete after the block. The writers must close their descriptors inside it.
    """
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (rows, columns))
    written: list[bytes] = []

    def read() -> None:
        with closing(os.fdopen(ours, "rb", buffering=0)) as stream, suppress(OSError):  # EIO: the other end is closed
            while block := stream.read(65536):
                written.append(block)

    reader = Thread(target=read)
    reader.start()
    try:
        yield theirs, written
    finally:
        os.close(theirs)
        reader.join(60)
