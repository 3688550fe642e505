"""Erases one learner. Nothing else removes rows from the evidence log."""

import hashlib
import hmac
from collections.abc import Collection
from datetime import datetime

from django.apps import apps
from django.conf import settings
from django.utils import timezone

from adaptivity.database.sql import rows_among
from adaptivity.database.writes import overtakable
from adaptivity.errors import InvalidInput
from adaptivity.evidence.selectors.learners import learner_find
from adaptivity.evidence.selectors.privacy import record_name
from adaptivity.evidence.services.learners import LearnerIdentity, learner_lock
from adaptivity.evidence.services.voidings import voidings_forget
from adaptivity.models import ErasedLearner


@overtakable
def learner_erase(*, learner: LearnerIdentity) -> dict[str, int]:
    """Deletes the learner and everything that belongs to them. Returns how many rows of each model were deleted.

    The erasure is remembered, so that older files do not bring the learner back. An unknown learner is no error and
    deletes nothing, because a file that was not imported yet may contain them.

    Estimated parameters stay, because they are aggregates. A score that arrives at the same moment either comes before
    and is erased, or comes after and is the first of a new learner.
    """
    if not learner.user_id.strip():
        raise InvalidInput("This field may not be blank.", field="learner.user_id", code="blank")
    erasure_record(identity=learner)
    known = learner_find(learner.user_id, learner.tool_consumer_instance_guid)
    # The lock makes other writers of the learner's evidence wait until this transaction ends. If an import is creating
    # the learner at the same moment, this waits for it.
    locked = learner_lock(identity=learner)
    forgotten = voidings_forget(learner=locked)
    _, counts = locked.delete()
    if known is None and set(counts) == {locked._meta.label}:
        return {}
    counts |= forgotten
    return dict(sorted((record_name(apps.get_model(label)), count) for label, count in counts.items() if count))


def erasure_record(*, identity: LearnerIdentity) -> None:
    """Records that the learner was erased now."""
    key = _key()
    ErasedLearner.objects.update_or_create(
        identity_digest=_digest(key, identity),
        defaults={"key_check": _key_check(key), "erased_at": timezone.now()},
    )


def erasures_of(*, identities: Collection[LearnerIdentity]) -> dict[LearnerIdentity, datetime]:
    """When each of these learners was erased, without those who were not. One query if nobody was."""
    if not identities or not ErasedLearner.objects.exists():
        return {}
    key = _key()
    digests = {_digest(key, identity): identity for identity in identities}
    erased = ErasedLearner.objects.values_list("identity_digest", "erased_at")
    return {digests[digest]: erased_at for digest, erased_at in rows_among(erased, "identity_digest", digests)}


def erasures_under_another_key() -> int:
    """How many erased learners cannot be recognised, because SECRET_KEY was different when they were erased."""
    return ErasedLearner.objects.exclude(key_check=_key_check(_key())).count()


def _key() -> bytes:
    """A key for this purpose alone, derived from the service's."""
    return hashlib.sha256(b"adaptivity.erased_learner\0" + settings.SECRET_KEY.encode()).digest()


def _key_check(key: bytes) -> str:
    return hmac.new(key, b"check", hashlib.sha256).hexdigest()[:16]


def _digest(key: bytes, identity: LearnerIdentity) -> str:
    who = f"{identity.tool_consumer_instance_guid}\0{identity.user_id}"
    return hmac.new(key, who.encode(), hashlib.sha256).hexdigest()
