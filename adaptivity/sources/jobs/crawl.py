"""Crawls the websites of sources. A Twisted reactor can run only once per process, and so can ``crawl``."""

import logging
import resource
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from django.db import Error as DatabaseProblem
from django.db import connection
from scrapy.crawler import CrawlerRunner
from scrapy.settings import Settings
from scrapy.utils.defer import deferred_from_coro
from scrapy.utils.reactor import install_reactor
from twisted.internet.defer import inlineCallbacks
from twisted.internet.error import ReactorNotRunning

from adaptivity.errors import AlreadyRunning, SourceDeleted
from adaptivity.models import CourseSource, CrawledPage
from adaptivity.outbound.addresses import AddressGuard
from adaptivity.progress import Progress, Stop, never, silent
from adaptivity.sources.crawler.pages import Site, canonical
from adaptivity.sources.crawler.resolver import GuardedResolver
from adaptivity.sources.crawler.spider import SiteSpider, is_database_lost
from adaptivity.sources.jobs.source_reports import DONE, FAILED, STOPPED, SourceReport
from adaptivity.sources.services.course_sources import course_source_ended, course_source_started, is_deleted
from adaptivity.sources.services.crawling import crawl_begin, crawl_end, crawl_refusal, crawl_statuses, pages_publish
from adaptivity.sources.services.source_lock import SourceLock

log = structlog.get_logger(__name__)

Status = CrawledPage.Status
UNREACHABLE = "unreachable"
# Not asyncio's, because Django refuses the database inside its loop. Here one thread does everything in turn anyway.
REACTOR = "twisted.internet.selectreactor.SelectReactor"
SECONDS_BETWEEN_LOOKS = 0.25
# How long requests in progress may take after a crawl is stopped. The next run asks again for those that take longer.
GRACE_SECONDS = 5.0
MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Bounds:
    """The limits of a crawl.

    The seconds that a whole download may take, the bytes of a body, and the requests at a time, in total and per host.
    """

    download_seconds: float = 20.0
    page_bytes: int = 2 * MEGABYTE
    concurrency: int = 8
    concurrency_of_host: int = 4


BOUNDS = Bounds()


@dataclass
class CrawlReport(SourceReport):
    """The result of a crawl.

    ``pages`` counts its URLs by status. ``limited`` is true if links were left aside because of max_pages.
    """

    pages: dict[str, int] = field(default_factory=dict)
    asked_before: int = 0
    gone: int = 0
    readings: int = 0
    limited: bool = False
    peak_megabytes: int = 0

    def counts(self) -> str:
        found = ", ".join(f"{count} {status}" for status, count in sorted(self.pages.items()) if count)
        limit = "; max_pages reached, links were left aside" if self.limited else ""
        return f"pages: {found or 'none'}; {self.gone} gone; {self.readings} readings written{limit}"


def crawl(
    sources: Sequence[CourseSource],
    *,
    user_agent: str,
    progress: Progress = silent,
    stop: Stop = never,
    bounds: Bounds = BOUNDS,
) -> list[CrawlReport]:
    """Crawls one source after the other, and continues crawls that were stopped or killed.

    After ``stop`` returns true, the requests in progress have GRACE_SECONDS to end. The sources after that one get no
    report. An internal error ends the crawl of its source alone, but if the database is lost, the error is raised.
    """
    install_reactor(REACTOR)
    from twisted.internet import reactor
    from twisted.internet.task import LoopingCall

    _quieten()
    loop: Any = reactor
    resolver = GuardedResolver(loop.nameResolver)
    loop.installNameResolver(resolver)
    session = _Session(sources, resolver, CrawlerRunner(_settings(user_agent, bounds)), progress, stop)
    look = LoopingCall(session.look)

    def begin() -> None:
        look.start(SECONDS_BETWEEN_LOOKS, now=False).addErrback(session.failed)
        session.run().addErrback(session.failed).addBoth(lambda _: _end_loop())

    loop.callWhenRunning(begin)
    loop.run(installSignalHandlers=False)
    return session.finish()


def _end_loop() -> None:
    from twisted.internet import reactor

    loop: Any = reactor
    # The loop reports that it runs until it has ended, but it cannot be stopped twice.
    with suppress(ReactorNotRunning):
        loop.stop()


