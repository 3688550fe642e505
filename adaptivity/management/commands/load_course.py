"""manage.py load_course FILE: loads a course from a TOML file."""

import tomllib
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from adaptivity.content.services.courses import course_load
from adaptivity.errors import InvalidInput
from adaptivity.exit_codes import ExitCode
from adaptivity.management.failures import database_needed


class Command(BaseCommand):
    help = (
        "Loads a course from a TOML file in the format of docs/course-format.md: knowledge components, collections, "
        "activities and their prerequisites. Loads all of it or nothing; loading it again updates it. Exit codes: 0 "
        "done. 1 the database failed; nothing was changed. 2 the file cannot be read, or is not a course."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="The course, a TOML file.")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            course = tomllib.loads(path.read_text(encoding="utf-8-sig"))
            with database_needed():
                summary = course_load(course=course)
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}", returncode=ExitCode.REFUSED_INPUT) from error
        except RecursionError:
            raise CommandError(
                f"{path}: is nested too deeply; nothing was changed", returncode=ExitCode.REFUSED_INPUT
            ) from None
        except (ValueError, InvalidInput) as error:
            raise CommandError(f"{path}: {error}; nothing was changed", returncode=ExitCode.REFUSED_INPUT) from error
        self.stdout.write(
            f"{summary.knowledge_components} knowledge components, {summary.collections} collections and "
            f"{summary.activities} activities loaded"
        )
