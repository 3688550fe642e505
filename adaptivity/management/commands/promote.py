"""manage.py promote NAME: puts a model version in force, if the gate lets it through."""

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
        "Puts a model version in force, atomically and for every process at once, if its report shows that it is "
        "better. Learners' masteries follow at their next score, or by trace_learners. After a rollback --latest "
        "promotes nothing until a version was promoted by its name. "
        "Exit codes: 0 done; 2 bad input; 3 refused by the gate or held after a rollback (0 with --unless-refused), "
        "with nothing changed but the record of it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", help="of the model version")
        parser.add_argument(
            "--latest", action="store_true", help="the newest version that was estimated; held after a rollback"
        )
        parser.add_argument("--check", action="store_true", help="only say what the gate says; changes nothing")
        parser.add_argument(
            "--unless-refused",
            action="store_true",
            help="exit with 0 where the gate refuses or a rollback holds it, which stays on record, or it is in force "
            "already; for schedules",
        )
        parser.add_argument("--force", action="store_true", help="also where the gate says no; needs --reason")
        parser.add_argument("--reason", default="", help="why, for the record")

    def run_job(self, job: Job, **options: Any) -> JobResult:
        if (options["name"] is None) != options["latest"]:
            raise CommandError("give a name or --latest, and not both", returncode=ExitCode.REFUSED_INPUT)
        try:
            version = _version(options["name"])
        except ModelVersion.DoesNotExist:
            raise CommandError(
                f"there is no model version {options['name']!r}", returncode=ExitCode.REFUSED_INPUT
            ) from None
        if version is None:
            return JobResult("there is no version that was estimated")
        name, active = version.name, active_version()
        if version == active and (options["check"] or options["unless_refused"]):
            return JobResult(f"{name} is in force already")
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
            outcome = _held(error.checks) or f"{name} is not promoted"
            return JobResult(outcome, rejects=not options["unless_refused"])
        except Conflict as error:
            # Somebody else was quicker.
            if error.code == "active" and options["unless_refused"]:
                return JobResult(f"{name} is in force already")
            raise
        return JobResult(f"{name} is in force; run trace_learners to bring the learners' masteries up")

    def _check(self, version: ModelVersion, active: ModelVersion | None, *, scheduled: bool) -> JobResult:
        checks = promotion_checks(version, active)
        failed = [check["name"] for check in checks if not check["passed"]]
        held = held_by(version) if scheduled else None
        self._show(checks)
        said = f"refuses {version.name}: {', '.join(failed)}" if failed else f"lets {version.name} through"
        return JobResult(f"the gate {said}" + (f"; {_held([held[1]])}" if held else ""))

    def _show(self, checks: list[dict[str, Any]]) -> None:
        for check in checks:
            if not check["passed"]:
                self.stderr.write(f"{check['name']}: {check['message']}")


def _held(checks: list[dict[str, Any]]) -> str:
    """What holds the version, in a sentence; empty where nothing does."""
    return "".join(f"held: {check['message']}" for check in checks if check["name"] == "held")


def _version(name: str | None) -> ModelVersion | None:
    return latest_version() if name is None else ModelVersion.objects.get(name=name)
