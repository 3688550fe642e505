"""Whether an estimated model version is better than the one in force: the checks of the promotion gate.

What is compared is the log loss on learners that no version was fitted to. Learners, not responses, are what was drawn
at random, so all of a learner's responses count as one observation.
"""

from dataclasses import dataclass

import numpy as np

from adaptivity.engine.metrics import Metrics
from adaptivity.engine.parameters import Booleans, Floats, Integers, log_odds

# The gate errs with at most this probability when it accepts a version that is no better.
LEVEL = 0.01
RESAMPLES = 2000
# Indices that are drawn at once: 2 MB, and as much for each of what is computed of them.
CHUNK = 250_000
# A resample with less of the differences' own standard error has none: what is left is rounding.
ROUNDING = 1e-6
# Fewer held-out learners than these show nothing.
LEAST_LEARNERS = 30
# A KC with less evidence is starved.
LEAST_KC_RESPONSES, LEAST_KC_LEARNERS = 30, 10
# How far, in log-odds, a starved KC's parameters may lie from those in force.
RUNAWAY = 2.0
# Where guess and slip add up to this, an answer says nothing, and the estimate was held at its bound of 0.98.
DEGENERATE = 0.97
# By how much calibration may be worse.
CALIBRATION_MARGIN = 0.01


@dataclass(frozen=True)
class Improvement:
    """By how much the mean log loss (nats a response) is less than that of the version in force: the estimate and its
    lower confidence bound, one-sided at ``level``. Positive is better. Without ``low``, too few learners differ from
    each other to tell."""

    mean: float
    low: float | None
    level: float
    learners: int
    responses: int


