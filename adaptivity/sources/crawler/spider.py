"""The spider: decides what a response, or its absence, means for the requested page."""

from collections.abc import AsyncIterator, Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

import scrapy
import structlog
from django.db import InterfaceError, OperationalError, connection
from scrapy.exceptions import (
    CannotResolveHostError,
    DontCloseSpider,
    DownloadCancelledError,
    DownloadTimeoutError,
    IgnoreRequest,
)
from scrapy.http import HtmlResponse, Request, Response
from twisted.internet import error as twisted_errors

from adaptivity.models import CrawledPage
from adaptivity.sources.crawler.busy import BUSY, seconds_to_wait
from adaptivity.sources.crawler.frontier import Frontier
from adaptivity.sources.crawler.hosts import Hosts
from adaptivity.sources.crawler.pages import SCHEMES, Page, Site, canonical, read_page
from adaptivity.sources.crawler.resolver import GuardedResolver
from adaptivity.sources.crawler.robots import ExcludedByRobots, RobotsUnreadable
from adaptivity.sources.services.crawling import (
    Crawl,
    PageContent,
    is_alias,
    page_leads_on,
    page_store,
    page_without_content,
    pages_publish,
)

log = structlog.get_logger(__name__)

Status = CrawledPage.Status
GONE = {404, 410}
REDIRECTS = range(300, 400)
PAGES_BETWEEN_PUBLISHING = 200


def is_database_lost(error: Exception) -> bool:
    """Whether the error means that the database is no longer reachable, as opposed to a fault in a query."""
    return isinstance(error, OperationalError | InterfaceError) and not connection.is_usable()


def guarded(method: Callable[..., None]) -> Callable[..., None]:
    """Ends the crawl on an error of our own and leaves the page pending. Scrapy would log it and skip the page."""

    @wraps(method)
    def wrapper(self: "SiteSpider", *arguments: Any) -> None:
        if self.failure is not None:
            return
        try:
            method(self, *arguments)
        except Exception as error:
            self.failed(error)

    return wrapper


