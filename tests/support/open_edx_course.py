"""A source that reads a course of a simulated Open edX, and what its course became."""

import io
from typing import Any

from django.core.management import call_command

from adaptivity.content.services.collections import collection_activity_delete
from adaptivity.management.local_servers.open_edx import COURSE, usage
from adaptivity.models import Collection, CollectionActivity, CourseSource
from adaptivity.outbound.client import Patience
from adaptivity.sources.jobs.scrape_courses import ScrapeReport, scrape_courses
from adaptivity.sources.services.course_sources import course_source_create
from tests.support.servers.open_edx import FaultyOpenEdX

QUICK = Patience(connect=2, read=0.3, whole=2, tries=3, first_wait=0.01, longest_wait=0.2)


def source_of(lms: FaultyOpenEdX, **fields: Any) -> CourseSource:
    values: dict[str, Any] = {
        "slug": "campus",
        "kind": "open_edx",
        "base_url": lms.url,
        "course_id": COURSE,
        "credentials": "campus",
        "address_exceptions": [lms.netloc],
    }
    return course_source_create(**values | fields)


def scrape(source: CourseSource, lms: FaultyOpenEdX, **options: Any) -> ScrapeReport:
    options = {"credentials": lms.credentials("campus"), "patience": QUICK} | options
    (report,) = scrape_courses([source], **options)
    return report


def launch(kind: str, name: str) -> str:
    return f"https://lms.example/xblock/{usage(kind, name)}"


def members(chapter: str) -> list[str]:
    """The names of a section's activities, by id."""
    collection = Collection.objects.get(collection_id=usage("chapter", chapter))
    return list(collection.activities.order_by("id").values_list("name", flat=True))


def take_out(chapter: str, name: str) -> None:
    """By hand, as authors do."""
    membership = CollectionActivity.objects.get(
        collection__collection_id=usage("chapter", chapter), activity__name=name
    )
    collection_activity_delete(membership=membership)


def numbers(report: ScrapeReport) -> tuple[int, int, int, int, int]:
    return report.sections, report.created, report.updated, report.unchanged, report.taken_out


def run(*arguments: Any) -> str:
    out = io.StringIO()
    call_command(*(argument for argument in arguments if isinstance(argument, str)), stdout=out, stderr=io.StringIO())
    return out.getvalue()
