"""Results go to standard output, progress to standard error; in colour on a terminal, as plain lines elsewhere."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

# What prints a line: of the result or, mostly, of progress.
PrintLine = Callable[[str], None]


class Output:
    """With ``as_json`` the result is one JSON document, and nothing else goes to standard output."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        # Only a terminal has a width; elsewhere lines stay whole.
        self._out = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
        self._err = Console(stderr=True, soft_wrap=True, highlight=False, markup=False, emoji=False)

    def line(self, text: str) -> None:
        """Prints a line of the result."""
        self._out.print(Text(text))

    def step(self, text: str) -> None:
        """Prints a line of progress."""
        self._err.print(Text(text))

    def heading(self, text: str) -> None:
        """Prints what begins now."""
        self._err.print(Text(f"==> {text}", style="bold"))

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Prints rows of text under their headings."""
        if not self._out.is_terminal:
            widths = [max(len(row[index]) for row in [head, *rows]) for index in range(len(head))]
            for row in [head, *rows]:
                cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
                self.line("  ".join(cells).rstrip())
            return
        table = Table(box=None, pad_edge=False)
        for name in head:
            table.add_column(name, overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self._out.print(table)

    def result(self, value: Any) -> None:
        """Prints the whole result for a program, if JSON was asked for."""
        if self.as_json:
            self.line(json.dumps(value))

    def error(self, text: str) -> None:
        self._err.print(Text(f"error: {text}", style="red"))
