"""A fitted model with names: kept as arrays, and asked about items that it knows and others."""

import numpy as np
import pytest

from adaptivity.engine import prediction
from adaptivity.engine.parameters import DEFAULT_PRIOR
from adaptivity.engine.prediction import Online
from adaptivity.engine.receipts import pack, unpack
from adaptivity.engine.responses import Pairs, Responses
from adaptivity.engine.success_model import Predictor

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
    responses = Responses(learner, item, score, pairs, 60)
    model = prediction.fit(responses, fold=np.arange(60) % prediction.FOLDS)
    return Predictor.of(model, responses, ACTIVITIES, KCS)


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
    model = predictor.among(np.array([40, 10]), pairs, np.array([30, 7, 8]))

    found = practised(model, pairs, (1, 1.0)).predict(np.array([0, 1]))

    expected = practised(predictor.model, predictor.pairs, (1, 1.0)).predict(np.array([3, 1]))
    assert found == pytest.approx(expected, abs=1e-12)


def test_an_unknown_item_is_like_its_kcs_and_an_unknown_kc_like_all(predictor):
    pairs = Pairs.of([(0,), (1,), ()], 2)
    model = predictor.among(np.array([5, 6, 9]), pairs, np.array([7, 99]))

    whole, kc, weight = predictor.model.parameters, predictor.pairs.knowledge_component, predictor.pair_responses
    assert weight.tolist() == [268, 230, 230, 242, 242]
    of_kc = np.where(kc == 0, weight, 0.0)
    for name in ("guess", "slip", "transit"):
        value = getattr(whole, name)
        expected = [np.average(value, weights=of_kc), np.average(value, weights=weight)]
        assert getattr(model.parameters, name) == pytest.approx(expected, rel=1e-4)
    mean = np.average(whole.prior, weights=np.bincount(kc, weight))
    assert model.parameters.prior == pytest.approx([whole.prior[0], mean], rel=1e-4)
    assert model.easiness.knowledge_component.tolist() == [predictor.model.easiness.knowledge_component[0], 0.0]
    assert model.easiness.item.tolist() == [0.0, 0.0, 0.0]
    found = practised(model, pairs).predict(np.arange(3))
    assert np.all((found > 0.0) & (found < 1.0))


def test_where_nearly_all_succeed_so_they_do_at_a_new_item_of_a_new_kc():
    random = np.random.default_rng(2)
    learner, item = np.repeat(np.arange(200), 20), random.integers(0, 30, 4000)
    pairs = Pairs.of([(q % 10,) for q in range(30)], 10)
    responses = Responses(learner, item, (random.random(4000) < 0.85).astype(float), pairs, 200)
    model = prediction.fit(responses, fold=np.arange(200) % prediction.FOLDS)
    predictor = Predictor.of(model, responses, np.arange(30), np.arange(10))
    now = Pairs.of([(0,), (1,)], 2)

    asked = predictor.among(np.array([0, 30]), now, np.array([0, 10]))

    found = practised(asked, now).predict(np.array([0, 1]))
    assert found == pytest.approx([0.85, 0.85], abs=0.04)
    traced = now.mean_by_item(asked.parameters.prior * (1 - asked.parameters.slip - asked.parameters.guess))
    assert (traced + asked.parameters.guess)[1] == pytest.approx(0.85, abs=0.04)


def test_a_model_that_was_kept_before_pairs_had_weights_is_read(predictor):
    arrays = predictor.arrays()
    del arrays["pair_responses"]

    assert Predictor.of_arrays(arrays).pair_responses.tolist() == [1.0] * 5


def test_an_item_that_has_another_kc_now_is_traced_by_that(predictor):
    pairs = Pairs.of([(0,)], 1)
    model = predictor.among(np.array([3]), pairs, np.array([30]))

    of_kc = predictor.pairs.knowledge_component == 2
    assert of_kc.sum() == 1
    assert model.parameters.guess == pytest.approx([predictor.model.parameters.guess[of_kc].mean()])
    assert model.easiness.item.tolist() == [predictor.model.easiness.item[0]]


def test_a_model_of_items_without_kcs_can_be_asked_about_one_with():
    learner = np.repeat(np.arange(20), 3)
    pairs = Pairs.of([()], 0)
    responses = Responses(learner, np.zeros(60, np.int64), np.tile([1.0, 0.0, 1.0], 20), pairs, 20)
    predictor = Predictor.of(
        prediction.fit(responses, fold=np.arange(20) % prediction.FOLDS),
        responses,
        np.array([1]),
        np.zeros(0, np.int64),
    )
    now = Pairs.of([(0,)], 1)

    model = predictor.among(np.array([1]), now, np.array([4]))

    assert model.parameters.prior.tolist() == [DEFAULT_PRIOR]
    assert 0.0 < practised(model, now, (0, 1.0)).predict(np.array([0]))[0] < 1.0
