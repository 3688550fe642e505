"""The calibrated probability of success: what it may know, and how it moves."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from adaptivity.engine import prediction
from adaptivity.engine.estimation import default_parameters
from adaptivity.engine.metrics import metrics
from adaptivity.engine.prediction import FEATURES, NOT_NEGATIVE, RISING, Easiness, Hybrid, Online
from adaptivity.engine.responses import Pairs, Responses

LEARNERS, ITEMS, KCS = 120, 40, 5


@pytest.fixture(scope="module")
def responses():
    """Learners of different ability, items of different difficulty, some of two KCs, some of none."""
    random = np.random.default_rng(7)
    tags = [tuple({int(random.integers(KCS)), int(random.integers(KCS))}) if q % 10 else () for q in range(ITEMS)]
    learner = np.repeat(np.arange(LEARNERS), 40)
    item = random.integers(0, ITEMS, learner.size)
    ability, easiness = random.normal(0, 1, LEARNERS), random.normal(0.5, 1, ITEMS)
    practice = np.tile(np.arange(40), LEARNERS) / 40
    chance = 1 / (1 + np.exp(-(ability[learner] + easiness[item] + practice)))
    return Responses(learner, item, (random.random(learner.size) < chance).astype(float), Pairs.of(tags, KCS), LEARNERS)


@pytest.fixture(scope="module")
def fold():
    return np.arange(LEARNERS) // 2 % prediction.FOLDS


@pytest.fixture(scope="module")
def hybrid(responses, fold):
    return prediction.fit(responses.of(np.arange(LEARNERS) % 2 == 0), fold=fold)


def test_it_predicts_learners_that_it_has_not_seen(responses, hybrid):
    unseen = responses.of(np.arange(LEARNERS) % 2 == 1)

    found = metrics(unseen.score, hybrid.predict(unseen))

    mean = metrics(unseen.score, np.full(unseen.score.size, unseen.score.mean()))
    assert found.auc > 0.7
    assert found.log_loss < mean.log_loss - 0.05
    assert found.ece < 0.05


def test_nothing_of_the_future_is_known(responses, hybrid):
    """Whatever is planted from a response on, the predictions up to it stay what they were, bit for bit."""
    before = hybrid.predict(responses)
    position = np.tile(np.arange(40), LEARNERS)
    for moment in (0, 1, 17, 39):
        later = position >= moment
        planted = replace(
            responses,
            score=np.where(later, 1.0 - responses.score, responses.score),
            item=np.where(position > moment, (responses.item + 1) % ITEMS, responses.item),
        )

        after = hybrid.predict(planted)

        assert np.array_equal(after[position <= moment], before[position <= moment])
        if moment < 39:
            assert not np.array_equal(after[position == moment + 1], before[position == moment + 1])


def test_a_leak_would_be_seen(responses, fold):
    """The test above fails where a model looks at a response's own score."""

    def leaking(given):
        return 0.5 + 0.1 * given.score

    planted = replace(responses, score=1.0 - responses.score)
    assert not np.array_equal(leaking(planted), leaking(responses))


def test_one_response_at_a_time_predicts_what_all_at_once_do(responses, hybrid):
    """A learner's state, kept up online, has at every moment the features of the whole history gone through at once."""
    fractional = replace(responses, score=np.round(0.2 + 0.6 * responses.score, 1))
    expected = hybrid.features(fractional)
    for learner in (1, 4):
        online = Online(hybrid, responses.pairs)
        for at in np.flatnonzero(fractional.learner == learner):
            item, score = fractional.item[at], fractional.score[at]

            assert online.features(np.array([3, item, 0]))[1] == pytest.approx(expected[at], abs=1e-9)
            assert online.predict(np.array([item])) == pytest.approx(hybrid.predict(fractional)[at], abs=1e-9)

            online.take(np.array([item]), np.array([score]))


def test_it_does_not_matter_how_many_responses_are_taken_in_at_once(responses, hybrid):
    mine = responses.of(np.arange(LEARNERS) == 7)
    one, all_ = Online(hybrid, responses.pairs), Online(hybrid, responses.pairs)
    for at in range(mine.item.size):
        one.take(mine.item[[at]], mine.score[[at]])

    all_.take(mine.item, mine.score)

    assert np.array_equal(one.features(np.arange(ITEMS)), all_.features(np.arange(ITEMS)))
    assert np.array_equal(one.mastery, all_.mastery)


