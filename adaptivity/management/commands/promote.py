"""manage.py promote NAME: puts a model version in force if it passes the gate."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from adaptivity.errors import Conflict
from adaptivity.exit_codes import ExitCode
from adaptivity.management.job import Job, JobCommand, JobResult, started_by
from adaptivity.model_versions.selectors.model_versions import active_version, latest_version
from adaptivity.model_versions.services.model_versions import (
    PromotionRefused,
    held_by,
    model_version_promote,
    promotion_checks,
)
from adaptivity.models import ModelVersion


class Command(JobCommand):
    help = (
        "Puts a model version in force if its report shows that it is better; atomically, and for every process at "
        "once. Learners' masteries are updated at their next score, or by trace_learners. After a rollback, --latest "
        "promotes nothing until a version has been promoted by name. Exit codes: 0 done. 2 bad input. 3 refused by the "
        "gate, or held after a rollback (0 with --unless-refused); this is recorded, and nothing else changes."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", help="The name of the model version.")
        parser.add_argument(
            "--latest", action="store_true", help="Promote the newest estimated version; held after a rollback."
        )
        parser.add_argument("--check", action="store_true", help="Show the gate's result; change nothing.")
        parser.add_argument(
            "--unless-refused",
            action="store_true",
            help="For schedules: exit with 0 if the gate refuses the version, a rollback holds it, or it is already in "
            "force. A refusal or hold is still recorded.",
        )
        parser.add_argument(
            "--force", action="store_true", help="Promote the version even if the gate refuses it; needs --reason."
        )
        parser.add_argument("--reason", default="", help="The reason, for the record.")

    def run_job(self, job: Job, **options: Any) -> JobResult:
        if (options["name"] is None) != options["latest"]:
            raise CommandError("give either a name or --latest", returncode=ExitCode.REFUSED_INPUT)
        try:
            version = _version(options["name"])
        except ModelVersion.DoesNotExist:
            raise CommandError(
                f"there is no model version {options['name']!r}", returncode=ExitCode.REFUSED_INPUT
            ) from None
        if version is None:
            return JobResult("there is no estimated version")
        name, active = version.name, active_version()
        if version == active and (options["check"] or options["unless_refused"]):
            return JobResult(f"{name} is already in force")
        if options["check"]:
            return self._check(version, active, scheduled=options["latest"])
        try:
            model_version_promote(
                name=name,
                force=options["force"],
                reason=options["reason"],
                by=started_by(),
                scheduled=options["latest"],
            )
        except PromotionRefused as error:
            self._show(error.checks)
            outcome = _held(error.checks) or f"{name} was not promoted"
            return JobResult(outcome, rejects=not options["unless_refused"])
        except Conflict as error:
            # Another process promoted it first.
            if error.code == "active" and options["unless_refused"]:
                return JobResult(f"{name} is already in force")
            raise
        return JobResult(f"{name} is in force; run trace_learners to update the learners' masteries")

    def _check(self, version: ModelVersion, active: ModelVersion | None, *, scheduled: bool) -> JobResult:
        checks = promotion_checks(version, active)
        failed = [check["name"] for check in checks if not check["passed"]]
        held = held_by(version) if scheduled else None
        self._show(checks)
        said = f"refuses {version.name}: {', '.join(failed)}" if failed else f"passes {version.name}"
        return JobResult(f"the gate {said}" + (f"; {_held([held[1]])}" if held else ""))

    def _show(self, checks: list[dict[str, Any]]) -> None:
        for check in checks:
            if not check["passed"]:
                self.stderr.write(f"{check['name']}: {check['message']}")


def _held(checks: list[dict[str, Any]]) -> str:
    """A sentence that says what holds the version; empty if nothing does."""
    return "".join(f"held: {check['message']}" for check in checks if check["name"] == "held")


def _version(name: str | None) -> ModelVersion | None:
    return latest_version() if name is None else ModelVersion.objects.get(name=name)
