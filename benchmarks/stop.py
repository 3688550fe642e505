"""Measures how good a stop on mastery can be if the parameters are the true ones: ``python -m benchmarks.stop``.

In these simulated courses each item has one KC, and KCs have no prerequisites. Mastery is then the exact posterior
probability of knowing. The unknown KCs and the over-practice that remain are the price of not seeing what learners
know.
"""

from dataclasses import replace

import numpy as np

from adaptivity.engine.parameters import DEFAULT_DIFFICULTY, difficulty_log_odds, relevance
from adaptivity.engine.policies import CONFIRMATION
from adaptivity.engine.scoring import CollectionContent, EngineSettings
from adaptivity.engine.simulation import FAMILIES, ITEMS_PER_KC, KCS, PRIOR, Belief, Learners, World, run, world

SEED, COURSES, LEARNERS = 77, 12, 60
THRESHOLDS = (0.1, 0.3, 0.5, 0.7, 0.9)


def ideal_course(number: int) -> World:
    """A drawn course without second KCs and prerequisites."""
    drawn = world(FAMILIES["own_model"], np.random.default_rng((SEED, number, 0)))
    tagged = np.zeros_like(drawn.tagged)
    tagged[np.arange(KCS * ITEMS_PER_KC), np.repeat(np.arange(KCS), ITEMS_PER_KC)] = True
    return replace(drawn, tagged=tagged, blocks=np.zeros((KCS, KCS)), authored=np.zeros((KCS, KCS)))


def truth(course: World) -> Belief:
    """The belief of an engine that knows the true course."""
    item, kc = np.nonzero(course.tagged)
    none = np.zeros(0, dtype=np.int64)
    guess, slip = course.guess[item, kc], course.slip[item, kc]
    content = CollectionContent(
        include_adaptive=np.ones(course.easiness.size, dtype=bool),
        kc_count=KCS,
        tag_item=item,
        tag_kc=kc,
        tag_relevance=relevance(guess, slip),
        tag_difficulty=difficulty_log_odds(np.full(item.size, DEFAULT_DIFFICULTY)),
        tag_guess=guess,
        tag_slip=slip,
        tag_transit=course.transit[item, kc],
        kc_dependent=none,
        kc_prerequisite=none,
        kc_strength=np.zeros(0),
        item_dependent=none,
        item_prerequisite=none,
    )
    return Belief(content, np.full(KCS, PRIOR))


def main() -> None:
    print(f"{'threshold':>9}{'confirmed at':>14}{'unknown at stop':>17}{'over-practice':>15}{'items':>7}")
    for threshold in THRESHOLDS:
        found = []
        for number in range(COURSES):
            course = ideal_course(number)
            done = run(
                "stop_on_mastery",
                Learners(FAMILIES["own_model"], course, LEARNERS, np.random.default_rng((SEED, number, 2))),
                truth(course),
                settings=EngineSettings(mastery_threshold=threshold),
                after=40,
                most=course.easiness.size,
                generator=np.random.default_rng((SEED, number, 3)),
            )
            unknown = float(done.unknown[done.stopped].mean()) / KCS
            found.append((unknown, done.over_practice.mean(), done.items.mean()))
        unknown, over, items = np.mean(found, axis=0).tolist()
        confirmed = 1.0 - (1.0 - threshold) / CONFIRMATION
        print(f"{threshold:>9}{confirmed:>14.2f}{unknown:>17.1%}{over:>15.1%}{items:>7.1f}")


if __name__ == "__main__":
    main()
