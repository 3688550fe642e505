"""Scrapy's scheduler, with the database as its queue: what is in memory are the requests of the next seconds."""

from collections import deque
from typing import Any

from scrapy.http import Request

from adaptivity.models import CrawledPage
from adaptivity.sources.services.crawling import pages_pending

BUFFER = 32


class Frontier:
    """Asks for the pending pages of a crawl, the nearest to the start URLs first. Requests that Scrapy or the spider
    wants again (``enqueue_request``) come before them; ``hold`` keeps all others back until those held are released."""

    def __init__(self, crawler: Any) -> None:
        self._spider = crawler.spider
        self._spider.frontier = self
        self._again: deque[Request] = deque()
        self._buffer: deque[CrawledPage] = deque()
        self._under_way: set[int] = set()
        self._held = 0

    @classmethod
    def from_crawler(cls, crawler: Any) -> "Frontier":
        """As Scrapy makes its schedulers."""
        return cls(crawler)

    def has_pending_requests(self) -> bool:
        """Whether the crawl is to go on once nothing is under way."""
        return bool(self._again or self._held or self._fill())

    def enqueue_request(self, request: Request) -> bool:
        """Takes a request that is to be made again."""
        self._again.append(request)
        return True

    def next_request(self) -> Request | None:
        """The next request, None where there is none now."""
        if self._again:
            return self._again.popleft()
        if self._held or not self._fill():
            return None
        page = self._buffer.popleft()
        self._under_way.add(page.pk)
        request: Request = self._spider.request(page)
        return request

    def done(self, page_id: int) -> None:
        """Notes that a page is not under way any more."""
        self._under_way.discard(page_id)

    def ask_anew(self) -> None:
        """Forgets which pages come next: their host is down."""
        self._buffer.clear()

    def hold(self) -> None:
        """Keeps new requests back until ``release`` is called as often as this."""
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
