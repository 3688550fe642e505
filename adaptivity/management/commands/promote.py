"""manage.py promote NAME: puts a model version in force, if the gate lets it through."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from adaptivity.management.job import ExitCode, Job, JobCommand, Outcome, started_by
from adaptivity.models import ModelVersion
from adaptivity.services.model_versions import Refused, model_version_promote


class Command(JobCommand):
    help = (
        "Puts a model version in force, atomically and for every process at once, if its report shows that it is "
        "better. Learners' masteries follow at their next score, or by trace_learners. "
        "Exit codes: 0 done; 2 bad input; 3 refused by the gate, with nothing changed but the record of it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="of the model version")
        parser.add_argument("--force", action="store_true", help="also where the gate says no; needs --reason")
        parser.add_argument("--reason", default="", help="why, for the record")

    def run_job(self, job: Job, **options: Any) -> Outcome:
        name = options["name"]
        try:
            model_version_promote(name=name, force=options["force"], reason=options["reason"], by=started_by())
        except ModelVersion.DoesNotExist:
            raise CommandError(f"there is no model version {name!r}", returncode=ExitCode.REFUSED_INPUT) from None
        except Refused as error:
            for check in error.checks:
                self.stderr.write(f"{check['name']}: {check['message']}")
            return Outcome(f"{name} is not promoted", rejects=True)
        return Outcome(f"{name} is in force; run trace_learners to bring the learners' masteries up")
