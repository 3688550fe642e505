"""What commands print: tables of text, and nothing where nobody looks."""

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any


def columns(rows: Sequence[Sequence[str]], *, right: bool = True) -> list[str]:
    """A line for each row, its cells as wide as the widest of their column. The first column is to the left; the others
    are to the right, as numbers are, unless ``right`` is false."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if right and column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
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
