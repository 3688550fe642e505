"""The crawler in a process of its own against a site full of traps: what it stores, what it refuses, and how it goes on
after it was killed or stopped."""

import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from adaptivity.management.local_servers.http import LocalServer
from benchmarks.site import SiteServer, send
from tests.support.databases import KINDS, Database, new_database
from tests.support.service import ROOT, manage, service_environment

PAGES = 100
SECONDS = 90
# Scrapy and Django with PostgreSQL's client take 115 MB before the first page.
PEAK_MEGABYTES = 220
CREATE = (
    "import json, sys; "
    "from adaptivity.sources.services.course_sources import course_source_create, course_source_update; "
    "from adaptivity.models import CourseSource; "
    "find = lambda slug: CourseSource.objects.filter(slug=slug).first(); "
    "[course_source_update(source=find(fields['slug']), **fields) if find(fields['slug']) else "
    "course_source_create(**fields) for fields in json.loads({!r})]"
)


@dataclass
class World:
    """A database, the environment of processes that use it, and what they print."""

    database: Database
    env: dict[str, str]

    def source(self, site: SiteServer, **fields: Any) -> None:
        """Creates or changes the source of a site."""
        self.create([self.fields(site) | fields])

    def sources(self, sites: "dict[str, SiteServer]") -> None:
        """Creates the sources of sites, by their slugs."""
        self.create([self.fields(site) | {"slug": slug, "collection_id": slug} for slug, site in sites.items()])

    def create(self, sources: list[dict[str, Any]]) -> None:
        manage("shell", "-v0", "-c", CREATE.format(json.dumps(sources)), env=self.env)

    def fields(self, site: SiteServer) -> dict[str, Any]:
        return {
            "slug": "site",
            "kind": "website",
            "start_urls": [f"{site.url}/"],
            "allowed_domains": ["127.0.0.1", "169.254.169.254"],
            "address_exceptions": [site.netloc],
            "delay": 0.0,
            "max_depth": 12,
            "collection_id": "site",
        }

    def start(self, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "manage.py", "crawl", *(arguments or ("--source", "site", "--json"))],
            cwd=ROOT,
            env=self.env | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def crawl(self, code: int = 0) -> dict[str, Any]:
        """The report of a crawl, which has to end with the exit code."""
        with self.start() as process:
            output, errors = process.communicate(timeout=SECONDS)
        assert process.returncode == code, output + errors
        (report,) = json.loads(next(line for line in output.splitlines() if line.startswith("[")))
        assert isinstance(report, dict)
        return report

    def crawl_all(self, code: int) -> tuple[dict[str, dict[str, Any]], str]:
        """The reports of all sources by their slugs, of a crawl that has to end with the exit code; and all it said."""
        with self.start("--json") as process:
            output, errors = process.communicate(timeout=SECONDS)
        assert process.returncode == code, output + errors
        lines = [line for line in output.splitlines() if line.startswith("[")]
        return {report["source"]: report for report in json.loads(lines[0] if lines else "[]")}, output + errors

    def statuses(self, site: SiteServer) -> dict[str, str]:
        """The status of each URL, by its path where it is one of the site."""
        rows = self.database.rows("SELECT url, status FROM adaptivity_crawledpage WHERE pending = %s", False)
        return {url.removeprefix(site.url): status for url, status in rows}

    def readings(self) -> list[str]:
        """The names of the collection's activities, in order of their ids."""
        rows = self.database.rows(
            "SELECT a.name FROM adaptivity_activity a JOIN adaptivity_collectionactivity m ON m.activity_id = a.id"
            " JOIN adaptivity_collection c ON c.id = m.collection_id WHERE c.collection_id = 'site' ORDER BY a.id"
        )
        return [name for (name,) in rows]


