"""What a crawl of a website writes: its frontier, its pages, and the readings that they become.

The frontier is the source's pending pages. One transaction stores a page with its links and marks it as done. So a
crawl that is killed at any moment continues where it was.
"""

import hashlib
from collections.abc import Collection as Collected
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Length
from django.utils import timezone

from adaptivity.content.services.activities import ActivityFields
from adaptivity.content.services.collections import collection_activities_add, collection_activities_remove
from adaptivity.database.sql import BATCH, querysets_among, rows_among
from adaptivity.models import CourseSource, CrawledPage
from adaptivity.sources.services.course_sources import course_source_lock
from adaptivity.text import NAME_LENGTH, URL_LENGTH, storable

Status = CrawledPage.Status

# In bytes. An entry of PostgreSQL's index holds 2,704, including the source's id.
PAGE_URL_LENGTH = 2000
TEXT_LENGTH = 200_000
READING = "reading"
# Pages that failed in the crawl that met them last, including those that were stored before.
FAILED_NOW = Q(status=Status.FAILED) | (Q(status=Status.STORED) & ~Q(reason=""))
# A URL excluded by robots.txt was never requested and takes no room; a page with noindex was requested.
EXCLUDED_UNASKED = Q(status=Status.EXCLUDED, http_status__isnull=True)
# Pages wait for a host that answered within this time and is down. A host that did not is given up.
LATELY = timedelta(days=7)


@dataclass(frozen=True)
class PageContent:
    """The content of a page: its title, its text, and the canonical URLs of its links."""

    title: str
    text: str
    links: Sequence[str] = ()


@dataclass
class Crawl:
    """A crawl in progress, which one process runs at a time.

    ``room`` is how many more URLs it may collect; ``asked`` is how many it has requested.
    """

    source: CourseSource
    room: int
    asked: int
    pending: int


@transaction.atomic
def crawl_begin(*, source: CourseSource, start_urls: Sequence[str]) -> Crawl:
    """Continues the source's open crawl or, if there is none, begins a new one at the (canonical) start URLs.

    Raises SourceDeleted.
    """
    source = course_source_lock(source=source)
    if not source.crawl_open:
        source.crawl += 1
        source.crawl_open, source.crawl_limited = True, False
        source.save(update_fields=["crawl", "crawl_open", "crawl_limited"])
    mine = source.pages.filter(crawl=source.crawl)
    pending = mine.filter(pending=True).count()
    crawl = Crawl(
        source=source,
        room=source.max_pages - mine.exclude(EXCLUDED_UNASKED, pending=False).count(),
        asked=mine.filter(pending=False).count(),
        pending=pending,
    )
    if not crawl.asked and not pending:
        _meet(crawl, start_urls, depth=0)
    return crawl


def pages_pending(
    *, crawl: Crawl, beside: Collected[int], count: int, without: Collected[str] = ()
) -> list[CrawledPage]:
    """The next pages to request, those nearest to the start URLs first.

    Leaves out the pages with the ids in ``beside``, and those of the origins (``https://host``) in ``without``.
    """
    frontier = CrawledPage.objects.filter(source=crawl.source, crawl=crawl.source.crawl, pending=True)
    for origin in without:
        frontier = frontier.exclude(url__startswith=f"{origin}/")
    return list(frontier.exclude(pk__in=beside).order_by("depth", "pk").only("pk", "url", "depth")[:count])


@transaction.atomic
def page_store(*, crawl: Crawl, page_id: int, http_status: int, content: PageContent) -> str:
    """Stores a page with its links, and returns its status.

    If another page of the source has the same title and text, records that instead; the links are then not followed.
    """
    title, text = storable(content.title, NAME_LENGTH), storable(content.text, TEXT_LENGTH)
    fingerprint = hashlib.blake2b(f"{title}\0{text}".encode(), digest_size=16).hexdigest() if text else ""
    page = CrawledPage.objects.get(pk=page_id)
    same = CrawledPage.objects.filter(source=crawl.source, fingerprint=fingerprint, status=Status.STORED)
    if page.depth == 0:
        # A start URL may have the content of a page that is gone. Without its links, the crawl would find nothing.
        same = same.filter(crawl=crawl.source.crawl)
    if text and same.exclude(pk=page_id).exists():
        _done(crawl, page, Status.DUPLICATE, http_status=http_status)
        return Status.DUPLICATE
    page.title, page.text, page.fingerprint = title, text, fingerprint
    _done(crawl, page, Status.STORED, http_status=http_status)
    _meet(crawl, content.links, depth=page.depth + 1)
    return Status.STORED


