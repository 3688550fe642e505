"""How long to wait for a busy site."""

from scrapy.http import Response

from adaptivity.outbound.client import retry_after

BUSY = {429, 503}
TRIES_WHEN_BUSY = 4
LONGEST_WAIT = 120.0
FIRST_WAIT = 5.0


def seconds_to_wait(response: Response, attempt: int) -> float | None:
    """The seconds that Retry-After asks for, or else a wait that doubles with each attempt.

    None if no attempt is left, or if the site asks for too long a wait. ``attempt`` counts the attempts made so far.
    """
    asked = retry_after((response.headers.get("Retry-After") or b"").decode("latin-1"))
    wait = asked if asked is not None else FIRST_WAIT * 2 ** (attempt - 1)
    return wait if attempt < TRIES_WHEN_BUSY and wait <= LONGEST_WAIT else None
