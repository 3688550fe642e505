"""Migrations that have landed keep their names: every database records which ones it has run, by name."""

from pathlib import Path

import adaptivity

# Only add to the end.
LANDED = [
    "0001_initial",
    "0002_job_runs",
    "0003_pipelines",
    "0004_sources",
    "0005_rejects",
    "0006_versions",
    "0007_experiments",
    "0008_receipts",
    "0009_success_model",
    "0010_voided_statements",
    "0011_compact_receipts",
    "0012_versions_kept",
    "0013_pin_time",
    "0014_plain_english",
]
WHAT_TO_DO = """
A migration is missing or has another name. A database that has run it would run the new name again, and fail.
Give it back its name: git mv adaptivity/migrations/NEW.py adaptivity/migrations/OLD.py
If you added a migration, give it the next free number and add its name to the end of LANDED in this file.
If two branches took the same number, renumber the one that is not on the main branch yet.
"""


def test_landed_migrations_keep_their_names() -> None:
    directory = Path(adaptivity.__file__).parent / "migrations"
    names = sorted(path.stem for path in directory.glob("[0-9]*.py"))

    assert names == LANDED, WHAT_TO_DO


def test_each_number_is_taken_once() -> None:
    numbers = [int(name[:4]) for name in LANDED]

    assert numbers == list(range(1, len(LANDED) + 1)), WHAT_TO_DO
