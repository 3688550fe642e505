"""Numbers as arguments of commands: finite and within their range, or the command ends with 2 and names the option."""

import math
from argparse import ArgumentTypeError
from collections.abc import Callable

# No data is older than a century, and no date overflows by one.
MOST_DAYS = 36_500


def number(*, above: float, at_most: float = math.inf, below: float = math.inf) -> Callable[[str], float]:
    """What makes a finite number of an argument, for ``type=``."""
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
    """What makes a whole number of an argument, for ``type=``."""

    def parsed(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = at_least - 1
        if not at_least <= value <= at_most:
            raise ArgumentTypeError(f"{text!r} is not a whole number from {at_least} to {at_most}")
        return value

    return parsed
