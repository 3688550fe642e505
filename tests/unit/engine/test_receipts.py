"""Records of recommendations as bytes."""

from dataclasses import fields, replace

import numpy as np
import pytest

from adaptivity.engine.policies import POLICIES
from adaptivity.engine.receipts import (
    Decision,
    candidates_pack,
    candidates_unpack,
    content_arrays,
    content_of,
    decide,
    digest,
    outcome_digest,
    pack,
    state_pack,
    state_unpack,
    unpack,
)
from adaptivity.engine.scoring import LearnerState
from tests.support.engine_arrays import arrays
from tests.support.reference import Item, Situation, Tag


@pytest.fixture
def situation():
    tags = [Tag(0.1, 0.15, 0.1), Tag(0.2, 0.1, 0.3)]
    items = [Item({0: tags[0], 1: tags[1]}), Item({1: tags[0]}), Item({1: tags[0]}), Item({0: tags[1]})]
    return arrays(Situation(items=items, mastery=[0.3, 0.30000000000000004], edges={(1, 0): 0.5}))


@pytest.mark.parametrize("policy", list(POLICIES))
def test_a_decision_survives_being_packed_bit_for_bit(situation, policy):
    content, learner, settings = situation
    decision = Decision(learner, replace(settings, policy=policy), 0, None, stop_on_mastery=False, seed=2**100 + 7)
    found = decide(content, decision)
    stored = unpack(pack(content_arrays(content)))

    again = decide(content_of(stored), replace(decision, learner=state_unpack(state_pack(learner))))

    assert outcome_digest(again) == outcome_digest(found)
    assert again.propensity.tobytes() == found.propensity.tobytes()


def state(kcs, items, last=()):
    generator = np.random.default_rng(kcs + items)
    relevance = np.zeros(kcs)
    relevance[list(last)] = generator.random(len(last))
    return LearnerState(generator.random(kcs), generator.random(items) < 0.5, relevance)


@pytest.mark.parametrize("given", [state(0, 0), state(1, 0), state(3, 8, [0, 2]), state(100, 1001, [99])])
def test_a_state_survives_bit_for_bit(given):
    found = state_unpack(state_pack(given))
    for field in fields(given):
        before, after = getattr(given, field.name), getattr(found, field.name)
        assert (after.dtype, after.shape, after.tobytes()) == (before.dtype, before.shape, before.tobytes())


def test_a_state_is_small():
    assert len(state_pack(state(100, 1000, [1, 2, 3]))) == 13 + 8 * 100 + 125 + 12 * 3


def test_other_bytes_are_no_state():
    good = state_pack(state(3, 8, [0, 2]))
    beyond = bytearray(good)
    beyond[-20:-16] = (3).to_bytes(4, "little")
    for bad in (b"", good[:-1], good + b"\0", b"\2" + good[1:], bytes(beyond)):
        with pytest.raises(ValueError, match="not a learner's state"):
            state_unpack(bad)


def test_the_best_candidates_are_named_with_everything_that_spoke_for_them(situation):
    content, learner, settings = situation
    found = decide(content, Decision(learner, settings, 0, None, stop_on_mastery=False, seed=1))
    ids = np.array([11, 12, 13, 14])

    named = candidates_unpack(candidates_pack(found, ids, 3))

    assert named[0]["activity"] == ids[found.item]
    assert [each["propensity"] for each in named] == sorted(found.propensity, reverse=True)[:3]
    for each in named:
        item = int(np.searchsorted(ids, each["activity"]))
        assert [each[field.name] for field in fields(found.scores)] == [
            getattr(found.scores, field.name)[item] for field in fields(found.scores)
        ]
    assert candidates_unpack(b"") == []
    with pytest.raises(ValueError, match="not candidates"):
        candidates_unpack(b"1234567")


def test_the_digest_sees_one_bit(situation):
    content, learner, settings = situation
    decision = Decision(learner, settings, 0, None, stop_on_mastery=False, seed=1)
    found = outcome_digest(decide(content, decision))
    mastery = learner.mastery.copy()
    mastery[0] = np.nextafter(mastery[0], 1.0)
    assert outcome_digest(decide(content, replace(decision, learner=replace(learner, mastery=mastery)))) != found


def test_a_digest_depends_on_names_types_and_shapes():
    one = np.arange(4, dtype=np.int64)
    different = [{"a": one}, {"b": one}, {"a": one.reshape(2, 2)}, {"a": one.astype(np.int32)}, {"a": one + 1}]
    assert len({digest(each) for each in different}) == 5
    assert digest({"a": one, "b": one + 1}) == digest({"b": one + 1, "a": one})
