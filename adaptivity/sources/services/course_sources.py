"""Sources of courses, and what a platform's course becomes: sections become collections, their items activities."""

import re
from collections.abc import Sequence
from typing import Any, TypedDict, Unpack
from urllib.parse import urlsplit

from django.db import transaction
from django.utils import timezone

from adaptivity.database.writes import assign
from adaptivity.errors import InvalidInput, SourceDeleted
from adaptivity.models import CourseSource
from adaptivity.outbound.addresses import is_metadata, literal
from adaptivity.text import URL_LENGTH, storable

SLUG = re.compile(r"[A-Za-z0-9_-]{1,50}")
DOMAIN = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]")
HOST_AND_PORT = re.compile(r"(?P<host>[a-z0-9_.-]+|\[[0-9a-f:.]+\]):(?P<port>[0-9]{1,5})")
# The hours of a leap year.
MOST_INTERVAL_HOURS = 8784

RUNNING = "running"


class CourseSourceFields(TypedDict, total=False):
    """Columns of a source. What is absent stays as it is."""

    slug: str
    kind: str
    name: str
    enabled: bool
    interval_hours: int
    address_exceptions: list[str]
    base_url: str
    course_id: str
    launch_url: str
    credentials: str
    start_urls: list[str]
    allowed_domains: list[str]
    max_depth: int
    max_pages: int
    delay: float
    collection_id: str


@transaction.atomic
def course_source_create(**fields: Unpack[CourseSourceFields]) -> CourseSource:
    """Creates a source. Raises InvalidInput, naming the field that breaks a rule. The caller starts its job."""
    source = CourseSource(**_columns(fields))
    course_source_check(source)
    source.save()
    return source


@transaction.atomic
def course_source_update(*, source: CourseSource, **fields: Unpack[CourseSourceFields]) -> CourseSource:
    """Changes a source. Raises InvalidInput, naming the field that breaks a rule."""
    source = CourseSource.objects.select_for_update().get(pk=source.pk)
    changed = assign(source, fields)
    course_source_check(source)
    if {"start_urls", "allowed_domains", "max_depth", "max_pages"} & set(changed):
        # The frontier was built under other rules, so the next crawl starts from the beginning.
        changed += assign(source, {"crawl_open": False})
    if changed:
        source.save(update_fields=changed)
    if "collection_id" in changed:
        source.pages.exclude(published="").update(published="")
    return source


@transaction.atomic
def course_source_delete(*, source: CourseSource) -> None:
    """Deletes a source and all it knows of its platform or site. Collections, activities and evidence stay."""
    # Locked first, because readers of a source lock it before its items.
    list(CourseSource.objects.select_for_update().filter(pk=source.pk))
    source.delete()


def course_source_lock(*, source: CourseSource) -> CourseSource:
    """The current source, locked until the transaction ends. Raises SourceDeleted."""
    found = CourseSource.objects.select_for_update().filter(pk=source.pk).first()
    if found is None:
        raise SourceDeleted
    return found


def is_deleted(source: CourseSource) -> bool:
    """Whether the source no longer exists."""
    return not CourseSource.objects.filter(pk=source.pk).exists()


def course_source_check(source: CourseSource) -> None:
    """Raises InvalidInput if the source breaks a rule, naming the field."""
    if not SLUG.fullmatch(source.slug):
        raise InvalidInput("Must be 1 to 50 letters, digits, hyphens and underscores.", field="slug")
    if CourseSource.objects.filter(slug=source.slug).exclude(pk=source.pk).exists():
        raise InvalidInput("A source with this slug already exists.", field="slug", code="unique")
    if source.kind not in CourseSource.Kind.values:
        raise InvalidInput(f"Must be {' or '.join(CourseSource.Kind.values)}.", field="kind")
    for name in ("address_exceptions", "start_urls", "allowed_domains"):
        value = getattr(source, name)
        if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
            raise InvalidInput("Must be a list of texts.", field=name)
    _check_exceptions(source)
    if not 0 <= source.interval_hours <= MOST_INTERVAL_HOURS:
        raise InvalidInput(f"Must be 0 to {MOST_INTERVAL_HOURS} hours.", field="interval_hours")
    if source.kind == CourseSource.Kind.WEBSITE:
        _check_website(source)
    else:
        _check_platform(source)


