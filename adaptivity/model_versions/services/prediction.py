"""Predicts how likely a learner is to succeed at activities now."""

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

# Only this many of the newest entries of a history are used: older ones add almost nothing.
NEWEST = 2000


@dataclass(frozen=True)
class Predictions:
    """The probability of success at each activity if it came next.

    ``probability`` has shape (activities,). ``terms``, shape (activities, features), add up to its log-odds, in the
    order of ``FEATURES``. They are None if no model of success is in force and tracing alone predicts.
    ``model_version`` is the name of the version in force, if there is one.
    """

    probability: Floats
    terms: Floats | None
    model_version: str | None

    def explanation(self, number: int) -> dict[str, float] | None:
        """The terms of one activity, by name."""
        return None if self.terms is None else dict(zip(FEATURES, self.terms[number].tolist(), strict=True))


def success_predict(*, learner: LearnerIdentity, activities: Sequence[str]) -> Predictions:
    """Predicts the learner's success at the activities, given by their source launch URLs.

    Writes nothing: an unknown learner is treated as one without evidence. Raises InvalidInput if an activity is
    unknown.

    Needs at most nine queries, however many activities there are and whatever the learner did. It needs ten if this
    process has not loaded the version's model yet.
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
        # Absent terms add 0, not -0.
        terms = online.features(np.searchsorted(found.activity, asked)) * model.weights + 0.0
        probability = 1.0 / (1.0 + np.exp(-terms.sum(axis=1)))
    return Predictions(probability, terms, name)


def _go_through(log: Evidence, found: Tagged, online: Online) -> None:
    """Takes in the newest of the learner's evidence in history order: scores, and masteries set by hand."""
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
    """What tracing alone predicts for each activity: the mean over its KCs; 0.5 for an activity without KCs."""
    in_force = priors(version_id)
    mastery = in_force.prior[np.searchsorted(in_force.knowledge_component, found.knowledge_component)]
    if learner_id is not None:
        mastery = masteries_of(learner_id, found.knowledge_component, mastery)
    of_pairs = mastery[found.pairs.knowledge_component]
    return found.pairs.mean_by_item(of_pairs * (1.0 - found.slip) + (1.0 - of_pairs) * found.guess, 0.5)
