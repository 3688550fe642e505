"""Pipelines of small steps. ``directory`` is the test's; there the steps meet and record what they did."""

from adaptivity.runs.pipelines.declaration import Pipeline, Step

PARAMETERS = {"directory": None}


def act(name: str, *deeds: str, after: tuple[str, ...] = (), retries: int = 0, timeout: int = 60) -> Step:
    return Step(name, ("act", "{directory}", name, *deeds), after=after, retries=retries, timeout=timeout, pause=0)


# left and right each wait until the other has begun, so they only end if both run at the same time.
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
    "One step after another; the second waits until the test opens the gate.",
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
    "A step that takes too long, and says nothing when it is asked to end.",
    (act("endless", "wait=gate", timeout=1, retries=2), act("behind", after=("endless",))),
    PARAMETERS,
)
PIPELINES = (PARALLEL, CHAIN, BRANCHES, SLOW)