class _Session:
    """The crawls of one run of the reactor."""

    def __init__(
        self,
        sources: Sequence[CourseSource],
        resolver: GuardedResolver,
        runner: CrawlerRunner,
        progress: Progress,
        stop: Stop,
    ) -> None:
        self._sources, self._resolver, self._runner = sources, resolver, runner
        self._progress, self._stop = progress, stop
        self._reports: list[CrawlReport] = []
        self._crawler: Any = None
        self._spider: SiteSpider | None = None
        self._locks = ExitStack()
        self._is_stopping = self._is_left = False
        self._failure: BaseException | None = None

    @inlineCallbacks
    def run(self) -> Generator[Any, Any, None]:
        """Crawls one source after the other."""
        for source in self._sources:
            if self._stop():
                self._is_stopping = True
            if self._is_stopping:
                return
            self._source = source
            try:
                if not self._begin(source):
                    continue
                yield self._runner.crawl(self._crawler, crawl=self._crawl, site=self._site, resolver=self._resolver)
                self._end()
            except Exception as error:
                if self._is_database_lost(error):
                    raise
                self._note(error)

    def _begin(self, source: CourseSource) -> bool:
        report = CrawlReport(source.slug)
        self._reports.append(report)
        start_urls = [url for url in map(canonical, source.start_urls) if url is not None]
        try:
            self._locks.enter_context(SourceLock(source))
            course_source_started(source=source)
            self._crawl = crawl_begin(source=source, start_urls=start_urls)
        except (AlreadyRunning, SourceDeleted) as error:
            self._locks.close()
            report.outcome, report.message = error.code, error.message
            return False
        self._site = Site(source.allowed_domains, frozenset(urlsplit(url).hostname or "" for url in start_urls))
        self._is_left = False
        report.asked_before = self._crawl.asked
        self._resolver.guard = AddressGuard.of(source.address_exceptions)
        self._crawler = self._runner.create_crawler(SiteSpider)
        self._crawler.settings.set("DOWNLOAD_DELAY", source.delay)
        self._crawler.settings.set("AUTOTHROTTLE_START_DELAY", source.delay)
        return True

    def look(self) -> None:
        """Called regularly: reports the progress, and checks whether to stop."""
        if self._crawler is None or self._crawler.spider is None:
            return
        spider, crawl = self._crawler.spider, self._crawl
        self._progress(f"crawling {crawl.source.slug}", crawl.asked, max(crawl.asked + crawl.pending, 1))
        is_over = spider.failure is not None
        if not self._is_stopping and (self._stop() or spider.has_lost_database):
            from twisted.internet import reactor

            loop: Any = reactor
            self._is_stopping = is_over = True
            loop.callLater(GRACE_SECONDS, _end_loop)
        if is_over and not self._is_left:
            self._is_left = spider.is_ending = True
            deferred_from_coro(self._crawler.stop_async()).addErrback(self.failed)

    def failed(self, failure: Any) -> None:
        """Keeps the first error, and ends the run."""
        self._failure = self._failure or failure.value
        _end_loop()

    def _end(self) -> None:
        """Finishes a source whose crawler has ended or was abandoned."""
        source, report, spider = self._crawl.source, self._reports[-1], self._crawler.spider
        if spider.failure is not None:
            raise spider.failure
        if is_deleted(source):
            raise SourceDeleted
        report.readings = spider.published
        if self._is_stopping:
            report.outcome, report.message = STOPPED, f"{self._crawl.pending} URLs are left; run it again to go on"
        else:
            spider.hosts.settle()
            if spider.hosts.down:
                report.outcome, report.may_help_again = UNREACHABLE, True
                report.message = f"{_which(spider.hosts.down)}; {self._crawl.pending} URLs are left"
            else:
                report.gone = crawl_end(crawl=self._crawl)
        report.readings += pages_publish(source=source)
        report.pages = crawl_statuses(source=source)
        report.limited = source.crawl_limited
        report.peak_megabytes = peak_megabytes()
        if report.outcome == DONE:
            _judge(report, crawl_refusal(source=source))
        course_source_ended(source=source, outcome=report.outcome, message=report.line())
        log.info(
            "source_crawled",
            source=source.slug,
            outcome=report.outcome,
            pages=report.pages,
            gone=report.gone,
            readings=report.readings,
            limited=report.limited,
            peak_megabytes=report.peak_megabytes,
        )
        self._crawler = None
        self._locks.close()

    def _note(self, error: Exception) -> None:
        """Records the error that ended the crawl of one source. The next source is crawled all the same."""
        source, report = self._source, self._reports[-1]
        if is_deleted(source):
            deleted = SourceDeleted()
            report.outcome, report.message = deleted.code, deleted.message
            log.info("source_crawled", source=source.slug, outcome=report.outcome)
        else:
            report.outcome, report.message, report.may_help_again = FAILED, type(error).__name__, True
            course_source_ended(source=source, outcome=FAILED, message=report.line())
            log.error("source_crawled", source=source.slug, outcome=FAILED, exc_info=error)
        self._crawler = None
        self._locks.close()

    def _is_database_lost(self, error: Exception) -> bool:
        spider = self._crawler.spider if self._crawler is not None else None
        if spider is not None and error is spider.failure:
            return bool(spider.has_lost_database)
        return is_database_lost(error)

    def finish(self) -> list[CrawlReport]:
        """The reports, once the reactor has ended. Raises the error that ended it early."""
        with self._locks:
            return self._finish()

    def _finish(self) -> list[CrawlReport]:
        failure = self._failure
        if failure is None and self._crawler is not None:
            try:
                self._end()
            except Exception as error:
                if not self._is_database_lost(error):
                    self._note(error)
                    return self._reports
                failure = error
        if failure is not None:
            # A database that is still away cannot record it, and the raised error says so.
            connection.close_if_unusable_or_obsolete()
            with suppress(DatabaseProblem):
                if self._reports:
                    course_source_ended(source=self._source, outcome=FAILED, message=type(failure).__name__)
            raise failure
        return self._reports


