"""Which format a file has, and what reads it."""

import csv
import json
from functools import partial
from pathlib import Path

from adaptivity.errors import InvalidInput
from adaptivity.jobs.evidence.edx import read_events
from adaptivity.jobs.evidence.launch_urls import LaunchUrls
from adaptivity.jobs.evidence.lines import BLOCK_BYTES, Read, open_file
from adaptivity.jobs.evidence.score_file import REQUIRED_COLUMNS, read_scores
from adaptivity.jobs.evidence.xapi import read_statements

FORMATS = ("edx", "xapi", "csv")


def reader(file_format: str, launch_urls: LaunchUrls) -> Read:
    """What reads a file of the format."""
    if file_format == "csv":
        return read_scores
    return partial(read_events if file_format == "edx" else read_statements, launch_urls=launch_urls)


def format_of(path: Path) -> str:
    """One of FORMATS, by what the file begins with. Raises InvalidInput where that says nothing."""
    with open_file(path) as file:
        begin = file.read(BLOCK_BYTES)
    lines = begin.removeprefix(b"\xef\xbb\xbf").lstrip().splitlines()
    if lines and lines[0].startswith(b"["):
        return "xapi"
    if lines and lines[0].startswith(b"{"):
        for line in lines:
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(entry, dict) and "event_type" in entry:
                return "edx"
            if isinstance(entry, dict) and "verb" in entry:
                return "xapi"
    elif lines:
        header = next(csv.reader([lines[0].decode("utf-8", "replace")]), [])
        if set(REQUIRED_COLUMNS) <= set(header):
            return "csv"
    raise InvalidInput("what it begins with is none of edx, xapi and csv; name the format", field=str(path))
