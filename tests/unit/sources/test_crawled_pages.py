"""Canonical URLs, what is read on a page, and names that resolve to addresses which may not be reached."""

# ruff: noqa: N802 - the names that Twisted has
from collections.abc import Sequence
from typing import Any

import pytest
from scrapy.http import HtmlResponse
from twisted.internet.address import IPv4Address, IPv6Address

from adaptivity.outbound.addresses import AddressGuard
from adaptivity.sources.crawler.pages import Site, canonical, read_page
from adaptivity.sources.crawler.resolver import REMEMBERED, GuardedResolver

SITE = Site(["uni.example"], frozenset())
BASE = "https://uni.example/course/week/"


@pytest.mark.parametrize(
    ("written", "known_as"),
    [
        ("next", "https://uni.example/course/week/next"),
        ("../next#part", "https://uni.example/course/next"),
        ("//other.example", "https://other.example/"),
        ("HTTPS://UNI.example:443", "https://uni.example/"),
        ("http://uni.example:443/", "http://uni.example:443/"),
        ("https://uni.example./", "https://uni.example/"),
        ("?b=2&a=1", "https://uni.example/course/week/?a=1&b=2"),
        ("?id=1&utm_source=x&utm_medium=y&PHPSESSID=z", "https://uni.example/course/week/?id=1"),
        ("?sid=1", "https://uni.example/course/week/"),
        ("/p;jsessionid=ABC123?q=1", "https://uni.example/p?q=1"),
        ("/a b", "https://uni.example/a%20b"),
        ("/größe", "https://uni.example/gr%C3%B6%C3%9Fe"),
        ("  /x\n", "https://uni.example/x"),
        ("http://[::1]:8000/", "http://[::1]:8000/"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
    ],
)
def test_canonical(written: str, known_as: str) -> None:
    assert canonical(written, BASE) == known_as
    assert canonical(known_as) == known_as


@pytest.mark.parametrize(
    "written",
    [
        "mailto:a@uni.example",
        "javascript:void(0)",
        "file:///etc/passwd",
        "data:text/html,x",
        "gopher://uni.example/",
        "https://user:password@uni.example/",
        "https://user@uni.example/",
        "http://[broken",
        "http://uni.example:port/",
        "http:///path",
        # IDNA has no form of a label with more than 63 characters.
        "http://" + "漢" * 1500 + ".localhost/",
        "http://a\0b.uni.example/",
        "http://" + "a." * 130 + "uni.example/",
    ],
)
def test_not_a_url_to_ask_for(written: str) -> None:
    assert canonical(written, BASE) is None


def test_what_belongs_to_a_site() -> None:
    assert SITE.has("https://uni.example/")
    assert SITE.has("http://www.uni.example:8000/")
    assert not SITE.has("https://uni.example.evil.example/")
    assert not SITE.has("https://notuni.example/")
    hosts = Site([], frozenset({"uni.example"}))
    assert hosts.has("https://uni.example/")
    assert not hosts.has("https://www.uni.example/")


def page(body: str | bytes, **headers: str) -> Any:
    data = body.encode() if isinstance(body, str) else body
    return read_page(HtmlResponse(BASE, body=data, encoding="utf-8", headers=headers), SITE)


def test_title_text_and_links() -> None:
    found = page(
        "<title> Week\n 1 </title><script>no</script><nav><a href='/'>Home</a></nav>"
        "<main><h1>Half</h1><p>Of <b>eight</b>\n is four.<!-- no --> Yes.<style>no</style></p><p>So.</main>"
        "<footer>no</footer><a href='next'>next</a><a href='next#top'>again</a><a rel='nofollow' href='/no'>no</a>"
        "<a href='https://elsewhere.example/'>no</a><a href='/slides.PDF'>no</a><a href='mailto:x@uni.example'>no</a>"
    )

    assert (found.title, found.text) == ("Week 1", "Half\nOf eight is four. Yes.\nSo.")
    assert list(dict.fromkeys(found.links)) == ["https://uni.example/", "https://uni.example/course/week/next"]
    assert (found.canonical, found.may_be_stored, found.may_be_followed) == (None, True, True)


def test_without_a_main_part_the_body_is_read_and_what_follows_it_is_not() -> None:
    assert page("<body><aside>no</aside>first<article>one</article>tail</body>").text == "one"
    assert page("<body><form>no</form><div>one</div>two<br>three").text == "one\ntwo\nthree"
    assert page("plain").text == "plain"
    assert page("").text == ""


def test_a_form_around_the_page_is_no_form_to_fill_in() -> None:
    controls = "<input value=no><label>no</label><select><option>no</select><textarea>no</textarea><button>no</button>"
    wrapped = f"<body><form id=aspnetForm><nav>no</nav><div><h1>Half</h1>{controls}<p>Of eight is four.</div></form>"

    assert page(wrapped).text == "Half\nOf eight is four."
    assert page(f"<body><form>{controls}</form></body>").text == ""
    assert page(f"<main><p>Of eight is four.</p><form>Search: {controls}</form></main>").text == "Of eight is four."


def test_the_header_of_an_article_is_read_and_that_of_the_page_is_not() -> None:
    body = (
        "<header><p>no</p></header><article><header><h1>Half</h1></header><p>Of eight.</p><footer>no</footer></article>"
    )

    assert page(body).text == "Half\nOf eight."
    assert page(f"<main>{body}</main>".replace("<p>no</p>", "<h2>Week</h2>")).text == "Week\nHalf\nOf eight."


def test_all_articles_are_read_once() -> None:
    body = "<article>one<article>in one</article></article><p>between</p><article>two</article>"

    assert page(body).text == "one\nin one\ntwo"


@pytest.mark.parametrize(
    ("head", "leads_to"),
    [
        ("<meta http-equiv=refresh content='0; url=/other'>", "https://uni.example/other"),
        ("<meta http-equiv='Refresh' content='5;URL=other?sid=1'>", "https://uni.example/course/week/other"),
        ("<base href='/base/'><meta http-equiv=refresh content='0; url=other'>", "https://uni.example/base/other"),
        ("<meta http-equiv=refresh content='6; url=/other'>", None),
        ("<meta http-equiv=refresh content='0'>", None),
        ("<meta http-equiv=refresh content='0; url=javascript:void(0)'>", None),
        ("<meta http-equiv=refresh content='0; url=http://[broken'>", None),
        ("<!-- <meta http-equiv=refresh content='0; url=/other'> -->", None),
        ("<noscript><meta http-equiv=refresh content='0; url=/other'></noscript>", None),
    ],
)
def test_where_a_page_leads_on_to_within_seconds(head: str, leads_to: str | None) -> None:
    assert page(f"<head>{head}</head>").refresh == leads_to


@pytest.mark.parametrize(
    ("body", "headers", "stored", "followed"),
    [
        ("<meta name=Robots content='NOINDEX'>", {}, False, True),
        ("<meta name=robots content='index, nofollow'>", {}, True, False),
        ("<meta name=robots content=none>", {}, False, False),
        ("", {"X-Robots-Tag": "noindex"}, False, True),
    ],
)
def test_what_a_page_asks_of_robots(body: str, headers: dict[str, str], stored: bool, followed: bool) -> None:
    found = page(f"{body}<a href=/x>x</a>", **headers)

    assert (found.may_be_stored, found.may_be_followed, len(found.links)) == (stored, followed, int(followed))


def test_base_and_canonical_links() -> None:
    found = page("<head><base href='/other/'><link rel=canonical href='own'></head><a href=x>x</a>")

    assert found.canonical == "https://uni.example/other/own"
    assert found.links == ["https://uni.example/other/x"]


@pytest.mark.parametrize(
    "body", [b"\xff\xfe\x00<", "<p>" * 3000, "<a href='http://[::bad'>x</a>", "<!--", "<![CDATA[", "&#xD800;<p>\0x"]
)
def test_broken_markup_is_read_as_far_as_it_can_be(body: str | bytes) -> None:
    assert isinstance(page(body).text, str)


class Names:
    """A resolver of names as a reactor has one, whose answers can change."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    def resolveHostName(self, receiver: Any, host: str, port: int, *_: Any) -> Any:
        receiver.resolutionBegan(None)
        for address in self.addresses:
            kind = IPv6Address if ":" in address else IPv4Address
            receiver.addressResolved(kind("TCP", address, port))
        receiver.resolutionComplete()


class Receiver:
    def __init__(self) -> None:
        self.addresses: list[str] = []
        self.is_complete = False

    def resolutionBegan(self, resolution: Any) -> None:
        pass

    def addressResolved(self, address: Any) -> None:
        self.addresses.append(address.host)

    def resolutionComplete(self) -> None:
        self.is_complete = True


def resolved(resolver: GuardedResolver, host: str, port: int = 80) -> Sequence[str]:
    receiver = Receiver()
    resolver.resolveHostName(receiver, host, port)
    assert receiver.is_complete
    return receiver.addresses


def test_a_name_that_resolves_anew_is_looked_at_anew() -> None:
    names = Names("8.8.8.8")
    resolver = GuardedResolver(names)
    assert resolved(resolver, "uni.example") == ["8.8.8.8"]
    assert not resolver.refused("uni.example", 80)

    names.addresses = ("127.0.0.1", "::1", "169.254.169.254", "::ffff:10.0.0.1")

    assert resolved(resolver, "uni.example") == []
    assert resolver.refused("uni.example", 80)


def test_public_addresses_among_others_are_kept() -> None:
    resolver = GuardedResolver(Names("10.0.0.1", "8.8.8.8"))

    assert resolved(resolver, "uni.example") == ["8.8.8.8"]
    assert not resolver.refused("uni.example", 80)


def test_an_exception_is_for_its_port() -> None:
    resolver = GuardedResolver(Names("127.0.0.1"))
    resolver.guard = AddressGuard.of(["uni.example:8000"])

    assert resolved(resolver, "uni.example", 8000) == ["127.0.0.1"]
    assert resolved(resolver, "uni.example", 8001) == []


def test_a_name_without_an_address_was_not_refused() -> None:
    resolver = GuardedResolver(Names())

    assert resolved(resolver, "uni.example") == []
    assert not resolver.refused("uni.example", 80)


def test_what_was_refused_is_remembered_within_bounds() -> None:
    resolver = GuardedResolver(Names("10.0.0.1"))
    for number in range(REMEMBERED + 10):
        resolved(resolver, f"h{number}.uni.example")

    assert not resolver.refused("h9.uni.example", 80)
    assert resolver.refused("h10.uni.example", 80)