def test_a_mastery_set_by_hand_is_where_tracing_goes_on_from(responses, hybrid):
    item = int(np.flatnonzero(np.diff(responses.pairs.first) == 1)[0])
    kc = int(responses.pairs.knowledge_component[responses.pairs.first[item]])
    online = Online(hybrid, responses.pairs)
    [unknown] = online.predict(np.array([item]))

    online.set_mastery(kc, 0.99)

    [known] = online.predict(np.array([item]))
    assert known > unknown
    online.set_mastery(kc, None)
    assert online.predict(np.array([item])) == [unknown]


def test_other_learners_do_not_matter(responses, hybrid):
    one = np.arange(LEARNERS) == 5

    alone = hybrid.predict(responses.of(one))

    assert alone == pytest.approx(hybrid.predict(responses)[responses.learner == 5], abs=1e-12)


def test_a_success_never_lowers_the_next_prediction(responses, hybrid):
    assert np.all(hybrid.weights[list(RISING)] >= 0.0)
    position = np.tile(np.arange(40), LEARNERS)
    for moment in (0, 5, 20):
        at = position == moment
        success = hybrid.predict(replace(responses, score=np.where(at, 1.0, responses.score)))
        failure = hybrid.predict(replace(responses, score=np.where(at, 0.0, responses.score)))
        assert np.all((success - failure)[position == moment + 1] >= 0.0)
        assert np.any((success - failure)[position == moment + 1] > 0.0)


def test_half_a_score_lies_between(responses, hybrid):
    position = np.tile(np.arange(40), LEARNERS)
    none, half, full = (
        hybrid.predict(replace(responses, score=np.where(position == 3, score, responses.score)))[position == 4]
        for score in (0.0, 0.5, 1.0)
    )
    assert np.all((none <= half) & (half <= full))


def test_the_prediction_is_the_sum_of_its_features(responses, hybrid):
    table = hybrid.features(responses)

    assert table.shape == (responses.item.size, len(FEATURES))
    assert hybrid.predict(responses) == pytest.approx(1 / (1 + np.exp(-table @ hybrid.weights)), abs=1e-15)


def test_an_item_that_nobody_has_tried_is_as_easy_as_its_kcs(responses, fold):
    tags = [tuple(responses.pairs.knowledge_component[responses.pairs.first[q] : responses.pairs.first[q + 1]])
            for q in range(ITEMS)]  # fmt: skip
    wider = replace(responses, pairs=Pairs.of([*tags, (2,), ()], KCS))

    found = prediction.fit(wider, fold=fold).easiness

    assert np.array_equal(found.item[ITEMS:], [0.0, 0.0])
    easiness = found.of_items(wider.pairs)
    assert easiness[ITEMS] == pytest.approx(found.mean + found.knowledge_component[2])
    assert easiness[ITEMS + 1] == found.mean


def test_nothing_to_fit_to(responses, fold):
    with pytest.raises(ValueError, match="no responses"):
        prediction.fit(responses.of(np.zeros(LEARNERS, dtype=bool)), fold=fold)


def test_the_same_data_give_the_same_model(responses, fold, hybrid):
    again = prediction.fit(responses.of(np.arange(LEARNERS) % 2 == 0), fold=fold)

    assert np.array_equal(again.weights, hybrid.weights)
    assert (again.strength, again.precision) == (hybrid.strength, hybrid.precision)


def answered_once(random, *, learners, items, of, tags, kcs, easy=0.0):
    """Learners of different ability who answer some of the items, each once."""
    item = np.concatenate([random.permutation(items)[:of] for _ in range(learners)])
    learner = np.repeat(np.arange(learners), of)
    chance = 1 / (1 + np.exp(-(random.normal(0, 1, learners)[learner] + random.normal(easy, 1, items)[item])))
    return Responses(
        learner, item, (random.random(item.size) < chance).astype(float), Pairs.of(tags, kcs), learners
    )  # fmt: skip