def _which(down: Mapping[str, str]) -> str:
    """Which hosts are down, and why."""
    return "; ".join(f"{urlsplit(origin).netloc}: {reason}" for origin, reason in sorted(down.items())[:3])


def _judge(report: CrawlReport, refusal: str) -> None:
    """Marks a crawl as failed if it stored nothing, or if more pages failed than were stored. The report says why.

    ``refusal`` is the reason why an address was refused.
    """
    stored, failed = report.pages.get(Status.STORED, 0), report.pages.get(Status.FAILED, 0)
    if stored:
        if failed > stored:
            report.outcome, report.may_help_again = UNREACHABLE, True
            report.message = f"more pages of the site fail ({failed}) than are stored ({stored})"
        return
    for status, outcome, message, may_help in (
        (Status.FAILED, UNREACHABLE, "no page of the site answers properly", True),
        (Status.REFUSED, "address_refused", refusal, False),
        (Status.EXCLUDED, "excluded", "the site excludes robots", False),
        (Status.GONE, "not_found", "the start URLs no longer exist; nothing was taken out", False),
    ):
        if report.pages.get(status):
            report.outcome, report.message, report.may_help_again = outcome, message, may_help
            return
    report.outcome, report.message = "empty", "no page of the site can be stored; nothing was taken out"


def peak_megabytes() -> int:
    """The peak memory of the process, in MiB. getrusage would include that of the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(next(line.split()[1] for line in status.read_text().splitlines() if line[:6] == "VmHWM:")) // 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (MEGABYTE if sys.platform == "darwin" else 1024))


def _quieten() -> None:
    """Limits Scrapy's logs to warnings and errors, because it logs each request with its URL. Pages record their
    results.
    """
    logging.getLogger("scrapy").setLevel(logging.WARNING)
    for name in ("scrapy.downloadermiddlewares", "scrapy.core.downloader", "scrapy.core.scraper"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _settings(user_agent: str, bounds: Bounds) -> Settings:
    return Settings(
        {
            "TWISTED_REACTOR": REACTOR,
            "TWISTED_REACTOR_ENABLED": True,
            "USER_AGENT": user_agent,
            "SCHEDULER": "adaptivity.sources.crawler.frontier.Frontier",
            "DOWNLOADER_MIDDLEWARES": {
                "scrapy.downloadermiddlewares.robotstxt.RobotsTxtMiddleware": None,
                "adaptivity.sources.crawler.robots.Robots": 100,
            },
            "SPIDER_MIDDLEWARES": {
                "scrapy.spidermiddlewares.httperror.HttpErrorMiddleware": None,
                "scrapy.spidermiddlewares.depth.DepthMiddleware": None,
                "scrapy.spidermiddlewares.referer.RefererMiddleware": None,
            },
            "DOWNLOAD_HANDLERS": {
                "http": "scrapy.core.downloader.handlers.http11.HTTP11DownloadHandler",
                "https": "scrapy.core.downloader.handlers.http11.HTTP11DownloadHandler",
                "data": None,
                "file": None,
                "ftp": None,
                "s3": None,
            },
            "ROBOTSTXT_OBEY": True,
            "AUTOTHROTTLE_ENABLED": True,
            "AUTOTHROTTLE_MAX_DELAY": 60.0,
            "CONCURRENT_REQUESTS": bounds.concurrency,
            "CONCURRENT_REQUESTS_PER_DOMAIN": bounds.concurrency_of_host,
            "DOWNLOAD_TIMEOUT": bounds.download_seconds,
            "DOWNLOAD_MAXSIZE": bounds.page_bytes,
            "DOWNLOAD_WARNSIZE": 0,
            "RETRY_TIMES": 2,
            # The spider handles 429 and 503, because they say how long to wait.
            "RETRY_HTTP_CODES": [408, 500, 502, 504, 522, 524],
            "RETRY_EXCEPTIONS": [
                "scrapy.exceptions.DownloadConnectionRefusedError",
                "scrapy.exceptions.DownloadFailedError",
                "scrapy.exceptions.DownloadTimeoutError",
                "scrapy.exceptions.ResponseDataLossError",
                "twisted.internet.error.ConnectionDone",
                "twisted.internet.error.ConnectError",
                "twisted.internet.error.ConnectionLost",
            ],
            "METAREFRESH_ENABLED": False,
            "COOKIES_ENABLED": False,
            "HTTPPROXY_ENABLED": False,
            "TELNETCONSOLE_ENABLED": False,
            "REMOTE_CONTROL_ENABLED": False,
            "MEMUSAGE_ENABLED": False,
            "LOGSTATS_INTERVAL": 0,
            "STATS_DUMP": False,
        }
    )
