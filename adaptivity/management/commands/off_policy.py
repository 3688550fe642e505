"""manage.py off_policy COLLECTION POLICY: estimates the reward of another policy."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from adaptivity.engine.policies import POLICIES
from adaptivity.exit_codes import EXIT_CODES_HELP, ExitCode
from adaptivity.management.job import Job, JobCommand, JobResult
from adaptivity.management.numbers import MOST_DAYS, number
from adaptivity.models import Collection
from adaptivity.recommendation.jobs.off_policy import off_policy


class Command(JobCommand):
    help = (
        "Estimates the reward that another policy would have earned, from the receipts of a collection. The reward is "
        "the mean first score on the recommended activity, 0 if there was none. The estimate is only meaningful as far "
        "as the policy in force chose at random: check how many decisions agree. " + EXIT_CODES_HELP
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("collection", help="The collection_id.")
        parser.add_argument("policy", choices=list(POLICIES), help="The policy to estimate.")
        parser.add_argument(
            "--hours", type=number(above=0, at_most=24 * MOST_DAYS), default=24.0,
            help="How long after the decision a score counts, in hours. Default: 24.",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="Print JSON.")

    def run_job(self, job: Job, **options: Any) -> JobResult:
        try:
            report = off_policy(
                collection_id=options["collection"],
                policy=options["policy"],
                hours=options["hours"],
                progress=job.progress,
                stop=job.stop,
            )
        except Collection.DoesNotExist:
            raise CommandError(
                f"there is no collection {options['collection']!r}", returncode=ExitCode.REFUSED_INPUT
            ) from None
        self.stdout.write(json.dumps(report) if options["json"] else "\n".join(table(report)))
        return JobResult(f"{report['decisions']} decisions compared", printed=True)


def table(report: dict[str, Any]) -> list[str]:
    """The counts, then a line for each estimator."""
    waiting = f"{report['pending']} are waiting for their {report['hours']:g} hours to pass"
    lines = [
        f"{report['policy']} in {report['collection']}: {report['decisions']} decisions; {waiting}",
        f"The policy might have made {report['agreeing']} of them, and would have stopped at {report['ended']} more",
    ]
    if report["repeated"]:
        lines.append(f"{report['repeated']} more receipts repeat one of these decisions or of those waiting")
    if report["mean_weight"] is not None:
        lines.append(f"{'mean weight':20} {report['mean_weight']:8.4f}  if far from 1, do not trust the estimates")
    if report["logged_reward"] is not None:
        lines.append(f"{'policy in force':20} {report['logged_reward']:8.4f}")
    for name, found in report["estimates"].items():
        value, error = found["value"], found["standard_error"]
        shown = "       -" if value is None else f"{value:8.4f} +- " + ("-" if error is None else f"{error:.4f}")
        lines.append(f"{name:20} {shown}  worth {found['effective']:.0f} decisions")
    return lines
