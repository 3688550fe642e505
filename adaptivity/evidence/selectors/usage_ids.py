"""Finds activities by the ids that Open edX gives the blocks of a course."""

import re
from urllib.parse import unquote

from django.db.models import Q

from adaptivity.models import Activity

# block-v1:Org+Course+Run+type@problem+block@name, or i4x://Org/Course/problem/name in courses from before 2014.
USAGE_ID = re.compile(r"block-v1:[^/?#&\s]+|i4x://[^/?#&\s]+/[^/?#&\s]+/[^/?#&\s]+/[^/?#&\s]+")


def usage_id_in(url: str) -> str | None:
    """The last usage id in the URL, even if it is percent-encoded."""
    if "block-v1" not in url and "i4x" not in url:
        return None
    found = USAGE_ID.findall(url) or USAGE_ID.findall(unquote(url))
    return found[-1] if found else None


def launch_urls_by_usage_id() -> dict[str, str | None]:
    """The source launch URL of the activity with each usage id; None if several activities have it. One query."""
    found: dict[str, str | None] = {}
    urls = Activity.objects.filter(
        Q(source_launch_url__contains="block-v1") | Q(source_launch_url__contains="i4x")
    ).values_list("source_launch_url", flat=True)
    for url in urls.iterator(chunk_size=5000):
        usage_id = usage_id_in(url)
        if usage_id is not None:
            found[usage_id] = None if usage_id in found else url
    return found
