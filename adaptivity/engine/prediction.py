"""Predicts a calibrated probability of success: a logistic regression on Bayesian knowledge tracing and what it lacks.

The log-odds of success are a sum of terms that are known before the response. The first two are how easy the item is,
and what knowledge tracing predicts. The others are what tracing lacks. They are the learner's ability, overall and at
the KC, and how far the learner has lately been better or worse than the items suggest. The last ones say whether the KC
is new or has just been practised.

Each term is updated online, with O(KCs of the item) work per response; nothing is refitted for a learner. Unknown
learners, items and KCs start at the mean. Weights of terms that rise with success are not negative. So a prediction
after a success is never lower than it would be after a failure. It may be lower than before the success, if an even
better answer was expected: recent success then becomes less outstanding.

Item easiness is a random effect on top of the other terms: an item's deviation from the mean of its KCs has a normal
prior. Its precision, and the strength of shrinkage of knowledge tracing, are chosen by cross-validation over learners.
The weights are cross-fitted. They are fitted to predictions for learners whose responses the item parameters have not
seen.

The easiness for a fold of learners is added to tracing whose parameters have not seen that fold, either. Otherwise, the
better the fold did at an item, the less would be left to easiness. Easiness would then seem to count against success.

Ability is tracked as in Elo rating (Pelanek, 2016), recency as in R-PFA (Galyardt and Goldin, 2015).
"""

from dataclasses import dataclass

import numpy as np

from adaptivity.engine.estimation import BktParameters, default_parameters, estimate_em, trace
from adaptivity.engine.parameters import Floats, Integers, clip_probability
from adaptivity.engine.responses import Pairs, Responses
from adaptivity.engine.tracing import fold
from adaptivity.progress import Steps, silent

FEATURES = (
    "intercept",
    "item_easiness",
    "knowledge_tracing",
    "ability",
    "kc_ability",
    "recent_success",
    "last_success",
    "kc_recent_success",
    "same_kc",
    "new_kc",
    "item_seen",
)
# Features that rise with a success: their weights must not be negative.
RISING = tuple(
    FEATURES.index(name)
    for name in ("knowledge_tracing", "ability", "kc_ability", "recent_success", "last_success", "kc_recent_success")
)
# Features whose weights must not be negative. Item easiness is one, so that an easier item is never predicted to be
# harder.
NOT_NEGATIVE = (FEATURES.index("item_easiness"), *RISING)
FOLDS = 5
ROUNDS = 3
STRENGTHS = (3.0, 8.0, 20.0, 60.0)
PRECISIONS = (1.0, 2.5, 6.0, 15.0)
KC_PRECISION = 0.3
# What the weights are shrunk toward, and how strongly. Without further evidence, the log-odds are the item's easiness.
USUAL = np.array([1.0 if name == "item_easiness" else 0.0 for name in FEATURES])
RIDGE = 1.0
# Responses that the regression processes at once.
BLOCK = 20_000

# Steps of ability: large at first and never zero, because learners change.
ABILITY_STEP, ABILITY_DECAY, ABILITY_FLOOR = 1.2, 0.08, 0.03
KC_STEP, KC_DECAY, KC_FLOOR = 1.2, 0.15, 0.05
# The share of recent success kept at each further response, and the number of responses that "none yet" counts as.
RECENT, RECENT_PSEUDO = 0.98, 2.0
KC_RECENT, KC_RECENT_PSEUDO = 0.7, 1.0


@dataclass(frozen=True)
class Easiness:
    """Log-odds of success at an item: ``mean``, plus the mean over its KCs (KCs,), plus its own deviation (items,)."""

    mean: float
    knowledge_component: Floats
    item: Floats

    def of_items(self, pairs: Pairs) -> Floats:
        return self.mean + pairs.mean_by_item(self.knowledge_component[pairs.knowledge_component]) + self.item


