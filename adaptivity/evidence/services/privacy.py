"""Erasure of one learner: the only thing that removes rows from the evidence log."""

from django.apps import apps

from adaptivity.database.writes import overtakable
from adaptivity.errors import InvalidInput
from adaptivity.evidence.selectors.learners import learner_find
from adaptivity.evidence.selectors.privacy import record_name
from adaptivity.evidence.services.erasures import erasure_record
from adaptivity.evidence.services.learners import LearnerIdentity, learner_lock
from adaptivity.evidence.services.voidings import voidings_forget


@overtakable
def learner_erase(*, learner: LearnerIdentity) -> dict[str, int]:
    """Removes the learner and everything that belongs to them, and remembers that, so that files from before do not
    bring it back. Answers how many rows of what are gone; none where the learner is unknown, which is no error: a file
    that was not imported yet may name them.

    Parameters that were estimated stay, being aggregates. A score that arrives at the same moment comes before, and is
    erased, or after, and is the first of a new learner.
    """
    if not learner.user_id.strip():
        raise InvalidInput("This field may not be blank.", field="learner.user_id", code="blank")
    erasure_record(identity=learner)
    known = learner_find(learner.user_id, learner.tool_consumer_instance_guid)
    # Its lock makes writers of the learner's evidence wait for the end of the transaction. Where the learner is made
    # by an import at the same moment, this waits for that.
    locked = learner_lock(identity=learner)
    forgotten = voidings_forget(learner=locked)
    _, counts = locked.delete()
    if known is None and set(counts) == {locked._meta.label}:
        return {}
    counts |= forgotten
    return dict(sorted((record_name(apps.get_model(label)), count) for label, count in counts.items() if count))
