"""Detects the hosts of a site that are down. Their pages wait for the next run instead of failing one by one."""

from collections import defaultdict
from collections.abc import Callable

import structlog

from adaptivity.sources.services.crawling import Crawl, is_awaited, page_that_answered

log = structlog.get_logger(__name__)

# After this many failures in a row a host counts as down, if a page that was stored before fails, too.
FAILURES_IN_A_ROW = 20


class Hosts:
    """Hosts by origin (``https://host``). ``down`` holds those that are down, with the reason; their pages stay
    pending.

    A failed page is in doubt, and not done, until its host answers anything. ``fail`` records the failure of a page.
    ``probe`` asks for a URL again, and its result is passed to ``probed``. ``leave`` is called when a host is found
    down.
    """

    def __init__(
        self,
        crawl: Crawl,
        *,
        fail: Callable[[int, str, int | None], None],
        probe: Callable[[str], None],
        leave: Callable[[], None],
    ) -> None:
        self._crawl, self._fail, self._probe, self._leave = crawl, fail, probe, leave
        self.down: dict[str, str] = {}
        self._gone: set[str] = set()
        self._under_probe: set[str] = set()
        self._enough = FAILURES_IN_A_ROW
        self._in_doubt: defaultdict[str, dict[int, tuple[str, int | None]]] = defaultdict(dict)

    def page_failed(self, origin: str, page_id: int, reason: str, http_status: int | None) -> None:
        """Puts a page in doubt.

        After FAILURES_IN_A_ROW, asks again for a page that has answered before. If it answers, the pages are broken and
        not the host.
        """
        if origin in self.down:
            return
        failed = self._in_doubt[origin]
        failed[page_id] = (reason, http_status)
        if origin in self._gone:
            self.answers(origin)
        elif len(failed) < self._enough or origin in self._under_probe:
            return
        elif not self._is_awaited(origin):
            self.answers(origin)
        elif not self._is_probed(origin):
            self._is_down(origin, reason)

    def frontier_ends(self) -> bool:
        """Probes the hosts whose latest pages have failed, however few: there may be more pages behind them.

        Returns whether there is a probe to wait for.
        """
        self._enough = 1
        for origin in [origin for origin in self._in_doubt if origin not in self._under_probe]:
            if not self._is_awaited(origin) or not self._is_probed(origin):
                self.answers(origin)
        return bool(self._under_probe)

    def probed(self, origin: str, *, has_answered: bool) -> None:
        """Takes the result of a probe."""
        self._under_probe.discard(origin)
        reasons = [reason for reason, _ in self._in_doubt[origin].values()]
        if has_answered:
            self.answers(origin)
        elif len(reasons) >= self._enough:
            self._is_down(origin, reasons[-1])

    def robots_unreadable(self, origin: str, reason: str) -> bool:
        """Whether the host's pages must wait for its robots.txt."""
        if self._is_awaited(origin):
            self._is_down(origin, reason)
        return origin in self.down

    def answers(self, origin: str) -> None:
        """Records the pages in doubt as failed, because their host is up or not worth waiting for."""
        for page_id, (reason, http_status) in self._in_doubt.pop(origin, {}).items():
            self._fail(page_id, reason, http_status)

    def settle(self) -> None:
        """Records all pages in doubt as failed, at the end of the crawl."""
        for origin in list(self._in_doubt):
            self.answers(origin)

    def _is_probed(self, origin: str) -> bool:
        url = page_that_answered(crawl=self._crawl, origin=origin, beside=self._in_doubt[origin])
        if url is not None:
            self._under_probe.add(origin)
            self._probe(url)
        return url is not None

    def _is_awaited(self, origin: str) -> bool:
        if origin in self.down or origin in self._gone:
            return origin in self.down
        awaited = is_awaited(crawl=self._crawl, origin=origin)
        if not awaited:
            self._gone.add(origin)
        return awaited

    def _is_down(self, origin: str, reason: str) -> None:
        self._in_doubt.pop(origin, None)
        if origin not in self.down:
            log.warning("host_is_down", source=self._crawl.source.slug, reason=reason)
            self.down[origin] = reason
            self._leave()