@dataclass(frozen=True)
class Hybrid:
    """The fitted model. ``weights`` has one entry for each of FEATURES; ``strength`` and ``precision`` were chosen."""

    parameters: BktParameters
    easiness: Easiness
    weights: Floats
    strength: float
    precision: float

    def predict(self, responses: Responses) -> Floats:
        """The probability of success before each response, from the learner's own past alone; shape (responses,)."""
        return _sigmoid(self.features(responses) @ self.weights)

    def features(self, responses: Responses) -> Floats:
        """The terms whose weighted sum is the log-odds, shape (responses, features). They explain a prediction."""
        return _features(responses, self.easiness.of_items(responses.pairs)[responses.item], self._tracing(responses))

    def _tracing(self, responses: Responses) -> Floats:
        return _log_odds(trace(responses, self.parameters, float(_sigmoid(np.array(self.easiness.mean)))).success)


def fit(responses: Responses, *, fold: Integers, progress: Steps = silent) -> Hybrid:
    """Fits everything to these responses.

    ``fold``, shape (learners,), in [0, FOLDS), splits learners for cross-validation and cross-fitting. Raises
    ValueError if there are no responses.
    """
    if not responses.item.size:
        raise ValueError("there are no responses to fit to")
    steps = _Steps(progress, total=len(STRENGTHS) * FOLDS + 1 + (ROUNDS + len(PRECISIONS)) * FOLDS + ROUNDS + 1)
    score = responses.score
    mean = float(_log_odds(np.clip(score.mean(), 0.01, 0.99)))
    base = float(_sigmoid(np.array(mean)))

    # Knowledge tracing of learners that its parameters have not seen, at the best of several strengths of shrinkage.
    # Folds are processed one at a time: the opportunities of one fold take as much memory as all responses.
    traced = {strength: np.full(score.size, base) for strength in STRENGTHS}
    without = {strength: [default_parameters(responses.pairs)] * FOLDS for strength in STRENGTHS}
    for held in range(FOLDS):
        kept, left_out = responses.of(fold != held), responses.of(fold == held)
        for strength in STRENGTHS:
            if kept.item.size:
                parameters = estimate_em(kept, strength=strength)
                traced[strength][fold[responses.learner] == held] = trace(left_out, parameters, base).success
                without[strength][held] = parameters
            steps.done()
    strength = min(STRENGTHS, key=lambda each: _loss(score, traced[each]))
    tracing = _log_odds(traced[strength])
    parameters = estimate_em(responses, strength=strength)
    steps.done()

    def on_top(rest: Floats, weight: float, parameters: BktParameters) -> Floats:
        """The rest of the log-odds plus tracing by these parameters with this weight, shape (responses,)."""
        return rest + weight * _log_odds(trace(responses, parameters, base).success) if weight else rest

    def unseen(precision: float, rest: Floats, weight: float) -> Floats:
        easiness = np.empty(score.size)
        for held in range(FOLDS):
            left_out = fold[responses.learner] == held
            offset = on_top(rest, weight, without[strength][held])[~left_out]
            found = _easiness(responses.of(fold != held), offset, mean, precision)
            easiness[left_out] = found.of_items(responses.pairs)[responses.item[left_out]]
            steps.done()
        return easiness

    # The other terms that item easiness is added to: weighted tracing and everything else. At first there are none.
    rest, weight = np.zeros(score.size), 0.0
    precision = min(PRECISIONS, key=lambda each: _loss(score, _sigmoid(unseen(each, rest, weight))))
    own, of_tracing, best = FEATURES.index("item_easiness"), FEATURES.index("knowledge_tracing"), np.inf
    for _ in range(ROUNDS):
        features = _features(responses, unseen(precision, rest, weight), tracing)
        found = _regression(features, score)
        log_odds = features @ found
        loss = _loss(score, _sigmoid(log_odds))
        if loss < best:
            # Keep the easiness that these weights were fitted to, not a later one.
            best, weights, given = loss, found, (rest, weight)
        weight = float(found[of_tracing])
        rest = log_odds - weight * tracing - found[own] * (features[:, own] - mean) - mean
        del features
        steps.done()
    easiness = _easiness(responses, on_top(*given, parameters), mean, precision)
    steps.done()
    return Hybrid(parameters, easiness, weights, strength, precision)


