"""Estimates what another policy would have earned, from the recorded decisions."""

import math
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db.models import Max
from django.utils import timezone

from adaptivity.engine.off_policy import Estimate, doubly_robust, inverse_propensity, rewards_expected, self_normalised
from adaptivity.engine.parameters import Floats
from adaptivity.engine.policies import POLICIES
from adaptivity.engine.receipts import decide
from adaptivity.engine.recommendation import Outcome, Recommendation
from adaptivity.errors import InvalidInput, Stopped
from adaptivity.models import Collection, DecisionReceipt, Score
from adaptivity.progress import Progress, Stop, never, silent
from adaptivity.recommendation.jobs.replay import RestoredDecision, restored

# An estimate worth fewer decisions than this says nothing about its own precision.
LEAST_EFFECTIVE = 10.0


def off_policy(
    *,
    collection_id: str,
    policy: str,
    hours: float = 24.0,
    since: datetime | None = None,
    progress: Progress = silent,
    stop: Stop = never,
) -> dict[str, Any]:
    """What the policy, with the settings that were in force, would have earned in the collection, as JSON.

    The reward of a decision is the learner's first score on the recommended activity within ``hours`` of it, and 0 if
    there is none. Only decisions whose ``hours`` are over count. Decisions at which the policy would have ended the
    collection do not count; ``ended`` is their number.

    Of several receipts with the same learner, history and recommended activity, only the last counts. A learner who
    asks again before the next score gets the same decision, with one score to follow it. Which receipt counts depends
    on no reward.

    Raises InvalidInput, Collection.DoesNotExist, and Stopped.
    """
    if policy not in POLICIES:
        raise InvalidInput(f"is not one of {', '.join(POLICIES)}", field="policy")
    if not (math.isfinite(hours) and hours > 0.0):
        raise InvalidInput("must be more than 0", field="hours")
    collection = Collection.objects.get(collection_id=collection_id)
    window = timedelta(hours=hours)
    recommended = DecisionReceipt.objects.filter(collection=collection, outcome=Outcome.RECOMMENDED.value)
    if since is not None:
        recommended = recommended.filter(at__gte=since)
    asked = recommended.count()
    last = recommended.order_by().values("learner", "history", "activity").annotate(last=Max("pk")).values("last")
    recommended = recommended.filter(pk__in=last)
    repeated = asked - recommended.count()
    over = timezone.now() - window
    receipts = recommended.filter(at__lt=over)
    rows: list[tuple[float, ...]] = []
    total, ended, unreadable, done = receipts.count(), 0, 0, 0
    for receipt, found in restored(receipts):
        if stop():
            raise Stopped("stopped; nothing was saved, run it again")
        done += 1
        progress("estimating", done, total)
        if found is None:
            unreadable += 1
            continue
        other = decide(found.content, found.decision, replace(found.decision.settings, policy=policy))
        if other.item is None:
            ended += 1
            continue
        rows.append((_reward(receipt, window), *_against(found, other), receipt.learner_id))
    report: dict[str, Any] = {
        "collection": collection_id, "policy": policy, "hours": hours, "decisions": len(rows), "ended": ended,
        "repeated": repeated, "unreadable": unreadable, "pending": recommended.filter(at__gte=over).count(),
    }  # fmt: skip
    if not rows:
        return {**report, "agreeing": 0, "mean_weight": None, "logged_reward": None, "estimates": {}}
    reward, logged, target, feature, feature_of_target, learner = np.array(rows).T
    learners = learner.astype(np.int64)
    expected, expected_of_target = rewards_expected(feature, reward, learners, feature_of_target)
    estimates = {
        "inverse_propensity": inverse_propensity(reward, logged, target, learners),
        "self_normalised": self_normalised(reward, logged, target, learners),
        "doubly_robust": doubly_robust(
            reward, logged, target, learners, expected=expected, expected_of_target=expected_of_target
        ),
    }
    return {
        **report,
        "agreeing": int(np.count_nonzero(target > 0.0)),
        "mean_weight": float((target / logged).mean()),
        "logged_reward": float(reward.mean()),
        "estimates": {name: _shown(each) for name, each in estimates.items()},
    }


def _shown(estimate: Estimate) -> dict[str, float | None]:
    """An estimate as JSON. If it rests on few decisions it has no standard error, because that would be understated."""
    shown = {key: None if math.isnan(value) else value for key, value in asdict(estimate).items()}
    return shown | ({} if estimate.effective >= LEAST_EFFECTIVE else {"standard_error": None})


def _reward(receipt: DecisionReceipt, window: timedelta) -> float:
    scores = Score.objects.filter(
        learner=receipt.learner_id,
        activity=receipt.activity,
        timestamp__gte=receipt.at,
        timestamp__lt=receipt.at + window,
    )
    return scores.order_by("timestamp", "arrival").values_list("score", flat=True).first() or 0.0


def _against(found: RestoredDecision, other: Recommendation) -> tuple[float, float, float, float]:
    """Logged and target propensity of the chosen item, its expected success, and that of the other policy's choice."""
    item = int(np.searchsorted(found.activity_ids, found.receipt.activity or 0))
    success = _success(found)
    of_other = float((other.propensity * success[other.candidates]).sum())
    place = np.flatnonzero(other.candidates == item)
    target = float(other.propensity[place[0]]) if place.size else 0.0
    return float(found.receipt.propensity or 0.0), target, float(success[item]), of_other


def _success(found: RestoredDecision) -> Floats:
    """The mean over each item's KCs of p(1 - s) + (1 - p)g, shape (items,); 0.5 for an item without KCs."""
    content, mastery = found.content, found.decision.learner.mastery
    p = mastery[content.tag_kc]
    of_tag = p * (1.0 - content.tag_slip) + (1.0 - p) * content.tag_guess
    count = np.bincount(content.tag_item, minlength=content.include_adaptive.size)
    total = np.bincount(content.tag_item, of_tag, content.include_adaptive.size)
    return np.where(count > 0, total / np.maximum(count, 1), 0.5)
