"""Scrapy's scheduler, with the database as its queue: memory holds only the requests of the next seconds."""

from collections import deque
from typing import Any

from scrapy.http import Request

from adaptivity.models import CrawledPage
from adaptivity.sources.services.crawling import pages_pending

BUFFER = 32


class Frontier:
    """Asks for the pending pages of a crawl, those nearest to the start URLs first.

    Requests that Scrapy or the spider repeats (``enqueue_request``) come before them. ``hold`` keeps back all other
    requests until each hold is released.
    """

    def __init__(self, crawler: Any) -> None:
        self._spider = crawler.spider
        self._spider.frontier = self
        self._again: deque[Request] = deque()
        self._buffer: deque[CrawledPage] = deque()
        self._under_way: set[int] = set()
        self._held = 0

    @classmethod
    def from_crawler(cls, crawler: Any) -> "Frontier":
        """Called by Scrapy, as for any scheduler."""
        return cls(crawler)

    def has_pending_requests(self) -> bool:
        """Whether the crawl must continue once no request is in progress."""
        return bool(self._again or self._held or self._fill())

    def enqueue_request(self, request: Request) -> bool:
        """Accepts a request that has to be repeated."""
        self._again.append(request)
        return True

    def next_request(self) -> Request | None:
        """The next request, or None if there is none now."""
        if self._again:
            return self._again.popleft()
        if self._held or not self._fill():
            return None
        page = self._buffer.popleft()
        self._under_way.add(page.pk)
        request: Request = self._spider.request(page)
        return request

    def done(self, page_id: int) -> None:
        """Records that a page is no longer in progress."""
        self._under_way.discard(page_id)

    def ask_anew(self) -> None:
        """Forgets which pages come next, because their host is down."""
        self._buffer.clear()

    def hold(self) -> None:
        """Keeps new requests back until ``release`` has been called as often as this."""
        self._held += 1

    def release(self) -> None:
        """Ends a hold."""
        self._held -= 1

    def _fill(self) -> bool:
        spider = self._spider
        if not self._buffer and not spider.is_ending:
            try:
                self._buffer.extend(
                    pages_pending(crawl=spider.crawl, beside=self._under_way, without=spider.hosts.down, count=BUFFER)
                )
            except Exception as error:
                spider.failed(error)
        return bool(self._buffer) and not spider.is_ending
