"""A source that is posted to the running service is read, once, and what it brings is recommended."""

from typing import Any

from benchmarks.site import SiteServer
from tests.support.service import Service, poll


def site_fields(site: SiteServer, name: str) -> dict[str, Any]:
    """What is posted for a site."""
    return {
        "slug": name,
        "kind": "website",
        "start_urls": [f"{site.url}/page/1"],
        "address_exceptions": [site.netloc],
        "max_depth": 0,
        "delay": 0,
        "collection_id": name,
    }


def test_a_new_source_is_read(service: Service, name: str) -> None:
    with SiteServer(1) as site:
        posted = service.post("/api/v2/course_source", site_fields(site, name))

        def read() -> dict[str, Any] | None:
            source: dict[str, Any] = service.get(f"/api/v2/course_source/{name}")
            return source if source["last_finished_at"] else None

        source = poll(read, seconds=60, failure=service.output.read_text)

        assert (posted["last_outcome"], source["last_outcome"]) == ("", "done")
        assert site.asked == {"/robots.txt": 1, "/page/1": 1}
        asked = {"learner": {"user_id": name}, "collection": name}
        found = service.post("/api/v2/activity/recommend", asked, status=200)
        assert found == {"source_launch_url": f"{site.url}/page/1", "complete": False}
        runs = service.database.rows(
            "SELECT command, started_by FROM adaptivity_jobrun WHERE CAST(arguments AS text) LIKE %s", f"%{name}%"
        )
        assert runs == [("crawl", "a new source, saved by admin")]