class SiteSpider(scrapy.Spider):
    """Crawls the site of one source.

    ``failure`` is the error that ended it early, and ``hosts`` knows which of its hosts are down.
    """

    name = "site"
    frontier: Frontier

    def __init__(self, crawl: Crawl, site: Site, resolver: GuardedResolver, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.crawl, self.site, self.resolver = crawl, site, resolver
        self.is_ending = False
        self.failure: Exception | None = None
        self.has_lost_database = False
        self._is_waiting = False
        self.hosts = Hosts(crawl, fail=self._fail, probe=self._probe, leave=lambda: self.frontier.ask_anew())
        self.published = 0
        self._stored_since = 0

    def failed(self, error: Exception) -> None:
        """Keeps an internal error, and ends the crawl."""
        if self.failure is None:
            self.failure = error
            # Must be found out before anything reconnects.
            self.has_lost_database = is_database_lost(error)
        self.is_ending = True

    async def start(self) -> AsyncIterator[Any]:
        """Yields nothing: the frontier holds all requests."""
        self.crawler.signals.connect(self._idle, scrapy.signals.spider_idle)
        nothing: list[Any] = []
        for request in nothing:
            yield request

    def request(self, page: CrawledPage) -> Request:
        """The request for a page."""
        return Request(
            page.url,
            callback=self.answered,
            errback=self.not_answered,
            dont_filter=True,
            meta={"page": page.pk, "dont_redirect": True, "handle_httpstatus_all": True},
        )

    @guarded
    def answered(self, response: Response) -> None:
        """Handles a response of any status."""
        if response.status in BUSY and self._ask_later(response):
            return
        page_id = response.meta["page"]
        if _is_down(response.status):
            self.hosts.page_failed(_origin(response.url), page_id, f"answers {response.status}", response.status)
            return
        self.hosts.answers(_origin(response.url))
        if response.status in REDIRECTS:
            self._redirected(page_id, response)
        elif response.status in GONE:
            self._without(page_id, Status.GONE, f"answers {response.status}", response.status)
        elif response.status != 200:
            self._without(page_id, Status.FAILED, f"answers {response.status}", response.status)
        elif not isinstance(response, HtmlResponse):
            self._without(page_id, Status.SKIPPED, "is not HTML", response.status)
        else:
            self._read(page_id, response)
        self.frontier.done(page_id)

    @guarded
    def not_answered(self, failure: Any) -> None:
        """Handles a request without a response: refused before it was sent, or failed on the way."""
        request: Request = failure.request
        page_id, origin = request.meta["page"], _origin(request.url)
        status, reason = self._explained(failure, request)
        if status != Status.FAILED:
            self._without(page_id, status, reason)
            self.frontier.done(page_id)
        elif failure.check(RobotsUnreadable) and (self.is_ending or self.hosts.robots_unreadable(origin, reason)):
            # A crawl that is ending does not wait for robots.txt.
            return
        else:
            self.hosts.page_failed(origin, page_id, reason, None)

    def _idle(self) -> None:
        self._frontier_ends()
        if self._is_waiting and not self.is_ending:
            raise DontCloseSpider

    @guarded
    def _frontier_ends(self) -> None:
        self._is_waiting = self.hosts.frontier_ends()

    def _probe(self, url: str) -> None:
        """Asks again for a page that has answered before."""
        if self.is_ending:
            return
        meta = {"dont_redirect": True, "handle_httpstatus_all": True}
        engine: Any = self.crawler.engine
        engine.crawl(
            Request(url, callback=self._probe_answered, errback=self._probe_not_answered, dont_filter=True, meta=meta)
        )

    @guarded
    def _probe_answered(self, response: Response) -> None:
        self.hosts.probed(_origin(response.url), has_answered=not _is_down(response.status))

    @guarded
    def _probe_not_answered(self, failure: Any) -> None:
        # A page that is too large now, or that robots.txt excludes, shows that the host is up.
        has_answered = self._explained(failure, failure.request)[0] != Status.FAILED
        self.hosts.probed(_origin(failure.request.url), has_answered=has_answered)

    def _fail(self, page_id: int, reason: str, http_status: int | None) -> None:
        self._without(page_id, Status.FAILED, reason, http_status)
        self.frontier.done(page_id)

    def _read(self, page_id: int, response: HtmlResponse) -> None:
        try:
            page = read_page(response, self.site)
        except ValueError as error:
            self._without(page_id, Status.SKIPPED, str(error), response.status)
            return
        own = response.request.url if response.request else response.url
        if not page.may_be_stored:
            self._without(page_id, Status.EXCLUDED, "asks robots not to store it", response.status)
        elif page.refresh is not None and page.refresh != own and self.site.has(page.refresh):
            page_leads_on(crawl=self.crawl, page_id=page_id, http_status=response.status, url=page.refresh)
        elif self._is_elsewhere(page, own):
            page_leads_on(crawl=self.crawl, page_id=page_id, http_status=response.status, url=page.canonical)
        else:
            content = PageContent(page.title, page.text, page.links)
            page_store(crawl=self.crawl, page_id=page_id, http_status=response.status, content=content)
            self._stored_since += 1
            if self._stored_since >= PAGES_BETWEEN_PUBLISHING:
                self.publish()

    def publish(self) -> None:
        """Writes the readings of the pages stored in the meantime."""
        self._stored_since = 0
        self.published += pages_publish(source=self.crawl.source)

    def _is_elsewhere(self, page: Page, own: str) -> bool:
        """Whether the page names another URL of the site as its own. Two pages that name each other are both stored."""
        named = page.canonical
        return named is not None and named != own and self.site.has(named) and not is_alias(crawl=self.crawl, url=named)

    def _redirected(self, page_id: int, response: Response) -> None:
        target = canonical(_decoded(response.headers.get("Location") or b""), response.url)
        if target is not None and self.site.has(target):
            page_leads_on(crawl=self.crawl, page_id=page_id, http_status=response.status, url=target)
        else:
            self._without(page_id, Status.SKIPPED, "leads out of the site", response.status)

    def _without(self, page_id: int, status: str, reason: str, http_status: int | None = None) -> None:
        page_without_content(crawl=self.crawl, page_id=page_id, status=status, reason=reason, http_status=http_status)

    def _explained(self, failure: Any, request: Request) -> tuple[str, str]:
        if failure.check(ExcludedByRobots):
            return Status.EXCLUDED, "robots.txt excludes it"
        parts = urlsplit(request.url)
        if refusal := self.resolver.refused(parts.hostname or "", parts.port or SCHEMES[parts.scheme]):
            return Status.REFUSED, refusal
        if failure.check(RobotsUnreadable):
            return Status.FAILED, "robots.txt cannot be read"
        if failure.check(DownloadCancelledError, IgnoreRequest):
            return Status.SKIPPED, "is too large"
        if failure.check(CannotResolveHostError, twisted_errors.DNSLookupError):
            return Status.FAILED, "its host has no address"
        if failure.check(DownloadTimeoutError, twisted_errors.TimeoutError):
            return Status.FAILED, "does not answer in time"
        return Status.FAILED, f"cannot be read ({failure.type.__name__ if failure.type else 'unknown'})"

    def _ask_later(self, response: Response) -> bool:
        """Waits for as long as the site asks, then repeats the request. Nothing else is requested meanwhile.

        Returns whether an attempt was left.
        """
        from twisted.internet import reactor

        loop: Any = reactor
        attempt = response.meta.get("attempt", 1)
        wait = seconds_to_wait(response, attempt)
        if wait is None or response.request is None:
            return False
        request = response.request.replace(meta={**response.request.meta, "attempt": attempt + 1}, dont_filter=True)
        log.info("site_is_busy", source=self.crawl.source.slug, status=response.status, seconds=wait)
        self.frontier.hold()

        def again() -> None:
            self.frontier.release()
            if not self.is_ending:
                self.crawler.engine.crawl(request)

        loop.callLater(wait, again)
        return True


def _origin(url: str) -> str:
    """Scheme, host and port of a canonical URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _is_down(status: int) -> bool:
    """Whether a status means that the host is down, or wants no more requests."""
    return status >= 500 or status in BUSY or status == 408


def _decoded(header: bytes) -> str:
    """A header's text. Bytes beyond ASCII are UTF-8 today, and were Latin-1 before."""
    try:
        return header.decode()
    except UnicodeDecodeError:
        return header.decode("latin-1")
