"""Measures how often the promotion gate accepts an equal version and a better one: ``python -m benchmarks.gate``.

The number of each drawn learner's responses is lognormal. There are four kinds of differences:

*scores*: The versions predict 0.9 and 0.8 for everybody. The share of successes is where both lose the same in
    expectation, or above it. It varies between learners.
*even* and *heavy*: The differences themselves are drawn.
*skewed*: They are drawn, too. The version is slightly better for nine learners out of ten, and far worse for the tenth.
"""

import argparse
from collections.abc import Callable

import numpy as np

from adaptivity.engine.parameters import Floats, Integers
from adaptivity.engine.promotion import LEVEL, improvement

SIZES = (30, 60, 120, 200)
# How much better the better version is: in standard deviations of the differences, and for scores in the share of
# successes.
BETTER, BETTER_SHARE = 0.5, 0.05
# The share of successes at which the log losses of 0.9 and 0.8 are equal in expectation.
EQUAL_SHARE = float(np.log(2.0) / (np.log(2.0) + np.log(0.9 / 0.8)))

# Called with each learner's number of responses, whether the version is better (0 or 1), and a generator; returns the
# gains.
Draw = Callable[[Integers, float, np.random.Generator], Floats]


def scores(responses: Integers, better: float, generator: np.random.Generator) -> Floats:
    share = EQUAL_SHARE + BETTER_SHARE * better
    own = generator.beta(4.0 * share, 4.0 * (1.0 - share), responses.size)
    successes = generator.binomial(responses, own)
    gains: Floats = successes * np.log(0.9 / 0.8) + (responses - successes) * np.log(0.1 / 0.2)
    return gains


def even(responses: Integers, better: float, generator: np.random.Generator) -> Floats:
    gains: Floats = (generator.normal(0.0, 0.05, responses.size) + BETTER * 0.05 * better) * np.sqrt(responses)
    return gains


def heavy(responses: Integers, better: float, generator: np.random.Generator) -> Floats:
    gains: Floats = (generator.standard_t(2.5, responses.size) + BETTER * better) * 0.05 * np.sqrt(responses)
    return gains


def skewed(responses: Integers, better: float, generator: np.random.Generator) -> Floats:
    is_good = generator.random(responses.size) < 0.9
    gains: Floats = (np.where(is_good, 0.3, -2.7) + BETTER * 0.9 * better) * 0.05 * responses
    return gains


# The second value is the spread of the logarithm of learners' numbers of responses.
KINDS: dict[str, tuple[Draw, float]] = {
    "scores": (scores, 0.8),
    "even": (even, 1.2),
    "heavy": (heavy, 1.2),
    "skewed": (skewed, 1.2),
}


def accepted(draw: Draw, spread: float, *, learners: int, better: float, runs: int) -> float:
    """The share of ``runs`` versions whose improvement the gate accepts."""
    found = 0
    for run in range(runs):
        generator = np.random.default_rng((run, learners, int(better)))
        responses = (generator.lognormal(2.5, spread, learners) + 1.0).astype(np.int64)
        gains = draw(responses, better, generator)
        low = improvement(candidate=-gains, baseline=np.zeros(learners), responses=responses, generator=generator).low
        found += low is not None and low > 0.0
    return found / runs


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate", description=__doc__)
    parser.add_argument("--runs", type=int, default=2000, help="versions of each kind (default: 2000)")
    runs = parser.parse_args().runs
    print(f"accepted at {LEVEL:.0%}, {runs} versions each")
    print("differences  learners   equal  better")
    for name, (draw, spread) in KINDS.items():
        for learners in SIZES:
            shares = [accepted(draw, spread, learners=learners, better=better, runs=runs) for better in (0.0, 1.0)]
            print(f"{name:<11}{learners:>10}{shares[0]:>8.1%}{shares[1]:>8.1%}", flush=True)


if __name__ == "__main__":
    main()
