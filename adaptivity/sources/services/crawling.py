"""What a crawl of a website writes: its frontier, its pages, and the readings that they become.

The frontier is the source's pending pages. A page is done in the transaction that stores it together with the links
that were found on it, so that a crawl which is killed at any moment goes on where it was.
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

# In bytes: an entry of PostgreSQL's index takes 2,704 with the source's id.
PAGE_URL_LENGTH = 2000
TEXT_LENGTH = 200_000
READING = "reading"
# Pages that did not answer as they should in the crawl that has met them last, those included that were stored before.
FAILED_NOW = Q(status=Status.FAILED) | (Q(status=Status.STORED) & ~Q(reason=""))
# What robots.txt excluded was not asked for, and takes no room; a page that says noindex was.
EXCLUDED_UNASKED = Q(status=Status.EXCLUDED, http_status__isnull=True)
# A host that has answered lately is down, and its pages wait for it; one that has not for so long is gone.
LATELY = timedelta(days=7)


@dataclass(frozen=True)
class PageContent:
    """What a page says: its title, its text, and the canonical URLs that it leads to."""

    title: str
    text: str
    links: Sequence[str] = ()


@dataclass
class Crawl:
    """A crawl that is going on. ``room``: how many more URLs it may come to know; ``asked``: how many it has asked for.
    One process has it at a time."""

    source: CourseSource
    room: int
    asked: int
    pending: int


@transaction.atomic
def crawl_begin(*, source: CourseSource, start_urls: Sequence[str]) -> Crawl:
    """Goes on with the source's crawl where one is open, else begins a new one at the (canonical) start URLs. Raises
    SourceDeleted."""
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
    """The next pages to ask for, the nearest to the start URLs first, beside those with these ids, and those of these
    origins (``https://host``)."""
    frontier = CrawledPage.objects.filter(source=crawl.source, crawl=crawl.source.crawl, pending=True)
    for origin in without:
        frontier = frontier.exclude(url__startswith=f"{origin}/")
    return list(frontier.exclude(pk__in=beside).order_by("depth", "pk").only("pk", "url", "depth")[:count])


@transaction.atomic
def page_store(*, crawl: Crawl, page_id: int, http_status: int, content: PageContent) -> str:
    """Stores a page with its links, or notes that another page of the source has the same title and text: then its
    links are not followed. Answers its status."""
    title, text = storable(content.title, NAME_LENGTH), storable(content.text, TEXT_LENGTH)
    fingerprint = hashlib.blake2b(f"{title}\0{text}".encode(), digest_size=16).hexdigest() if text else ""
    page = CrawledPage.objects.get(pk=page_id)
    same = CrawledPage.objects.filter(source=crawl.source, fingerprint=fingerprint, status=Status.STORED)
    if page.depth == 0:
        # A start URL has the content of a page that may be gone: without its links, nothing would be met any more.
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
    """Notes that a page is at another URL, which is asked for in its turn where it is given: a redirect, or a canonical
    URL that the page names. That counts as a link, so that a chain ends."""
    page = CrawledPage.objects.get(pk=page_id)
    _done(crawl, page, Status.ALIAS, http_status=http_status)
    if url is not None:
        _meet(crawl, [url], depth=page.depth + 1)


def is_alias(*, crawl: Crawl, url: str) -> bool:
    """Whether the URL was seen to lead only to another, be it in the crawl before where it has yet to be asked for."""
    return CrawledPage.objects.filter(source=crawl.source, url=url, status=Status.ALIAS).exists()


@transaction.atomic
def page_without_content(
    *, crawl: Crawl, page_id: int, status: str, reason: str, http_status: int | None = None
) -> None:
    """Notes why a page is not stored. What was stored of it before stays unless it is gone, excluded, or no page."""
    page = CrawledPage.objects.get(pk=page_id)
    if status == Status.FAILED and page.status == Status.STORED:
        # Down today: the reading that it became stays. The reason says that it is not of today.
        page.reason, page.http_status, page.pending = reason, http_status, False
        page.save(update_fields=["reason", "http_status", "pending"])
        crawl.asked += 1
        crawl.pending -= 1
        return
    _done(crawl, page, status, http_status=http_status, reason=reason)
    if status == Status.EXCLUDED and http_status is None:
        crawl.room += 1


def is_awaited(*, crawl: Crawl, origin: str) -> bool:
    """Whether the pages of an origin that does not answer are to wait for it: where it has answered lately, or where no
    other has in this crawl, so that there is nothing else. What has been away for longer keeps no crawl open."""
    answered = crawl.source.pages.filter(http_status__lt=500).exclude(http_status=429)
    mine = Q(url__startswith=f"{origin}/")
    if answered.filter(mine, fetched_at__gte=timezone.now() - LATELY).exists():
        return True
    return not answered.exclude(mine).filter(crawl=crawl.source.crawl, pending=False).exists()


def page_that_answered(*, crawl: Crawl, origin: str, beside: Collected[int]) -> str | None:
    """The URL of the page of an origin that was stored last, beside those with these ids; None where there is none."""
    stored = crawl.source.pages.filter(status=Status.STORED, reason="", url__startswith=f"{origin}/")
    return stored.exclude(pk__in=beside).order_by("-fetched_at", "pk").values_list("url", flat=True).first()


def pages_publish(*, source: CourseSource) -> int:
    """Brings the source's collection up to its stored pages: each with text is a reading there, new or changed where
    the page is, and what is not stored any more is taken out, unless the crawl has stored nothing: a site that is not
    where it was empties no collection. Answers how many readings were written.

    May be called at any time and again. A source without a collection has no readings.
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
    """Notes that the crawl's frontier is empty. Answers how many pages are gone: what it has not met any more, which
    says something only where it has stored a page, has left no link aside, and where every page has answered. (One that
    was never stored and is forbidden leads nowhere.)"""
    source = crawl.source
    mine = CrawledPage.objects.filter(source=source, crawl=source.crawl)
    gone = 0
    failed = mine.filter(FAILED_NOW).exclude(status=Status.FAILED, http_status__range=(400, 499))
    if not source.crawl_limited and not failed.exists() and _stored_now(source).exists():
        missed = CrawledPage.objects.filter(source=source, crawl__lt=source.crawl).exclude(status=Status.GONE)
        gone = missed.update(
            status=Status.GONE, reason="not met any more", pending=False, title="", text="", fingerprint=""
        )
    source.crawl_open = False
    CourseSource.objects.filter(pk=source.pk).update(crawl_open=False)
    return gone


def crawl_statuses(*, source: CourseSource) -> dict[str, int]:
    """How many URLs of the newest crawl have which status."""
    done = CrawledPage.objects.filter(source=source, crawl=source.crawl, pending=False).order_by()
    found = dict(done.exclude(FAILED_NOW).values_list("status").annotate(count=Count("pk")))
    found[Status.FAILED] = done.filter(FAILED_NOW).count()
    return found


def crawl_refusal(*, source: CourseSource) -> str:
    """Why the newest crawl was refused an address; "" where it was not."""
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
    """Puts URLs that this crawl has not met yet into the frontier, as many as there is room for."""
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