class Online:
    """One learner's state under a model, updated with O(KCs of the item) work per response.

    For the same history it predicts the same as ``Hybrid.predict``. ``pairs`` must be those of the model.
    """

    def __init__(self, model: Hybrid, pairs: Pairs) -> None:
        self.mastery = clip_probability(model.parameters.prior)
        self._model, self._pairs = model, pairs
        self._easiness = model.easiness.of_items(pairs)
        self._empty = float(_sigmoid(np.array(model.easiness.mean)))
        # There is one learner, so each KC is a chain of its own, and so is each item.
        self._state = _State(1, pairs.knowledge_components, pairs.items)

    def take(self, items: Integers, scores: Floats) -> None:
        """Takes in the learner's scores, in [0, 1], on these items, one after the other; both of shape (responses,)."""
        pairs, parameters = self._pairs, self._model.parameters
        response, pair = pairs.of_items(items)
        self.mastery = fold(
            initial=self.mastery,
            chain=pairs.knowledge_component[pair],
            score=scores[response],
            guess=parameters.guess[pair],
            slip=parameters.slip[pair],
            transit=parameters.transit[pair],
        )
        learner, easiness = np.zeros(1, np.int64), self._easiness[items]
        for at in range(items.size):
            one, item = slice(at, at + 1), int(items[at])
            kcs = pairs.knowledge_component[pairs.first[item] : pairs.first[item + 1]]
            self._state.take(learner, _Chains.of(kcs, np.array([kcs.size])), items[one], scores[one], easiness[one])

    def set_mastery(self, knowledge_component: int, value: float | None) -> None:
        """Sets the learner's mastery of the KC by hand; None sets it back to the prior."""
        given = self._model.parameters.prior[knowledge_component] if value is None else value
        self.mastery[knowledge_component] = clip_probability(given)

    def features(self, items: Integers) -> Floats:
        """The terms whose weighted sum is the log-odds of success at each item, shape (items, features)."""
        parameters, pairs = self._model.parameters, self._pairs
        mastery = self.mastery[pairs.knowledge_component]
        success = mastery * (1.0 - parameters.slip) + (1.0 - mastery) * parameters.guess
        table = np.empty((items.size, len(FEATURES)))
        table[:, 0], table[:, 1] = 1.0, self._easiness[items]
        table[:, 2] = _log_odds(pairs.mean_by_item(success, self._empty))[items]
        learner = np.zeros(items.size, np.int64)
        chains = _Chains.of(pairs.knowledge_component[pairs.of_items(items)[1]], np.diff(pairs.first)[items])
        table[:, 3:] = self._state.before(learner, chains, items)
        return table

    def predict(self, items: Integers) -> Floats:
        """The probability of success at each item if it came next; shape (items,)."""
        return _sigmoid(self.features(items) @ self._model.weights)


