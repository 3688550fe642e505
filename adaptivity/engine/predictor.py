"""A fitted model of success with the names of its items and KCs: kept as arrays, and asked about any items.

Names are numbers that the caller gives to activities and KCs. Of what the model was not fitted to, it knows as much as
there is to know: an unknown item is as easy as its KCs are and as an item of theirs usually is, an unknown KC is like
the mean of all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaptivity.engine.estimation import BktParameters
from adaptivity.engine.parameters import DEFAULT_GUESS, DEFAULT_SLIP, DEFAULT_TRANSIT, Floats, Integers
from adaptivity.engine.prediction import FEATURES, Easiness, Hybrid
from adaptivity.engine.responses import Pairs

# Names of features that are of one model and not of another.
VERSION = 1


@dataclass(frozen=True)
class Predictor:
    """``activity``, shape (items,), and ``knowledge_component``, shape (KCs,), are the names, ascending, of what is
    0, 1, … in ``model`` and ``pairs``; the KCs of an item are ascending, too."""

    model: Hybrid
    pairs: Pairs
    activity: Integers
    knowledge_component: Integers

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything of it, by name; ``of_arrays`` takes it back."""
        parameters, easiness = self.model.parameters, self.model.easiness
        return {
            "version": np.array(VERSION),
            "activity": self.activity,
            "knowledge_component": self.knowledge_component,
            "pair_first": self.pairs.first,
            "pair_kc": self.pairs.knowledge_component,
            "mean": np.array(easiness.mean),
            "kc_easiness": easiness.knowledge_component,
            "item_easiness": easiness.item,
            "weights": self.model.weights,
            "chosen": np.array([self.model.strength, self.model.precision]),
            **{field.name: getattr(parameters, field.name) for field in fields(parameters)},
        }

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "Predictor":
        """Raises ValueError for arrays of a model with other features, KeyError where one is missing."""
        if int(arrays["version"]) != VERSION or arrays["weights"].shape != (len(FEATURES),):
            raise ValueError("the model has features that this engine does not know")
        first, kc = arrays["pair_first"], arrays["pair_kc"]
        item = np.repeat(np.arange(first.size - 1), np.diff(first))
        strength, precision = arrays["chosen"].tolist()
        return cls(
            Hybrid(
                BktParameters(**{field.name: arrays[field.name] for field in fields(BktParameters)}),
                Easiness(float(arrays["mean"]), arrays["kc_easiness"], arrays["item_easiness"]),
                arrays["weights"],
                strength,
                precision,
            ),
            Pairs(first, item, kc, arrays["knowledge_component"].size),
            arrays["activity"],
            arrays["knowledge_component"],
        )

    def among(self, activity: Integers, pairs: Pairs, knowledge_component: Integers, prior: Floats) -> Hybrid:
        """The model of these items and KCs alone, with their tags as they are now.

        ``activity`` (items,) and ``knowledge_component`` (KCs,) name what is 0, 1, … in ``pairs``; ``prior`` (KCs,) is
        that of KCs which the model does not know.
        """
        item, known_item = _positions(self.activity, activity)
        kc, known_kc = _positions(self.knowledge_component, knowledge_component)
        parameters, easiness = self.model.parameters, self.model.easiness

        # A pair that the model knows, or the mean of its KC's.
        width = max(self.knowledge_component.size, 1)
        key = item[pairs.item] * width + kc[pairs.knowledge_component]
        pair, known_pair = _positions(self.pairs.item * width + self.pairs.knowledge_component, key)
        known_pair &= known_item[pairs.item] & known_kc[pairs.knowledge_component]
        count = np.bincount(self.pairs.knowledge_component, minlength=width)

        def of_pairs(value: Floats, default: float) -> Floats:
            total = np.bincount(self.pairs.knowledge_component, value, width)
            usual = np.where(count > 0, total / np.maximum(count, 1), default)
            usual = np.where(known_kc, usual[kc], default)[pairs.knowledge_component]
            return np.where(known_pair, value[pair], usual) if value.size else usual

        def known(value: Floats, at: Integers, where: NDArray[np.bool_], otherwise: Floats) -> Floats:
            return np.where(where, value[at], otherwise) if value.size else otherwise

        return Hybrid(
            BktParameters(
                known(parameters.prior, kc, known_kc, prior),
                of_pairs(parameters.guess, DEFAULT_GUESS),
                of_pairs(parameters.slip, DEFAULT_SLIP),
                of_pairs(parameters.transit, DEFAULT_TRANSIT),
            ),
            Easiness(
                easiness.mean,
                known(easiness.knowledge_component, kc, known_kc, np.zeros(kc.size)),
                known(easiness.item, item, known_item, np.zeros(item.size)),
            ),
            self.model.weights,
            self.model.strength,
            self.model.precision,
        )


def _positions(names: Integers, wanted: Integers) -> tuple[Integers, NDArray[np.bool_]]:
    """Where each wanted name is among ``names``, ascending, or some place; and whether it is there."""
    at = np.minimum(np.searchsorted(names, wanted), max(names.size - 1, 0))
    there = names[at] == wanted if names.size else np.zeros(wanted.size, dtype=bool)
    return at, there
