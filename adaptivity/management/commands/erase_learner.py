"""manage.py erase_learner USER_ID: deletes one learner and everything that belongs to them."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from adaptivity.errors import AdaptivityError
from adaptivity.evidence.services.privacy import learner_erase
from adaptivity.exit_codes import ExitCode
from adaptivity.management.failures import database_needed
from adaptivity.management.learner_argument import add_learner_arguments, learner_of


class Command(BaseCommand):
    help = (
        "Permanently deletes one learner: their scores and corrections, masteries, and everything else that belongs "
        "to them. Estimated parameters stay, because they are aggregates. Importing files from before the erasure "
        "restores nothing. The run is not recorded as a job, because the record would name the learner. Exit codes: "
        "0 done, even if the learner is unknown. 1 the database failed; nothing was erased. 2 not done."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_learner_arguments(parser)
        parser.add_argument("--yes", action="store_true", help="Do not ask for confirmation.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["yes"]:
            if options["user_id"] == "-" or not sys.stdin.isatty():
                raise CommandError(
                    "this cannot be undone; without a terminal to confirm it, pass --yes",
                    returncode=ExitCode.REFUSED_INPUT,
                )
            if input("This cannot be undone. Erase this learner? [yes/no] ") != "yes":
                raise CommandError("nothing was erased", returncode=ExitCode.REFUSED_INPUT)
        try:
            with database_needed():
                erased = learner_erase(learner=learner_of(options))
        except AdaptivityError as error:
            raise CommandError(str(error), returncode=ExitCode.REFUSED_INPUT) from error
        rows = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in erased.items())
        self.stdout.write(
            f"erased: {rows}" if rows else "nothing was stored about this learner; recorded for later imports"
        )