class _Steps:
    def __init__(self, progress: Steps, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def done(self) -> None:
        self._done += 1
        self._progress(self._done, self._total)


def _features(responses: Responses, easiness: Floats, tracing: Floats) -> Floats:
    """Computes each row from the state before its response, then updates the state with the response."""
    size, order = responses.item.size, responses.by_learner.order
    chain, kcs = _chains(responses, order)
    _, item_chain = np.unique(
        responses.learner * np.int64(max(responses.pairs.items, 1)) + responses.item, return_inverse=True
    )
    state = _State(responses.learners, int(chain.max(initial=-1)) + 1, int(item_chain.max(initial=-1)) + 1)
    table = np.empty((size, len(FEATURES)))
    table[:, 0], table[:, 1], table[:, 2] = 1.0, easiness, tracing
    first = np.r_[0, np.cumsum(kcs)]
    for step in responses.by_learner.steps():
        at = order[step]
        learner, item = responses.learner[at], item_chain[at]
        chains = _Chains.of(chain[first[step.start] : first[step.stop]], kcs[step])
        table[at, 3:] = state.before(learner, chains, item)
        state.take(learner, chains, item, responses.score[at], easiness[at])
    return table


def _chains(responses: Responses, order: Integers) -> tuple[Integers, Integers]:
    """The chains (learner and KC) of each response, in this order, and the number of chains of each response, shape
    (responses,).
    """
    pairs, opportunities = responses.pairs, responses.opportunities
    count = np.diff(pairs.first)[responses.item]
    start = np.empty(count.size, dtype=np.int64)
    start[order] = np.cumsum(count[order]) - count[order]
    # Where a response's pairs would begin if they were numbered like its item's.
    start -= pairs.first[responses.item]
    chain = np.empty(opportunities.chain.size, dtype=np.int64)
    chain[start[opportunities.response] + opportunities.pair] = opportunities.chain
    return chain, count[order]


@dataclass(frozen=True)
class _Chains:
    """The chains of some responses, one response after the other, and the response of each chain, both of shape
    (chains,).

    ``count``, shape (responses,), is the number of chains of each response.
    """

    chain: Integers
    response: Integers
    count: Integers

    @classmethod
    def of(cls, chain: Integers, count: Integers) -> "_Chains":
        return cls(chain, np.repeat(np.arange(count.size), count), count)

    def mean(self, value: Floats) -> Floats:
        """The mean of the chains' values for each response; 0 for a response without chains."""
        average: Floats = np.bincount(self.response, value, self.count.size) / np.maximum(self.count, 1)
        return average


class _State:
    """The state of learners, shape (learners,), and of learners' KCs, shape (chains,)."""

    def __init__(self, learners: int, chains: int, item_chains: int) -> None:
        self.ability, self.responses = np.zeros(learners), np.zeros(learners)
        self.recent, self.recent_weight = np.zeros(learners), np.zeros(learners)
        self.last = np.zeros(learners)
        self.kc_ability, self.kc_responses = np.zeros(chains), np.zeros(chains)
        self.kc_recent, self.kc_recent_weight = np.zeros(chains), np.zeros(chains)
        # How many responses the learner had after last practising the KC.
        self.kc_last = np.full(chains, -1.0)
        self.seen = np.zeros(item_chains)

    def before(self, learner: Integers, chains: _Chains, item: Integers) -> Floats:
        chain, mean = chains.chain, chains.mean
        recent = self.kc_recent[chain] / (self.kc_recent_weight[chain] + KC_RECENT_PSEUDO)
        just_now = self.kc_last[chain] == self.responses[learner][chains.response]
        return np.stack(
            (
                self.ability[learner],
                mean(self.kc_ability[chain]),
                self.recent[learner] / (self.recent_weight[learner] + RECENT_PSEUDO),
                self.last[learner],
                mean(recent),
                mean(just_now.astype(np.float64)),
                mean((self.kc_responses[chain] == 0).astype(np.float64)),
                np.log1p(self.seen[item]),
            ),
            axis=1,
        )

    def take(self, learner: Integers, chains: _Chains, item: Integers, score: Floats, easiness: Floats) -> None:
        own, response = chains.chain, chains.response
        expected = easiness + self.ability[learner] + chains.mean(self.kc_ability[own])
        surprise, above = score - _sigmoid(expected), score - _sigmoid(easiness)
        step = ABILITY_STEP / (1.0 + ABILITY_DECAY * self.responses[learner]) + ABILITY_FLOOR
        self.ability[learner] += surprise * step
        self.responses[learner] += 1.0
        self.recent[learner] = self.recent[learner] * RECENT + above
        self.recent_weight[learner] = self.recent_weight[learner] * RECENT + 1.0
        self.last[learner] = above
        self.seen[item] += 1.0
        self.kc_last[own] = self.responses[learner][response]
        step = KC_STEP / (1.0 + KC_DECAY * self.kc_responses[own]) + KC_FLOOR
        self.kc_ability[own] += surprise[response] * step
        self.kc_responses[own] += 1.0
        self.kc_recent[own] = self.kc_recent[own] * KC_RECENT + above[response]
        self.kc_recent_weight[own] = self.kc_recent_weight[own] * KC_RECENT + 1.0


def _easiness(responses: Responses, offset: Floats, mean: float, precision: float) -> Easiness:
    """The most probable easiness given the other terms of the log-odds, by Newton steps on items and KCs in turn."""
    pairs = responses.pairs
    of_kc, of_item = np.zeros(pairs.knowledge_components), np.zeros(pairs.items)
    response, pair = pairs.of_items(responses.item)
    share = 1.0 / np.diff(pairs.first)[responses.item[response]]
    kc = pairs.knowledge_component[pair]
    for _ in range(12):
        fixed = offset + mean + pairs.mean_by_item(of_kc[pairs.knowledge_component])[responses.item]
        predicted = _sigmoid(fixed + of_item[responses.item])
        slope = np.bincount(responses.item, responses.score - predicted, pairs.items) - precision * of_item
        of_item = of_item + slope / (
            np.bincount(responses.item, predicted * (1.0 - predicted), pairs.items) + precision
        )
        predicted = _sigmoid(fixed + of_item[responses.item])
        rest, curve = responses.score - predicted, predicted * (1.0 - predicted)
        slope = np.bincount(kc, rest[response] * share, of_kc.size) - KC_PRECISION * of_kc
        bend = np.bincount(kc, curve[response] * share, of_kc.size) + KC_PRECISION
        # Full steps of KCs that share items would overshoot together.
        of_kc = of_kc + 0.7 * slope / bend
    return Easiness(mean, of_kc, of_item)


def _regression(features: Floats, score: Floats) -> Floats:
    """Ridge logistic regression by Newton's method. Weights of NOT_NEGATIVE that would be negative are held at 0."""
    free = np.ones(features.shape[1], dtype=bool)
    while True:
        usual = USUAL[free]
        weights = usual
        for _ in range(25):
            slope, bend = RIDGE * (weights - usual), RIDGE * np.eye(weights.size)
            # In blocks, because a weighted copy of all features would take as much memory as the features do.
            for start in range(0, score.size, BLOCK):
                used = features[start : start + BLOCK, free]
                predicted = _sigmoid(used @ weights)
                slope += used.T @ (predicted - score[start : start + BLOCK])
                bend += (used * (predicted * (1.0 - predicted))[:, None]).T @ used
            step = np.linalg.solve(bend, slope)
            weights = weights - step
            if np.abs(step).max() < 1e-8:
                break
        found = np.zeros(features.shape[1])
        found[free] = weights
        negative = [index for index in NOT_NEGATIVE if found[index] < 0.0]
        if not negative:
            return found
        free[min(negative, key=found.__getitem__)] = False


def _loss(score: Floats, predicted: Floats) -> float:
    inside = np.clip(predicted, 1e-6, 1.0 - 1e-6)
    return float(-np.mean(score * np.log(inside) + (1.0 - score) * np.log1p(-inside)))


def _sigmoid(log_odds: Floats) -> Floats:
    # Beyond this the exponential would overflow; the answer there is 0 anyway.
    return 1.0 / (1.0 + np.exp(np.minimum(-log_odds, 700.0)))


def _log_odds(probability: Floats) -> Floats:
    inside = np.clip(probability, 1e-4, 1.0 - 1e-4)
    result: Floats = np.log(inside / (1.0 - inside))
    return result
