"""What commands print: tables of text, and nothing where nobody looks."""

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with the rows' cells below each other: the first column to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if not column else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


@contextmanager
def logs_to_stderr() -> Iterator[None]:
    """Inside the block, what would be logged to standard output goes to standard error: the former has the table."""
    with ExitStack() as restored:
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.StreamHandler) and handler.get_name() == "stdout":
                restored.callback(handler.setStream, handler.stream)
                handler.setStream(sys.stderr)
        yield


def silent(_phase: str, _done: int, _total: int) -> None:
    """Progress that nobody sees."""
