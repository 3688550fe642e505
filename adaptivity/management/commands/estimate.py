"""manage.py estimate: a new model version from the evidence log."""

import json
import signal
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from adaptivity import tasks
from adaptivity.errors import AdaptivityError, Stopped
from adaptivity.jobs.estimate import METHODS, estimate, version_name
from adaptivity.management.progress import Progress
from adaptivity.models import ModelVersion

USAGE, STOPPED = 2, 75


class Command(BaseCommand):
    help = (
        "Estimates guess, slip, transit and priors from the evidence log as a new model version, and compares it on "
        "held-out learners with the one in force. Publishes nothing: that is promote's. Stopped, it goes on when it is "
        "run again with the same name; with the name of a finished version it makes the report anew where another "
        "version is in force by now. Exit codes: 0 done, 2 bad input, 75 stopped with its work kept."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--method", choices=list(METHODS), default="em", help="default: em")
        parser.add_argument("--name", help="of the version; default: the method and the time")
        parser.add_argument(
            "--include-starved", action="store_true", help="estimate also KCs with very few responses or learners"
        )
        parser.add_argument("--json", action="store_true", help="print the report as JSON")
        parser.add_argument("--background", action="store_true", help="let Celery workers do it, batch by batch")

    def handle(self, *args: Any, **options: Any) -> None:
        arguments = {
            "name": options["name"] or version_name(options["method"]),
            "method": options["method"],
            "minimum_evidence": not options["include_starved"],
        }
        if options["background"]:
            tasks.estimate.delay_on_commit(**arguments)
            self.stdout.write("The estimate was handed to the workers.")
            return
        asked: list[int] = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda received, _frame: asked.append(received))
        try:
            with Progress() as progress:
                version = estimate(
                    **arguments, progress=progress, stop=lambda: bool(asked), by="manage.py estimate"
                )  # fmt: skip
        except Stopped as error:
            raise CommandError(f"stopped: {error}; run it again with the same name", returncode=STOPPED) from None
        except AdaptivityError as error:
            raise CommandError(str(error), returncode=USAGE) from error
        if options["json"]:
            self.stdout.write(json.dumps({"name": version.name, "report": version.report}))
            return
        for line in summary(version):
            self.stdout.write(line)


def summary(version: ModelVersion) -> list[str]:
    """The report for a person: figures side by side, then the gate's checks."""
    report = version.report
    held_out, parameters = report["held_out"], report["parameters"]
    in_force = report["baseline"]["name"] or "authors' parameters"
    estimated = f"{parameters['knowledge_components']} knowledge components from {parameters['training_responses']}"
    lines = [f"Model version {version.name}: {estimated} responses"]
    if held_out["candidate"]:
        lines.append(f"On {held_out['candidate']['responses']} responses of held-out learners:")
        lines.append(f"{'':10}{'this version':>14}  in force: {in_force}")
        lines += [
            f"{name:10}{held_out['candidate'][name]:14.4f}{held_out['baseline'][name]:14.4f}"
            for name in ("log_loss", "auc", "rmse", "ece")
        ]
    return lines + [
        f"{'passed' if check['passed'] else 'FAILED'}  {check['name']}: {check['message']}"
        for check in report["checks"]
    ]
