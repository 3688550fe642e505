"""Turns a log of evidence into masteries: groups observations by learner and KC, and finds where each chain starts."""

from dataclasses import dataclass

import numpy as np

from adaptivity.engine.parameters import Floats, Integers
from adaptivity.engine.tracing import fold


@dataclass(frozen=True)
class TagTable:
    """The KCs that activities are tagged with, and the parameters of each tag, sorted by activity; shape (tags,)."""

    activity: Integers
    knowledge_component: Integers
    guess: Floats
    slip: Floats
    transit: Floats


@dataclass(frozen=True)
class Evidence:
    """The scores and hand-set masteries of some learners, each learner's in history order.

    Scores have shape (scores,): ``score_learner``, ``score_activity``, ``score``. Hand-set masteries have shape
    (settings,): ``set_learner``, ``set_knowledge_component``, ``set_value`` (NaN means back to the prior).
    ``score_position`` and ``set_position`` order the two relative to each other: a learner's later entry has the
    greater position.
    """

    score_learner: Integers
    score_activity: Integers
    score: Floats
    score_position: Integers
    set_learner: Integers
    set_knowledge_component: Integers
    set_value: Floats
    set_position: Integers


@dataclass(frozen=True)
class Priors:
    """The mastery prior of each KC, sorted by KC; shape (KCs,)."""

    knowledge_component: Integers
    prior: Floats


@dataclass(frozen=True)
class Masteries:
    """The masteries that the evidence leads to, shape (masteries,), sorted by learner and KC. Pairs without evidence
    are left out.
    """

    learner: Integers
    knowledge_component: Integers
    value: Floats


def replay(evidence: Evidence, tags: TagTable, priors: Priors) -> Masteries:
    """Computes the masteries from a whole log.

    A score is an observation of every KC its activity is tagged with. A hand-set mastery restarts its KC from the
    value, or from the prior if the setting was deleted. Earlier observations of that KC no longer count.

    Raises KeyError if a KC has no prior in ``priors``.
    """
    first = np.searchsorted(tags.activity, evidence.score_activity, side="left")
    count = np.searchsorted(tags.activity, evidence.score_activity, side="right") - first
    entry = np.repeat(np.arange(count.size), count)
    # The position within each activity's run of tags, added to the start of the run.
    tag = np.repeat(first - np.r_[0, np.cumsum(count)[:-1]], count) + np.arange(entry.size) if count.size else entry

    learner = np.r_[evidence.score_learner[entry], evidence.set_learner]
    kc = np.r_[tags.knowledge_component[tag], evidence.set_knowledge_component]
    if not learner.size:
        empty = np.zeros(0, dtype=np.int64)
        return Masteries(empty, empty, np.zeros(0))
    pairs, chain = np.unique(np.stack((learner, kc), axis=1), axis=0, return_inverse=True)
    chain = chain.reshape(-1)
    observed_chain, set_chain = chain[: entry.size], chain[entry.size :]

    # A chain starts from its latest hand-set value; earlier observations are dropped.
    initial = np.full(len(pairs), np.nan)
    started = np.full(len(pairs), -1, dtype=np.int64)
    by_position = np.argsort(evidence.set_position, kind="stable")
    initial[set_chain[by_position]] = evidence.set_value[by_position]
    started[set_chain[by_position]] = evidence.set_position[by_position]
    is_set = ~np.isnan(initial)

    position = evidence.score_position[entry]
    kept = position > started[observed_chain]
    order = np.flatnonzero(kept)[np.argsort(position[kept], kind="stable")]

    at = np.searchsorted(priors.knowledge_component, pairs[:, 1])
    at_known = np.minimum(at, max(priors.prior.size - 1, 0))
    if not priors.prior.size or np.any(priors.knowledge_component[at_known] != pairs[:, 1]):
        raise KeyError("a knowledge component of the evidence has no prior")
    initial = np.where(is_set, initial, priors.prior[at_known])

    value = fold(
        initial=initial,
        chain=observed_chain[order],
        score=evidence.score[entry][order],
        guess=tags.guess[tag][order],
        slip=tags.slip[tag][order],
        transit=tags.transit[tag][order],
    )
    has_evidence = is_set.copy()
    has_evidence[observed_chain[order]] = True
    return Masteries(pairs[has_evidence, 0], pairs[has_evidence, 1], value[has_evidence])
