"""Event ids: how a score that is reported again is told from another one."""

import hashlib
from datetime import UTC, datetime


def event_fingerprint(*, activity: str, score: float, timestamp: datetime | None) -> str:
    """32 hexadecimal digits that stand for what a platform reported, in the platform's own words: the activity's URL
    of then, which may be renamed since, and the time only where the platform said one."""
    when = "" if timestamp is None else timestamp.astimezone(UTC).isoformat()
    return hashlib.blake2b("\0".join((activity, repr(score), when)).encode(), digest_size=16).hexdigest()
