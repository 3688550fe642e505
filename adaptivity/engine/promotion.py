"""The checks of the promotion gate: is an estimated model version better than the one in force?

The gate compares the log loss on learners that no version was fitted to. The random sample consists of learners, not of
responses, so all of a learner's responses count as one observation.
"""

from dataclasses import dataclass

import numpy as np

from adaptivity.engine.metrics import Metrics
from adaptivity.engine.parameters import Booleans, Floats, Integers, log_odds

# The largest probability that the gate accepts a version that is no better.
LEVEL = 0.01
RESAMPLES = 2000
# Indices drawn at once: 2 MB, and as much again for each array computed from them.
CHUNK = 250_000
# A resample whose standard error is below this share of the differences' own has none: the rest is rounding.
ROUNDING = 1e-6
# Fewer held-out learners than this prove nothing.
LEAST_LEARNERS = 30
# A KC with less evidence is starved.
LEAST_KC_RESPONSES, LEAST_KC_LEARNERS = 30, 10
# How far, in log-odds, a starved KC's parameters may be from those in force.
RUNAWAY = 2.0
# If guess and slip add up to this, an answer tells nothing, and the estimate was held at its bound of 0.98.
DEGENERATE = 0.97
# How much worse calibration may be.
CALIBRATION_MARGIN = 0.01


@dataclass(frozen=True)
class Improvement:
    """How much lower the mean log loss (nats per response) is than that of the version in force.

    ``mean`` is the estimate; ``low`` is its lower confidence bound, one-sided at ``level``. Positive is better. ``low``
    is None if too few learners differ from each other for a bound.
    """

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
    """Runs the paired bootstrap-t over learners.

    ``candidate`` and ``baseline`` are the sums of each learner's log losses, ``responses`` their number; all have shape
    (learners,). Raises ValueError if there is no response.

    Log losses are skewed. A version may be slightly better for most learners and far worse for a few who are not among
    the held-out ones. Quantiles of resampled means miss that; quantiles of means in units of their own standard error
    do not. There is no bound if more resamples lack any spread than ``level`` allows to leave out.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 12.5. The mean is a ratio of sums,
    and its standard error is the linearised one.
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
        # How far the resample's own mean is above the overall mean, and the squared residuals from it.
        gained, counted, squares, products, squared = sums @ times.T
        above = gained / counted
        spread = np.sqrt(np.maximum(squares - 2.0 * above * products + above**2 * squared, 0.0)) / counted
        there = spread > ROUNDING * error
        drawn[start : start + size][there] = above[there] / spread[there]
    # No interpolation: there is nothing between a number and infinity.
    beyond = float(np.quantile(drawn, 1.0 - level, method="higher"))
    varies = error > ROUNDING * float(np.sqrt((gain**2).sum())) / total
    low = found - beyond * error if varies and np.isfinite(beyond) else None
    return Improvement(found, low, level, learners, total)


def starved(responses: Integers, learners: Integers) -> Booleans:
    """Which KCs have too little evidence for an estimate of their own; both arguments have shape (KCs,)."""
    result: Booleans = (responses < LEAST_KC_RESPONSES) | (learners < LEAST_KC_LEARNERS)
    return result


def degenerate(guess: Floats, slip: Floats) -> Booleans:
    """Which KCs have answers that tell almost nothing about mastery.

    Both arguments are means over a KC's items, shape (KCs,).
    """
    result: Booleans = guess + slip >= DEGENERATE
    return result


@dataclass(frozen=True)
class KnowledgeComponentHealth:
    """The parameters of each KC in a version and in force, and the evidence for them.

    ``estimated`` and ``in_force`` have shape (KCs, 4): the prior, and the mean guess, slip and transit of the KC's
    items. ``responses`` and ``learners``, shape (KCs,), are what the parameters were estimated from.
    """

    estimated: Floats
    in_force: Floats
    responses: Integers
    learners: Integers

    @property
    def starved(self) -> Booleans:
        """Which KCs have too little evidence, shape (KCs,)."""
        return starved(self.responses, self.learners)

    @property
    def ran_away(self) -> Booleans:
        """Which starved KCs have a parameter further than RUNAWAY from the one in force, shape (KCs,)."""
        distance: Floats = np.abs(log_odds(self.estimated) - log_odds(self.in_force)).max(axis=1, initial=0.0)
        return self.starved & (distance > RUNAWAY)

    @property
    def degenerate(self) -> Booleans:
        """Which KCs have answers that tell almost nothing about mastery, shape (KCs,)."""
        return degenerate(self.estimated[:, 1], self.estimated[:, 2])


@dataclass(frozen=True)
class Check:
    """One condition of the gate, with its result as a sentence."""

    name: str
    passed: bool
    message: str


def gate(
    *, found: Improvement | None, candidate: Metrics | None, baseline: Metrics | None, health: KnowledgeComponentHealth
) -> tuple[Check, ...]:
    """The conditions that a version must meet, in order. Figures are None if no held-out learner has responses."""
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
        text = "cannot be distinguished from"
    if found.low is None:
        bound = "without a confidence bound, because too few learners differ from each other"
    else:
        bound = f"at least {found.low:.5f} with confidence {1.0 - found.level:g}"
    message = (
        f"On held-out learners it {text} the version in force: the improvement of the mean log loss is "
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
            f"learners have parameters more than {RUNAWAY:g} (log-odds) away from those in force.",
        ),
        Check(
            "degenerate",
            not degenerate,
            f"{degenerate} knowledge components have a guess and slip that add up to {DEGENERATE:g} or more.",
        ),
    )
