"""manage.py rollback: takes the last promotion back."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from adaptivity.errors import AdaptivityError
from adaptivity.services.model_versions import model_version_rollback

USAGE = 2


class Command(BaseCommand):
    help = (
        "Puts in force again what was before the last promotion: a model version, or the authors' parameters. Run "
        "again, it goes back one promotion further. Exit codes: 0 done, 2 there is nothing to take back."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reason", default="", help="why, for the record")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            version = model_version_rollback(by="manage.py rollback", reason=options["reason"])
        except AdaptivityError as error:
            raise CommandError(str(error), returncode=USAGE) from error
        name = version.name if version else "what the authors wrote"
        self.stdout.write(f"In force again: {name}; run trace_learners to bring the learners' masteries up")
