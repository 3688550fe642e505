"""manage.py verify_state: is the derived state what the evidence log leads to?"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from adaptivity import tasks
from adaptivity.management.progress import Progress
from adaptivity.services.verification import state_verify


class Command(BaseCommand):
    help = (
        "Recomputes every learner's masteries, done activities and last activity from the evidence log and reports "
        "what differs by more than 1e-9; changes nothing. Learners that wait for a replay under changed parameters "
        "are counted as stale, not as differences. Exit codes: 0 no difference, 1 differences."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--background", action="store_true", help="let a Celery worker do it and log the result")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["background"]:
            tasks.verify_state.delay_on_commit()
            self.stdout.write("The verification was handed to a worker.")
            return
        checked = stale = differences = 0
        with Progress() as progress:
            for batch in state_verify():
                checked, stale = batch.checked, stale + batch.stale
                differences += len(batch.differences)
                for difference in batch.differences:
                    self.stderr.write(
                        f"learner {difference.learner_id}: {difference.what} is {difference.stored}, "
                        f"the log leads to {difference.replayed}"
                    )
                progress("verifying", checked, batch.total)
        summary = f"{checked - stale} learners compared, {stale} stale, {differences} differences"
        if differences:
            raise CommandError(summary)
        if stale:
            summary += "; run trace_learners to bring the stale ones up, then verify again"
        self.stdout.write(summary)