class Faulty(SiteServer):
    """A site whose pages fail where ``fails`` says so of their path."""

    def __init__(self, pages: int, *, traps: tuple[str, ...] = ()) -> None:
        super().__init__(pages, traps=traps)
        self.fails: Callable[[str], bool] = lambda path: False

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        if self.fails(handler.path):
            send(handler, 500)
        else:
            super().answer(handler)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of SQLite with all tables."""
    file = tmp_path_factory.mktemp("crawl") / "migrated.sqlite3"
    manage("migrate", "-v0", env=service_environment(Database(f"sqlite:///{file}")))
    return file


def world_on(database: Database, **variables: str) -> World:
    return World(database, service_environment(database, CELERY_BROKER_URL="", LOG_LEVEL="WARNING", **variables))


@pytest.fixture
def world(migrated: Path, tmp_path: Path) -> World:
    """On SQLite."""
    file = tmp_path / "crawl.sqlite3"
    shutil.copy(migrated, file)
    return world_on(Database(f"sqlite:///{file}"))


@pytest.fixture(params=KINDS)
def each_world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """On SQLite and on PostgreSQL."""
    with new_database(request.param, tmp_path) as database:
        created = world_on(database)
        manage("migrate", "-v0", env=created.env)
        yield created


@pytest.fixture
def elsewhere() -> Iterator[list[str]]:
    """The paths that another server of this machine was asked for; its port is the first entry."""
    asked: list[str] = []

    def answer(handler: Any) -> None:
        asked.append(handler.path)
        handler.send_error(500)

    with LocalServer(answer) as server:
        asked.append(str(server.port))
        yield asked


def test_a_site_with_traps(world: World, elsewhere: list[str]) -> None:
    with SiteServer(PAGES, other_port=int(elsewhere[0])) as site:
        world.source(site)
        report = world.crawl()

        found = world.statuses(site)
        pages = {f"/page/{n}" for n in range(1, PAGES + 1)}
        assert {found.pop(path) for path in pages} == {"stored"}
        # The calendar has no end in either direction; depth ends it, 11 links from its first month.
        calendar = [found.pop(path) for path in list(found) if path.startswith("/calendar/")]
        assert calendar == ["stored"] * (1 + 2 * 11)
        chain = [found.pop(path) for path in list(found) if path.startswith("/chain/")]
        assert chain == ["alias"] * 12
        # Each names the other as its canonical address; whichever answers first stands for both.
        assert sorted(found.pop(path) for path in ("/mutual/a", "/mutual/b")) == ["alias", "stored"]
        assert found == {
            "/": "stored",
            "/loop/a": "alias",
            "/loop/b": "alias",
            "/to-metadata": "alias",
            "http://169.254.169.254/latest/meta-data/": "refused",
            "/to-port": "alias",
            f"http://127.0.0.1:{elsewhere[0]}/secret": "refused",
            "/to-mapped": "skipped",
            "/to-file": "skipped",
            "/to-utf8": "alias",
            "/%C3%A9": "gone",
            "/refresh": "alias",
            "/refresh/2": "stored",
            "/refresh-out": "stored",
            "/broken/1": "stored",
            "/nested": "stored",
            "/huge": "skipped",
            "/huge-declared": "skipped",
            "/bomb": "skipped",
            "/private/page": "excluded",
            "/busy": "stored",
            "/flaky": "stored",
            "/cut": "failed",
            "/download": "skipped",
            "/noindex": "excluded",
            "/alias": "alias",
            "/gone": "gone",
            "/forbidden": "failed",
            "/copy/1": "duplicate",
        }
        assert elsewhere == [elsewhere[0]]
        repeated = {path: count for path, count in site.asked.items() if count > 1}
        assert repeated == {"/busy": 2, "/flaky": 2, "/cut": 3}
        assert "/private/page" not in site.asked
        assert site.most_at_once <= 4

        stored = sum(status == "stored" for status in world.statuses(site).values())
        assert report["outcome"] == "done"
        assert report["pages"]["stored"] == stored
        # A page that is nested too deeply has no text, and is no reading.
        assert report["readings"] == stored - 1 == len(world.readings())
        assert report["peak_megabytes"] < PEAK_MEGABYTES
        assert {"Page 1", f"Page {PAGES}", "Calendar 2026/1"} <= set(world.readings())


def test_again_only_what_changed(world: World) -> None:
    with SiteServer(20, traps=("/calendar/2026/1", "/mutual/a", "/mutual/b", "/forbidden")) as site:
        world.source(site, max_depth=6)
        first = world.crawl()
        readings = world.readings()
        assert first["readings"] == len(readings)

        second = world.crawl()
        assert (second["readings"], second["gone"], second["pages"]) == (0, 0, first["pages"])

        site.removed = {"/page/19", "/calendar/2026/1"}
        third = world.crawl()

        # The months that only that one led to are not met any more.
        months = [name for name in readings if name.startswith("Calendar")]
        assert (third["readings"], third["gone"]) == (0, len(months) - 1)
        assert world.readings() == [name for name in readings if name not in {"Page 19", *months}]
        assert world.database.rows("SELECT count(*) FROM adaptivity_activity") == [(len(readings),)]


def test_killed_it_goes_on_where_it_was(each_world: World) -> None:
    world = each_world
    with SiteServer(PAGES) as site:
        world.source(site)
        reached = threading.Event()
        site.on_request = lambda _: reached.set() if sum(site.asked.values()) > 60 else None
        with world.start() as process:
            assert reached.wait(SECONDS)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        assert process.returncode == -signal.SIGKILL
        site.on_request = lambda _: None
        before = site.asked.copy()
        done = world.database.rows("SELECT count(*) FROM adaptivity_crawledpage WHERE pending = %s", False)[0][0]
        assert 0 < done <= sum(before.values())

        report = world.crawl()

        found = world.statuses(site)
        assert {found[f"/page/{n}"] for n in range(1, PAGES + 1)} == {"stored"}
        assert report["asked_before"] == done
        assert report["outcome"] == "done"
        # What was asked for twice is what was under way, beside what has to be tried again in any case.
        repeated = {path for path in site.asked if site.asked[path] > 1} - {"/busy", "/flaky", "/cut", "/robots.txt"}
        assert len(repeated) <= 8
        assert len(world.readings()) == sum(status == "stored" for status in found.values()) - 1


def test_a_source_that_is_deleted_meanwhile_ends_its_crawl_alone(each_world: World) -> None:
    world = each_world
    with SiteServer(40, traps=()) as site, SiteServer(3, traps=()) as other:
        world.source(site)
        world.source(other, slug="zother", collection_id="other")
        delete = "from adaptivity.models import CourseSource; CourseSource.objects.get(slug='site').delete()"
        site.on_request = lambda path: (
            manage("shell", "-v0", "-c", delete, env=world.env) if path == "/page/9" else None
        )

        printed = manage("crawl", "--json", env=world.env)

    deleted, done = json.loads(next(line for line in printed.splitlines() if line.startswith("[")))
    assert (deleted["source"], deleted["outcome"]) == ("site", "deleted")
    assert (done["source"], done["outcome"], done["readings"]) == ("zother", "done", 4)
    assert world.database.rows("SELECT status FROM adaptivity_jobrun") == [("done",)]
    assert world.database.rows("SELECT count(DISTINCT source_id) FROM adaptivity_crawledpage") == [(1,)]


@pytest.mark.postgresql
@pytest.mark.xdist_group("stack-postgresql")
def test_an_error_of_ours_ends_the_crawl_of_its_source_alone_and_a_lost_database_the_job(tmp_path: Path) -> None:
    with ExitStack() as stack:
        database = stack.enter_context(new_database("postgresql", tmp_path))
        world = world_on(database)
        manage("migrate", "-v0", env=world.env)
        sites = {slug: stack.enter_context(SiteServer(20, traps=())) for slug in ("a-refused", "b", "c-lost", "d")}
        world.sources(sites)
        # As PostgreSQL refuses a row whose entry in an index is too long: in the terms of Django that is an
        # OperationalError, as it is where the database is lost.
        refused_url = f"{sites['a-refused'].url}/page/9"
        database.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF NEW.url = '{refused_url}' THEN RAISE 'too long' USING ERRCODE = 'program_limit_exceeded'; END IF; "
            "RETURN NEW; END $$; CREATE TRIGGER refuse BEFORE INSERT ON adaptivity_crawledpage FOR EACH ROW "
            "EXECUTE FUNCTION refuse()"
        )
        outage = stack.enter_context(ExitStack())
        sites["c-lost"].on_request = lambda path: outage.enter_context(database.gone()) if path == "/page/9" else None

        reports, said = world.crawl_all(1)

        outage.close()
        assert reports == {}
        found = database.rows("SELECT slug, last_outcome, last_message, crawl_open FROM adaptivity_coursesource")
        assert sorted(found) == [
            ("a-refused", "failed", "a-refused: failed: OperationalError", True),
            ("b", "done", "b: pages: 1 duplicate, 21 stored; 0 gone; 21 readings written", False),
            ("c-lost", "running", "", True),
            ("d", "", "", False),
        ]
        assert not sites["d"].asked
        assert "too long" in said
        assert "ReactorNotRunning" not in said
        assert "Unhandled" not in said


def hang(site: SiteServer, where: str) -> tuple[threading.Event, threading.Event]:
    """Has the site keep whoever asks for a path waiting: is set when somebody does, and is to be set to let them go."""
    hanging, let_go = threading.Event(), threading.Event()

    def wait(path: str) -> None:
        if path == where:
            hanging.set()
            let_go.wait(SECONDS)

    site.on_request = wait
    return hanging, let_go


def test_stopped_it_ends_in_time_and_goes_on(world: World) -> None:
    with SiteServer(30, traps=()) as site:
        hanging, let_go = hang(site, "/page/15")
        world.source(site)
        with world.start() as process:
            assert hanging.wait(SECONDS)
            with world.start() as second:
                _, errors = second.communicate(timeout=SECONDS)
            assert (second.returncode, "another process is reading the source" in errors) == (4, True)
            asked = time.monotonic()
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=SECONDS)
        assert time.monotonic() - asked < 25
        assert process.returncode == 75, errors
        assert world.database.rows("SELECT status FROM adaptivity_jobrun ORDER BY id") == [("stopped",), ("failed",)]
        assert world.database.rows("SELECT last_outcome, crawl_open FROM adaptivity_coursesource") == [("stopped", 1)]
        let_go.set()
        site.on_request = lambda _: None

        report = world.crawl()

        assert report["outcome"] == "done"
        assert {world.statuses(site)[f"/page/{n}"] for n in range(1, 31)} == {"stored"}


def test_a_source_that_another_process_reads_is_waited_for_or_left_to_it(world: World) -> None:
    with SiteServer(30, traps=()) as site:
        hanging, let_go = hang(site, "/page/15")
        world.source(site)
        begun = datetime.now(UTC).isoformat()
        with world.start() as first:
            assert hanging.wait(SECONDS)
            # Nobody has asked for this one by its name: it is read, and that is no failure.
            with (
                world.start("--wait", "--source", "site", JOB_RUN_STARTED_AT=begun, LOG_LEVEL="INFO") as waits,
                world.start("--hours", "1") as other,
            ):
                output, errors = other.communicate(timeout=SECONDS)
                assert (other.returncode, errors) == (0, "")
                assert output.splitlines()[-1] == "site: already_running: another process is reading the source"
                assert waits.stdout is not None
                assert json.loads(waits.stdout.readline())["event"] == "source_waited_for"
                let_go.set()
                first.communicate(timeout=SECONDS)
                assert first.returncode == 0
                asked = sum(site.asked.values())
                output, errors = waits.communicate(timeout=SECONDS)
        # What the other one has read to its end meanwhile is not read again.
        assert (waits.returncode, errors) == (0, "")
        assert output.splitlines()[-1] == "there is no source to read"
        assert sum(site.asked.values()) == asked


def test_hours_end_a_crawl_that_is_to_be_gone_on_with(world: World) -> None:
    with SiteServer(30, traps=()) as site:
        world.source(site, delay=0.3)

        with world.start("--hours", "0.0005") as process:
            output, errors = process.communicate(timeout=SECONDS)

        assert (process.returncode, errors) == (0, "")
        assert re.fullmatch(r"site: stopped: \d+ URLs are left; run it again to go on", output.splitlines()[-1])
        assert world.database.rows("SELECT last_outcome, crawl_open FROM adaptivity_coursesource") == [("stopped", 1)]

        # They are those of the pipeline's run: a step that is tried again has no more of them.
        with world.start("--hours", "1", JOB_RUN_STARTED_AT="2026-01-31T08:00:00Z") as process:
            output, errors = process.communicate(timeout=SECONDS)

        assert (process.returncode, errors) == (3, "")
        assert output.splitlines()[-1] == (
            "the time ran out before these were read; the next run reads them first: site"
        )


@pytest.mark.parametrize(
    ("limits", "pages"),
    [({"max_pages": 10}, 10), ({"max_depth": 2, "start_urls": "/page/8"}, None)],
    ids=["pages", "depth"],
)
def test_limits(world: World, limits: dict[str, Any], pages: int | None) -> None:
    with SiteServer(1000, traps=("/calendar/2026/2",)) as site:
        if "start_urls" in limits:
            limits = limits | {"start_urls": [site.url + limits["start_urls"]]}
        world.source(site, **limits)
        report = world.crawl()

        del site.asked["/robots.txt"]
        if pages is None:
            # Two links from page 8: also the home page's links, by way of it, and nothing further.
            assert "/page/33" in site.asked
            assert "/page/66" not in site.asked
            assert "/calendar/2026/2" in site.asked
            assert "/calendar/2026/3" not in site.asked
        else:
            assert len(site.asked) == pages
        assert report["limited"] == ("max_pages" in limits)


def test_private_addresses_however_they_are_written(world: World) -> None:
    with SiteServer(5) as site:
        hosts = ["127.0.0.1", "localhost", "0x7f000001", "2130706433", "127.1", "[::ffff:127.0.0.1]", "0.0.0.0"]
        urls = [f"http://{host}:{site.port}/" for host in hosts]
        world.source(site, start_urls=urls, allowed_domains=[], address_exceptions=["127.0.0.1:1"])

        report = world.crawl(2)

        assert (report["outcome"], report["may_help_again"]) == ("address_refused", False)
        assert set(world.statuses(site).values()) == {"refused"}
        assert not site.asked


@pytest.mark.parametrize(
    ("start_url", "message"),
    [
        (
            "http://169.254.169.254/",
            "its address is link-local or serves a cloud's metadata, which cannot be allowed",
        ),
        ("http://127.0.0.1:1/", "its address is private, and it is not listed in address_exceptions"),
    ],
)
def test_a_refused_address_is_given_the_right_reason(world: World, start_url: str, message: str) -> None:
    with SiteServer(1) as site:
        world.source(site, start_urls=[start_url])

        report = world.crawl(2)

    assert (report["outcome"], report["message"]) == ("address_refused", message)


def test_robots_txt_that_cannot_be_read_allows_nothing_and_a_proxy_is_not_used(world: World) -> None:
    world.env |= {"http_proxy": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1"}
    with SiteServer(5, traps=("/private/page",)) as site:
        site.robots = [503]
        world.source(site, max_depth=1)

        report = world.crawl(1)

        assert (report["outcome"], report["may_help_again"]) == ("unreachable", True)
        assert set(site.asked) == {"/robots.txt"}

        site.robots = [404]
        assert world.crawl()["pages"] == {"stored": 3, "failed": 0}
        assert "/private/page" in site.asked


def test_a_host_that_is_down_is_asked_again_by_the_next_run_and_broken_pages_are_not(world: World) -> None:
    sites = {
        # All its pages are in the frontier when it dies.
        "dies": Faulty(60, traps=tuple(f"/page/{n}" for n in range(10, 61))),
        "broken": Faulty(40, traps=tuple(f"/broken-page/{n}" for n in range(30))),
        "mostly": Faulty(2, traps=tuple(f"/broken-page/{n}" for n in range(8))),
        "busy-robots": Faulty(3),
        "throttled": Faulty(3),
        "small": Faulty(12),
    }
    dies, throttled = sites["dies"], sites["throttled"]
    has_died = threading.Event()
    dies.on_request = lambda path: has_died.set() if path == "/page/15" else None
    dies.fails = lambda path: has_died.is_set()
    small_has_died = threading.Event()
    sites["small"].on_request = lambda path: small_has_died.set() if path == "/page/9" else None
    sites["small"].fails = lambda path: small_has_died.is_set()
    sites["broken"].fails = sites["mostly"].fails = lambda path: path.startswith("/broken-page/")
    sites["busy-robots"].robots = [503, 429, 200]
    throttled.robots = [429]
    with ExitStack() as stack:
        for site in sites.values():
            stack.enter_context(site)
        world.sources(sites)

        reports, _ = world.crawl_all(1)

        outcomes = {slug: (report["outcome"], report["may_help_again"]) for slug, report in reports.items()}
        assert outcomes == {
            "broken": ("done", False),
            "busy-robots": ("done", False),
            "dies": ("unreachable", True),
            "mostly": ("unreachable", True),
            # What is left is less than 20 pages; the last ones failed, and so does one that was stored.
            "small": ("unreachable", True),
            "throttled": ("unreachable", True),
        }
        opened = dict(world.database.rows("SELECT slug, crawl_open FROM adaptivity_coursesource"))
        assert opened == {"broken": 0, "busy-robots": 0, "dies": 1, "mostly": 0, "small": 1, "throttled": 1}
        assert reports["broken"]["pages"] == {"stored": 41, "failed": 30, "duplicate": 1}
        # After 20 failures one page was asked for again, to know what is down: the host, or these pages.
        again = [path for path, n in sites["broken"].asked.items() if n > 1 and "broken" not in path]
        assert len(again) == 1
        assert reports["mostly"]["message"] == "more pages of the site fail (8) than are stored (3)"
        assert sites["busy-robots"].asked["/robots.txt"] == 3
        assert throttled.asked == {"/robots.txt": 4}
        # What was stored before is done; what failed in a row is not, and so many failures were enough.
        done = {path for path, status in world.statuses(dies).items() if path.startswith("/") and status == "stored"}
        found = world.database.rows("SELECT url, status FROM adaptivity_crawledpage WHERE pending = %s", True)
        pending = {url.removeprefix(dies.url): status for url, status in found if url.startswith(dies.url)}
        assert set(pending.values()) == {""}
        assert "/page/15" in pending
        assert len(pending.keys() & dies.asked.keys()) >= 20
        assert pending.keys() - dies.asked.keys()
        assert f"answers 500; {len(pending)} URLs are left" in reports["dies"]["message"]

        before = dies.asked.copy()
        dies.fails = sites["small"].fails = lambda path: False
        throttled.robots = [200]
        reports, _ = world.crawl_all(1)

        assert (reports["dies"]["outcome"], reports["throttled"]["outcome"]) == ("done", "done")
        assert (reports["dies"]["pages"], reports["throttled"]["pages"]) == (
            {"stored": 61, "failed": 0, "duplicate": 1},
            {"stored": 4, "failed": 0, "duplicate": 1},
        )
        assert reports["dies"]["asked_before"] == len(done)
        assert {path for path in done if dies.asked[path] > before[path]} == set()


def test_a_site_that_is_down_keeps_its_readings(world: World) -> None:
    with SiteServer(5, traps=()) as site:
        world.source(site)
        world.crawl()
        readings = world.readings()
    assert len(readings) == 6

    report = world.crawl(1)

    assert report["outcome"] == "unreachable"
    assert world.readings() == readings


def test_a_site_that_is_not_found_keeps_its_readings(world: World) -> None:
    with SiteServer(5, traps=()) as site:
        site.removed = {"/"}
        world.source(site)
        report = world.crawl(2)
        assert (report["outcome"], report["may_help_again"]) == ("not_found", False)

        site.removed = set()
        world.crawl()
        readings = world.readings()
        assert len(readings) == 6

        site.removed = {"/"}
        report = world.crawl(2)
        assert (report["outcome"], report["gone"], report["pages"]) == ("not_found", 0, {"gone": 1, "failed": 0})
        assert world.readings() == readings

        # It is back, and a page that is really gone is taken out.
        site.removed = {"/page/5"}
        assert world.crawl()["outcome"] == "done"
        assert world.readings() == [name for name in readings if name != "Page 5"]


def test_a_site_without_a_page_is_empty(world: World) -> None:
    with SiteServer(5, traps=()) as site:
        world.source(site, start_urls=[f"{site.url}/download"])

        report = world.crawl(2)

        assert (report["outcome"], report["may_help_again"]) == ("empty", False)


def test_a_start_url_with_the_content_of_the_one_before_it_is_followed(world: World) -> None:
    with SiteServer(5, traps=()) as site:
        world.source(site)
        world.crawl()
        assert len(world.readings()) == 6

        world.source(site, start_urls=[f"{site.url}/copy/1"])
        site.removed = {"/page/1"}
        # /copy/1 says what page 1 said.
        report = world.crawl()

        # It leads home, and no further: page 1 is gone.
        assert (report["outcome"], report["gone"]) == ("done", 4)
        assert world.statuses(site)["/copy/1"] == "stored"
        assert world.readings() == ["Home", "Page 1"]


def test_without_scrapy_the_command_says_what_it_needs(world: World) -> None:
    with SiteServer(1) as site:
        world.source(site)
        code = (
            "import sys; sys.modules['scrapy'] = None; import django; django.setup(); "
            "from django.core.management import execute_from_command_line; "
            "execute_from_command_line(['manage.py', 'crawl'])"
        )
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=world.env, capture_output=True, text=True)

    assert done.returncode == 2
    assert "is not installed; run the crawler in the job image, or install requirements/job.txt" in done.stderr
    assert not site.asked
