"""Compares the models of ``manage.py evaluate`` with item response theory on exams: ``python -m benchmarks.exams``.

Learners answer each item once, in one sitting, so there is almost nothing to trace. Only ability and items count. The
reference is the usual analysis of such data: a two-parameter logistic model. Its items are fitted to the same learners
by marginal maximum likelihood. It predicts each answer from the posterior of the learner's ability so far.

The data come from the Debian packages r-cran-psychotools and r-cran-psychtools (R itself is not needed). The package
rdata reads them: ``pip install rdata``. The project does not require it. The argument is R's library of packages, if it
is not /usr/lib/R/site-library.
"""

import csv
import json
import os
import subprocess
import sys
import tempfile
import warnings
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from adaptivity.engine.metrics import Metrics, metrics
from adaptivity.engine.parameters import Floats
from adaptivity.engine.responses import Pairs, Responses, is_held_out

LIBRARY = Path("/usr/lib/R/site-library")
MODELS = ("item_mean", "em", "hybrid")
SETTINGS = {"DJANGO_SETTINGS_MODULE": "config.settings.local", "LOG_LEVEL": "ERROR"}

ABILITY = np.linspace(-4.0, 4.0, 61)
NORMAL = np.exp(-(ABILITY**2) / 2.0) / np.exp(-(ABILITY**2) / 2.0).sum()
ROUNDS = 40
# The strengths of shrinkage of an item's easiness toward the overall mean, and of its discrimination toward 1.
EASINESS_PRECISION, DISCRIMINATION_PRECISION = 0.3, 4.0


def read(library: Path) -> dict[str, tuple[Floats, list[str]]]:
    """Scores, shape (learners, items), with NaN for items that were not answered, and the KCs of each item."""
    import rdata

    classes = {
        **rdata.conversion.DEFAULT_CLASS_MAP,
        "data.frame": lambda value, _: value,
        "itemresp": lambda value, _: value,
        "factor": lambda value, _: value,
        "ordered": lambda value, _: value,
    }

    def convert(parsed: Any) -> Any:
        return rdata.conversion.convert(parsed, constructor_dict=classes)

    def of_file(package: str, name: str) -> Any:
        return convert(rdata.parser.parse_file(library / package / "data" / f"{name}.rda"))[name]

    def of_database(package: str, name: str) -> Any:
        index = convert(rdata.parser.parse_file(library / package / "data" / "Rdata.rdx"))["variables"]
        start, length = map(int, index[name])
        packed = (library / package / "data" / "Rdata.rdb").read_bytes()[start : start + length]
        # The compressed part is preceded by its length in 4 bytes.
        return convert(rdata.parser.parse_data(zlib.decompress(packed[4:])))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exam = np.asarray(of_file("psychotools", "MathExam14W")["credits"], dtype=np.float64) / 2.0
        aggression = np.asarray(of_file("psychotools", "VerbalAggression")["resp2"], dtype=np.float64)
        ability = np.asarray(of_database("psychTools", "ability"), dtype=np.float64)
    return {
        "mathematics exam, half points": (exam, ["mathematics"] * exam.shape[1]),
        "the same, no KCs": (exam, [""] * exam.shape[1]),
        "the same, 150 learners": (exam[:150], ["mathematics"] * exam.shape[1]),
        "the same, 60 learners": (exam[:60], ["mathematics"] * exam.shape[1]),
        "ability test, a KC for four items": (ability, [f"kind {item // 4}" for item in range(ability.shape[1])]),
        "questionnaire, two KCs an item": (
            aggression,
            [f"situation {item % 12 // 3};mode {item // 12}" for item in range(aggression.shape[1])],
        ),
    }