def _check_exceptions(source: CourseSource) -> None:
    for entry in source.address_exceptions:
        match = HOST_AND_PORT.fullmatch(entry)
        if match is None or not 0 < int(match["port"]) < 65536:
            raise InvalidInput('Each must be "host:port" in lower case, IPv6 in brackets.', field="address_exceptions")
        if is_metadata(literal(match["host"])):
            raise InvalidInput("Link-local addresses cannot be allowed.", field="address_exceptions")


def _check_platform(source: CourseSource) -> None:
    check_http_url(source.base_url, "base_url")
    if urlsplit(source.base_url).query:
        raise InvalidInput("Must be a URL without a query.", field="base_url")
    if not source.credentials.strip():
        raise InvalidInput("Must be the name of an entry of SOURCE_CREDENTIALS.", field="credentials")
    if source.launch_url not in CourseSource.LaunchURL.values:
        raise InvalidInput(f"Must be {', '.join(CourseSource.LaunchURL.values)}.", field="launch_url")


def _check_website(source: CourseSource) -> None:
    if not source.start_urls:
        raise InvalidInput("A website needs at least one start URL.", field="start_urls")
    for domain in source.allowed_domains:
        if not DOMAIN.fullmatch(domain):
            raise InvalidInput(
                "Each must be a domain in lower case, without scheme, port and path.", field="allowed_domains"
            )
    for url in source.start_urls:
        check_http_url(url, "start_urls")
        host = (urlsplit(url).hostname or "").rstrip(".")
        if source.allowed_domains and not in_domains(host, source.allowed_domains):
            raise InvalidInput("A start URL is outside allowed_domains.", field="start_urls")
    if not source.max_pages or source.max_pages < 1:
        raise InvalidInput("Must be at least 1.", field="max_pages")


def check_http_url(url: str, name: str) -> None:
    """Raises InvalidInput unless this is a complete http or https URL without user, password and fragment."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    whole = parts.scheme in {"http", "https"} and parts.hostname and "@" not in parts.netloc and not parts.fragment
    if not whole or len(url) > URL_LENGTH or not url.isprintable() or " " in url:
        raise InvalidInput("Must be an http or https URL, without user, password and fragment.", field=name)
    try:
        (parts.hostname or "").encode("idna")
    except UnicodeError:
        raise InvalidInput("Its host cannot be written in ASCII (IDNA).", field=name) from None


def in_domains(host: str, domains: Sequence[str]) -> bool:
    """Whether the host is one of the domains or a subdomain of one."""
    return any(host == domain.strip("[]") or host.endswith(f".{domain}") for domain in domains)


def course_source_started(*, source: CourseSource) -> None:
    """Records that a job begins to read the source. Raises SourceDeleted."""
    source.last_started_at, source.last_finished_at = timezone.now(), None
    source.last_outcome, source.last_message = RUNNING, ""
    noted = CourseSource.objects.filter(pk=source.pk).update(
        last_started_at=source.last_started_at, last_finished_at=None, last_outcome=RUNNING, last_message=""
    )
    if not noted:
        raise SourceDeleted


def course_source_ended(*, source: CourseSource, outcome: str, message: str) -> None:
    """Records how reading the source ended."""
    source.last_finished_at = timezone.now()
    source.last_outcome, source.last_message = outcome, storable(message)
    # If the source was deleted in the meantime, nothing is recorded.
    CourseSource.objects.filter(pk=source.pk).update(
        last_finished_at=source.last_finished_at, last_outcome=outcome, last_message=source.last_message
    )


def _columns(fields: Any) -> dict[str, Any]:
    return dict(fields)
