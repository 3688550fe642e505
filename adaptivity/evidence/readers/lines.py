"""Reads files line by line, plain or gzip, as a stream, and describes what was found in each line."""

import codecs
import gzip
import hashlib
import io
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from adaptivity.errors import InvalidInput
from adaptivity.evidence.services.imports import ScoreRow

GZIP_MAGIC = b"\x1f\x8b"
BLOCK_BYTES = 1 << 20
# An edX problem with hundreds of inputs and long answers takes a few hundred kilobytes.
MAX_LINE_BYTES = 1 << 20
# How much of a refused line is kept, so that someone can look for the cause.
KEPT_BYTES = 10_000


@dataclass(slots=True)
class ParsedLine:
    """A line of a file: a row, or the reason of its refusal, or the id of the statement that it voids.

    A line without a score has none of these. ``line`` counts lines from 1; in a JSON array it counts statements.
    ``raw`` is the original text.
    """

    line: int
    row: ScoreRow | None = None
    reason: str = ""
    raw: bytes | str = b""
    voids: str = ""


Opened = TypeVar("Opened", io.BufferedReader, gzip.GzipFile)
# Reads a file's lines after the one with this number.
Read = Callable[[Path, int], Iterator[ParsedLine]]


def _after_mark(file: Opened) -> Opened:
    """The file, positioned after the mark that some programs write before UTF-8."""
    if file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
        file.seek(0)
    return file


@contextmanager
def open_file(path: Path) -> Iterator[io.BufferedReader | gzip.GzipFile]:
    """Opens the file's uncompressed content. Raises InvalidInput if it cannot be read."""
    try:
        with path.open("rb") as file:
            magic = file.read(len(GZIP_MAGIC))
            file.seek(0)
            if magic != GZIP_MAGIC:
                yield _after_mark(file)
                return
            with gzip.open(file, "rb") as unpacked:
                yield _after_mark(unpacked)
    except (EOFError, zlib.error) as error:
        raise InvalidInput(f"the gzip file is damaged ({error})", field=str(path)) from None
    except OSError as error:
        raise InvalidInput(error.strerror or str(error), field=str(path)) from None


def is_blank(path: Path) -> bool:
    """Whether the file holds only white space."""
    with open_file(path) as file:
        while block := file.read(BLOCK_BYTES):
            if block.strip():
                return False
    return True


def survey(path: Path) -> tuple[str, int]:
    """The SHA-256 of the file's uncompressed content, and its number of lines."""
    digest, lines = hashlib.sha256(), 0
    with open_file(path) as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
            lines += block.count(b"\n")
    return digest.hexdigest(), lines


def lines_after(path: Path, after: int) -> Generator[tuple[int, bytes, bool], None, None]:
    """The lines after the one with this number: number, content, and whether it was cut at MAX_LINE_BYTES."""
    with open_file(path) as file:
        number = 0
        while line := file.readline(MAX_LINE_BYTES):
            number += 1
            is_cut = len(line) == MAX_LINE_BYTES and not line.endswith(b"\n")
            if is_cut:
                while (rest := file.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
                    pass
            if number > after:
                yield number, line, is_cut
