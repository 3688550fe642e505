"""How long work reports what it has done, and asks whether it is to end. Whoever runs it passes both functions in."""

from collections.abc import Callable

# Called with a phase, how much of it is done, and its total.
Progress = Callable[[str, int, int], None]
# The same inside a single phase: how much is done, and the total.
Steps = Callable[[int, int], None]
# Answers whether the work is to end, with what it has done saved.
Stop = Callable[[], bool]


def silent(*_: object) -> None:
    """Progress that nobody sees."""


def never() -> bool:
    """The answer where nobody can ask the work to end."""
    return False
