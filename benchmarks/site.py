"""A website with traps for the crawler: a tree of pages with unique text, and everything that can trap a crawler.

`python -m benchmarks.site --pages 5000 --port 8099` serves it until it is stopped.
"""

import argparse
import random
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from adaptivity.management.local_servers.http import LocalServer

WORDS = (
    "learner", "activity", "score", "mastery", "guess", "slip", "transit", "prior", "readiness", "demand", "fraction",
    "half", "third", "whole", "part",
)  # fmt: skip
HUGE_BYTES = 12 * 1024 * 1024
NEST = 20_000
TRAPS = (
    "/loop/a",
    "/chain/1",
    "/to-metadata",
    "/to-port",
    "/to-mapped",
    "/to-file",
    "/to-utf8",
    "/refresh",
    "/refresh-out",
    "/calendar/2026/1",
    "/broken/1",
    "/nested",
    "/huge",
    "/huge-declared",
    "/bomb",
    "/private/page",
    "/page/3?sid=123456",
    "/page/3?utm_source=mail#part",
    "/busy",
    "/flaky",
    "/cut",
    "/download",
    "/slides.pdf",
    "/noindex",
    "/alias",
    "/mutual/a",
    "/mutual/b",
    "/gone",
    "/forbidden",
    "http://elsewhere.example/",
    "http://user:password@127.0.0.1/",
    "javascript:void(0)",
    "mailto:someone@example.org",
    "//[broken",
)


