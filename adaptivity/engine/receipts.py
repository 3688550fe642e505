"""A recommendation as a record from which it can be made again, bit for bit."""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaptivity.engine.recommendation import Recommendation, recommend
from adaptivity.engine.scoring import CollectionContent, EngineSettings, LearnerState

Arrays = Mapping[str, NDArray[Any]]


def pack(arrays: Arrays) -> bytes:
    """Named arrays as bytes, compressed."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **dict(arrays))  # type: ignore[arg-type]  # the stub takes a flag among the arrays
    return buffer.getvalue()


def unpack(data: bytes) -> dict[str, NDArray[Any]]:
    """What ``pack`` was given. Raises ValueError for other bytes."""
    with np.load(io.BytesIO(data), allow_pickle=False) as found:
        return {name: found[name] for name in found.files}


def digest(arrays: Arrays) -> str:
    """32 hexadecimal digits that differ where any name, type, shape or bit does."""
    found = hashlib.blake2b(digest_size=16)
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        found.update(f"{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        found.update(array.tobytes())
    return found.hexdigest()


def content_arrays(content: CollectionContent) -> dict[str, NDArray[Any]]:
    """The content as named arrays; the number of KCs is one of them."""
    return {field.name: np.asarray(getattr(content, field.name)) for field in fields(content)}


def content_of(arrays: Arrays) -> CollectionContent:
    """The content of ``content_arrays``. Raises KeyError where an array is missing."""
    values: dict[str, Any] = {field.name: arrays[field.name] for field in fields(CollectionContent)}
    return CollectionContent(**values | {"kc_count": int(values["kc_count"])})


def outcome_digest(found: Recommendation) -> str:
    """A digest of everything that was answered: outcome, item, candidates, sub-scores and propensities."""
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
    """What a recommendation was made from, beside the content; ``seed`` is that of its generator."""

    learner: LearnerState
    settings: EngineSettings
    counted: int
    max_problems: int | None
    stop_on_mastery: bool
    seed: int


def decide(content: CollectionContent, decision: Decision, settings: EngineSettings | None = None) -> Recommendation:
    """The recommendation again, or what other settings would have recommended."""
    return recommend(
        content,
        decision.learner,
        settings or decision.settings,
        counted=decision.counted,
        max_problems=decision.max_problems,
        stop_on_mastery=decision.stop_on_mastery,
        generator=np.random.Generator(np.random.PCG64(decision.seed)),
    )