def improvement(
    *,
    candidate: Floats,
    baseline: Floats,
    responses: Integers,
    generator: np.random.Generator,
    level: float = LEVEL,
) -> Improvement:
    """The paired bootstrap-t over learners. ``candidate`` and ``baseline`` are the sums of each learner's log losses
    and ``responses`` how many there are, shape (learners,). Raises ValueError where there is no response.

    Log losses are skewed: a version may be a little better for most and far worse for some who are not among the held
    out. Quantiles of resampled means do not see that; of means in units of their own standard error, they do. Where
    resamples without any spread are more than ``level`` allows to leave out, there is no bound.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 12.5; the mean is a ratio of sums,
    and its standard error the linearised one.
    """
    total = int(responses.sum())
    if not total:
        raise ValueError("there are no responses to compare with")
    gain, learners = baseline - candidate, responses.size
    found = float(gain.sum() / total)
    residual = gain - found * responses
    error = float(np.sqrt((residual**2).sum())) / total
    sums = np.stack((residual, responses, residual**2, residual * responses, responses.astype(np.float64) ** 2))
    drawn = np.full(RESAMPLES, np.inf)
    rows = max(1, CHUNK // learners)
    for start in range(0, RESAMPLES, rows):
        size = min(rows, RESAMPLES - start)
        cell = generator.integers(0, learners, (size, learners)) + np.arange(size)[:, None] * learners
        times = np.bincount(cell.ravel(), minlength=size * learners).reshape(size, learners).astype(np.float64)
        # What the resample's own mean is above that of all, and the residuals from it, squared.
        gained, counted, squares, products, squared = sums @ times.T
        above = gained / counted
        spread = np.sqrt(np.maximum(squares - 2.0 * above * products + above**2 * squared, 0.0)) / counted
        there = spread > ROUNDING * error
        drawn[start : start + size][there] = above[there] / spread[there]
    # Without interpolation: between a number and infinity there is nothing.
    beyond = float(np.quantile(drawn, 1.0 - level, method="higher"))
    varies = error > ROUNDING * float(np.sqrt((gain**2).sum())) / total
    low = found - beyond * error if varies and np.isfinite(beyond) else None
    return Improvement(found, low, level, learners, total)


def starved(responses: Integers, learners: Integers) -> Booleans:
    """Which KCs have too little evidence for an estimate of their own; both arguments have shape (KCs,)."""
    result: Booleans = (responses < LEAST_KC_RESPONSES) | (learners < LEAST_KC_LEARNERS)
    return result


def degenerate(guess: Floats, slip: Floats) -> Booleans:
    """Of which KCs answers say nearly nothing of mastery; both arguments are means over a KC's items, shape (KCs,)."""
    result: Booleans = guess + slip >= DEGENERATE
    return result


@dataclass(frozen=True)
class KnowledgeComponentHealth:
    """A KC's parameters in a version and in force, each shape (KCs, 4): prior, and the mean guess, slip and transit of
    its items; what they were estimated from, each shape (KCs,)."""

    estimated: Floats
    in_force: Floats
    responses: Integers
    learners: Integers

    @property
    def starved(self) -> Booleans:
        """The KCs that have too little evidence, shape (KCs,)."""
        return starved(self.responses, self.learners)

    @property
    def ran_away(self) -> Booleans:
        """The starved KCs with a parameter further than RUNAWAY from the one in force, shape (KCs,)."""
        distance: Floats = np.abs(log_odds(self.estimated) - log_odds(self.in_force)).max(axis=1, initial=0.0)
        return self.starved & (distance > RUNAWAY)

    @property
    def degenerate(self) -> Booleans:
        """The KCs whose answers say nearly nothing of mastery, shape (KCs,)."""
        return degenerate(self.estimated[:, 1], self.estimated[:, 2])


@dataclass(frozen=True)
class Check:
    """One condition of the gate, and what it found in a sentence."""

    name: str
    passed: bool
    message: str


def gate(
    *, found: Improvement | None, candidate: Metrics | None, baseline: Metrics | None, health: KnowledgeComponentHealth
) -> tuple[Check, ...]:
    """The conditions that a version has to meet, in order. Figures are None where no held-out learner has responses."""
    return (*_held_out(found), _calibration(candidate, baseline), *_parameters(health))


def _held_out(found: Improvement | None) -> tuple[Check, ...]:
    learners = found.learners if found else 0
    enough = Check(
        "held_out_learners",
        learners >= LEAST_LEARNERS,
        f"{learners} held-out learners have responses; {LEAST_LEARNERS} are needed.",
    )
    if found is None:
        return (enough, Check("improvement", passed=False, message="Nothing could be compared."))
    is_better = found.low is not None and found.low > 0.0
    if is_better:
        text = "is better than"
    elif found.mean <= 0.0:
        text = "is not better than"
    else:
        text = "cannot be told from"
    if found.low is None:
        bound = "of which too few learners who differ from each other tell too little"
    else:
        bound = f"at least {found.low:.5f} with confidence {1.0 - found.level:g}"
    message = (
        f"On held-out learners it {text} the version in force: its improvement of the mean log loss is "
        f"{found.mean:.5f}, {bound}."
    )
    return (enough, Check("improvement", is_better, message))


def _calibration(candidate: Metrics | None, baseline: Metrics | None) -> Check:
    if candidate is None or baseline is None:
        return Check("calibration", passed=False, message="Nothing could be compared.")
    return Check(
        "calibration",
        candidate.ece <= baseline.ece + CALIBRATION_MARGIN,
        f"The calibration error is {candidate.ece:.4f}, that of the version in force {baseline.ece:.4f}; "
        f"{CALIBRATION_MARGIN:g} more is allowed.",
    )


def _parameters(health: KnowledgeComponentHealth) -> tuple[Check, Check, Check]:
    size = int(health.responses.size)
    ran_away, degenerate = int(health.ran_away.sum()), int(health.degenerate.sum())
    return (
        Check("estimated", size > 0, f"{size} knowledge components were estimated."),
        Check(
            "starved",
            not ran_away,
            f"{ran_away} knowledge components with fewer than {LEAST_KC_RESPONSES} responses or {LEAST_KC_LEARNERS} "
            f"learners have parameters that are further than {RUNAWAY:g} (log-odds) from those in force.",
        ),
        Check(
            "degenerate",
            not degenerate,
            f"Of {degenerate} knowledge components guess and slip add up to {DEGENERATE:g} or more.",
        ),
    )
