"""A fitted model with names: kept as arrays, and asked about items that it knows and others."""

import numpy as np
import pytest

from adaptivity.engine import prediction
from adaptivity.engine.parameters import DEFAULT_GUESS, DEFAULT_SLIP, DEFAULT_TRANSIT
from adaptivity.engine.prediction import Online
from adaptivity.engine.predictor import Predictor
from adaptivity.engine.receipts import pack, unpack
from adaptivity.engine.responses import Pairs, Responses

ACTIVITIES = np.array([3, 10, 11, 40, 41])
KCS = np.array([7, 8, 30])
TAGS = [(0,), (0, 1), (1,), (2,), ()]


@pytest.fixture(scope="module")
def predictor():
    random = np.random.default_rng(3)
    learner = np.repeat(np.arange(60), 20)
    item = random.integers(0, 5, learner.size)
    score = (random.random(learner.size) < np.array([0.9, 0.7, 0.5, 0.3, 0.6])[item]).astype(float)
    pairs = Pairs.of(TAGS, KCS.size)
    model = prediction.fit(Responses(learner, item, score, pairs, 60), fold=np.arange(60) % prediction.FOLDS)
    return Predictor(model, pairs, ACTIVITIES, KCS)


def practised(model, pairs, *history):
    online = Online(model, pairs)
    online.take(np.array([item for item, _ in history], dtype=np.int64), np.array([score for _, score in history]))
    return online


def test_what_was_kept_as_bytes_predicts_the_same_bit_for_bit(predictor):
    again = Predictor.of_arrays(unpack(pack(predictor.arrays())))

    before = practised(predictor.model, predictor.pairs, (1, 0.5), (0, 1.0)).predict(np.arange(5))
    after = practised(again.model, again.pairs, (1, 0.5), (0, 1.0)).predict(np.arange(5))

    assert np.array_equal(before, after)
    assert np.array_equal(again.activity, ACTIVITIES)


def test_a_model_with_other_features_is_refused(predictor):
    arrays = predictor.arrays()

    with pytest.raises(ValueError, match="features that this engine does not know"):
        Predictor.of_arrays(arrays | {"version": np.array(2)})
    with pytest.raises(ValueError, match="features that this engine does not know"):
        Predictor.of_arrays(arrays | {"weights": arrays["weights"][:-1]})


def test_some_items_are_predicted_as_among_all(predictor):
    """Items 10 and 40 alone, with the KCs that they have, in another order."""
    pairs = Pairs.of([(0,), (1, 2)], 3)
    model = predictor.among(np.array([40, 10]), pairs, np.array([30, 7, 8]), np.full(3, 0.5))

    found = practised(model, pairs, (1, 1.0)).predict(np.array([0, 1]))

    expected = practised(predictor.model, predictor.pairs, (1, 1.0)).predict(np.array([3, 1]))
    assert found == pytest.approx(expected, abs=1e-12)


def test_an_unknown_item_is_like_its_kcs_and_an_unknown_kc_like_all(predictor):
    pairs = Pairs.of([(0,), (1,), ()], 2)
    model = predictor.among(np.array([5, 6, 9]), pairs, np.array([7, 99]), np.array([0.5, 0.25]))

    of_kc = predictor.pairs.knowledge_component == 0
    whole = predictor.model.parameters
    assert model.parameters.guess == pytest.approx([whole.guess[of_kc].mean(), DEFAULT_GUESS])
    assert model.parameters.slip == pytest.approx([whole.slip[of_kc].mean(), DEFAULT_SLIP])
    assert model.parameters.transit == pytest.approx([whole.transit[of_kc].mean(), DEFAULT_TRANSIT])
    assert model.parameters.prior.tolist() == [whole.prior[0], 0.25]
    assert model.easiness.knowledge_component.tolist() == [predictor.model.easiness.knowledge_component[0], 0.0]
    assert model.easiness.item.tolist() == [0.0, 0.0, 0.0]
    found = practised(model, pairs).predict(np.arange(3))
    assert np.all((found > 0.0) & (found < 1.0))


def test_an_item_that_has_another_kc_now_is_traced_by_that(predictor):
    pairs = Pairs.of([(0,)], 1)
    model = predictor.among(np.array([3]), pairs, np.array([30]), np.array([0.5]))

    of_kc = predictor.pairs.knowledge_component == 2
    assert model.parameters.guess == pytest.approx([predictor.model.parameters.guess[of_kc].mean()])
    assert model.easiness.item.tolist() == [predictor.model.easiness.item[0]]


def test_a_model_of_items_without_kcs_can_be_asked_about_one_with():
    learner = np.repeat(np.arange(20), 3)
    pairs = Pairs.of([()], 0)
    responses = Responses(learner, np.zeros(60, np.int64), np.tile([1.0, 0.0, 1.0], 20), pairs, 20)
    predictor = Predictor(
        prediction.fit(responses, fold=np.arange(20) % prediction.FOLDS), pairs, np.array([1]), np.zeros(0, np.int64)
    )
    now = Pairs.of([(0,)], 1)

    model = predictor.among(np.array([1]), now, np.array([4]), np.array([0.3]))

    assert model.parameters.prior.tolist() == [0.3]
    assert 0.0 < practised(model, now, (0, 1.0)).predict(np.array([0]))[0] < 1.0
