"""manage.py export_learner USER_ID: prints all data about one learner, as JSON."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from adaptivity.evidence.selectors.privacy import learner_data
from adaptivity.exit_codes import ExitCode
from adaptivity.management.failures import database_needed
from adaptivity.management.learner_argument import add_learner_arguments, learner_of
from adaptivity.models import Learner


class Command(BaseCommand):
    help = (
        "Prints all data about one learner, as JSON. The run is not recorded as a job, because the record would name "
        "the learner. Exit codes: 0 done. 1 the database failed. 2 bad input, or no such learner."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_learner_arguments(parser)
        parser.add_argument(
            "--output", type=Path, metavar="FILE", help="Write to this new file, readable by its owner only."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        learner = learner_of(options)
        try:
            with database_needed():
                data = learner_data(
                    user_id=learner.user_id, tool_consumer_instance_guid=learner.tool_consumer_instance_guid
                )
        except Learner.DoesNotExist:
            raise CommandError(
                "there is no learner with this user_id and guid", returncode=ExitCode.REFUSED_INPUT
            ) from None
        text = json.dumps(data, ensure_ascii=False, indent=2)
        output: Path | None = options["output"]
        if output is None:
            self.stdout.write(text)
            return
        try:
            output.touch(mode=0o600, exist_ok=False)
            output.write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{output}: {error.strerror}", returncode=ExitCode.REFUSED_INPUT) from None
