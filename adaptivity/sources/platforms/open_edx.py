"""Open edX: the courses of an LMS, through its Courses API and its Course Blocks API.

Chapters, which Open edX shows as sections, become sections. The problems, texts and videos below them become items.
"""

import re
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from adaptivity.errors import InvalidInput
from adaptivity.models import CourseSource
from adaptivity.outbound.client import Client
from adaptivity.sources.services.sections import Item, Section
from adaptivity.text import is_storable, storable

# The type of a block, and the type of the activity that it becomes. Blocks of other types become none.
KINDS = {
    "problem": "problem",
    "drag-and-drop-v2": "problem",
    "openassessment": "problem",
    "html": "reading",
    "video": "video",
}
SECTION = "chapter"
PAGE_SIZE = 100
# A block may have several parents, but not this many on average.
MOST_PARENTS = 4
UNAUTHORIZED, FORBIDDEN, NOT_FOUND = 401, 403, 404
# A new token is fetched when the old one has less than this left.
TOKEN_SECONDS = 30.0
# The longest ``expires_in`` accepted: 30 years stand for a token that does not expire.
MOST_SECONDS = 10**9
# RFC 6750, 2.1.
TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


class OpenEdX:
    """The platform of a source of the kind ``open_edx``.

    Its user must be staff of the courses, because only staff may use ``all_blocks``. Blocks visible to staff alone are
    left out.

    Raises InvalidInput with the code ``credentials``, ``unauthorized``, ``forbidden``, ``not_found`` or
    ``schema_changed``. Errors of Client are raised unchanged.
    """

    def __init__(self, source: CourseSource, client: Client, credentials: Mapping[str, Mapping[str, str]]) -> None:
        self._source, self._client = source, client
        self._base = source.base_url.rstrip("/")
        self._credentials = _credentials(source, credentials)
        self._authorization, self._expires = "", 0.0

    def sections(self) -> Iterator[Section]:
        """The sections of the source's course, or of every course that the LMS lists."""
        course_ids = [self._source.course_id] if self._source.course_id else self._courses()
        for course_id in course_ids:
            yield from self._sections_of(course_id)

    def _courses(self) -> list[str]:
        """The ids of all courses that the Courses API lists, page after page."""
        found: list[str] = []
        url: str | None = f"{self._base}/api/courses/v1/courses/?page_size={PAGE_SIZE}"
        seen = set()
        while url is not None:
            seen.add(url)
            page = self._get(url, {})
            for number, course in enumerate(_of(page, "results", list)):
                found.append(_id(course, "course_id", at=f"results[{number}]."))
            url = _of(page, "pagination", dict).get("next")
            if url is None:
                break
            if not isinstance(url, str) or not is_storable(url) or url in seen or _origin(url) != _origin(self._base):
                raise _changed("pagination.next", "is not another page of this platform")
        return found

    def _sections_of(self, course_id: str) -> Iterator[Section]:
        fields = ["children", "graded", "format", "visible_to_staff_only", self._source.launch_url]
        answer = self._get(
            f"{self._base}/api/courses/v1/blocks/",
            {
                "course_id": course_id,
                "all_blocks": "true",
                "depth": "all",
                "requested_fields": ",".join(fields),
                "block_counts": ",".join(KINDS),
            },
        )
        blocks = _of(answer, "blocks", dict)
        root = _block(blocks, _id(answer, "root"), "root")
        reached: dict[str, int] = {}
        sections = []
        for chapter_id in _children(root):
            chapter = _block(blocks, chapter_id, "children")
            items = list(self._items(blocks, chapter_id, reached))
            if chapter["type"] == SECTION and not chapter.get("visible_to_staff_only"):
                title = _of(chapter, "display_name", str, at=f"blocks.{chapter_id}.")
                sections.append(Section(chapter_id, title, items))
        counts = root.get("block_counts")
        counts = counts if isinstance(counts, dict) else {}
        for kind in KINDS:
            if kind in counts and counts[kind] != reached.get(kind, 0):
                raise _changed(
                    "block_counts", f"has {counts[kind]} of the type {kind}, and the blocks have {reached.get(kind, 0)}"
                )
        # Sections are yielded only once the whole course is known to be complete.
        yield from sections

    def _items(self, blocks: Mapping[str, Any], top: str, reached: dict[str, int]) -> Iterator[Item]:
        """The items below a block, depth first and in order. Counts the blocks that it meets by their type."""
        stack = [top]
        while stack:
            block_id = stack.pop()
            block = _block(blocks, block_id, "children")
            kind = block["type"]
            reached[kind] = reached.get(kind, 0) + 1
            if sum(reached.values()) > MOST_PARENTS * len(blocks):
                raise _changed("children", "form a cycle")
            stack += reversed(_children(block))
            if kind not in KINDS or block.get("visible_to_staff_only"):
                continue
            at = f"blocks.{block_id}."
            format_ = block.get("format")
            if format_ is not None and not isinstance(format_, str):
                raise _changed(f"{at}format", "is not a string")
            yield Item(
                external_id=block_id,
                title=_of(block, "display_name", str, at=at),
                kind=KINDS[kind],
                url=_of(block, self._source.launch_url, str, at=at),
                graded=bool(block.get("graded", False)),
                format=format_ or "",
            )

    def _get(self, url: str, parameters: Mapping[str, str]) -> Any:
        """The JSON at a URL. If the platform no longer accepts the token, a new one is fetched, once."""
        fresh = False
        while True:
            if not self._authorization or time.monotonic() >= self._expires:
                self._authorize()
                fresh = True
            answer = self._client.ask("GET", url, params=parameters, headers={"Authorization": self._authorization})
            if answer.status != UNAUTHORIZED or fresh:
                break
            self._authorization = ""
        course = parameters.get("course_id", "the list of courses")
        if answer.status == UNAUTHORIZED:
            raise InvalidInput("the platform does not accept its own token", code="unauthorized")
        if answer.status == FORBIDDEN:
            raise InvalidInput(f"the user of the credentials cannot read {course}; it must be staff", code="forbidden")
        if answer.status == NOT_FOUND:
            raise InvalidInput(f"the platform does not have {course}", code="not_found")
        if answer.status != 200:
            raise _changed("status", f"is {answer.status}, but 200 was expected")
        return answer.body

    def _authorize(self) -> None:
        answer = self._client.ask(
            "POST",
            f"{self._base}/oauth2/access_token",
            data={
                "grant_type": "client_credentials",
                "client_id": self._credentials["client_id"],
                "client_secret": self._credentials["client_secret"],
                "token_type": "jwt",
            },
        )
        if answer.status in {400, UNAUTHORIZED, FORBIDDEN}:
            raise InvalidInput("the platform refuses the client id and secret", code="unauthorized")
        if answer.status != 200:
            raise _changed("oauth2/access_token", f"answers {answer.status}, but 200 was expected")
        token, kind = _of(answer.body, "access_token", str), _of(answer.body, "token_type", str)
        if not TOKEN.fullmatch(token):
            raise _changed("access_token", "contains characters that a token cannot have")
        # RFC 6749, 5.1: it may be missing.
        lifetime = answer.body.get("expires_in", 0)
        is_number = isinstance(lifetime, int | float) and not isinstance(lifetime, bool)
        if not is_number or not 0 <= lifetime <= MOST_SECONDS:
            raise _changed("expires_in", f"is not a number of seconds from 0 to {MOST_SECONDS}")
        self._authorization = f"{'JWT' if kind.lower() == 'jwt' else 'Bearer'} {token}"
        self._expires = time.monotonic() + max(lifetime - TOKEN_SECONDS, lifetime / 2)


