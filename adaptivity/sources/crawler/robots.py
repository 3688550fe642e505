"""robots.txt as RFC 9309 defines it: if it is missing, everything is allowed; if it cannot be read, nothing is."""

from time import monotonic
from typing import Any

from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Request, Response
from scrapy.utils.defer import maybe_deferred_to_future
from twisted.internet.task import deferLater

from adaptivity.sources.crawler.busy import BUSY, seconds_to_wait

SERVER_ERRORS = range(500, 600)
SECONDS_BETWEEN_LOOKS = 0.25


class ExcludedByRobots(IgnoreRequest):
    """robots.txt excludes the URL."""


class RobotsUnreadable(IgnoreRequest):
    """robots.txt cannot be read, so what it excludes is unknown."""


class _Unreadable:
    """Stands for rules that could not be read."""


class Robots(RobotsTxtMiddleware):
    """Extends Scrapy's middleware, which allows everything if robots.txt cannot be read, and does not say why it
    refuses.
    """

    def process_request_2(self, rp: Any, request: Request) -> None:
        if isinstance(rp, _Unreadable):
            raise RobotsUnreadable
        try:
            super().process_request_2(rp, request)
        except IgnoreRequest as error:
            raise ExcludedByRobots from error

    async def _parse_robots(self, response: Response, netloc: str, request: Request) -> None:
        response = await self._once_it_is_not_busy(response)
        if response.status in BUSY or response.status in SERVER_ERRORS:
            self._decide(netloc, _Unreadable())
        elif response.status != 200:
            self._decide(netloc, None)
        else:
            await super()._parse_robots(response, netloc, request)

    async def _once_it_is_not_busy(self, response: Response) -> Response:
        attempt = 1
        while response.status in BUSY and response.request is not None:
            wait = seconds_to_wait(response, attempt)
            if wait is None or not await self._waited(wait):
                break
            attempt += 1
            response = await self.crawler.engine.download_async(response.request)
        return response

    async def _waited(self, seconds: float) -> bool:
        """Waits, and returns whether the crawl should continue."""
        from twisted.internet import reactor

        spider: Any = self.crawler.spider
        until = monotonic() + seconds
        while (left := until - monotonic()) > 0 and not spider.is_ending:
            await maybe_deferred_to_future(deferLater(reactor, min(left, SECONDS_BETWEEN_LOOKS)))
        return not spider.is_ending

    def _robots_error(self, exc: Exception, netloc: str) -> None:
        self._decide(netloc, _Unreadable())

    def _decide(self, netloc: str, rules: Any) -> None:
        waiting: Any = self._parsers[netloc]
        self._parsers[netloc] = rules
        waiting.callback(rules)
