"""Tables of text for commands to print, and logs kept out of their output."""

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any


def columns(rows: Sequence[Sequence[str]], *, right: bool = True) -> list[str]:
    """A line for each row. Each cell is padded to the widest of its column.

    The first column is aligned left. The others are aligned right, as numbers are, unless ``right`` is false.
    """
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
    """Inside the block, logs go to standard error instead of standard output, which is for the table."""
    with ExitStack() as restored:
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.StreamHandler) and handler.get_name() == "stdout":
                restored.callback(_lead, handler, handler.stream)
                _lead(handler, sys.stderr)
        yield


def _lead(handler: "logging.StreamHandler[Any]", stream: Any) -> None:
    # setStream would fail if the handler's stream has been closed.
    with suppress(ValueError):
        handler.flush()
    handler.stream = stream
