"""Evidence of learners who learn as the model says, written as rows."""

from collections.abc import Sequence

import numpy as np

from adaptivity.models import Activity, ActivityKnowledgeComponent, KnowledgeComponent, Learner, Score
from tests.support.builders import minutes
from tests.support.reference import Tag


def evidence(
    kc_id: str,
    truth: Sequence[Tag],
    *,
    prior: float,
    learners: int,
    responses: int,
    prefix: str = "learner",
    seed: int = 0,
) -> KnowledgeComponent:
    """A KC with one activity for each entry of ``truth``, and each learner's responses to them in random order.

    Each learner gives ``responses`` responses. The activities are tagged with the default parameters, which stand for
    what the authors know.
    """
    random = np.random.default_rng(seed)
    kc = KnowledgeComponent.objects.create(kc_id=kc_id, name=kc_id)
    items = Activity.objects.bulk_create(Activity(source_launch_url=f"{kc_id}/{n}") for n in range(len(truth)))
    ActivityKnowledgeComponent.objects.bulk_create(
        ActivityKnowledgeComponent(activity=item, knowledge_component=kc) for item in items
    )
    Learner.objects.bulk_create((Learner(user_id=f"{prefix}-{n}") for n in range(learners)), ignore_conflicts=True)
    people = list(Learner.objects.filter(user_id__in=[f"{prefix}-{n}" for n in range(learners)]).order_by("id"))
    scores = []
    for person in people:
        mastered = random.random() < prior
        for _ in range(responses):
            at = int(random.integers(len(truth)))
            success = random.random() < (1 - truth[at].slip if mastered else truth[at].guess)
            mastered = mastered or random.random() < truth[at].transit
            person.evidence_count += 1
            scores.append(
                Score(
                    learner=person,
                    activity=items[at],
                    score=float(success),
                    timestamp=minutes(person.evidence_count),
                    arrival=person.evidence_count,
                )
            )
    Score.objects.bulk_create(scores, batch_size=2000)
    Learner.objects.bulk_create(
        people, update_conflicts=True, unique_fields=["id"], update_fields=["evidence_count"], batch_size=500
    )
    return kc