@transaction.atomic
def page_leads_on(*, crawl: Crawl, page_id: int, http_status: int, url: str | None) -> None:
    """Records that a page is at another URL, by a redirect or by the canonical URL that it names.

    If ``url`` is given, it is requested in its turn. It counts as one link further, so that a chain ends.
    """
    page = CrawledPage.objects.get(pk=page_id)
    _done(crawl, page, Status.ALIAS, http_status=http_status)
    if url is not None:
        _meet(crawl, [url], depth=page.depth + 1)


def is_alias(*, crawl: Crawl, url: str) -> bool:
    """Whether the URL was seen to lead only to another. If it is still pending, the previous crawl's result counts."""
    return CrawledPage.objects.filter(source=crawl.source, url=url, status=Status.ALIAS).exists()


@transaction.atomic
def page_without_content(
    *, crawl: Crawl, page_id: int, status: str, reason: str, http_status: int | None = None
) -> None:
    """Records why a page is not stored. Its earlier content stays, unless the page is gone, excluded, or not a page."""
    page = CrawledPage.objects.get(pk=page_id)
    if status == Status.FAILED and page.status == Status.STORED:
        # It fails now, but its reading stays. The reason shows that the content is not current.
        page.reason, page.http_status, page.pending = reason, http_status, False
        page.save(update_fields=["reason", "http_status", "pending"])
        crawl.asked += 1
        crawl.pending -= 1
        return
    _done(crawl, page, status, http_status=http_status, reason=reason)
    if status == Status.EXCLUDED and http_status is None:
        crawl.room += 1


def is_awaited(*, crawl: Crawl, origin: str) -> bool:
    """Whether the pages of an origin that does not answer should wait for it.

    They wait if it has answered lately, or if no other origin has answered in this crawl, since nothing else is left.
    An origin that has been away for longer does not keep a crawl open.
    """
    answered = crawl.source.pages.filter(http_status__lt=500).exclude(http_status=429)
    mine = Q(url__startswith=f"{origin}/")
    if answered.filter(mine, fetched_at__gte=timezone.now() - LATELY).exists():
        return True
    return not answered.exclude(mine).filter(crawl=crawl.source.crawl, pending=False).exists()


def page_that_answered(*, crawl: Crawl, origin: str, beside: Collected[int]) -> str | None:
    """The URL of the page of this origin that was stored last, except those with these ids; None if there is none."""
    stored = crawl.source.pages.filter(status=Status.STORED, reason="", url__startswith=f"{origin}/")
    return stored.exclude(pk__in=beside).order_by("-fetched_at", "pk").values_list("url", flat=True).first()


def pages_publish(*, source: CourseSource) -> int:
    """Updates the source's collection from its stored pages, and returns how many readings were written.

    Each page with text becomes a reading, which is created or changed with the page. Readings of pages that are no
    longer stored are taken out, but only if the crawl stored something. A site that has moved does not empty its
    collection.

    May be called at any time and repeatedly. A source without a collection has no readings.
    """
    if not source.collection_id:
        return 0
    written = 0
    while pages := _unpublished(source):
        written += _publish(source, pages)
    if _stored_now(source).exists():
        _withdraw(source)
    return written


@transaction.atomic
def crawl_end(*, crawl: Crawl) -> int:
    """Records that the crawl's frontier is empty. Returns how many pages are gone because this crawl did not meet them.

    Pages count as gone only if the crawl stored a page, left no link aside, and got an answer from every page. A page
    that was never stored and is forbidden does not prevent this, because it leads nowhere.
    """
    source = crawl.source
    mine = CrawledPage.objects.filter(source=source, crawl=source.crawl)
    gone = 0
    failed = mine.filter(FAILED_NOW).exclude(status=Status.FAILED, http_status__range=(400, 499))
    if not source.crawl_limited and not failed.exists() and _stored_now(source).exists():
        missed = CrawledPage.objects.filter(source=source, crawl__lt=source.crawl).exclude(status=Status.GONE)
        gone = missed.update(
            status=Status.GONE, reason="no longer met", pending=False, title="", text="", fingerprint=""
        )
    source.crawl_open = False
    CourseSource.objects.filter(pk=source.pk).update(crawl_open=False)
    return gone


