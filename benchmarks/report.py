"""Turns the outcomes of all rounds into figures and tables."""

from dataclasses import asdict, dataclass
from statistics import median

from benchmarks.load import Outcome
from benchmarks.scenarios import FLOOR, TARGETS, Scenario, Target


@dataclass(frozen=True)
class Rate:
    """A scenario's requests per second (median, least and most of the rounds), and times of all
    rounds in milliseconds.
    """

    scenario: str
    rate: float
    least: float
    most: float
    of_floor: float
    median_ms: float
    p95_ms: float


@dataclass(frozen=True)
class Figure:
    """A target's figure: the median, least and most of the rounds' quotients, and whether the target is reached."""

    title: str
    value: float
    least: float
    most: float
    target: str
    reached: bool


def rates(scenarios: list[Scenario], rounds: list[dict[str, Outcome]]) -> list[Rate]:
    """One row per scenario."""
    result = []
    for scenario in scenarios:
        each = [outcomes[scenario.name].rate for outcomes in rounds]
        times = sorted(taken for outcomes in rounds for taken in outcomes[scenario.name].seconds)
        result.append(
            Rate(
                scenario.name,
                median(each),
                min(each),
                max(each),
                median(outcomes[scenario.name].rate / outcomes[FLOOR].rate for outcomes in rounds),
                1000 * median(times),
                1000 * times[int(0.95 * len(times))],
            )
        )
    return result


def figures(rounds: list[dict[str, Outcome]]) -> list[Figure]:
    """One row per target.

    Each quotient is taken within a round, so that a machine that slows down between rounds does not affect it.
    """
    return [figure(target, rounds) for target in TARGETS]


def figure(target: Target, rounds: list[dict[str, Outcome]]) -> Figure:
    if target.compared is None:
        each = [outcomes[target.scenario].rate / outcomes[FLOOR].rate for outcomes in rounds]
        value, sign, reached = median(each), "≥", median(each) >= target.bound
    else:
        each = [outcomes[target.compared].rate / outcomes[target.scenario].rate for outcomes in rounds]
        value, sign, reached = median(each), "≤", median(each) <= target.bound
    return Figure(target.title, value, min(each), max(each), f"{sign} {target.bound}", reached)


def as_json(rated: list[Rate], reached: list[Figure]) -> dict[str, list[dict[str, object]]]:
    """Both tables as plain data."""
    return {"rates": [asdict(rate) for rate in rated], "targets": [asdict(line) for line in reached]}


def tables(rated: list[Rate], reached: list[Figure]) -> str:
    """Both tables as text."""
    lines = [f"{'requests a second':<34}{'median':>9}{'min-max':>17}{'x floor':>10}{'p50 ms':>9}{'p95 ms':>9}"]
    for rate in rated:
        span = f"{rate.least:.0f}-{rate.most:.0f}"
        lines.append(
            f"{rate.scenario:<34}{rate.rate:>9.0f}{span:>17}{rate.of_floor:>10.2f}"
            f"{rate.median_ms:>9.1f}{rate.p95_ms:>9.1f}"
        )
    lines += ["", f"{'target':<40}{'reach':>9}{'ratio':>9}{'min-max':>15}  result"]
    for line in reached:
        span = f"{line.least:.2f}-{line.most:.2f}"
        result = "pass" if line.reached else "SHORT"
        lines.append(f"{line.title:<40}{line.target:>9}{line.value:>9.2f}{span:>15}  {result}")
    return "\n".join(lines)
