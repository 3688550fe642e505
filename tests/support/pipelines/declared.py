"""Pipelines of small steps; ``directory`` is the test's, in which the steps meet and leave what they did."""

from adaptivity.runs.pipelines.declaration import Pipeline, Step

PARAMETERS = {"directory": None}


def act(name: str, *deeds: str, after: tuple[str, ...] = (), retries: int = 0, timeout: int = 60) -> Step:
    return Step(name, ("act", "{directory}", name, *deeds), after=after, retries=retries, timeout=timeout, pause=0)


# left and right each wait for the other to have begun: only where both run at the same time does either end.
PARALLEL = Pipeline(
    "parallel",
    "Two steps that meet, and one after both.",
    (
        act("last", after=("left", "right")),
        act("left", "meet=right"),
        act("right", "meet=left"),
    ),
    PARAMETERS,
)
CHAIN = Pipeline(
    "chain",
    "One after another; the second waits until the test opens the gate.",
    (act("first"), act("second", "wait=gate", after=("first",)), act("third", after=("second",))),
    PARAMETERS,
)
BRANCHES = Pipeline(
    "branches",
    "A branch whose first step fails as the test says, and one that does not.",
    (
        act("failing", "exit=code", retries=2),
        act("behind", after=("failing",)),
        act("other"),
        act("behind_other", after=("other",)),
    ),
    PARAMETERS,
)
SLOW = Pipeline(
    "slow",
    "A step that takes longer than it may, and tells nobody when it is asked to end.",
    (act("endless", "wait=gate", timeout=1, retries=2), act("behind", after=("endless",))),
    PARAMETERS,
)
PIPELINES = (PARALLEL, CHAIN, BRANCHES, SLOW)