@pytest.mark.parametrize(
    ("of", "tags", "kcs", "seed"),
    [(5, [(q % 8,) for q in range(20)], 8, 2), (20, [(q,) for q in range(20)], 20, 2)],
    ids=["few answers a learner", "a KC for each item"],
)
def test_an_easier_item_is_never_predicted_to_be_harder(of, tags, kcs, seed):
    """Where tracing explains items as well as easiness does, what they share must not be weighed against itself."""
    data = answered_once(np.random.default_rng(seed), learners=500, items=20, of=of, tags=tags, kcs=kcs)
    model = prediction.fit(data.of(np.arange(500) % 5 > 0), fold=np.arange(500) // 5 % prediction.FOLDS)

    assert np.all(model.weights[list(NOT_NEGATIVE)] >= 0.0)
    assert model.weights[FEATURES.index("item_easiness")] > 0.5
    first = np.array(
        [model.predict(Responses(*(np.array([n]) for n in (0, q, 1.0)), data.pairs, 1)) for q in range(20)]
    )
    easiness = model.easiness.of_items(data.pairs)
    assert np.corrcoef(first[:, 0], easiness)[0, 1] > 0.8


def test_where_nearly_all_succeed_easiness_is_what_deviates_from_that():
    """Of the mean there is nothing left for KCs to say, so that one which is new is as easy as all."""
    tags = [(q % 4,) for q in range(20)]
    data = answered_once(np.random.default_rng(4), learners=300, items=20, of=10, tags=tags, kcs=5, easy=2.5)

    easiness = prediction.fit(data, fold=np.arange(300) % prediction.FOLDS).easiness

    assert easiness.mean > 1.5
    assert abs(easiness.knowledge_component[:4].mean()) < 0.3
    assert easiness.knowledge_component[4] == 0.0


def test_log_odds_beyond_all_measure_are_probabilities(responses, hybrid):
    found = replace(hybrid, weights=hybrid.weights * 1e5).predict(responses)

    assert 0.0 <= found.min() < 1e-300
    assert found.max() == 1.0


def unfitted(pairs):
    """A model of anything whose terms are its features."""
    easiness = Easiness(0.3, np.linspace(-1, 1, pairs.knowledge_components), np.linspace(1, -1, pairs.items))
    return Hybrid(default_parameters(pairs), easiness, np.ones(len(FEATURES)), 8.0, 1.0)


def test_items_of_very_different_numbers_of_kcs_are_each_described_by_their_own():
    """What one response at a time says of an item of 30 KCs, of two, of one and of none, is what all at once say."""
    pairs = Pairs.of([tuple(range(30)), (3,), (), (40, 3), (29,)], 41)
    item = np.array([1, 0, 2, 3, 0, 4, 1, 0])
    responses = Responses(np.zeros(8, np.int64), item, np.array([1.0, 0.0, 1.0, 0.5, 1.0, 0.0, 1.0, 1.0]), pairs, 1)
    model = unfitted(pairs)

    found = model.features(responses)

    online = Online(model, pairs)
    for at in range(item.size):
        assert np.array_equal(online.features(item[[at]])[0, 3:], found[at, 3:])
        assert online.features(item[[at]])[0] == pytest.approx(found[at], abs=1e-12)
        online.take(item[[at]], responses.score[[at]])
    same_kc, new_kc = FEATURES.index("same_kc"), FEATURES.index("new_kc")
    # KC 3 was just practised; after an item without KCs nothing was; then 3 of 40 and 3; of the first item's 30, 3.
    assert found[:, same_kc] == pytest.approx([0, 1 / 30, 0, 0, 1 / 30, 1, 0, 1 / 30])
    assert found[:, new_kc] == pytest.approx([1, 29 / 30, 0, 1 / 2, 0, 0, 0, 0])


def peak_megabytes(work):
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def test_one_item_of_many_kcs_costs_no_more_than_its_own_pairs():
    """A table of 20,000 responses by 1,000 KCs would take 180 MB; a comparison of 1,000 KCs with 1,000, 1 MB each."""
    pairs = Pairs.of([tuple(range(1000)), *[(q % 1000,) for q in range(1999)]], 1000)
    random = np.random.default_rng(1)
    item = random.integers(1, 2000, 20_000)
    item[:10] = 0
    responses = Responses(np.tile(np.arange(100), 200), item, np.ones(20_000), pairs, 100)
    model = unfitted(pairs)

    assert peak_megabytes(lambda: model.features(responses)) < 15
    assert peak_megabytes(lambda: Online(model, pairs).predict(np.array([0, 1]))) < 2
