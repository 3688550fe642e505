"""How long-running work reports its progress, and asks whether to stop. The caller passes in both functions."""

from collections.abc import Callable

# Called with a phase, how much of it is done, and its total.
Progress = Callable[[str, int, int], None]
# The same within a single phase: how much is done, and the total.
Steps = Callable[[int, int], None]
# Returns whether the work should end, with its results saved.
Stop = Callable[[], bool]


def silent(*_: object) -> None:
    """Progress that is not shown."""


def never() -> bool:
    """Stop for work that nobody can end early."""
    return False
