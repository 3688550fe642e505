"""What commands print: tables of text, and nothing where nobody looks."""

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any


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
                restored.callback(_lead, handler, handler.stream)
                _lead(handler, sys.stderr)
        yield


def _lead(handler: "logging.StreamHandler[Any]", stream: Any) -> None:
    # Not by setStream, which fails where somebody has closed the stream that the handler had.
    with suppress(ValueError):
        handler.flush()
    handler.stream = stream


def silent(_phase: str, _done: int, _total: int) -> None:
    """Progress that nobody sees."""