def crawl_statuses(*, source: CourseSource) -> dict[str, int]:
    """How many URLs of the newest crawl have each status."""
    done = CrawledPage.objects.filter(source=source, crawl=source.crawl, pending=False).order_by()
    found = dict(done.exclude(FAILED_NOW).values_list("status").annotate(count=Count("pk")))
    found[Status.FAILED] = done.filter(FAILED_NOW).count()
    return found


def crawl_refusal(*, source: CourseSource) -> str:
    """Why the newest crawl was refused an address, or "" if it was not."""
    refused = source.pages.filter(crawl=source.crawl, pending=False, status=Status.REFUSED)
    return refused.order_by("depth", "pk").values_list("reason", flat=True).first() or ""


def _stored_now(source: CourseSource) -> QuerySet[CrawledPage]:
    """The pages that the newest crawl has stored."""
    return CrawledPage.objects.filter(source=source, crawl=source.crawl, pending=False, status=Status.STORED, reason="")


def _unpublished(source: CourseSource) -> list[CrawledPage]:
    stored = CrawledPage.objects.filter(source=source, status=Status.STORED).exclude(fingerprint="")
    fitting = stored.annotate(length=Length("url")).filter(length__lte=URL_LENGTH)
    return list(fitting.exclude(published=F("fingerprint")).order_by("pk").defer("text")[:BATCH])


@transaction.atomic
def _publish(source: CourseSource, pages: Sequence[CrawledPage]) -> int:
    fields: list[ActivityFields] = [
        {"source_launch_url": page.url, "name": page.title, "type": READING} for page in pages
    ]
    written = collection_activities_add(collection_id=source.collection_id, activities=fields)
    for page in pages:
        page.activity_id, page.published = written.ids[page.url], page.fingerprint
    CrawledPage.objects.bulk_update(pages, ["activity", "published"], batch_size=200)
    return len(written.created) + len(written.updated)


@transaction.atomic
def _withdraw(source: CourseSource) -> None:
    out = CrawledPage.objects.filter(source=source).exclude(published="")
    out = out.filter(~Q(status=Status.STORED) | Q(fingerprint=""))
    rows = list(out.values_list("pk", "activity_id"))
    collection_activities_remove(
        collection_id=source.collection_id, activity_ids=[activity for _, activity in rows if activity is not None]
    )
    for pages in querysets_among(CrawledPage.objects, "pk", [pk for pk, _ in rows]):
        pages.update(published="")


def _done(crawl: Crawl, page: CrawledPage, status: str, *, http_status: int | None, reason: str = "") -> None:
    if status != Status.STORED:
        page.title = page.text = page.fingerprint = ""
    page.status, page.reason, page.http_status = status, storable(reason, NAME_LENGTH), http_status
    page.pending, page.fetched_at = False, timezone.now()
    page.save()
    crawl.asked += 1
    crawl.pending -= 1


def _meet(crawl: Crawl, urls: Sequence[str], *, depth: int) -> None:
    """Puts URLs that are new to this crawl into the frontier, as far as there is room."""
    source = crawl.source
    if depth > source.max_depth:
        return
    wanted = [url for url in dict.fromkeys(urls) if len(url.encode("utf-8", "surrogatepass")) <= PAGE_URL_LENGTH]
    known = CrawledPage.objects.filter(source=source)
    met = dict(rows_among(known.values_list("url", "crawl"), "url", wanted))
    unmet = [url for url in wanted if met.get(url, 0) < source.crawl]
    fitting = unmet[: max(crawl.room, 0)]
    if len(fitting) < len(unmet) and not source.crawl_limited:
        source.crawl_limited = True
        source.save(update_fields=["crawl_limited"])
    for pages in querysets_among(known, "url", [url for url in fitting if url in met]):
        pages.update(crawl=source.crawl, pending=True, depth=depth)
    CrawledPage.objects.bulk_create(
        [CrawledPage(source=source, url=url, crawl=source.crawl, depth=depth) for url in fitting if url not in met],
        batch_size=BATCH,
    )
    crawl.room -= len(fitting)
    crawl.pending += len(fitting)
