"""URLs in their canonical form, and what there is to read on a page."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from lxml import etree
from scrapy.http import HtmlResponse
from scrapy.linkextractors import IGNORED_EXTENSIONS
from w3lib.html import get_base_url
from w3lib.url import canonicalize_url

from adaptivity.services.sources import in_domains

SCHEMES = {"http": 80, "https": 443}
LINKS_OF_A_PAGE = 2000
# What says who or from where somebody comes, not what is shown.
TRACKING = re.compile(r"utm_\w+|gclid|fbclid|mc_[ce]id|phpsessid|jsessionid|sessionid|sid", re.IGNORECASE)
SESSION_IN_PATH = re.compile(r";jsessionid=[^/?#]*", re.IGNORECASE)
SPACE = re.compile(r"\s+")
DOUBLE = re.compile(r" {2,}")
LINES = re.compile(r" *\n[ \n]*")
NO_CONTENT = (
    "//script | //style | //noscript | //template | //svg | //iframe | //form | //nav | //header | //footer | //aside"
)
BLOCKS = frozenset({
    "address", "article", "blockquote", "br", "dd", "div", "dl", "dt", "figcaption", "figure", "h1", "h2", "h3", "h4",
    "h5", "h6", "hr", "li", "main", "ol", "p", "pre", "section", "table", "td", "th", "tr", "ul",
})  # fmt: skip


@dataclass(frozen=True)
class Site:
    """Which URLs belong to a site: those of its domains and their subdomains, or where there are none, of its hosts."""

    domains: Sequence[str]
    hosts: frozenset[str]

    def has(self, url: str) -> bool:
        """Whether a canonical URL belongs to the site."""
        host = urlsplit(url).hostname or ""
        return in_domains(host, self.domains) if self.domains else host in self.hosts


def canonical(url: str, base: str = "") -> str | None:
    """The form in which a URL is known, whatever it is relative to and however it is written: host in lower case, no
    default port, no fragment, query sorted and without what only tracks. None where it is no http or https URL, or has
    a user or password."""
    try:
        joined = urljoin(base, url.strip()) if base else url.strip()
        parts = urlsplit(canonicalize_url(joined))
        port = parts.port
    except ValueError:
        return None
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme not in SCHEMES or not host or "@" in parts.netloc:
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
    """What a page says of itself. ``canonical``: the URL that it names as its own, None where it names none."""

    title: str
    text: str
    links: Sequence[str]
    canonical: str | None
    may_be_stored: bool
    may_be_followed: bool


def read_page(response: HtmlResponse, site: Site) -> Page:
    """Title, text and links of a page, however broken its markup is. Raises ValueError where it cannot be read."""
    try:
        selector = response.selector
        base = get_base_url(response.text[:4096], response.url)
        robots = _robots(response)
        named = selector.xpath("//link[@rel='canonical']/@href").get()
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
        may_be_stored="noindex" not in robots,
        may_be_followed="nofollow" not in robots,
    )


def _robots(response: HtmlResponse) -> set[str]:
    """What the page asks of robots, in its head or in X-Robots-Tag."""
    asked = response.selector.xpath("//meta[translate(@name, 'ROBTS', 'robts')='robots']/@content").getall()
    asked += [value.decode("latin-1") for value in response.headers.getlist("X-Robots-Tag")]
    words = {word.strip().lower() for text in asked for word in text.split(",")}
    return words | {"noindex", "nofollow"} if "none" in words else words


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
    """The text of the page's main part, a line for each block, without navigation, forms and scripts."""
    root = selector.root
    for node in root.xpath(NO_CONTENT):
        if node.getparent() is not None:
            node.drop_tree()
    parts = root.xpath("//main | //*[@role='main']") or root.xpath("//article") or root.xpath("//body") or [root]
    pieces: list[str] = []
    for event, node in etree.iterwalk(parts[0], events=("start", "end", "comment", "pi")):
        is_block = isinstance(node.tag, str) and node.tag in BLOCKS
        if event == "start":
            pieces += ["\n"] if is_block else []
            pieces.append(SPACE.sub(" ", node.text or ""))
        elif event == "end":
            pieces += ["\n"] if is_block else []
            pieces.append(SPACE.sub(" ", node.tail or "") if node is not parts[0] else "")
        else:
            pieces.append(SPACE.sub(" ", node.tail or ""))
    text = LINES.sub("\n", "".join(pieces))
    return DOUBLE.sub(" ", text).strip()
