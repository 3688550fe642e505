"""manage.py simulate: compares policies on simulated learners."""

import json
import math
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from adaptivity.engine.scoring import EngineSettings
from adaptivity.engine.simulation import AFTER, BASELINES, FAMILIES, PolicyResult
from adaptivity.errors import AdaptivityError
from adaptivity.exit_codes import ExitCode
from adaptivity.management.failures import interruptible
from adaptivity.management.numbers import number
from adaptivity.management.progress import ProgressDisplay
from adaptivity.management.tables import columns, logs_to_stderr
from adaptivity.model_versions.jobs.simulate import CHOICES, LEARNERS, simulate

COLUMNS = (
    "policy", "KCs known", *(f"against {name}" for name in BASELINES), "over-practice", "past L*", "items", "stopped",
    "unknown at stop", "confirmed", "unknown of these",
)  # fmt: skip


class Command(BaseCommand):
    help = (
        "Runs policies on families of simulated learners, most of which do not follow the engine's own model. Prints "
        "how many of 10 KCs the learners truly know after a number of items. Compares that with random order and with "
        "the 2018 weighting, as paired differences. Also prints over-practice, and the share unknown when the policy "
        "stops. All figures have 95% intervals. Needs no database. "
        "Exit codes: 0 done. 2 wrong usage. 130 interrupted."
    )
    requires_system_checks = ()
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--policy", action="append", metavar="NAME",
            help=f"Run this policy only; may be repeated. One of {', '.join(CHOICES)}.",
        )  # fmt: skip
        parser.add_argument(
            "--family", action="append", metavar="NAME",
            help=f"Simulate this family only; may be repeated. One of {', '.join(FAMILIES)}.",
        )  # fmt: skip
        parser.add_argument(
            "--learners", type=int, default=LEARNERS,
            help=f"Learners of each family, divided equally among the courses. Default: {LEARNERS}.",
        )  # fmt: skip
        parser.add_argument(
            "--items", type=int, default=AFTER, help=f"Count the known KCs after this many items. Default: {AFTER}."
        )
        parser.add_argument(
            "--mastery-threshold", type=number(above=0, below=1), default=EngineSettings().mastery_threshold,
            help=f"The probability whose log-odds is L*. Default: {EngineSettings().mastery_threshold}.",
        )  # fmt: skip
        parser.add_argument("--seed", type=int, default=0, help="The same seed gives the same figures. Default: 0.")
        parser.add_argument("--json", action="store_true", help="Print JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with interruptible(), ProgressDisplay(log=not options["json"]) as progress, logs_to_stderr():
                found = simulate(
                    policies=options["policy"] or CHOICES,
                    families=options["family"] or tuple(FAMILIES),
                    learners=options["learners"],
                    after=options["items"],
                    mastery_threshold=options["mastery_threshold"],
                    seed=options["seed"],
                    progress=progress,
                )
        except AdaptivityError as error:
            raise CommandError(str(error), returncode=ExitCode.REFUSED_INPUT) from error
        if options["json"]:
            self.stdout.write(json.dumps({"families": {name: _as_json(of) for name, of in found.items()}}))
            return
        for name, outcomes in found.items():
            self.stdout.write(f"\n{name}: {FAMILIES[name].summary}")
            for line in columns([COLUMNS, *(_row(policy, outcome) for policy, outcome in outcomes.items())]):
                self.stdout.write(line)


def _row(policy: str, outcome: PolicyResult) -> tuple[str, ...]:
    differences = [
        f"{against.mean:+.2f} [{against.low:+.2f}, {against.high:+.2f}]" if against else "-"
        for against in (outcome.against.get(name) for name in BASELINES)
    ]
    return (
        policy,
        f"{outcome.known:.2f} {_interval(outcome, 'known', 2)}",
        *differences,
        _share(outcome, "over_practice"),
        _share(outcome, "beyond_threshold"),
        f"{outcome.items:.1f}",
        f"{outcome.stopped:.0%}",
        _share(outcome, "unknown_at_stop"),
        f"{outcome.confirmed:.0%}",
        _share(outcome, "unknown_confirmed"),
    )


def _interval(outcome: PolicyResult, figure: str, decimals: int, unit: float = 1.0) -> str:
    low, high = (end / unit for end in outcome.intervals[figure])
    return f"[{low:.{decimals}f}, {high:.{decimals}f}]"


def _share(outcome: PolicyResult, figure: str) -> str:
    value: float = getattr(outcome, figure)
    return "-" if math.isnan(value) else f"{value:.1%} {_interval(outcome, figure, 1, 0.01)}"


def _as_json(outcomes: dict[str, PolicyResult]) -> dict[str, Any]:
    found = {}
    for policy, outcome in outcomes.items():
        figures = asdict(outcome)
        for name in ("unknown_at_stop", "unknown_confirmed"):
            if math.isnan(figures[name]):
                figures[name] = None
        for name, difference in outcome.against.items():
            figures["against"][name]["verdict"] = difference.verdict
        found[policy] = figures
    return found
