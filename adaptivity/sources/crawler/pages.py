"""Brings URLs into their canonical form, and reads title, text and links of a page."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from lxml import etree
from scrapy.http import HtmlResponse
from scrapy.linkextractors import IGNORED_EXTENSIONS
from scrapy.utils.response import get_meta_refresh
from w3lib.html import get_base_url
from w3lib.url import canonicalize_url

from adaptivity.sources.services.course_sources import in_domains

SCHEMES = {"http": 80, "https": 443}
LINKS_OF_A_PAGE = 2000
# Parameters that identify the visitor or where they come from, and do not change what is shown.
TRACKING = re.compile(r"utm_\w+|gclid|fbclid|mc_[ce]id|phpsessid|jsessionid|sessionid|sid", re.IGNORECASE)
SESSION_IN_PATH = re.compile(r";jsessionid=[^/?#]*", re.IGNORECASE)
# A host name in ASCII, as it is looked up, or an IPv6 address.
HOST = re.compile(r"[a-z0-9._-]{1,253}|[0-9a-f:.]+")
# A page shown for only a few seconds, before it leads on to another, is not read.
LONGEST_REFRESH = 5.0
SPACE = re.compile(r"\s+")
DOUBLE = re.compile(r" {2,}")
LINES = re.compile(r" *\n[ \n]*")
NO_CONTENT = (
    "//script | //style | //noscript | //template | //svg | //iframe | //nav | //footer | //aside"
    " | //header[not(ancestor::article or ancestor::section or ancestor::main or ancestor::*[@role='main'])]"
)
CONTROLS = "|".join(
    f"//form//{tag}" for tag in ("input", "select", "textarea", "button", "label", "legend", "datalist")
)
BLOCKS = frozenset({
    "address", "article", "blockquote", "br", "dd", "div", "dl", "dt", "figcaption", "figure", "h1", "h2", "h3", "h4",
    "h5", "h6", "hr", "li", "main", "ol", "p", "pre", "section", "table", "td", "th", "tr", "ul",
})  # fmt: skip


@dataclass(frozen=True)
class Site:
    """Which URLs belong to a site: those of its domains and their subdomains or, if it has none, those of its hosts."""

    domains: Sequence[str]
    hosts: frozenset[str]

    def has(self, url: str) -> bool:
        """Whether a canonical URL belongs to the site."""
        host = urlsplit(url).hostname or ""
        return in_domains(host, self.domains) if self.domains else host in self.hosts


def canonical(url: str, base: str = "") -> str | None:
    """The one form in which a URL is stored, however it is written and whatever it is relative to.

    Its host is in lower case; it has no default port and no fragment; its query is sorted, without tracking parameters.
    None if it is not an http or https URL, or has a user or password. None, too, if its host cannot be written in ASCII
    (IDNA).
    """
    try:
        joined = urljoin(base, url.strip()) if base else url.strip()
        parts = urlsplit(canonicalize_url(joined))
        port = parts.port
    except ValueError:
        return None
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme not in SCHEMES or not HOST.fullmatch(host) or "@" in parts.netloc:
        return None
    netloc = f"[{host}]" if ":" in host else host
    if port is not None and port != SCHEMES[parts.scheme]:
        netloc += f":{port}"
    query = parse_qsl(parts.query, keep_blank_values=True)
    kept = [(name, value) for name, value in query if not TRACKING.fullmatch(name)]
    text = parts.query if len(kept) == len(query) else urlencode(kept)
    return urlunsplit((parts.scheme, netloc, SESSION_IN_PATH.sub("", parts.path) or "/", text, ""))


@dataclass(frozen=True)
class Page:
    """What a page states about itself.

    ``canonical`` is the URL that it names as its own, and ``refresh`` the one that it leads on to within seconds. Each
    is None if the page names none.
    """

    title: str
    text: str
    links: Sequence[str]
    canonical: str | None
    refresh: str | None
    may_be_stored: bool
    may_be_followed: bool


def read_page(response: HtmlResponse, site: Site) -> Page:
    """Title, text and links of a page, however broken its markup is. Raises ValueError if it cannot be read."""
    try:
        selector = response.selector
        base = get_base_url(response.text[:4096], response.url)
        robots = _robots(response)
        named = selector.xpath("//link[@rel='canonical']/@href").get()
        leads_to = _refresh(response)
        links = list(_links(selector, base, site))
        title = " ".join((selector.xpath("//title/text()").get() or "").split())
        text = _text(selector)
    except (etree.LxmlError, RecursionError, LookupError) as error:
        raise ValueError(f"its markup cannot be read ({type(error).__name__})") from error
    return Page(
        title=title,
        text=text,
        links=links if "nofollow" not in robots else [],
        canonical=canonical(named, base) if named else None,
        refresh=canonical(leads_to, base) if leads_to and "nofollow" not in robots else None,
        may_be_stored="noindex" not in robots,
        may_be_followed="nofollow" not in robots,
    )


def _robots(response: HtmlResponse) -> set[str]:
    """What the page asks of robots, in its head or in X-Robots-Tag."""
    asked = response.selector.xpath("//meta[translate(@name, 'ROBTS', 'robts')='robots']/@content").getall()
    asked += [value.decode("latin-1") for value in response.headers.getlist("X-Robots-Tag")]
    words = {word.strip().lower() for text in asked for word in text.split(",")}
    return words | {"noindex", "nofollow"} if "none" in words else words


def _refresh(response: HtmlResponse) -> str | None:
    """The URL that a page leads on to within seconds, or None."""
    try:
        seconds, url = get_meta_refresh(response)
    except ValueError:
        # Its URL cannot be joined to the page's own.
        return None
    return url if seconds is not None and seconds <= LONGEST_REFRESH else None


def _links(selector: Any, base: str, site: Site) -> Iterator[str]:
    for number, anchor in enumerate(selector.xpath("//a[@href] | //area[@href]")):
        if number == LINKS_OF_A_PAGE:
            return
        if "nofollow" in anchor.attrib.get("rel", "").lower().split():
            continue
        url = canonical(anchor.attrib["href"], base)
        if url is not None and site.has(url) and not _is_a_file(url):
            yield url


def _is_a_file(url: str) -> bool:
    return urlsplit(url).path.lower().rpartition(".")[2] in IGNORED_EXTENSIONS


def _text(selector: Any) -> str:
    """The text of the page's main part, one line per block, without navigation, forms and scripts."""
    root = selector.root
    _drop(root.xpath(f"{NO_CONTENT} | {CONTROLS}"))
    body = (root.xpath("//body") or [root])[0]
    # A form that holds most of the text is not one to fill in: ASP.NET wraps a form around the whole page.
    letters = _letters(body)
    _drop(form for form in _outermost(root, "form") if 2 * _letters(form) <= letters)
    main = root.xpath("//main | //*[@role='main']")[:1]
    parts = main or _outermost(root, "article") or [body]
    return "\n".join(text for text in map(_text_of, parts) if text)


def _outermost(root: Any, tag: str) -> list[Any]:
    # Not with XPath, which takes seconds if elements are nested a thousand deep.
    return [node for node in root.iter(tag) if next(node.iterancestors(tag), None) is None]


def _drop(nodes: Iterable[Any]) -> None:
    for node in nodes:
        if node.getparent() is not None:
            node.drop_tree()


def _letters(node: Any) -> int:
    """The number of characters of text in a node, without white space."""
    return sum(len(piece) for text in node.itertext(etree.Element) for piece in text.split())


def _text_of(part: Any) -> str:
    pieces: list[str] = []
    for event, node in etree.iterwalk(part, events=("start", "end", "comment", "pi")):
        is_block = isinstance(node.tag, str) and node.tag in BLOCKS
        if event == "start":
            pieces += ["\n"] if is_block else []
            pieces.append(SPACE.sub(" ", node.text or ""))
        elif event == "end":
            pieces += ["\n"] if is_block else []
            pieces.append(SPACE.sub(" ", node.tail or "") if node is not part else "")
        else:
            pieces.append(SPACE.sub(" ", node.tail or ""))
    text = LINES.sub("\n", "".join(pieces))
    return DOUBLE.sub(" ", text).strip()
