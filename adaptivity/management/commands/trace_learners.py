"""manage.py trace_learners: brings stale learners up."""

from typing import Any

from django.core.management.base import BaseCommand

from adaptivity.management.progress import Progress
from adaptivity.services.tracing import stale_learners_retrace


class Command(BaseCommand):
    help = (
        "Replays the evidence log of every learner whose masteries were traced under earlier parameters. "
        "May be stopped and run again."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        traced = 0
        with Progress() as progress:
            for traced, total in stale_learners_retrace():
                progress("tracing", traced, total)
        self.stdout.write(f"{traced} learners traced")