def _credentials(source: CourseSource, credentials: Mapping[str, Mapping[str, str]]) -> Mapping[str, str]:
    """The source's entry, which is for one platform only. Someone who can edit a source must not send a secret
    elsewhere.
    """
    entry = credentials.get(source.credentials)
    if entry is None:
        raise InvalidInput(f"SOURCE_CREDENTIALS has no entry {source.credentials}", code="credentials")
    if _origin(entry["url"]) != _origin(source.base_url):
        raise InvalidInput(
            f"the entry {source.credentials} of SOURCE_CREDENTIALS is for another platform", code="credentials"
        )
    return entry


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        default = {"http": 80, "https": 443}.get(parts.scheme)
        return parts.scheme, (parts.hostname or "").lower(), parts.port or default
    except ValueError:
        return "", "", None


def _changed(where: str, what: str) -> InvalidInput:
    message = f"the platform's answer is not as documented: {where} {what}"
    return InvalidInput(storable(message), code="schema_changed")


def _of(value: Any, name: str, kind: type[Any], *, at: str = "") -> Any:
    """A required member of a JSON object, checked to be of this type."""
    if not isinstance(value, dict):
        raise _changed(at.rstrip(".") or "the body", "is not an object")
    if not isinstance(value.get(name), kind):
        raise _changed(f"{at}{name}", f"is missing or not of the type {kind.__name__}")
    return value[name]


def _id(value: Any, name: str, *, at: str = "") -> str:
    """A required member of a JSON object: a text that can be stored and sent in a URL."""
    text: str = _of(value, name, str, at=at)
    if not is_storable(text):
        raise _changed(f"{at}{name}", "contains NUL or a lone surrogate")
    return text


def _block(blocks: Mapping[str, Any], block_id: str, where: str) -> Any:
    block = blocks.get(block_id)
    if block is None:
        raise _changed(where, f"names {block_id}, which is not among the blocks")
    _of(block, "type", str, at=f"blocks.{block_id}.")
    return block


def _children(block: Mapping[str, Any]) -> list[str]:
    children = block.get("children", [])
    if not isinstance(children, list) or not all(isinstance(child, str) and is_storable(child) for child in children):
        raise _changed(f"blocks.{block.get('id')}.children", "is not a list of ids")
    return children
