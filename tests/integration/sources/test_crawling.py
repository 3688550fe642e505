"""A crawl's frontier: which URLs it takes, how many, and for which hosts its pages wait."""

import random
from datetime import timedelta

import pytest
from django.utils import timezone

from adaptivity.models import CourseSource, CrawledPage
from adaptivity.sources.crawler.hosts import FAILURES_IN_A_ROW, Hosts
from adaptivity.sources.jobs.source_reports import is_due
from adaptivity.sources.services.course_sources import course_source_create
from adaptivity.sources.services.crawling import (
    PAGE_URL_LENGTH,
    Crawl,
    PageContent,
    crawl_begin,
    is_awaited,
    page_leads_on,
    page_store,
    page_without_content,
    pages_pending,
)

pytestmark = pytest.mark.django_db

SITE, OTHER = "https://uni.example", "https://other.uni.example"


@pytest.fixture
def source() -> CourseSource:
    return course_source_create(
        slug="site", kind="website", start_urls=[f"{SITE}/"], allowed_domains=["uni.example"], max_pages=5
    )


def begin(source: CourseSource) -> Crawl:
    source.refresh_from_db()
    return crawl_begin(source=source, start_urls=[f"{SITE}/"])


def pending(crawl: Crawl, without: tuple[str, ...] = ()) -> list[str]:
    return [page.url for page in pages_pending(crawl=crawl, beside=[], count=100, without=without)]


def page(url: str) -> int:
    return CrawledPage.objects.get(url=url).pk


def store(crawl: Crawl, url: str, *links: str) -> None:
    page_store(crawl=crawl, page_id=page(url), http_status=200, content=PageContent(url, url, links))


def answered_days_ago(url: str, days: float) -> None:
    CrawledPage.objects.filter(url=url).update(fetched_at=timezone.now() - timedelta(days=days))


def test_only_what_robots_txt_excludes_gives_its_room_back(source: CourseSource) -> None:
    crawl = begin(source)
    store(crawl, f"{SITE}/", *(f"{SITE}/{n}" for n in range(10)))
    assert (crawl.room, crawl.asked, crawl.pending) == (0, 1, 4)
    excluded = {"crawl": crawl, "status": CrawledPage.Status.EXCLUDED}
    page_without_content(page_id=page(f"{SITE}/0"), reason="asks robots not to", http_status=200, **excluded)
    assert (crawl.room, begin(source).room) == (0, 0)

    page_without_content(page_id=page(f"{SITE}/1"), reason="robots.txt excludes it", **excluded)

    assert (crawl.room, begin(source).room) == (1, 1)


def test_a_url_is_as_long_as_an_index_takes_in_bytes(source: CourseSource) -> None:
    crawl = begin(source)
    # Random, as PostgreSQL compresses what repeats itself.
    choose = random.Random(1)
    fits = f"{SITE}/" + "".join(choose.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=PAGE_URL_LENGTH))
    fits = fits[:PAGE_URL_LENGTH]
    characters = f"{SITE}/" + "".join(chr(choose.randrange(0x4E00, 0x9FA5)) for _ in range(1500))

    store(crawl, f"{SITE}/", fits, f"{fits}x", characters)

    assert pending(crawl) == [fits]


@pytest.mark.parametrize(("hours", "is_over"), [(1, True), (3, False), (2147483647, False), (0, True)])
def test_an_interval_of_any_length(source: CourseSource, hours: int, is_over: bool) -> None:
    CourseSource.objects.update(
        interval_hours=hours, last_outcome="done", last_started_at=timezone.now() - timedelta(hours=2)
    )
    source.refresh_from_db()

    assert is_due(source) is is_over


class TestWhichHostsAreAwaited:
    def test_one_that_has_answered_lately(self, source: CourseSource) -> None:
        crawl = begin(source)
        store(crawl, f"{SITE}/", f"{OTHER}/")
        assert is_awaited(crawl=crawl, origin=SITE)
        assert not is_awaited(crawl=crawl, origin=OTHER)

        store(crawl, f"{OTHER}/")

        assert is_awaited(crawl=crawl, origin=OTHER)
        answered_days_ago(f"{OTHER}/", 6.9)
        assert is_awaited(crawl=crawl, origin=OTHER)
        answered_days_ago(f"{OTHER}/", 7.1)
        assert not is_awaited(crawl=crawl, origin=OTHER)

    @pytest.mark.parametrize("status", [429, 500, 503])
    def test_an_answer_that_it_is_down_is_none(self, source: CourseSource, status: int) -> None:
        crawl = begin(source)
        store(crawl, f"{SITE}/", f"{OTHER}/")

        page_without_content(
            crawl=crawl, page_id=page(f"{OTHER}/"), status="failed", reason="answers so", http_status=status
        )

        assert not is_awaited(crawl=crawl, origin=OTHER)

    def test_the_only_one_however_long_it_is_away(self, source: CourseSource) -> None:
        crawl = begin(source)
        assert is_awaited(crawl=crawl, origin=SITE)
        page_leads_on(crawl=crawl, page_id=page(f"{SITE}/"), http_status=301, url=f"{SITE}/b")
        answered_days_ago(f"{SITE}/", 400)

        assert is_awaited(crawl=crawl, origin=SITE)


