"""The reference's situations as the arrays that the engine takes."""

import numpy as np

from adaptivity.engine.history import Evidence, Priors, TagTable
from adaptivity.engine.parameters import difficulty_log_odds, relevance
from adaptivity.engine.recommendation import Recommendation, recommend
from adaptivity.engine.scoring import CollectionContent, EngineSettings, LearnerState
from tests.support.reference import Entry, Situation, Tag


def arrays(situation: Situation) -> tuple[CollectionContent, LearnerState, EngineSettings]:
    tags = [(number, kc, tag) for number, item in enumerate(situation.items) for kc, tag in sorted(item.tags.items())]
    tag_item = np.array([number for number, _, _ in tags], dtype=np.int64)
    difficulty = np.array([item.difficulty for item in situation.items], dtype=np.float64)
    blocks = [
        (number, prerequisite)
        for number, item in enumerate(situation.items)
        for prerequisite in sorted(item.prerequisites)
        if situation.items[prerequisite].include_adaptive
    ]
    edges = [(dependent, prerequisite, strength) for (dependent, prerequisite), strength in situation.edges.items()]
    content = CollectionContent(
        include_adaptive=np.array([item.include_adaptive for item in situation.items], dtype=bool),
        kc_count=len(situation.mastery),
        tag_item=tag_item,
        tag_kc=np.array([kc for _, kc, _ in tags], dtype=np.int64),
        tag_relevance=relevance([tag.guess for _, _, tag in tags], [tag.slip for _, _, tag in tags]),
        tag_difficulty=difficulty_log_odds(difficulty)[tag_item],
        tag_guess=np.array([tag.guess for _, _, tag in tags], dtype=np.float64),
        tag_slip=np.array([tag.slip for _, _, tag in tags], dtype=np.float64),
        tag_transit=np.array([tag.transit for _, _, tag in tags], dtype=np.float64),
        kc_dependent=np.array([edge[0] for edge in edges], dtype=np.int64),
        kc_prerequisite=np.array([edge[1] for edge in edges], dtype=np.int64),
        kc_strength=np.array([edge[2] for edge in edges], dtype=np.float64),
        item_dependent=np.array([block[0] for block in blocks], dtype=np.int64),
        item_prerequisite=np.array([block[1] for block in blocks], dtype=np.int64),
    )
    done = np.zeros(len(situation.items), dtype=bool)
    done[sorted(situation.done)] = True
    last_relevance = np.zeros(len(situation.mastery))
    for kc, tag in (situation.last.tags if situation.last else {}).items():
        last_relevance[kc] = relevance(tag.guess, tag.slip)
    state = LearnerState(
        mastery=np.array(situation.mastery, dtype=np.float64), done=done, last_relevance=last_relevance
    )
    return content, state, EngineSettings(*situation.weights, forgiveness=situation.forgiveness)


def recommendation(
    situation: Situation,
    *,
    counted: int = 0,
    max_problems: int | None = None,
    stop_on_mastery: bool = False,
    seed: int = 0,
) -> Recommendation:
    """The engine's recommendation in this situation."""
    content, state, settings = arrays(situation)
    return recommend(
        content,
        state,
        settings,
        counted=counted,
        max_problems=max_problems,
        stop_on_mastery=stop_on_mastery,
        generator=np.random.default_rng(seed),
    )


def log_arrays(logs: dict[int, list[Entry]]) -> Evidence:
    """The learners' logs, each in history order. Positions alternate between the learners."""
    scores: list[tuple[int, int, float, int]] = []
    settings: list[tuple[int, int, float, int]] = []
    for learner, log in logs.items():
        for order, entry in enumerate(log):
            position = order * len(logs) + learner
            if entry.set_kc is None:
                scores.append((learner, entry.activity, entry.score, position))
            else:
                settings.append((learner, entry.set_kc, np.nan if entry.value is None else entry.value, position))
    by_score = np.array(scores, dtype=np.float64).reshape(-1, 4)
    by_setting = np.array(settings, dtype=np.float64).reshape(-1, 4)
    return Evidence(
        score_learner=by_score[:, 0].astype(np.int64),
        score_activity=by_score[:, 1].astype(np.int64),
        score=by_score[:, 2],
        score_position=by_score[:, 3].astype(np.int64),
        set_learner=by_setting[:, 0].astype(np.int64),
        set_knowledge_component=by_setting[:, 1].astype(np.int64),
        set_value=by_setting[:, 2],
        set_position=by_setting[:, 3].astype(np.int64),
    )


def tag_table(tags: dict[int, dict[int, Tag]]) -> TagTable:
    rows = [(activity, kc, tag) for activity, of in sorted(tags.items()) for kc, tag in sorted(of.items())]
    return TagTable(
        activity=np.array([row[0] for row in rows], dtype=np.int64),
        knowledge_component=np.array([row[1] for row in rows], dtype=np.int64),
        guess=np.array([row[2].guess for row in rows], dtype=np.float64),
        slip=np.array([row[2].slip for row in rows], dtype=np.float64),
        transit=np.array([row[2].transit for row in rows], dtype=np.float64),
    )


def prior_table(priors: dict[int, float]) -> Priors:
    kcs = sorted(priors)
    return Priors(np.array(kcs, dtype=np.int64), np.array([priors[kc] for kc in kcs], dtype=np.float64))
