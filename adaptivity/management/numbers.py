"""Number arguments of commands. If one is not finite or out of range, the command ends with 2 and names the option."""

import math
from argparse import ArgumentTypeError
from collections.abc import Callable

# A century: no data is older, and no date overflows.
MOST_DAYS = 36_500


def number(*, above: float, at_most: float = math.inf, below: float = math.inf) -> Callable[[str], float]:
    """A parser of finite numbers, for ``type=``."""
    end = f"below {below:g}" if below < math.inf else f"at most {at_most:g}"

    def parsed(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and above < value < below and value <= at_most):
            raise ArgumentTypeError(f"{text!r} is not a number above {above:g} and {end}")
        return value

    return parsed


def whole_number(*, at_least: int, at_most: int) -> Callable[[str], int]:
    """A parser of whole numbers, for ``type=``."""

    def parsed(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = at_least - 1
        if not at_least <= value <= at_most:
            raise ArgumentTypeError(f"{text!r} is not a whole number from {at_least} to {at_most}")
        return value

    return parsed
