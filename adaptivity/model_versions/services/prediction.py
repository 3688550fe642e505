"""How likely a learner is to succeed at activities, now."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adaptivity.content.selectors.parameters import current_stamp, priors
from adaptivity.engine.history import Evidence
from adaptivity.engine.parameters import Floats
from adaptivity.engine.prediction import FEATURES, Online
from adaptivity.errors import InvalidInput
from adaptivity.evidence.selectors.learners import learner_find
from adaptivity.evidence.selectors.log import evidence
from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.model_versions.selectors.prediction import Tagged, activities_named, masteries_of, predictor_of, tagged

# Of a longer history, so many of the newest entries are gone through: what is further back says next to nothing more.
NEWEST = 2000


@dataclass(frozen=True)
class Predictions:
    """``probability`` of success at each activity, were it the next one, shape (activities,). ``terms``, shape
    (activities, features), are what its log-odds are the sum of, in the order of ``FEATURES``; None where no model of
    success is in force and tracing alone predicts. ``model_version`` is the name of the one in force, if there is."""

    probability: Floats
    terms: Floats | None
    model_version: str | None

    def explanation(self, number: int) -> dict[str, float] | None:
        """The terms of one activity, by name."""
        return None if self.terms is None else dict(zip(FEATURES, self.terms[number].tolist(), strict=True))


def success_predict(*, learner: LearnerIdentity, activities: Sequence[str]) -> Predictions:
    """Predicts the learner's success at the activities, named by their source launch URLs. Writes nothing: an unknown
    learner is predicted as one without evidence is. Raises InvalidInput for an unknown activity.

    Reads in at most nine queries, however many activities and whatever the learner did; ten where this process has
    not got the version's model yet.
    """
    known = learner_find(learner.user_id, learner.tool_consumer_instance_guid)
    ids = activities_named(activities)
    for number, url in enumerate(activities):
        if url not in ids:
            raise InvalidInput(
                "There is no activity with this source_launch_url.", field=f"activities.{number}", code="does_not_exist"
            )
    asked = np.array([ids[url] for url in activities], dtype=np.int64)
    version_id = current_stamp().model_version_id
    name, predictor = (None, None) if version_id is None else predictor_of(version_id)
    if predictor is None:
        found = tagged(np.unique(asked), version_id)
        terms, probability = None, _traced(found, None if known is None else known.id, version_id)
        probability = probability[np.searchsorted(found.activity, asked)]
    else:
        log, _ = evidence([] if known is None else [known.id])
        found = tagged(np.union1d(asked, log.score_activity), version_id)
        model = predictor.among(found.activity, found.pairs, found.knowledge_component)
        online = Online(model, found.pairs)
        _go_through(log, found, online)
        # What is absent adds 0, not -0.
        terms = online.features(np.searchsorted(found.activity, asked)) * model.weights + 0.0
        probability = 1.0 / (1.0 + np.exp(-terms.sum(axis=1)))
    return Predictions(probability, terms, name)


def _go_through(log: Evidence, found: Tagged, online: Online) -> None:
    """Takes the newest of the learner's evidence in, in history order: scores, and masteries set by hand."""
    entries = np.sort(np.concatenate((log.score_position, log.set_position)))
    oldest = entries[-NEWEST] if entries.size > NEWEST else -1
    item = np.searchsorted(found.activity, log.score_activity)
    at = int(np.searchsorted(log.score_position, oldest))
    for position, which, value in zip(
        log.set_position.tolist(), log.set_knowledge_component.tolist(), log.set_value.tolist(), strict=True
    ):
        kc = int(np.searchsorted(found.knowledge_component, which))
        if position < oldest or kc == found.knowledge_component.size or found.knowledge_component[kc] != which:
            continue
        until = int(np.searchsorted(log.score_position, position))
        online.take(item[at:until], log.score[at:until])
        online.set_mastery(kc, None if np.isnan(value) else value)
        at = until
    online.take(item[at:], log.score[at:])


def _traced(found: Tagged, learner_id: int | None, version_id: int | None) -> Floats:
    """What tracing alone says of each of the activities: the mean over its KCs; 0.5 for one without KCs."""
    in_force = priors(version_id)
    mastery = in_force.prior[np.searchsorted(in_force.knowledge_component, found.knowledge_component)]
    if learner_id is not None:
        mastery = masteries_of(learner_id, found.knowledge_component, mastery)
    of_pairs = mastery[found.pairs.knowledge_component]
    return found.pairs.mean_by_item(of_pairs * (1.0 - found.slip) + (1.0 - of_pairs) * found.guess, 0.5)
