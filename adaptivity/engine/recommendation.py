"""Which activity helps a learner most now: the candidates, the stop rules, and the policy that chooses."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from adaptivity.engine.parameters import Floats, Integers
from adaptivity.engine.policies import POLICIES
from adaptivity.engine.scoring import (
    CollectionContent,
    EngineSettings,
    LearnerState,
    SubScores,
    candidates,
    sub_scores,
)


class Outcome(StrEnum):
    """Why a recommendation was made, or why none was."""

    RECOMMENDED = "recommended"
    MAX_PROBLEMS = "max_problems"
    MASTERED = "mastered"
    EXHAUSTED = "exhausted"


@dataclass(frozen=True)
class Recommendation:
    """The result of ``recommend``.

    ``item`` is None unless the outcome is RECOMMENDED. ``candidates`` is ascending, shape (candidates,).
    ``propensity``, shape (candidates,), is the probability with which each candidate would have been recommended in
    this state. Without an item it has shape (0,).
    """

    outcome: Outcome
    item: int | None
    candidates: Integers
    scores: SubScores
    propensity: Floats


def recommend(
    content: CollectionContent,
    learner: LearnerState,
    settings: EngineSettings,
    *,
    counted: int,
    max_problems: int | None,
    stop_on_mastery: bool,
    generator: np.random.Generator,
) -> Recommendation:
    """The item that helps the learner most now under the settings' policy, or the reason why there is none.

    ``counted`` is the number of the collection's items that are done and count towards ``max_problems``.

    With ``stop_on_mastery`` the collection is complete when the demand R is zero for every item that is not done. Under
    a policy that stops, it is complete when the policy demands none of the items left. These are the items that are not
    done and may be recommended. Raises KeyError if the policy does not exist.
    """
    policy = POLICIES[settings.policy]
    eligible = candidates(content, learner.done)
    scores = sub_scores(content, learner, settings)

    def without(outcome: Outcome) -> Recommendation:
        return Recommendation(outcome, None, eligible, scores, np.zeros(0))

    if max_problems is not None and counted >= max_problems:
        return without(Outcome.MAX_PROBLEMS)
    if stop_on_mastery and not np.any(scores.remediation[~learner.done] > 0.0):
        return without(Outcome.MASTERED)
    # Items that may never be recommended, such as a final exam, would otherwise prevent a stop forever.
    left = content.include_adaptive & ~learner.done
    if policy.stops and not np.any(policy.demanded(content, learner, settings)[left]):
        return without(Outcome.MASTERED)
    if not eligible.size:
        return without(Outcome.EXHAUSTED)
    chosen = policy.select(content, learner, settings, scores, eligible, generator)
    return Recommendation(Outcome.RECOMMENDED, chosen.item, eligible, scores, chosen.propensity)