class Site(LocalServer):
    """The website's server.

    ``asked`` counts the requests by path. ``most_at_once`` is the largest number of simultaneous requests. ``traps``
    are linked from the first page besides the pages. ``robots`` holds the statuses of robots.txt, one after the other;
    the last one is repeated.
    """

    def __init__(self, pages: int, *, port: int = 0, other_port: int = 1, traps: tuple[str, ...] = TRAPS) -> None:
        self.pages, self.other_port, self.traps = pages, other_port, traps
        self.asked: Counter[str] = Counter()
        self.removed: set[str] = set()
        self.robots: list[int] = []
        self.on_request: Any = lambda path: None
        self.most_at_once = self._at_once = 0
        self._lock = threading.Lock()
        super().__init__(self._count, port=port)

    def _count(self, handler: BaseHTTPRequestHandler) -> None:
        """Counts the request and answers it."""
        with self._lock:
            self.asked[handler.path] += 1
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            self.on_request(handler.path)
            self.answer(handler)
        finally:
            with self._lock:
                self._at_once -= 1

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answers a request by its path."""
        path = urlsplit(handler.path).path
        parts = path.strip("/").split("/")
        if path in self.removed:
            send(handler, 410)
            return
        special = getattr(self, f"_{parts[0].replace('-', '_').replace('.', '_')}", None)
        if path == "/":
            self._home(handler)
        elif special is not None:
            special(handler, *parts[1:])
        else:
            send(handler, 404, "<p>there is nothing here")

    def _home(self, handler: BaseHTTPRequestHandler) -> None:
        send_page(handler, "Home", "Welcome to the course.", ["/page/1", *self.traps])

    def _robots_txt(self, handler: BaseHTTPRequestHandler) -> None:
        status = self.robots.pop(0) if len(self.robots) > 1 else (self.robots or [200])[0]
        send(handler, status, "User-agent: *\nDisallow: /private/\n", "text/plain", Retry_After="0")

    def _page(self, handler: BaseHTTPRequestHandler, number: str) -> None:
        n = int(number)
        if not 1 <= n <= self.pages:
            send(handler, 404)
            return
        near = [2 * n, 2 * n + 1, n // 2, n + 1, n * 7 % self.pages + 1]
        links = [f"/page/{m}" for m in near if 1 <= m <= self.pages]
        if n == self.pages:
            links.append("/copy/1")
        send_page(handler, f"Page {n}", words(n), [*links, f"../page/{n}#top", "/"])

    def _loop(self, handler: BaseHTTPRequestHandler, name: str) -> None:
        redirect(handler, "/loop/b" if name == "a" else "/loop/a")

    def _chain(self, handler: BaseHTTPRequestHandler, number: str) -> None:
        redirect(handler, f"/chain/{int(number) + 1}")

    def _to_metadata(self, handler: BaseHTTPRequestHandler) -> None:
        redirect(handler, "http://169.254.169.254/latest/meta-data/")

    def _to_port(self, handler: BaseHTTPRequestHandler) -> None:
        redirect(handler, f"http://127.0.0.1:{self.other_port}/secret")

    def _to_mapped(self, handler: BaseHTTPRequestHandler) -> None:
        redirect(handler, f"http://[::ffff:127.0.0.1]:{self.other_port}/secret")

    def _to_file(self, handler: BaseHTTPRequestHandler) -> None:
        redirect(handler, "file:///etc/passwd")

    def _to_utf8(self, handler: BaseHTTPRequestHandler) -> None:
        # As bytes outside ASCII, which no library would send.
        handler.wfile.write("HTTP/1.1 302 Found\r\nLocation: /é\r\nContent-Length: 0\r\n\r\n".encode())

    def _refresh(self, handler: BaseHTTPRequestHandler, number: str = "1") -> None:
        head = "<meta http-equiv='Refresh' content='0; URL=/refresh/2'>" if number == "1" else ""
        send_page(handler, f"Moved {number}", f"Moved so often: {number}.", [], head=head)

    def _refresh_out(self, handler: BaseHTTPRequestHandler) -> None:
        head = "<meta http-equiv=refresh content='0; url=http://elsewhere.example/'>"
        send_page(handler, "Moved out", "Wait for another.", [], head=head)

    def _calendar(self, handler: BaseHTTPRequestHandler, year: str, month: str) -> None:
        at = int(year) * 12 + int(month) - 1
        links = [f"/calendar/{other // 12}/{other % 12 + 1}" for other in (at - 1, at + 1)]
        send_page(handler, f"Calendar {year}/{month}", f"What happens in {year}/{month}.", links)

    def _broken(self, handler: BaseHTTPRequestHandler, number: str) -> None:
        text = (
            f"<html><head><title>Broken {number}</titel><body><p>An <b>unclosed <i>page</b> &nbsp &#xFFFFFFF; \0"
            "<a href=/page/1>one<a href='/broken/2'>two</p></div></div><table><tr><p>cell<main>more"
        )
        send(handler, 200, text.encode() + b"\xff\xfe\x80")

    def _nested(self, handler: BaseHTTPRequestHandler) -> None:
        send(handler, 200, "<title>Nested</title>" + "<div>" * NEST + "deep" + "</div>" * NEST)

    def _huge(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/html")
        handler.send_header("Connection", "close")
        handler.end_headers()
        for _ in range(HUGE_BYTES // 65536):
            handler.wfile.write(b"<p>huge</p>".ljust(65536))
        handler.close_connection = True

    def _huge_declared(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/html")
        handler.send_header("Content-Length", str(10**12))
        handler.end_headers()
        handler.wfile.write(b"<p>")
        handler.close_connection = True

    def _bomb(self, handler: BaseHTTPRequestHandler) -> None:
        import gzip

        body = gzip.compress(b"<p>" + b"0" * HUGE_BYTES)
        send(handler, 200, body, Content_Encoding="gzip")

    def _private(self, handler: BaseHTTPRequestHandler, _name: str) -> None:
        send_page(handler, "Private", "Not for robots.", [])

    def _copy(self, handler: BaseHTTPRequestHandler, number: str) -> None:
        send_page(handler, f"Page {number}", words(int(number)), ["/only-from-copy"])

    def _busy(self, handler: BaseHTTPRequestHandler) -> None:
        if self.asked["/busy"] == 1:
            send(handler, 429, Retry_After="1")
        else:
            send_page(handler, "Busy", "Open again.", [])

    def _flaky(self, handler: BaseHTTPRequestHandler) -> None:
        if self.asked["/flaky"] == 1:
            send(handler, 500)
        else:
            send_page(handler, "Flaky", "Up again.", [])

    def _cut(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/html")
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b"<p>half")
        handler.close_connection = True

    def _download(self, handler: BaseHTTPRequestHandler) -> None:
        send(handler, 200, bytes(range(256)), "application/octet-stream")

    def _noindex(self, handler: BaseHTTPRequestHandler) -> None:
        head = '<meta name="ROBOTS" content="noindex, nofollow">'
        send_page(handler, "Hidden", "Not to be stored.", ["/never-asked-for"], head=head)

    def _alias(self, handler: BaseHTTPRequestHandler) -> None:
        send_page(handler, "Alias", "Stored elsewhere.", [], head='<link rel="canonical" href="/page/1">')

    def _mutual(self, handler: BaseHTTPRequestHandler, name: str) -> None:
        other = "b" if name == "a" else "a"
        head = f'<link rel="canonical" href="/mutual/{other}">'
        send_page(handler, f"Mutual {name}", f"Each names the other: {name}.", [], head=head)

    def _forbidden(self, handler: BaseHTTPRequestHandler) -> None:
        send(handler, 403)


def words(seed: int) -> str:
    """A text that is unique to each number."""
    choose = random.Random(seed)
    return f"Number {seed}: " + " ".join(choose.choices(WORDS, k=150)) + "."


def send(
    handler: BaseHTTPRequestHandler, status: int, body: str | bytes = b"", kind: str = "text/html", **headers: str
) -> None:
    """Sends a complete answer; underscores in header names stand for hyphens."""
    data = body.encode() if isinstance(body, str) else body
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(data)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(data)


def send_page(handler: BaseHTTPRequestHandler, title: str, text: str, links: list[str], *, head: str = "") -> None:
    """Sends a typical page: navigation around the text, and links below it."""
    anchors = "".join(f'<li><a href="{link}">{link}</a></li>' for link in links)
    body = (
        f"<!doctype html><html><head><title>{title}</title>{head}<script>var x = 1;</script></head><body>"
        f"<nav><a href='/'>Home</a></nav><main><h1>{title}</h1><p>{text}</p></main><ul>{anchors}</ul></body></html>"
    )
    send(handler, 200, body)


def redirect(handler: BaseHTTPRequestHandler, location: str) -> None:
    """Sends a 302 redirect to the location."""
    send(handler, 302, Location=location)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.site", description=__doc__)
    parser.add_argument("--pages", type=int, default=5000)
    parser.add_argument("--port", type=int, default=8099)
    options = parser.parse_args()
    with Site(options.pages, port=options.port) as site:
        print(f"{site.url} with {site.pages} pages")
        threading.Event().wait()


if __name__ == "__main__":
    main()
