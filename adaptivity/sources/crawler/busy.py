"""For how long a site that is busy is waited for."""

from scrapy.http import Response

from adaptivity.outbound.client import retry_after

BUSY = {429, 503}
TRIES_WHEN_BUSY = 4
LONGEST_WAIT = 120.0
FIRST_WAIT = 5.0


def seconds_to_wait(response: Response, attempt: int) -> float | None:
    """What Retry-After asks for, or waits that double. None where there is no try left, or the site asks for too long.
    ``attempt``: how many have been made."""
    asked = retry_after((response.headers.get("Retry-After") or b"").decode("latin-1"))
    wait = asked if asked is not None else FIRST_WAIT * 2 ** (attempt - 1)
    return wait if attempt < TRIES_WHEN_BUSY and wait <= LONGEST_WAIT else None