class World:
    """Hosts of a crawl with 50 pages of each of two, and what they say of them."""

    def __init__(self, source: CourseSource) -> None:
        source.max_pages = 1000
        source.save()
        self.crawl = begin(source)
        links = [f"{origin}/{n}" for n in range(50) for origin in (SITE, OTHER)]
        store(self.crawl, f"{SITE}/", *links)
        self.failed: list[int] = []
        self.probed: list[str] = []
        self.left = 0
        self.hosts = Hosts(
            self.crawl, fail=lambda page_id, *_: self.failed.append(page_id), probe=self.probed.append, leave=self.leave
        )

    def leave(self) -> None:
        self.left += 1

    def fail(self, origin: str, first: int, last: int) -> list[int]:
        """Fails these pages; answers their ids."""
        ids = [page(f"{origin}/{n}") for n in range(first, last)]
        for page_id in ids:
            self.hosts.page_failed(origin, page_id, "answers 500", 500)
        return ids


@pytest.fixture
def world(source: CourseSource) -> World:
    return World(source)


class TestHosts:
    def test_single_pages_fail_once_the_host_answers_or_the_frontier_ends(self, world: World) -> None:
        first = world.fail(SITE, 0, FAILURES_IN_A_ROW - 1)
        assert world.failed == []

        world.hosts.answers(SITE)
        assert world.failed == first
        second = world.fail(SITE, 20, 39)
        world.hosts.settle()

        assert world.failed == first + second
        assert (world.probed, world.hosts.down) == ([], {})

    def test_a_host_is_down_where_a_page_that_was_stored_fails_too(self, world: World) -> None:
        world.fail(SITE, 0, 25)
        assert world.probed == [f"{SITE}/"]

        world.hosts.probed(SITE, has_answered=False)

        assert (world.failed, world.hosts.down, world.left) == ([], {SITE: "answers 500"}, 1)
        world.fail(SITE, 25, 28)
        world.hosts.settle()
        assert world.failed == []
        assert set(pending(world.crawl, tuple(world.hosts.down))) == {f"{OTHER}/{n}" for n in range(50)}

    def test_pages_are_broken_where_one_that_was_stored_answers(self, world: World) -> None:
        ids = world.fail(SITE, 0, 22)

        world.hosts.probed(SITE, has_answered=True)

        assert (world.failed, world.hosts.down) == (ids, {})

    def test_a_host_is_not_down_that_answers_while_it_is_probed(self, world: World) -> None:
        ids = world.fail(SITE, 0, 20)
        world.hosts.answers(SITE)
        world.fail(SITE, 20, 25)

        world.hosts.probed(SITE, has_answered=False)

        assert (world.failed, world.hosts.down) == (ids, {})

    def test_at_the_end_of_the_frontier_one_failure_is_enough_to_ask(self, world: World) -> None:
        world.fail(SITE, 0, 1)
        others = world.fail(OTHER, 0, 1)

        assert world.hosts.frontier_ends()
        assert (world.probed, world.failed) == ([f"{SITE}/"], others)
        world.hosts.probed(SITE, has_answered=False)

        assert (world.failed, world.hosts.down) == (others, {SITE: "answers 500"})
        assert not world.hosts.frontier_ends()

    def test_what_has_not_answered_lately_is_not_waited_for(self, world: World) -> None:
        ids = world.fail(OTHER, 0, 20)
        assert world.failed == ids

        ids += world.fail(OTHER, 20, 30)

        assert world.failed == ids
        assert not world.hosts.robots_unreadable(OTHER, "robots.txt cannot be read")
        assert (world.probed, world.hosts.down) == ([], {})

    def test_robots_txt_that_cannot_be_read_is_waited_for(self, world: World) -> None:
        assert world.hosts.robots_unreadable(SITE, "robots.txt cannot be read")
        assert world.hosts.robots_unreadable(SITE, "robots.txt cannot be read")

        assert (world.hosts.down, world.left) == ({SITE: "robots.txt cannot be read"}, 1)


def test_no_port_is_taken_for_another(world: World) -> None:
    assert len(pending(world.crawl, (f"{SITE}:8443", "https://uni.exampl_"))) == 100
