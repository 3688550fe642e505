"""The content of the demo's sources.

There is a course on decimals on an LMS, and a website of notes beside it. A platform's statements report a learner's
work in the demo course.
"""

import json
import uuid
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from adaptivity.management.local_servers.http import send
from adaptivity.management.local_servers.open_edx import Course, OpenEdXServer, usage

CREDENTIALS = "demo"
CLIENT = ("demo", "not-a-secret")
COURSE_ID = "course-v1:Demo+Decimals+2026"
# Type, block name and title of each activity, in order.
SECTIONS = {
    "week-1": (
        ("html", "tenths", "Tenths and hundredths"),
        ("problem", "line-1", "0.7 on the number line"),
        ("problem", "compare-1", "Which is more, 0.3 or 0.25?"),
    ),
    "week-2": (
        ("video", "film-1", "From fractions to decimals"),
        ("problem", "convert-1", "3/4 as a decimal"),
    ),
}
FIRST_SECTION = usage("chapter", "week-1", COURSE_ID)
NOTES = {
    "decimal": "A decimal is a fraction whose denominator is a power of ten, written without it.",
    "tenth": "One of ten equal parts of a whole: 0.1.",
    "hundredth": "One of a hundred equal parts of a whole: 0.01. Ten of them are a tenth.",
    "decimal-point": "It stands between the ones and the tenths.",
    "place-value": "Each place is worth a tenth of the place to its left.",
    "rounding": "The nearest number with fewer places: 0.68 is about 0.7.",
    "comparing": "From the left, the first place that differs decides: 0.3 is greater than 0.25.",
    "terminating": "3/4 = 0.75 ends, and so does every fraction in lowest terms whose denominator has only the prime "
    "factors 2 and 5.",
    "repeating": "1/3 = 0.333… never ends, and repeats itself.",
    "percent": "Another name for hundredths: 0.75 is 75 percent.",
}
LEARNER = "grace@adaptivity.example"
# Activities of the course that manage.py demo loads. Scores on content that is not read yet would be refused.
ANSWERS = {"parts-1": 1.0, "parts-2": 1.0, "parts-3": 0.5}


class DemoServer(OpenEdXServer):
    """An LMS and, below /notes/, a website, on one port."""

    def __init__(self, port: int) -> None:
        course = Course(COURSE_ID)
        for section, activities in SECTIONS.items():
            course.chapter(section, {name: kind for kind, name, _ in activities})
            for kind, name, title in activities:
                course.blocks[usage(kind, name, COURSE_ID)]["display_name"] = title
        super().__init__(course, client=CLIENT, port=port)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        first, _, rest = urlsplit(handler.path).path[1:].partition("/")
        if first == "notes" and rest in {"", *NOTES}:
            send_page(handler, rest or "Notes on decimals", NOTES.get(rest, "A note on each word."))
        elif first == "xblock":
            send_page(handler, rest, "The LMS would show the activity here.")
        else:
            super().answer(handler)

    def sources(self) -> list[dict[str, Any]]:
        """The fields of the two sources, for the service that creates them."""
        return [
            {
                "slug": "demo-course",
                "kind": "open_edx",
                "base_url": self.url,
                "course_id": COURSE_ID,
                "credentials": CREDENTIALS,
                "address_exceptions": [self.netloc],
            },
            {
                "slug": "demo-notes",
                "kind": "website",
                "start_urls": [f"{self.url}/notes/"],
                "collection_id": "demo-notes",
                "delay": 0.5,
                "address_exceptions": [self.netloc],
            },
        ]


def send_page(handler: BaseHTTPRequestHandler, title: str, text: str) -> None:
    """Sends a page with links to all notes."""
    links = "".join(f'<li><a href="/notes/{name}">{name}</a>' for name in NOTES)
    body = f"<!doctype html><title>{title}</title><main><h1>{title}</h1><p>{text}</main><nav><ul>{links}</ul></nav>"
    send(handler, 200, body.encode(), Content_Type="text/html; charset=utf-8")


def statements() -> str:
    """The learner's answers as xAPI statements, one per line; the same each time."""
    lines = []
    for minute, (activity, scaled) in enumerate(ANSWERS.items()):
        url = f"https://demo.adaptivity.example/fractions/{activity}"
        statement = {
            "id": str(uuid.uuid5(uuid.NAMESPACE_URL, url)),
            "actor": {"mbox": f"mailto:{LEARNER}"},
            "verb": {"id": "http://adlnet.gov/expapi/verbs/answered"},
            "object": {"id": url},
            "result": {"score": {"scaled": scaled}},
            "timestamp": f"2026-01-12T09:{minute:02}:00Z",
        }
        lines.append(json.dumps(statement) + "\n")
    return "".join(lines)
