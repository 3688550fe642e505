"""manage.py estimate: estimates a new model version from the evidence log."""

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
    "degenerate": f"guess and slip add up to {DEGENERATE:g} or more",
}
MOST_IDS = 20


class Command(JobCommand):
    help = (
        "Estimates guess, slip, transit and priors from the evidence log, and saves them as a new model version. "
        "Compares it with the version in force on held-out learners. Does not put it in force; use promote for that. "
        "If it was stopped, run it again with the same name to continue. With the name of a finished version, it makes "
        "a new report if another version has come into force since. " + EXIT_CODES_HELP
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--method", choices=list(METHODS), default="em", help="The method. Default: em.")
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--name", help="The name of the version. Default: the method and the time.")
        which.add_argument(
            "--continue",
            dest="go_on",
            action="store_true",
            help="Continue the newest unfinished version of this method, or start a new one if there is none. For "
            "schedules: an empty evidence log is not an error.",
        )
        which.add_argument(
            "--report-latest",
            action="store_true",
            help="Only make the report of the newest estimated version, if it has none or another version has come "
            "into force since.",
        )
        parser.add_argument(
            "--parameters-only", action="store_true", help="Do not make the report; --report-latest makes it."
        )
        parser.add_argument(
            "--include-starved",
            action="store_true",
            help="Keep estimates of KCs with very few responses or learners, and of KCs whose answers say nothing "
            "about mastery.",
        )
        parser.add_argument("--json", action="store_true", help="Print the report as JSON.")
        parser.add_argument(
            "--background", action="store_true", help="Let the Celery workers of JOB_QUEUE do it, batch by batch."
        )

    def run_job(self, job: Job, **options: Any) -> JobResult:
        if options["background"] and options["parameters_only"]:
            raise CommandError(
                "--background always makes the report; leave out --parameters-only", returncode=ExitCode.REFUSED_INPUT
            )
        name, method = options["name"], options["method"]
        if options["report_latest"]:
            latest = latest_version()
            if latest is None:
                return JobResult("there is no estimated version")
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
            return JobResult(f"The workers will estimate {arguments['name']}.")
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
    """The report as lines of text: figures side by side, then the gate's checks."""
    report = version.report
    held_out, parameters = report["held_out"], report["parameters"]
    in_force = report["baseline"]["name"] or "authors' parameters"
    estimated = f"{parameters['knowledge_components']} knowledge components from {parameters['training_responses']}"
    lines = [f"Model version {version.name}: {estimated} opportunities"]
    left_out = report.get("left_out", {})
    lines += [
        f"Left out because {why}: {len(left_out[reason])} knowledge components (ids {_some(left_out[reason])})"
        for reason, why in LEFT_OUT_BECAUSE.items()
        if left_out.get(reason)
    ]
    if drawn := parameters.get("drawn"):
        lines.append(f"{len(drawn)} with very many scores were estimated from a sample of learners drawn by a hash.")
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
        f"{each['knowledge_components']} knowledge components are known, {each['known_with_baseline']:.2f} with the "
        f"parameters in force; {each['difference']['mean']:+.2f} [{each['difference']['low']:+.2f}, "
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
    """The policy of a simulation, and the group that uses it."""
    group = simulated.get("group")
    return f"policy {simulated.get('policy', DESIGN_POLICY)}" + (f" of the group {group}" if group else "")


def _worked(simulated: dict[str, Any]) -> str:
    """How many items learners worked through; fewer if the policy stops them early."""
    worked, baseline = (simulated.get(name, simulated["items"]) for name in ("worked", "worked_with_baseline"))
    of_items = f" of {simulated['of_items']}" if "of_items" in simulated else ""
    return (f"{worked:g}" if worked == baseline else f"{worked:.1f} ({baseline:.1f})") + f"{of_items} items"
