"""manage.py content_gaps: what the content of collections lacks, and how to fix it."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from adaptivity.content_gaps.jobs import content_gaps
from adaptivity.exit_codes import EXIT_CODES_HELP, ExitCode
from adaptivity.management.job import Job, JobCommand, JobResult
from adaptivity.management.tables import columns
from adaptivity.models import Collection


class Command(JobCommand):
    help = (
        "Reports what the content of each collection lacks, with a suggestion for each gap. For KCs: over-practice, "
        "under-practice, wheel-spinning, and the probability that a new learner runs out of items before mastery. For "
        "items: suspect tags and poor discrimination. The API and the admin show the latest report of each "
        "collection. " + EXIT_CODES_HELP
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--collection", metavar="ID", help="Report on this collection only. Default: all.")
        parser.add_argument("--json", action="store_true", help="Print JSON.")

    def run_job(self, job: Job, **options: Any) -> JobResult:
        try:
            report = content_gaps(options["collection"], progress=job.progress, stop=job.stop)
        except Collection.DoesNotExist:
            raise CommandError(
                f"there is no collection {options['collection']!r}", returncode=ExitCode.REFUSED_INPUT
            ) from None
        if options["json"]:
            self.stdout.write(json.dumps({"collections": report}))
        else:
            self.stdout.write("\n".join(line for each in report for line in lines(each)))
        gaps = sum(
            len(row["suggestions"]) for each in report for row in (*each["knowledge_components"], *each["items"])
        )
        return JobResult(f"{gaps} suggestions for {len(report)} collections", printed=True)


def lines(report: dict[str, Any]) -> list[str]:
    """The report on one collection as lines of text."""
    rows = [("KC", "items", "learners", "over-practice", "under-practice", "wheel-spinning", "bank runs out")]
    rows += [
        (
            kc["knowledge_component"],
            str(kc["items"]),
            str(kc["learners"]),
            *(_share(kc[name]) for name in ("over_practice", "under_practice", "wheel_spinning", "runs_out")),
        )
        for kc in report["knowledge_components"]
    ]
    found = [f"{report['collection']}: {report['responses']} responses", *columns(rows)]
    for kc in report["knowledge_components"]:
        found += [f"{kc['knowledge_component']}: {each['message']}" for each in kc["suggestions"]]
    for item in report["items"]:
        found += [
            f"{item['activity']} ({item['knowledge_component']}, correlation {item['correlation']:.2f} of "
            f"{item['learners']} learners): {each['message']}"
            for each in item["suggestions"]
        ]
    if report["items_left_out"]:
        found.append(f"{report['items_left_out']} more items, which are less suspect")
    return [*found, ""]


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
