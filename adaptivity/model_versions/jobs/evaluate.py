"""Fits models of success to some learners of a file, and compares their predictions for the others."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import numpy as np

from adaptivity.engine import estimation, prediction
from adaptivity.engine.metrics import Metrics, metrics
from adaptivity.engine.parameters import Booleans, Floats, Integers
from adaptivity.engine.responses import Pairs, Responses, fold_of, is_held_out
from adaptivity.errors import InvalidInput
from adaptivity.evidence.readers.csv_scores import read_scores
from adaptivity.evidence.readers.lines import ParsedLine
from adaptivity.progress import Progress, Steps, silent

# The overall mean weighs this many responses in an item's mean.
MEAN_STRENGTH = 5.0
OTHER_CONTENT = "event_id: was used for other content of this learner before"

Predict = Callable[[Responses], Floats]
# Called with the responses to fit, the folds of their learners, and progress; returns the predictor.
Fit = Callable[[Responses, Integers, Steps], Predict]


@dataclass(frozen=True)
class Dataset:
    """A file of scores as arrays; ``names`` are the learners' names.

    Rows that an import would not record are left out. ``refused`` counts those it would refuse, and ``first_refusal``
    is the line and reason of the first. ``repeated`` counts those it would already know.
    """

    responses: Responses
    names: tuple[str, ...]
    refused: int
    first_refusal: str
    repeated: int

    @property
    def held_out(self) -> Booleans:
        """Which learners nothing is fitted to, shape (learners,): those with crc32(id) % 5 == 0."""
        return np.array([is_held_out(name) for name in self.names], dtype=bool)

    @property
    def fold(self) -> Integers:
        """The cross-validation fold of each learner, shape (learners,); independent of ``held_out``."""
        return np.array([fold_of(name, prediction.FOLDS) for name in self.names], dtype=np.int64)


@dataclass(frozen=True)
class ModelResult:
    """How good a model's predictions for held-out learners are, and how long fitting and predicting took."""

    metrics: Metrics
    fit_seconds: float
    responses_a_second: float


def _constant(responses: Responses, _fold: Integers, _progress: Steps) -> Predict:
    mean = float(responses.score.mean())
    return lambda new: np.full(new.item.size, mean)


def _item_mean(responses: Responses, _fold: Integers, _progress: Steps) -> Predict:
    count = np.bincount(responses.item, minlength=responses.pairs.items)
    total = np.bincount(responses.item, responses.score, responses.pairs.items)
    mean = (total + MEAN_STRENGTH * responses.score.mean()) / (count + MEAN_STRENGTH)
    return lambda new: mean[new.item]


def _tracing(
    estimate: Callable[[Responses, Steps], estimation.BktParameters],
) -> Fit:
    def fit(responses: Responses, _fold: Integers, progress: Steps) -> Predict:
        parameters, mean = estimate(responses, progress), float(responses.score.mean())
        return lambda new: estimation.trace(new, parameters, mean).success

    return fit


def _hybrid(responses: Responses, fold: Integers, progress: Steps) -> Predict:
    return prediction.fit(responses, fold=fold, progress=progress).predict


MODELS: dict[str, Fit] = {
    "constant": _constant,
    "item_mean": _item_mean,
    "default": _tracing(lambda responses, _: estimation.default_parameters(responses.pairs)),
    "empirical": _tracing(lambda responses, _: estimation.estimate_empirical(responses)),
    "em": _tracing(lambda responses, progress: estimation.estimate_em(responses, progress=progress)),
    "hybrid": _hybrid,
}


def dataset(path: Path, *, progress: Progress = silent) -> Dataset:
    """The file's responses, each learner's in history order. Raises InvalidInput if the file has none.

    If several rows of a learner have the same event_id, the first one counts, as in an import. The others would only
    repeat a known answer.
    """
    learners: dict[tuple[str, str], int] = {}
    items: dict[str, int] = {}
    kcs: dict[str, int] = {}
    tags: list[tuple[int, ...]] = []
    # Eight bytes per number: a list of rows would take more memory than all later processing.
    learner, answered, score, time = array("q"), array("q"), array("d"), array("d")
    events: dict[tuple[int, str], int] = {}
    refused = repeated = 0
    first_refusal = ""
    end = datetime.now(UTC).timestamp()
    for parsed in _lines(path):
        if parsed.row is None:
            refused += 1
            first_refusal = first_refusal or f"line {parsed.line}: {parsed.reason}"
            continue
        row = parsed.row
        item = items.setdefault(row.item, len(items))
        if item == len(tags):
            # As in an import, the first row of an item determines its KCs.
            tags.append(tuple(kcs.setdefault(kc, len(kcs)) for kc in row.knowledge_components))
        who = learners.setdefault((row.learner, row.guid), len(learners))
        when = row.timestamp.timestamp() if row.timestamp else end
        if row.event_id is not None:
            first = events.setdefault((who, row.event_id), len(score))
            if first < len(score):
                if (answered[first], score[first], time[first]) == (item, row.score, when):
                    repeated += 1
                else:
                    refused += 1
                    first_refusal = first_refusal or f"line {parsed.line}: {OTHER_CONTENT}"
                continue
        learner.append(who)
        answered.append(item)
        score.append(row.score)
        time.append(when)
    progress("reading", len(score), len(score))
    if not score:
        because = f"; {refused} were refused, the first is {first_refusal}" if refused else ""
        raise InvalidInput(f"has no usable row{because}", field=str(path))
    in_order = np.argsort(np.frombuffer(time), kind="stable")
    responses = Responses(
        learner=np.frombuffer(learner, dtype=np.int64)[in_order],
        item=np.frombuffer(answered, dtype=np.int64)[in_order],
        score=np.frombuffer(score)[in_order],
        pairs=Pairs.of(tags, len(kcs)),
        learners=len(learners),
    )
    return Dataset(responses, tuple(name for name, _ in learners), refused, first_refusal, repeated)


def _lines(path: Path) -> Iterator[ParsedLine]:
    """The file's lines. Raises InvalidInput, also if the file cannot be read twice, such as a pipe."""
    try:
        yield from read_scores(path)
    except InvalidInput:
        if path.is_fifo() or path.is_char_device() or path.is_socket():
            raise InvalidInput("is a pipe or device; save it as a file first", field=str(path)) from None
        raise


def evaluate(
    data: Dataset, *, models: Sequence[str] = tuple(MODELS), progress: Progress = silent
) -> dict[str, ModelResult]:
    """Fits each model to the learners that are not held out, and predicts the responses of the others online.

    A prediction depends only on what the same learner did before. Raises InvalidInput for an unknown model, and if
    either side of the split has no learners.
    """
    for name in models:
        if name not in MODELS:
            raise InvalidInput(f"is not one of {', '.join(MODELS)}", field=name)
    held_out = data.held_out
    train, test = data.responses.of(~held_out), data.responses.of(held_out)
    if not train.item.size or not test.item.size:
        side = "held out" if not test.item.size else "to fit to"
        raise InvalidInput(f"the file has too few learners: none is {side}", field="learner")
    results = {}
    for name in models:
        started = perf_counter()
        predict = MODELS[name](train, data.fold, lambda done, total, name=name: progress(name, done, total))  # type: ignore[misc]
        fitted = perf_counter()
        predicted = predict(test)
        seconds = perf_counter() - fitted
        results[name] = ModelResult(
            metrics(test.score, predicted), fitted - started, test.item.size / max(seconds, 1e-9)
        )
    return results
