"""The parts of an Open edX LMS that the scraper talks to, as edx-platform documents them: client credentials, the
Courses API with its pages, and the Course Blocks API, which answers with the whole course."""

import json
import threading
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.servers.http import LocalServer, send

CLIENT_ID, CLIENT_SECRET = "adaptivity", "s3cret$with{signs}"
COURSE = "course-v1:Uni+Maths+2026"
Fault = Callable[[BaseHTTPRequestHandler], None]


def usage(kind: str, name: str, course: str = COURSE) -> str:
    """A block's usage id."""
    return f"{course.replace('course-v1', 'block-v1')}+type@{kind}+block@{name}"


class Course:
    """Blocks by usage id, built from above: ``add`` answers the new block's id."""

    def __init__(self, course_id: str = COURSE) -> None:
        self.course_id = course_id
        self.blocks: dict[str, dict[str, Any]] = {}
        self.root = self.add(None, "course", "course")

    def add(self, parent: str | None, kind: str, name: str, **fields: Any) -> str:
        """A block as the last child of its parent."""
        block_id = usage(kind, name, self.course_id)
        self.blocks[block_id] = {"type": kind, "display_name": name, "children": [], **fields}
        if parent is not None:
            self.blocks[parent]["children"].append(block_id)
        return block_id

    def chapter(self, name: str, units: dict[str, str], **fields: Any) -> str:
        """A section with one subsection and one unit, whose blocks are named with their types."""
        chapter = self.add(self.root, "chapter", name, **fields)
        vertical = self.add(self.add(chapter, "sequential", f"{name}-sub"), "vertical", f"{name}-unit")
        for unit, kind in units.items():
            self.add(vertical, kind, unit)
        return chapter

    def remove(self, block_id: str) -> None:
        """Takes a block, and not what is below it, out of the course."""
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
    """``faults``: what the next requests for something else than a token are answered with instead. ``requests``: the
    paths that were asked for, in order."""

    def __init__(self, *courses: Course, page_size: int = 2) -> None:
        super().__init__(self._answer)
        self.courses = list(courses)
        self.page_size = page_size
        self.faults: deque[Fault | None] = deque()
        self.requests: list[str] = []
        self.tokens: set[str] = set()
        self.tokens_given = 0
        self.expires_in = 3600
        self.token_type = "JWT"
        self.has_lti = False
        self.changed: Callable[[Any], Any] = lambda body: body
        self._lock = threading.Lock()

    def credentials(self) -> dict[str, dict[str, str]]:
        return {"campus": {"url": self.url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}}

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        length = int(handler.headers.get("Content-Length") or 0)
        body = parse_qs(handler.rfile.read(length).decode())
        with self._lock:
            self.requests.append(parts.path)
        if parts.path == "/oauth2/access_token":
            self._token(handler, {name: values[0] for name, values in body.items()})
            return
        with self._lock:
            fault = self.faults.popleft() if self.faults else None
        if fault is not None:
            fault(handler)
        elif handler.headers.get("Authorization", "").removeprefix(f"{self.token_type} ") not in self.tokens:
            send_json(handler, 401, {"developer_message": "The access token provided has expired."})
        elif parts.path == "/api/courses/v1/courses/":
            self._list(handler, query)
        elif parts.path == "/api/courses/v1/blocks/":
            self._blocks(handler, query)
        else:
            send_json(handler, 404, {})

    def _token(self, handler: BaseHTTPRequestHandler, form: dict[str, str]) -> None:
        wanted = {
            "grant_type": "client_credentials",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "token_type": "jwt",
        }
        if form != wanted or handler.command != "POST":
            send_json(handler, 401, {"error": "invalid_client"})
            return
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
        send_json(handler, 200, self.changed(body))

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
                "student_view_url": f"https://lms.example/xblock/{block_id}",
                "lms_web_url": f"https://lms.example/courses/{course.course_id}/jump_to/{block_id}",
                "block_counts": course.counts(block_id, kinds),
            }
            shown |= {name: block[name] for name in fields if name in block and block[name] != []}
            if self.has_lti and "lti_url" in fields:
                shown["lti_url"] = f"https://lms.example/lti_provider/courses/{course.course_id}/{block_id}"
            blocks[block_id] = shown
        send_json(handler, 200, self.changed({"root": course.root, "blocks": blocks}))


def send_json(handler: BaseHTTPRequestHandler, status: int, body: Any, **headers: str) -> None:
    """An answer in JSON."""
    send(handler, status, json.dumps(body).encode(), Content_Type="application/json", **headers)
