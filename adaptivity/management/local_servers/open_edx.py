"""The parts of an Open edX LMS that the scraper talks to, as edx-platform documents them.

These are client credentials, the paged Courses API, and the Course Blocks API, which returns the whole course.
"""

import threading
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from adaptivity.management.local_servers.http import LocalServer, send_json

COURSE = "course-v1:Uni+Maths+2026"


def usage(kind: str, name: str, course: str = COURSE) -> str:
    """A block's usage id."""
    return f"{course.replace('course-v1', 'block-v1')}+type@{kind}+block@{name}"


class Course:
    """Blocks by usage id, built from the root downwards: ``add`` returns the id of the new block."""

    def __init__(self, course_id: str = COURSE) -> None:
        self.course_id = course_id
        self.blocks: dict[str, dict[str, Any]] = {}
        self.root = self.add(None, "course", "course")

    def add(self, parent: str | None, kind: str, name: str, **fields: Any) -> str:
        """Adds a block as the last child of its parent."""
        block_id = usage(kind, name, self.course_id)
        self.blocks[block_id] = {"type": kind, "display_name": name, "children": [], **fields}
        if parent is not None:
            self.blocks[parent]["children"].append(block_id)
        return block_id

    def chapter(self, name: str, units: dict[str, str], **fields: Any) -> str:
        """Adds a section with one subsection and one unit. ``units`` maps the names of the unit's blocks to types."""
        chapter = self.add(self.root, "chapter", name, **fields)
        vertical = self.add(self.add(chapter, "sequential", f"{name}-sub"), "vertical", f"{name}-unit")
        for unit, kind in units.items():
            self.add(vertical, kind, unit)
        return chapter

    def remove(self, block_id: str) -> None:
        """Removes a block from the course, but not the blocks below it."""
        del self.blocks[block_id]
        for block in self.blocks.values():
            block["children"] = [child for child in block["children"] if child != block_id]

    def counts(self, block_id: str, kinds: list[str]) -> dict[str, int]:
        """How many blocks of these types there are at and below a block."""
        block = self.blocks[block_id]
        found = {kind: int(block["type"] == kind) for kind in kinds}
        for child in block["children"]:
            for kind, count in self.counts(child, kinds).items():
                found[kind] += count
        return {kind: count for kind, count in found.items() if count}


class OpenEdXServer(LocalServer):
    """A local LMS. ``client`` is the id and secret that get a token; ``launch_root`` is the prefix of launch URLs."""

    token_type = "JWT"  # noqa: S105 - the type, not a token
    expires_in = 3600

    def __init__(
        self, *courses: Course, client: tuple[str, str], launch_root: str = "", port: int = 0, page_size: int = 100
    ) -> None:
        super().__init__(self.answer, port=port)
        self.courses = list(courses)
        self.page_size = page_size
        self.client = client
        self.launch_root = launch_root or self.url
        self.tokens: set[str] = set()
        self.tokens_given = 0
        self.has_lti = False
        self._lock = threading.Lock()

    def credentials(self, name: str) -> dict[str, dict[str, str]]:
        """The credentials, in the format of the setting SOURCE_CREDENTIALS."""
        client_id, client_secret = self.client
        return {name: {"url": self.url, "client_id": client_id, "client_secret": client_secret}}

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answers a request by its path."""
        parts = urlsplit(handler.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/oauth2/access_token":
            length = int(handler.headers.get("Content-Length") or 0)
            form = parse_qs(handler.rfile.read(length).decode())
            self._token(handler, {name: values[0] for name, values in form.items()})
        else:
            self.answer_api(handler, parts.path, query)

    def answer_api(self, handler: BaseHTTPRequestHandler, path: str, query: dict[str, str]) -> None:
        """Answers the requests that need a token."""
        if handler.headers.get("Authorization", "").removeprefix(f"{self.token_type} ") not in self.tokens:
            send_json(handler, 401, {"developer_message": "The access token provided has expired."})
        elif path == "/api/courses/v1/courses/":
            self._list(handler, query)
        elif path == "/api/courses/v1/blocks/":
            self._blocks(handler, query)
        else:
            send_json(handler, 404, {})

    def send_body(self, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        """Sends the result of a call."""
        send_json(handler, 200, body)

    def _token(self, handler: BaseHTTPRequestHandler, form: dict[str, str]) -> None:
        wanted = {
            "grant_type": "client_credentials",
            "client_id": self.client[0],
            "client_secret": self.client[1],
            "token_type": "jwt",
        }
        if form != wanted or handler.command != "POST":
            send_json(handler, 401, {"error": "invalid_client"})
            return
        with self._lock:
            self.tokens_given += 1
            token = f"token-{self.tokens_given}"
            self.tokens.add(token)
        send_json(
            handler,
            200,
            {"access_token": token, "token_type": self.token_type, "expires_in": self.expires_in, "scope": "read"},
        )

    def _list(self, handler: BaseHTTPRequestHandler, query: dict[str, str]) -> None:
        page, size = int(query.get("page", 1)), min(int(query["page_size"]), self.page_size)
        shown = self.courses[(page - 1) * size : page * size]
        more = page * size < len(self.courses)
        following = f"{self.url}/api/courses/v1/courses/?{urlencode({'page': page + 1, 'page_size': size})}"
        body = {
            "results": [{"id": course.course_id, "course_id": course.course_id} for course in shown],
            "pagination": {"next": following if more else None, "previous": None, "count": len(self.courses)},
        }
        self.send_body(handler, body)

    def _blocks(self, handler: BaseHTTPRequestHandler, query: dict[str, str]) -> None:
        course = next((course for course in self.courses if course.course_id == query["course_id"]), None)
        if course is None:
            send_json(handler, 404, {"developer_message": "Course not found"})
            return
        if query.get("all_blocks") != "true" or query.get("depth") != "all":
            send_json(handler, 400, {"field_errors": {}})
            return
        fields = query["requested_fields"].split(",")
        kinds = query["block_counts"].split(",")
        blocks = {}
        for block_id, block in course.blocks.items():
            shown = {
                "id": block_id,
                "type": block["type"],
                "display_name": block["display_name"],
                "student_view_url": f"{self.launch_root}/xblock/{block_id}",
                "lms_web_url": f"{self.launch_root}/courses/{course.course_id}/jump_to/{block_id}",
                "block_counts": course.counts(block_id, kinds),
            }
            shown |= {name: block[name] for name in fields if name in block and block[name] != []}
            if self.has_lti and "lti_url" in fields:
                shown["lti_url"] = f"{self.launch_root}/lti_provider/courses/{course.course_id}/{block_id}"
            blocks[block_id] = shown
        self.send_body(handler, {"root": course.root, "blocks": blocks})
