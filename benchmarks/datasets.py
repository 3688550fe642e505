"""Runs the models of ``manage.py evaluate`` on other data: ``python -m benchmarks.datasets [FILE]``.

FILE is a file of scores, such as that of ASSISTments 2009-10, of which parts and variations are evaluated. Other sets
are drawn with fixed seeds from an item response model and shaped like real deployments. They include problem sets,
exams, few learners, few answers per learner and a KC for each item. In some, only the held-out learners meet certain
items and KCs. Without FILE, only the drawn sets are evaluated.
"""

import csv
import gzip
import json
import os
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from adaptivity.engine.responses import is_held_out
from benchmarks.exams import MODELS, SETTINGS

# A response: the learner, the item, its KCs separated by ";", and the score.
Row = tuple[str, str, str, float]

# Learners whose responses are varied: enough for meaningful figures, and quickly done.
VARIED = 300


def hashed(*names: object) -> int:
    """A number that is always the same for these names."""
    return zlib.crc32(" ".join(map(str, names)).encode())


def read(path: Path) -> list[Row]:
    """The rows of the file."""
    with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as file:
        return [
            (row["learner"], row["item"], row["kcs"], float(row["score"]))
            for row in csv.DictReader(file)
        ]  # fmt: skip


def variations(rows: list[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Parts of the rows, and variations of the rows of some learners."""
    for title, part in (("half of the learners", 2), ("a tenth", 10), ("a twentieth", 20), ("a fiftieth", 50)):
        yield title, [row for row in rows if hashed("part", row[0]) % part == 0]
    chosen = set(sorted({row[0] for row in rows}, key=lambda learner: hashed("varied", learner))[:VARIED])
    some = [row for row in rows if row[0] in chosen]
    change: dict[str, Callable[[int, Row], Row]] = {
        f"{VARIED} learners": lambda _, row: row,
        "… fractional scores": lambda n, row: (*row[:3], abs(row[3] - hashed("fraction", n) % 3 / 4)),
        "… one KC for all items": lambda _, row: (*row[:2], "all", row[3]),
        "… no KCs": lambda _, row: (*row[:2], "", row[3]),
        "… every item seen once": lambda n, row: (row[0], f"{row[1]} {n}", *row[2:]),
        "… eight KCs an item": lambda _, row: (
            *row[:2],
            ";".join(f"k{(hashed('kc', row[1]) + 5 * n) % 40}" for n in range(8)),
            row[3],
        ),
    }
    for title, changed in change.items():
        yield title, [changed(number, row) for number, row in enumerate(some)]


def drawn(
    seed: int,
    *,
    learners: int,
    items: int,
    answers: int,
    kcs: Callable[[int], str],
    learned: float = 0.0,
    fractional: bool = False,
    easy: float = 0.0,
    unseen: int = 0,
) -> list[Row]:
    """Draws responses with log-odds of ability + easiness + ``learned`` for each earlier answer at the item's KCs.

    Both have a standard normal distribution, easiness around ``easy``. Each item is answered once if there are enough
    items. The last ``unseen`` items are met by held-out learners alone, at every third answer.
    """
    random = np.random.default_rng(seed)
    ability, easiness = random.normal(0.0, 1.0, learners), random.normal(easy, 1.0, items)
    rows: list[Row] = []
    for number in range(learners):
        learner, known = f"u{number}", items - unseen
        order = random.permutation(known)[:answers] if answers <= known else random.integers(0, known, answers)
        practised: dict[str, int] = {}
        for place, item in enumerate(order.tolist()):
            if unseen and is_held_out(learner) and place % 3 == 0:
                item = known + int(random.integers(unseen))
            tags = kcs(item)
            before = practised.get(tags, 0)
            practised[tags] = before + 1
            chance = float(1.0 / (1.0 + np.exp(-(ability[number] + easiness[item] + learned * before))))
            score = float(random.random() < chance)
            if fractional:
                score = float(np.round(random.beta(4.0 * chance + 0.2, 4.2 - 4.0 * chance) * 4.0) / 4.0)
            rows.append((learner, f"q{item}", tags, score))
    return rows


def synthetic() -> Iterator[tuple[str, list[Row]]]:
    """The drawn sets."""

    def among(count: int) -> Callable[[int], str]:
        return lambda item: f"k{item % count}"

    def several(count: int, number: int) -> Callable[[int], str]:
        return lambda item: ";".join(f"k{(item + 5 * n) % count}" for n in range(number))

    def wide(item: int) -> str:
        return ";".join(f"w{n}" for n in range(400)) if item == 0 else f"k{item % 8}"

    def new_kcs(item: int) -> str:
        return f"k{item % 8}" if item < 40 else f"new{item % 4}"

    def own(item: int) -> str:
        return f"k{item}"

    def none(_: int) -> str:
        return ""

    yield "problem sets", drawn(1, learners=1000, items=40, answers=25, kcs=among(8), learned=0.15)
    yield "… one KC", drawn(2, learners=1000, items=15, answers=15, kcs=among(1), learned=0.1)
    yield "… no KCs", drawn(3, learners=1000, items=30, answers=20, kcs=none)
    yield "… four KCs an item", drawn(4, learners=1000, items=40, answers=25, kcs=several(12, 4))
    yield "… one item of 400 KCs", drawn(15, learners=1000, items=40, answers=25, kcs=wide)
    yield "five answers of each learner", drawn(15, learners=1000, items=40, answers=5, kcs=among(8))
    yield "… of others", drawn(16, learners=1000, items=40, answers=5, kcs=among(8))
    yield "exam, fractional scores", drawn(5, learners=400, items=20, answers=20, kcs=among(5), fractional=True)
    yield "… no KCs", drawn(6, learners=400, items=20, answers=20, kcs=none, fractional=True)
    yield "exam, a KC for each item", drawn(20, learners=300, items=20, answers=20, kcs=own)
    yield (
        "… 12 KCs for each item",
        drawn(19, learners=300, items=20, answers=20, kcs=lambda item: ";".join(f"k{item} {n}" for n in range(12))),
    )
    yield "… 5 of 12 KCs an item", drawn(18, learners=300, items=20, answers=20, kcs=several(12, 5))
    yield "new items, easy ones", drawn(
        21, learners=400, items=60, answers=25, kcs=among(8), easy=1.7, unseen=20
    )  # fmt: skip
    yield "new KCs, easy ones", drawn(22, learners=400, items=60, answers=25, kcs=new_kcs, easy=1.7, unseen=20)
    yield "new KCs, hard ones", drawn(23, learners=400, items=60, answers=25, kcs=new_kcs, easy=-1.5, unseen=20)
    for learners in (60, 20, 10):
        yield f"{learners} learners", drawn(learners, learners=learners, items=15, answers=15, kcs=among(3))
    random = np.random.default_rng(9)
    yield (
        "equal items, 85 % succeed",
        [
            (f"u{learner}", f"q{item}", f"k{item % 10}", float(random.random() < 0.85))
            for learner in range(400)
            for item in random.integers(0, 30, 20).tolist()
        ],
    )
    yield (
        "… half of them new",
        [
            (f"u{learner}", f"q{item + new}", f"k{item % 10 + new}", float(random.random() < 0.85))
            for learner in range(400)
            for place, item in enumerate(random.integers(0, 30, 20).tolist())
            for new in [30 * (place % 2) * is_held_out(f"u{learner}")]
        ],
    )
    yield (
        "chance alone",
        [
            (f"u{learner}", f"q{item}", f"k{item % 4}", float(random.random() < 0.5))
            for learner in range(300)
            for item in range(20)
        ],
    )


def evaluated(rows: list[Row], path: Path) -> dict[str, dict[str, float]]:
    """The command's report on a file of these rows, run as in a deployment."""
    with path.open("w", newline="") as file:
        written = csv.writer(file)
        written.writerow(("learner", "item", "kcs", "score"))
        written.writerows(rows)
    command = [sys.executable, "manage.py", "evaluate", str(path), "--json", *(f"--model={name}" for name in MODELS)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env={**os.environ, **SETTINGS})
    found: dict[str, dict[str, float]] = json.loads(done.stdout)["models"]
    return found


def main() -> None:
    print(
        f"{'AUC / log loss':<32}{'learners':>8}{'held-out responses':>20}" + "".join(f"{each:>16}" for each in MODELS)
    )
    with tempfile.TemporaryDirectory() as folder:
        sets = [variations(read(Path(sys.argv[1])))] if len(sys.argv) > 1 else []
        for title, rows in (each for some in (*sets, synthetic()) for each in some):
            found = evaluated(rows, Path(folder) / "scores.csv")
            pairs = (f"{found[name]['auc']:.3f} / {found[name]['log_loss']:.3f}" for name in MODELS)
            figures = "".join(f"{pair:>16}" for pair in pairs)
            learners, held_out = len({row[0] for row in rows}), int(found[MODELS[0]]["responses"])
            print(f"{title:<32}{learners:>8}{held_out:>20}{figures}", flush=True)


if __name__ == "__main__":
    main()
