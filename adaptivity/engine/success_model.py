"""A fitted model of success with the names of its items and KCs: stored as arrays, and applied to any items.

Names are numbers that the caller gives to activities and KCs. For what the model was not fitted to, it uses means. An
unknown item is as easy as its KCs are and as an item of theirs usually is. An unknown KC is like the mean of all. Both
means are weighted by responses.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaptivity.engine.estimation import BktParameters, usual
from adaptivity.engine.parameters import (
    DEFAULT_GUESS,
    DEFAULT_PRIOR,
    DEFAULT_SLIP,
    DEFAULT_TRANSIT,
    Floats,
    Integers,
)
from adaptivity.engine.prediction import FEATURES, Easiness, Hybrid
from adaptivity.engine.responses import Pairs, Responses

# The version of the features: the feature names of one model version do not apply to another.
VERSION = 1
# A pair's weight in a mean besides its responses, so that a mean exists if nobody has responded.
LEAST_WEIGHT = 1e-3


@dataclass(frozen=True)
class Predictor:
    """A model with the names of what it was fitted to.

    ``activity``, shape (items,), and ``knowledge_component``, shape (KCs,), are ascending. They name items and KCs 0,
    1, … of ``model`` and ``pairs``. The KCs of an item are ascending, too. ``pair_responses``, shape (pairs,), is the
    number of responses that the model was fitted to.
    """

    model: Hybrid
    pairs: Pairs
    activity: Integers
    knowledge_component: Integers
    pair_responses: Floats

    @classmethod
    def of(cls, model: Hybrid, responses: Responses, activity: Integers, knowledge_component: Integers) -> "Predictor":
        """Names the model that was fitted to these responses."""
        count = np.bincount(responses.item, minlength=responses.pairs.items).astype(np.float64)
        return cls(model, responses.pairs, activity, knowledge_component, count[responses.pairs.item])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The whole predictor as named arrays; ``of_arrays`` reads them back."""
        parameters, easiness = self.model.parameters, self.model.easiness
        return {
            "version": np.array(VERSION),
            "activity": self.activity,
            "knowledge_component": self.knowledge_component,
            "pair_first": self.pairs.first,
            "pair_kc": self.pairs.knowledge_component,
            "pair_responses": self.pair_responses,
            "mean": np.array(easiness.mean),
            "kc_easiness": easiness.knowledge_component,
            "item_easiness": easiness.item,
            "weights": self.model.weights,
            "chosen": np.array([self.model.strength, self.model.precision]),
            **{field.name: getattr(parameters, field.name) for field in fields(parameters)},
        }

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "Predictor":
        """Reads the arrays of ``arrays``.

        Raises ValueError if the model has other features, and KeyError if an array is missing.
        """
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
            # Models stored before this array existed weight all pairs equally.
            arrays["pair_responses"] if "pair_responses" in arrays else np.ones(kc.size),
        )

    def among(self, activity: Integers, pairs: Pairs, knowledge_component: Integers) -> Hybrid:
        """The model of these items and KCs alone, with their current tags.

        ``activity`` (items,) and ``knowledge_component`` (KCs,) name items and KCs 0, 1, … of ``pairs``.
        """
        item, known_item = _positions(self.activity, activity)
        kc, known_kc = _positions(self.knowledge_component, knowledge_component)
        parameters, easiness = self.model.parameters, self.model.easiness

        # A pair that the model knows, or the mean of its KC's pairs.
        width = max(self.knowledge_component.size, 1)
        key = item[pairs.item] * width + kc[pairs.knowledge_component]
        pair, known_pair = _positions(self.pairs.item * width + self.pairs.knowledge_component, key)
        known_pair &= known_item[pairs.item] & known_kc[pairs.knowledge_component]
        weight = self.pair_responses + LEAST_WEIGHT
        count = np.bincount(self.pairs.knowledge_component, weight, width)
        of_all = (DEFAULT_PRIOR, DEFAULT_GUESS, DEFAULT_SLIP, DEFAULT_TRANSIT)
        if weight.size:
            of_all = usual(parameters, self.pairs.knowledge_component, weight)
        prior, guess, slip, transit = of_all

        def of_pairs(value: Floats, mean: float) -> Floats:
            if not value.size:
                return np.full(pairs.knowledge_component.size, mean)
            total = np.bincount(self.pairs.knowledge_component, value * weight, width)
            of_kc = np.where(known_kc & (count[kc] > 0.0), total[kc] / np.maximum(count[kc], LEAST_WEIGHT), mean)
            return np.where(known_pair, value[pair], of_kc[pairs.knowledge_component])

        def known(value: Floats, at: Integers, where: NDArray[np.bool_], otherwise: Floats) -> Floats:
            return np.where(where, value[at], otherwise) if value.size else otherwise

        return Hybrid(
            BktParameters(
                known(parameters.prior, kc, known_kc, np.full(kc.size, prior)),
                of_pairs(parameters.guess, guess),
                of_pairs(parameters.slip, slip),
                of_pairs(parameters.transit, transit),
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
    """The position of each wanted name in ``names``, which is ascending, and whether it is there.

    A name that is not there gets an arbitrary position.
    """
    at = np.minimum(np.searchsorted(names, wanted), max(names.size - 1, 0))
    there = names[at] == wanted if names.size else np.zeros(wanted.size, dtype=bool)
    return at, there
