"""Detects the format of a file and finds its reader."""

import csv
import json
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path

from adaptivity.errors import InvalidInput
from adaptivity.evidence.readers.csv_scores import REQUIRED_COLUMNS, read_scores
from adaptivity.evidence.readers.edx import read_events
from adaptivity.evidence.readers.launch_urls import LaunchUrls
from adaptivity.evidence.readers.lines import Read, lines_after
from adaptivity.evidence.readers.xapi import array_beginning, read_statements

LINES_LOOKED_AT = 1000
HEADER_BYTES = 10_000

FORMATS = ("edx", "xapi", "csv")


def reader(file_format: str, launch_urls: LaunchUrls) -> Read:
    """The function that reads files of this format."""
    if file_format == "csv":
        return read_scores
    return partial(read_events if file_format == "edx" else read_statements, launch_urls=launch_urls)


def format_of(path: Path) -> str:
    """The format of a file, one of FORMATS, judging by its beginning. Raises InvalidInput if it cannot be detected."""
    if array_beginning(path) is not None:
        return "xapi"
    begin = b""
    with closing(lines_after(path, 0)) as lines:
        for _, line, _ in islice(lines, LINES_LOOKED_AT):
            if not begin:
                begin = line.lstrip()
                header = next(csv.reader(begin[:HEADER_BYTES].decode("utf-8", "replace").splitlines()[:1]), [])
                if set(REQUIRED_COLUMNS) <= set(header):
                    return "csv"
            # A log that is split by the hour may begin in the middle of a line.
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(entry, dict) and "event_type" in entry:
                return "edx"
            if isinstance(entry, dict) and "verb" in entry:
                return "xapi"
    raise InvalidInput("its beginning is not edx, xapi or csv; name the format", field=str(path))
