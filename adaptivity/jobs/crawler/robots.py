"""robots.txt as RFC 9309 has it: where it is missing everything is allowed, where it cannot be read nothing is."""

from typing import Any

from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Request, Response

SERVER_ERRORS = range(500, 600)


class ExcludedByRobots(IgnoreRequest):
    """robots.txt excludes the URL."""


class RobotsUnreadable(IgnoreRequest):
    """robots.txt cannot be read, so nobody knows what it excludes."""


class _Unreadable:
    """Stands for the rules that could not be read."""


class Robots(RobotsTxtMiddleware):
    """Scrapy's, which allows everything where robots.txt cannot be read, and says less."""

    def process_request_2(self, rp: Any, request: Request) -> None:
        if isinstance(rp, _Unreadable):
            raise RobotsUnreadable
        try:
            super().process_request_2(rp, request)
        except IgnoreRequest as error:
            raise ExcludedByRobots from error

    async def _parse_robots(self, response: Response, netloc: str, request: Request) -> None:
        if response.status in SERVER_ERRORS:
            self._decide(netloc, _Unreadable())
        elif response.status != 200:
            self._decide(netloc, None)
        else:
            await super()._parse_robots(response, netloc, request)

    def _robots_error(self, exc: Exception, netloc: str) -> None:
        self._decide(netloc, _Unreadable())

    def _decide(self, netloc: str, rules: Any) -> None:
        waiting: Any = self._parsers[netloc]
        self._parsers[netloc] = rules
        waiting.callback(rules)
