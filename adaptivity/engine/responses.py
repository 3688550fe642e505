"""Responses of many learners as arrays, and the order in which they can be folded together.

A *pair* is an item and one of the KCs that it is tagged with.
An *opportunity* is a response seen from one of its item's pairs.
A *chain* is the sequence of a learner's opportunities for one KC.

Chains are independent. The first opportunities of all chains are therefore processed together, then the second ones,
and so on.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from adaptivity.engine.parameters import Booleans, Floats, Integers

# A learner is held out if the hash of the id, modulo this, is 0.
PARTS = 5


def is_held_out(learner: str) -> bool:
    """Whether the learner, given by the platform's id, is held out.

    Nothing is ever fitted to these learners, so that they can judge what was fitted.
    """
    return zlib.crc32(learner.encode()) % PARTS == 0


def fold_of(learner: str, folds: int) -> int:
    """The cross-validation fold of the learner. It does not depend on other learners or on ``is_held_out``."""
    return zlib.crc32(f"fold {learner}".encode()) % folds


@dataclass(frozen=True)
class Pairs:
    """The KCs that items are tagged with. The pairs of item q are ``first[q]`` to ``first[q + 1]``.

    ``first`` has shape (items + 1,). ``item`` and ``knowledge_component`` have shape (pairs,), sorted by item.
    """

    first: Integers
    item: Integers
    knowledge_component: Integers
    knowledge_components: int

    @classmethod
    def of(cls, tags: list[tuple[int, ...]], knowledge_components: int) -> "Pairs":
        """Builds pairs from the indices of each item's KCs; an item may have none."""
        count = np.array([len(kcs) for kcs in tags], dtype=np.int64)
        first = np.r_[0, np.cumsum(count)].astype(np.int64)
        kcs = np.array([kc for each in tags for kc in each], dtype=np.int64)
        return cls(first, np.repeat(np.arange(len(tags)), count), kcs, knowledge_components)

    @property
    def items(self) -> int:
        return self.first.size - 1

    def of_items(self, item: Integers) -> tuple[Integers, Integers]:
        """The pairs of these items, one item after the other: the position of each pair's item in ``item``, and the
        pair.
        """
        count = np.diff(self.first)[item]
        place = np.repeat(np.arange(item.size), count)
        within = np.arange(place.size) - np.repeat(np.cumsum(count) - count, count)
        return place, self.first[item[place]] + within

    def mean_by_item(self, value: Floats, empty: float = 0.0) -> Floats:
        """The mean of the pairs' values for each item, shape (items,); ``empty`` for an item without KCs."""
        count = np.diff(self.first)
        total = np.bincount(self.item, value, self.items)
        return np.where(count > 0, total / np.maximum(count, 1), empty)


@dataclass(frozen=True)
class Responses:
    """The learner, item and score in [0, 1] of each response, shape (responses,). Each learner's responses are in
    order.
    """

    learner: Integers
    item: Integers
    score: Floats
    pairs: Pairs
    learners: int

    def of(self, learners: Booleans) -> "Responses":
        """The responses of some learners alone; ``learners`` is a mask of shape (learners,)."""
        kept = learners[self.learner]
        return Responses(self.learner[kept], self.item[kept], self.score[kept], self.pairs, self.learners)

    @cached_property
    def opportunities(self) -> "Opportunities":
        return Opportunities.of(self)

    @cached_property
    def by_learner(self) -> "Schedule":
        """The steps of responses that can be processed together; each step holds the next response of each learner."""
        return Schedule.of(self.learner)


@dataclass(frozen=True)
class Schedule:
    """The order in which chains are folded together, step by step.

    ``order`` puts the first entries of all chains before all second ones; ``ends`` is where each of these steps ends.
    """

    order: Integers
    ends: Integers

    @classmethod
    def of(cls, chain: Integers) -> "Schedule":
        by_chain = np.argsort(chain, kind="stable")
        ordered = chain[by_chain]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if chain.size else np.zeros(0, np.int64)
        lengths = np.diff(np.r_[starts, chain.size])
        rank = np.empty(chain.size, dtype=np.int64)
        rank[by_chain] = np.arange(chain.size) - np.repeat(starts, lengths)
        return cls(np.argsort(rank, kind="stable"), np.cumsum(np.bincount(rank)) if chain.size else rank)

    def steps(self) -> Iterator[slice]:
        start = 0
        for end in self.ends.tolist():
            yield slice(start, end)
            start = end


@dataclass(frozen=True)
class Opportunities:
    """Responses seen from each KC of their item, shape (opportunities,), in the order of ``schedule``'s steps.

    ``response`` is the response's index, ``pair`` that of the item and KC, ``chain`` that of the learner and KC.
    ``chain_kc`` and ``chain_learner`` have shape (chains,).
    """

    response: Integers
    pair: Integers
    chain: Integers
    score: Floats
    chain_kc: Integers
    chain_learner: Integers
    steps: tuple[slice, ...]

    @classmethod
    def of(cls, responses: Responses) -> "Opportunities":
        pairs = responses.pairs
        response, pair = pairs.of_items(responses.item)
        kc = pairs.knowledge_component[pair]
        key, chain = np.unique(
            responses.learner[response] * max(pairs.knowledge_components, 1) + kc, return_inverse=True
        )
        schedule = Schedule.of(chain)
        order = schedule.order
        return cls(
            response=response[order],
            pair=pair[order],
            chain=chain[order],
            score=responses.score[response[order]],
            chain_kc=key % max(pairs.knowledge_components, 1),
            chain_learner=key // max(pairs.knowledge_components, 1),
            steps=tuple(schedule.steps()),
        )

    def mean_by_response(self, value: Floats, responses: int, empty: float = 0.0) -> Floats:
        """The mean over a response's KCs, shape (responses,); ``empty`` if its item has no KCs."""
        count = np.bincount(self.response, minlength=responses)
        total = np.bincount(self.response, value, responses)
        return np.where(count > 0, total / np.maximum(count, 1), empty)
