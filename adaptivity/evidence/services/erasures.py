"""Who was erased: remembered so that old files bring nothing back, in a way that does not say who it was."""

import hashlib
import hmac
from collections.abc import Collection
from datetime import datetime

from django.conf import settings
from django.utils import timezone

from adaptivity.database.sql import batched
from adaptivity.evidence.services.learners import BATCH, LearnerIdentity
from adaptivity.models import ErasedLearner


def erasure_record(*, identity: LearnerIdentity) -> None:
    """Remembers that the learner was erased now."""
    key = _key()
    ErasedLearner.objects.update_or_create(
        identity_digest=_digest(key, identity),
        defaults={"key_check": _key_check(key), "erased_at": timezone.now()},
    )


def erasures_of(*, identities: Collection[LearnerIdentity]) -> dict[LearnerIdentity, datetime]:
    """When each of these learners was erased, of those that were. One query where nobody was."""
    if not identities or not ErasedLearner.objects.exists():
        return {}
    key = _key()
    digests = {_digest(key, identity): identity for identity in identities}
    found: dict[LearnerIdentity, datetime] = {}
    for some in batched(list(digests), BATCH):
        rows = ErasedLearner.objects.filter(identity_digest__in=some).values_list("identity_digest", "erased_at")
        found |= {digests[digest]: erased_at for digest, erased_at in rows}
    return found


def erasures_under_another_key() -> int:
    """How many erased learners cannot be recognised, because SECRET_KEY was another one when they were erased."""
    return ErasedLearner.objects.exclude(key_check=_key_check(_key())).count()


def _key() -> bytes:
    """A key of its own, derived from the service's."""
    return hashlib.sha256(b"adaptivity.erased_learner\0" + settings.SECRET_KEY.encode()).digest()


def _key_check(key: bytes) -> str:
    return hmac.new(key, b"check", hashlib.sha256).hexdigest()[:16]


def _digest(key: bytes, identity: LearnerIdentity) -> str:
    who = f"{identity.tool_consumer_instance_guid}\0{identity.user_id}"
    return hmac.new(key, who.encode(), hashlib.sha256).hexdigest()
