"""manage.py load_course FILE: a course from a TOML file."""

import tomllib
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from adaptivity.errors import InvalidInput
from adaptivity.services.courses import course_load


class Command(BaseCommand):
    help = (
        "Loads a course (knowledge components, collections, activities and their prerequisites) from a TOML file in "
        "the format of docs/course-format.md. All or nothing; loading it again updates what is there."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the course, a TOML file")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            summary = course_load(course=tomllib.loads(path.read_text(encoding="utf-8-sig")))
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from error
        except RecursionError:
            raise CommandError(f"{path}: nested too deeply; nothing was changed") from None
        except (ValueError, InvalidInput) as error:
            raise CommandError(f"{path}: {error}; nothing was changed") from error
        self.stdout.write(
            f"{summary.knowledge_components} knowledge components, {summary.collections} collections and "
            f"{summary.activities} activities loaded"
        )
