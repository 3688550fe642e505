"""manage.py estimate: a new model version from the evidence log."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from adaptivity import tasks
from adaptivity.engine.promotion import DEGENERATE
from adaptivity.engine.scoring import DESIGN_POLICY
from adaptivity.errors import Stopped
from adaptivity.exit_codes import EXIT_CODES_HELP, ExitCode
from adaptivity.management.job import Job, JobCommand, JobResult
from adaptivity.model_versions.jobs.estimate import METHODS, estimate, unfinished_version, version_name
from adaptivity.model_versions.selectors.estimation import opportunity_counts
from adaptivity.model_versions.selectors.model_versions import latest_version
from adaptivity.models import ModelVersion

LEFT_OUT_BECAUSE = {
    "starved": "they have too few responses or learners",
    "degenerate": f"guess and slip come to {DEGENERATE:g} or more",
}
MOST_IDS = 20


class Command(JobCommand):
    help = (
        "Estimates guess, slip, transit and priors from the evidence log as a new model version, and compares it on "
        "held-out learners with the one in force. Publishes nothing: that is promote's. Stopped, it goes on when it is "
        "run again with the same name; with the name of a finished version it makes the report anew where another "
        "version is in force by now. " + EXIT_CODES_HELP
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--method", choices=list(METHODS), default="em", help="default: em")
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--name", help="of the version; default: the method and the time")
        which.add_argument(
            "--continue",
            dest="go_on",
            action="store_true",
            help="the newest version of this method that is not finished, or else a new one; for schedules. An empty "
            "log is nothing to estimate, and no error",
        )
        which.add_argument(
            "--report-latest",
            action="store_true",
            help="only the report of the newest version that was estimated, where it has none or another version is in "
            "force by now",
        )
        parser.add_argument("--parameters-only", action="store_true", help="leave the report to --report-latest")
        parser.add_argument(
            "--include-starved",
            action="store_true",
            help="keep estimates of KCs with very few responses or learners, and of KCs of which answers say nothing",
        )
        parser.add_argument("--json", action="store_true", help="print the report as JSON")
        parser.add_argument(
            "--background", action="store_true", help="let the Celery workers of JOB_QUEUE do it, batch by batch"
        )

    def run_job(self, job: Job, **options: Any) -> JobResult:
        if options["background"] and options["parameters_only"]:
            raise CommandError("--background makes the report, too", returncode=ExitCode.REFUSED_INPUT)
        name, method = options["name"], options["method"]
        if options["report_latest"]:
            latest = latest_version()
            if latest is None:
                return JobResult("there is no version that was estimated")
            name, method = latest.name, latest.method
        elif options["go_on"]:
            unfinished = unfinished_version(method)
            if unfinished is None and not opportunity_counts():
                return JobResult("there are no scores to estimate from")
            name = unfinished.name if unfinished else None
        arguments = {
            "name": name or version_name(method),
            "method": method,
            "minimum_evidence": not options["include_starved"],
        }
        if options["background"]:
            tasks.estimate.delay_on_commit(**arguments)
            return JobResult(f"The estimate of {arguments['name']} was handed to the workers.")
        try:
            version = estimate(
                **arguments,
                with_report=not options["parameters_only"],
                progress=job.progress,
                stop=job.stop,
                by="manage.py estimate",
            )
        except Stopped as error:
            raise Stopped(f"stopped: {error}; run it again with --name {arguments['name']}") from None
        if options["parameters_only"]:
            return JobResult(f"{version.name} is estimated; its report is not made yet")
        if options["json"]:
            self.stdout.write(json.dumps({"name": version.name, "report": version.report}))
        else:
            self.stdout.write("\n".join(summary(version)))
        passes = all(check["passed"] for check in version.report["checks"])
        return JobResult(f"{version.name} {'would pass' if passes else 'would not pass'} the gate", printed=True)


def summary(version: ModelVersion) -> list[str]:
    """The report for a person: figures side by side, then the gate's checks."""
    report = version.report
    held_out, parameters = report["held_out"], report["parameters"]
    in_force = report["baseline"]["name"] or "authors' parameters"
    estimated = f"{parameters['knowledge_components']} knowledge components from {parameters['training_responses']}"
    lines = [f"Model version {version.name}: {estimated} opportunities"]
    left_out = report.get("left_out", {})
    lines += [
        f"Left out, because {why}: {len(left_out[reason])} knowledge components (ids {_some(left_out[reason])})"
        for reason, why in LEFT_OUT_BECAUSE.items()
        if left_out.get(reason)
    ]
    if drawn := parameters.get("drawn"):
        lines.append(f"Of {len(drawn)} with very many scores, some learners were taken, drawn by a hash.")
    if held_out["candidate"]:
        lines.append(f"On {held_out['candidate']['responses']} responses of held-out learners:")
        lines.append(f"{'':10}{'this version':>14}  in force: {in_force}")
        lines += [
            f"{name:10}{held_out['candidate'][name]:14.4f}{held_out['baseline'][name]:14.4f}"
            for name in ("log_loss", "auc", "rmse", "ece")
        ]
    success = report.get("success")
    if success and success["held_out"]:
        found = success["held_out"]
        lines.append(
            f"Its model of success, fitted to {success['fitted_to']} responses, on {found['responses']} of held-out "
            f"learners: log_loss {found['log_loss']:.4f}, auc {found['auc']:.4f}, rmse {found['rmse']:.4f}, "
            f"ece {found['ece']:.4f}"
        )
    lines += [
        f"Simulated in {each['collection']}, {_in_use(each)}: after {_worked(each)} {each['known']:.2f} of "
        f"{each['knowledge_components']} knowledge components are known, {each['known_with_baseline']:.2f} with "
        f"what is in force; {each['difference']['mean']:+.2f} [{each['difference']['low']:+.2f}, "
        f"{each['difference']['high']:+.2f}]"
        for each in report.get("simulation", [])
    ]
    lines += [f"Not simulated: {each}" for each in report.get("not_simulated", [])]
    return lines + [
        f"{'passed' if check['passed'] else 'FAILED'}  {check['name']}: {check['message']}"
        for check in report["checks"]
    ]


def _some(ids: list[int]) -> str:
    return ", ".join(map(str, ids[:MOST_IDS])) + (", …" if len(ids) > MOST_IDS else "")


def _in_use(simulated: dict[str, Any]) -> str:
    """The policy of a simulation, and of which group it is."""
    group = simulated.get("group")
    return f"policy {simulated.get('policy', DESIGN_POLICY)}" + (f" of the group {group}" if group else "")


def _worked(simulated: dict[str, Any]) -> str:
    """How many items learners worked through, which a policy that stops decides."""
    worked, baseline = (simulated.get(name, simulated["items"]) for name in ("worked", "worked_with_baseline"))
    of_items = f" of {simulated['of_items']}" if "of_items" in simulated else ""
    return (f"{worked:g}" if worked == baseline else f"{worked:.1f} ({baseline:.1f})") + f"{of_items} items"
