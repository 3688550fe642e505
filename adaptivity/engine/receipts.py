"""A recommendation as a record from which it can be reproduced, bit for bit."""

import hashlib
import io
import struct
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaptivity.engine.parameters import Integers
from adaptivity.engine.recommendation import Recommendation, recommend
from adaptivity.engine.scoring import CollectionContent, EngineSettings, LearnerState

Arrays = Mapping[str, NDArray[Any]]

# The header of a packed learner's state: the number of this format, KCs, items, and KCs of the last item.
STATE_FORM = 1
STATE_HEAD = struct.Struct("<BIII")
SUB_SCORES = ("remediation", "continuity", "difficulty", "readiness", "total")
CANDIDATE = ("activity", *SUB_SCORES, "propensity")


def pack(arrays: Arrays) -> bytes:
    """Packs named arrays into compressed bytes."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **dict(arrays))  # type: ignore[arg-type]  # the stub takes a flag among the arrays
    return buffer.getvalue()


def unpack(data: bytes) -> dict[str, NDArray[Any]]:
    """The arrays that ``pack`` was given. Raises ValueError if the bytes are anything else."""
    with np.load(io.BytesIO(data), allow_pickle=False) as found:
        return {name: found[name] for name in found.files}


def digest(arrays: Arrays) -> str:
    """32 hexadecimal digits that differ if any name, type, shape or bit differs."""
    found = hashlib.blake2b(digest_size=16)
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        found.update(f"{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        found.update(array.tobytes())
    return found.hexdigest()


def content_arrays(content: CollectionContent) -> dict[str, NDArray[Any]]:
    """The content as named arrays, including the number of KCs."""
    return {field.name: np.asarray(getattr(content, field.name)) for field in fields(content)}


def content_of(arrays: Arrays) -> CollectionContent:
    """The content from the arrays of ``content_arrays``. Raises KeyError if an array is missing."""
    values: dict[str, Any] = {field.name: arrays[field.name] for field in fields(CollectionContent)}
    return CollectionContent(**values | {"kc_count": int(values["kc_count"])})


def state_pack(state: LearnerState) -> bytes:
    """Packs a learner's state: 8 bytes for each KC, an eighth for each item, 12 for each KC of the last item."""
    last = np.flatnonzero(state.last_relevance)
    return b"".join(
        (
            STATE_HEAD.pack(STATE_FORM, state.mastery.size, state.done.size, last.size),
            state.mastery.astype("<f8").tobytes(),
            np.packbits(state.done).tobytes(),
            last.astype("<u4").tobytes(),
            state.last_relevance[last].astype("<f8").tobytes(),
        )
    )


def state_unpack(data: bytes) -> LearnerState:
    """The state that ``state_pack`` was given, bit for bit. Raises ValueError if the bytes are anything else."""
    if len(data) < STATE_HEAD.size:
        raise ValueError("not a learner's state")
    form, kcs, items, count = STATE_HEAD.unpack_from(data)
    done_at = STATE_HEAD.size + 8 * kcs
    last_at = done_at + -(-items // 8)
    values_at = last_at + 4 * count
    if form != STATE_FORM or len(data) != values_at + 8 * count:
        raise ValueError("not a learner's state")
    bits = np.frombuffer(data, np.uint8, last_at - done_at, done_at)
    last = np.frombuffer(data, "<u4", count, last_at)
    if count and int(last.max()) >= kcs:
        raise ValueError("not a learner's state")
    last_relevance = np.zeros(kcs)
    last_relevance[last] = np.frombuffer(data, "<f8", count, values_at)
    return LearnerState(
        mastery=np.frombuffer(data, "<f8", kcs, STATE_HEAD.size).astype(np.float64),
        done=np.unpackbits(bits, count=items).astype(bool),
        last_relevance=last_relevance,
    )


def candidates_pack(found: Recommendation, activity_ids: Integers, most: int) -> bytes:
    """Packs at most ``most`` of the best candidates, 56 bytes for each.

    The best have the highest propensity; among equal propensities, the highest total.
    """
    propensity = found.propensity if found.propensity.size else np.zeros(found.candidates.size)
    order = np.lexsort((-found.scores.total[found.candidates], -propensity))[:most]
    items = found.candidates[order]
    columns = [activity_ids[items].astype("<i8")]
    columns += [getattr(found.scores, name)[items].astype("<f8") for name in SUB_SCORES]
    columns.append(propensity[order].astype("<f8"))
    return b"".join(column.tobytes() for column in columns)


def candidates_unpack(data: bytes) -> list[dict[str, float]]:
    """The candidates that ``candidates_pack`` was given: activity, sub-scores, total and propensity of each, best
    first.

    Raises ValueError if the bytes are anything else.
    """
    count, rest = divmod(len(data), 8 * len(CANDIDATE))
    if rest:
        raise ValueError("not candidates")
    values = np.frombuffer(data, "<f8").reshape(len(CANDIDATE), count)
    columns = [np.frombuffer(data, "<i8", count).tolist(), *values[1:].tolist()]
    return [dict(zip(CANDIDATE, row, strict=True)) for row in zip(*columns, strict=True)]


def outcome_digest(found: Recommendation) -> str:
    """A digest of the whole answer: outcome, item, candidates, sub-scores and propensities."""
    scores = {field.name: getattr(found.scores, field.name) for field in fields(found.scores)}
    return digest(
        {
            **scores,
            "outcome": np.frombuffer(found.outcome.value.encode(), dtype=np.uint8),
            "item": np.array(-1 if found.item is None else found.item),
            "candidates": found.candidates,
            "propensity": found.propensity,
        }
    )


@dataclass(frozen=True)
class Decision:
    """The input of a recommendation besides the content; ``seed`` is that of its generator."""

    learner: LearnerState
    settings: EngineSettings
    counted: int
    max_problems: int | None
    stop_on_mastery: bool
    seed: int


def decide(content: CollectionContent, decision: Decision, settings: EngineSettings | None = None) -> Recommendation:
    """Makes the same recommendation again, or the one that other settings would have made."""
    return recommend(
        content,
        decision.learner,
        settings or decision.settings,
        counted=decision.counted,
        max_problems=decision.max_problems,
        stop_on_mastery=decision.stop_on_mastery,
        generator=np.random.Generator(np.random.PCG64(decision.seed)),
    )
