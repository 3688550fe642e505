"""Runs policies against families of simulated learners."""

from collections.abc import Sequence

from adaptivity.engine.policies import POLICIES
from adaptivity.engine.scoring import EngineSettings
from adaptivity.engine.simulation import AFTER, FAMILIES, ORACLE, PolicyResult
from adaptivity.engine.simulation import simulate as simulate_family
from adaptivity.errors import InvalidInput
from adaptivity.progress import Progress, Stop, never, silent

CHOICES = (*POLICIES, ORACLE)
LEARNERS = 500
MOST_LEARNERS = 1_000_000


def simulate(
    *,
    policies: Sequence[str] = CHOICES,
    families: Sequence[str] = tuple(FAMILIES),
    learners: int = LEARNERS,
    after: int = AFTER,
    mastery_threshold: float = EngineSettings().mastery_threshold,
    seed: int = 0,
    progress: Progress = silent,
    stop: Stop = never,
) -> dict[str, dict[str, PolicyResult]]:
    """The results of each family's learners under each policy, by family and policy.

    The same seed gives the same figures. Raises InvalidInput if a policy or family does not exist or a number is out of
    range, and InterruptedError if ``stop`` returns True.
    """
    for name in policies:
        if name not in CHOICES:
            raise InvalidInput(f"{name!r} is not one of {', '.join(CHOICES)}", field="policy")
    for name in families:
        if name not in FAMILIES:
            raise InvalidInput(f"{name!r} is not one of {', '.join(FAMILIES)}", field="family")
    if not 2 <= learners <= MOST_LEARNERS:
        raise InvalidInput(f"must be from 2 to {MOST_LEARNERS}", field="learners")
    if not 1 <= after <= 1000:
        raise InvalidInput("must be from 1 to 1000", field="items")
    if not 0.0 < mastery_threshold < 1.0:
        raise InvalidInput("must be between 0 and 1", field="mastery-threshold")
    if not 0 <= seed < 2**63:
        raise InvalidInput("must be from 0 to 2^63 - 1", field="seed")
    return {
        name: simulate_family(
            FAMILIES[name],
            list(dict.fromkeys(policies)),
            seed=seed,
            learners=learners,
            after=after,
            settings=EngineSettings(mastery_threshold=mastery_threshold),
            progress=lambda done, total, name=name: progress(name, done, total),  # type: ignore[misc]
            stop=stop,
        )
        for name in dict.fromkeys(families)
    }
