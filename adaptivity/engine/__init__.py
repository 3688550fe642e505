"""The numerics of adaptive learning in pure numpy: arrays in, arrays out; no Django, no I/O.

The names below are what you need from outside. Every learner, item and knowledge component (KC) is an index.
Trace two right answers, then ask what to do next, and how far the learner has come:

>>> import numpy as np
>>> from adaptivity import engine
>>> guess, slip, transit = np.full(3, 0.1), np.full(3, 0.15), np.full(3, 0.1)  # of items 0, 1 and 2
>>> mastery = engine.fold(
...     initial=[0.2, 0.2], chain=[0, 0], score=[1, 1], guess=guess[:2], slip=slip[:2], transit=transit[:2])
>>> mastery.round(3)  # of KC 0, which was practised, and of KC 1
array([0.959, 0.2  ])
>>> content = engine.CollectionContent(
...     include_adaptive=np.ones(3, dtype=bool), kc_count=2,
...     tag_item=np.arange(3), tag_kc=np.array([0, 0, 1]),  # items 0 and 1 practise KC 0, item 2 practises KC 1
...     tag_relevance=engine.relevance(guess, slip), tag_difficulty=engine.difficulty_log_odds(np.full(3, 0.5)),
...     tag_guess=guess, tag_slip=slip, tag_transit=transit,
...     kc_dependent=np.array([1]), kc_prerequisite=np.array([0]), kc_strength=np.array([0.9]),
...     item_dependent=np.zeros(0, dtype=int), item_prerequisite=np.zeros(0, dtype=int))
>>> learner = engine.LearnerState(mastery, done=np.array([True, False, False]), last_relevance=np.zeros(2))
>>> found = engine.recommend(
...     content, learner, engine.EngineSettings(policy="lookahead_gain"), counted=1, max_problems=None,
...     stop_on_mastery=False, generator=np.random.default_rng(1))
>>> found.item
2
>>> round(engine.grade(mastery=mastery, prior=np.full(2, 0.2), done=1, activities=3), 3)
0.5

``estimate_em`` estimates guess, slip, transit and priors from ``Responses``. ``policies.POLICIES`` has the policies by
name. The other modules are for the service; their names may change in any release.
"""

from adaptivity.engine.estimation import estimate_em
from adaptivity.engine.grading import grade
from adaptivity.engine.parameters import difficulty_log_odds, relevance
from adaptivity.engine.recommendation import recommend
from adaptivity.engine.responses import Pairs, Responses
from adaptivity.engine.scoring import CollectionContent, EngineSettings, LearnerState
from adaptivity.engine.tracing import fold

__all__ = [
    "CollectionContent",
    "EngineSettings",
    "LearnerState",
    "Pairs",
    "Responses",
    "difficulty_log_odds",
    "estimate_em",
    "fold",
    "grade",
    "recommend",
    "relevance",
]