def response_theory(train: Responses, test: Responses) -> Floats:
    """The two-parameter logistic model's online predictions of ``test``. Source: Bock and Aitkin, 1981."""
    items = train.pairs.items
    easiness, discrimination, spread = np.zeros(items), np.ones(items), 1.0

    def success() -> Floats:
        found: Floats = 1.0 / (1.0 + np.exp(-(discrimination[:, None] * spread * ABILITY + easiness[:, None])))
        return found

    for _ in range(ROUNDS):
        likelihood = np.zeros((train.learners, ABILITY.size))
        of_item, score = success()[train.item], train.score[:, None]
        np.add.at(likelihood, train.learner, score * np.log(of_item) + (1.0 - score) * np.log1p(-of_item))
        posterior = NORMAL * np.exp(likelihood - likelihood.max(axis=1, keepdims=True))
        posterior /= posterior.sum(axis=1, keepdims=True)
        there = np.bincount(train.learner, minlength=train.learners) > 0
        weight, right = np.zeros((items, ABILITY.size)), np.zeros((items, ABILITY.size))
        np.add.at(weight, train.item, posterior[train.learner])
        np.add.at(right, train.item, score * posterior[train.learner])
        for _ in range(3):
            found = success()
            bend = weight * found * (1.0 - found)
            slope = (right - weight * found).sum(axis=1) - EASINESS_PRECISION * (easiness - easiness.mean())
            easiness = easiness + slope / (bend.sum(axis=1) + EASINESS_PRECISION)
            found, at = success(), spread * ABILITY
            bend = (weight * found * (1.0 - found) * at**2).sum(axis=1) + DISCRIMINATION_PRECISION
            slope = ((right - weight * found) * at).sum(axis=1) - DISCRIMINATION_PRECISION * (discrimination - 1.0)
            discrimination = np.clip(discrimination + slope / bend, 0.2, 3.0)
        spread *= float(np.sqrt((posterior[there] @ ABILITY**2).mean()))

    predicted, of_item = np.empty(test.item.size), success()
    belief = np.tile(NORMAL, (test.learners, 1))
    for at, (learner, item, score) in enumerate(zip(test.learner, test.item, test.score, strict=True)):
        predicted[at] = belief[learner] @ of_item[item]
        belief[learner] *= of_item[item] ** score * (1.0 - of_item[item]) ** (1.0 - score)
        belief[learner] /= belief[learner].sum()
    return predicted


def reference(scores: Floats) -> Metrics:
    """How good the two-parameter logistic model is on the held-out learners of ``manage.py evaluate``."""
    learners, items = scores.shape
    learner, item = np.nonzero(~np.isnan(scores))
    responses = Responses(learner, item, scores[learner, item], Pairs.of([()] * items, 0), learners)
    held_out = np.array([is_held_out(str(number)) for number in range(learners)])
    test = responses.of(held_out)
    return metrics(test.score, response_theory(responses.of(~held_out), test))


def evaluated(scores: Floats, kcs: list[str], path: Path) -> dict[str, dict[str, float]]:
    """The command's report on a file of these scores, run as in a deployment."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("learner", "item", "kcs", "score"))
        answered = np.argwhere(~np.isnan(scores)).tolist()
        rows.writerows((learner, item, kcs[item], scores[learner, item]) for learner, item in answered)
    command = [sys.executable, "manage.py", "evaluate", str(path), "--json", *(f"--model={name}" for name in MODELS)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env={**os.environ, **SETTINGS})
    found: dict[str, dict[str, float]] = json.loads(done.stdout)["models"]
    return found


def main() -> None:
    library = Path(sys.argv[1]) if len(sys.argv) > 1 else LIBRARY
    try:
        sets = read(library)
    except ImportError:
        sys.exit("benchmarks.exams needs the package rdata to read R's data: pip install rdata")
    except FileNotFoundError as error:
        sys.exit(f"{error.filename} is missing; install the Debian packages r-cran-psychotools and r-cran-psychtools")
    names = (*MODELS, "2PL")
    print(f"{'AUC / log loss':<36}{'learners':>8}{'held-out responses':>20}" + "".join(f"{name:>16}" for name in names))
    with tempfile.TemporaryDirectory() as folder:
        for title, (scores, kcs) in sets.items():
            found = evaluated(scores, kcs, Path(folder) / "scores.csv")
            found["2PL"] = asdict(reference(scores))
            pairs = ((found[name]["auc"], found[name]["log_loss"]) for name in names)
            figures = "".join(f"{f'{auc:.3f} / {log_loss:.3f}':>16}" for auc, log_loss in pairs)
            print(f"{title:<36}{len(scores):>8}{found['2PL']['responses']:>20}{figures}")


if __name__ == "__main__":
    main()
