"""manage.py experiment_report NAME: what an experiment has shown so far."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from adaptivity.exit_codes import EXIT_CODES_HELP, ExitCode
from adaptivity.management.job import Job, JobCommand, JobResult
from adaptivity.management.numbers import MOST_DAYS, number
from adaptivity.models import Experiment
from adaptivity.recommendation.jobs.experiment_report import CONTROL, OUTCOMES, experiment_report


class Command(JobCommand):
    help = (
        "Reports the outcomes of each group of an experiment, and their differences from the control group. The "
        "intervals are confidence sequences: they hold however often you look, and you may stop the experiment because "
        "of them. A learner counts once their window of days since their first score in the experiment has passed. "
        + EXIT_CODES_HELP
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="The name of the experiment.")
        parser.add_argument(
            "--control", metavar="GROUP",
            help="The group that the others are compared with. "
            f"Default: the group named {CONTROL}, or the group created first.",
        )  # fmt: skip
        parser.add_argument(
            "--days", type=number(above=0, at_most=MOST_DAYS), default=7.0,
            help="The length of a learner's window; choose it before the experiment starts. Default: 7.",
        )  # fmt: skip
        parser.add_argument(
            "--alpha", type=number(above=0, below=1), default=0.05,
            help="The probability that any interval is ever wrong, for means and for differences. Default: 0.05.",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="Print JSON.")

    def run_job(self, job: Job, **options: Any) -> JobResult:
        try:
            report = experiment_report(
                name=options["name"],
                control=options["control"],
                days=options["days"],
                alpha=options["alpha"],
                progress=job.progress,
                stop=job.stop,
            )
        except Experiment.DoesNotExist:
            raise CommandError(
                f"there is no experiment {options['name']!r}", returncode=ExitCode.REFUSED_INPUT
            ) from None
        self.stdout.write(json.dumps(report) if options["json"] else "\n".join(table(report)))
        learners = sum(group["learners"] for group in report["groups"].values())
        return JobResult(f"{learners} learners compared", printed=True)


# Below this p-value, chance does not explain the sizes of the groups: their learners are not a random sample any more.
MISMATCH = 0.01


def table(report: dict[str, Any]) -> list[str]:
    """A line for each group and outcome, with the difference from the control group beside it."""
    until = f" until {report['ended_at']}" if report["ended_at"] else ""
    by_chance, confidence = report["sample_ratio"], 1 - report["alpha"]
    lines = [
        f"{report['experiment']} in {report['collection']}, since {report['started_at']}{until}",
        f"{report['days']:g}-day windows; {confidence:.0%} confidence for all means at once, and for all differences",
        f"{report['pinned']} learners are left out because they were pinned before their first score",
        f"{report['moved']} learners who were pinned later count in the group that chance had assigned",
        f"group sizes due to chance: p = {by_chance:.3g}"
        + ("; the groups are not comparable: who takes part depends on the group" if by_chance < MISMATCH else ""),
        f"{'group':20} {'learners':>8} {'pending':>8} {'outcome':14} {'mean':>7} {'interval':>18}  minus control",
    ]
    for name, group in report["groups"].items():
        for outcome in OUTCOMES:
            found, less = group["outcomes"][outcome], group["differences"].get(outcome)
            lines.append(
                f"{name[:20]:20} {group['learners']:8} {group['pending']:8} {outcome:14} {_cell(found)}"
                + (f"  {_cell(less)}" if less else "")
            )
    return lines


def _cell(found: dict[str, float | None]) -> str:
    mean = "      -" if found["mean"] is None else f"{found['mean']:7.3f}"
    interval = f"[{found['low']:.3f}, {found['high']:.3f}]"
    return f"{mean} {interval:>18}"
