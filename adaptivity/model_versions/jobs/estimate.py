"""Estimates a new model version from the evidence log, in batches of knowledge components, and reports on it."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from django.db import IntegrityError
from django.utils import timezone

from adaptivity.content.selectors.arrays import collection_arrays_under, largest_collections
from adaptivity.content.selectors.parameters import priors, tag_table
from adaptivity.engine import promotion
from adaptivity.engine.estimation import BktParameters, estimate_em, estimate_empirical, trace
from adaptivity.engine.metrics import Metrics, calibration, metrics
from adaptivity.engine.parameters import EPSILON, Booleans, Floats, Integers
from adaptivity.engine.policies import POLICIES
from adaptivity.engine.responses import Pairs, Responses
from adaptivity.engine.simulation import AFTER, Belief, compare_beliefs, recommendable
from adaptivity.errors import InvalidInput, Stopped
from adaptivity.evidence.selectors.log import activities_scored_by, evidence, learners_in_runs
from adaptivity.model_versions.jobs.success_model import success_model
from adaptivity.model_versions.selectors.estimation import (
    KnowledgeComponentResponses,
    LogEnd,
    held_out_learners,
    knowledge_component_health,
    log_end,
    opportunity_counts,
    training_responses,
)
from adaptivity.model_versions.selectors.model_versions import active_version
from adaptivity.model_versions.services.model_versions import (
    EstimatedBatch,
    baseline,
    estimation_batch_save,
    model_version_begin,
    model_version_report,
    purged,
)
from adaptivity.models import EstimationBatch, ModelVersion
from adaptivity.progress import Progress, Steps, Stop, never, silent
from adaptivity.recommendation.selectors.experiments import settings_in_use

# Opportunities in one estimate, at about 300 bytes each: this bounds the memory.
BATCH_OPPORTUNITIES = 100_000
# A KC with more scores than this is estimated from about this many, from learners drawn by a hash. That is precise
# enough, and all of them would not fit in the memory of a job.
MOST_KC_SCORES = 500_000
# Entries of held-out learners that are traced at once.
BATCH_ENTRIES = 50_000
# More responses than this make the comparison no more certain, and would not fit in memory.
MOST_HELD_OUT = 1_000_000
TRIES = 3
# Limits of the simulation of a version's benefit: collections, items times KCs of a collection, and groups.
SIMULATED_COLLECTIONS, SIMULATED_SIZE, SIMULATED_GROUPS = 3, 20_000, 5
# Learners work through half of a collection's items; with fewer than this there is almost nothing to choose from.
LEAST_SIMULATED_ITEMS = 4
# Limits of simulated learners. Together they have at most SIMULATED_TAGS tags, which bounds time and memory. A policy
# that chooses for one learner at a time gets fewer.
SIMULATED_LEARNERS, EXPLORING_LEARNERS, LEAST_SIMULATED, SIMULATED_TAGS = 200, 50, 20, 200_000

Estimate = Callable[[Responses, Steps], BktParameters]

METHODS: dict[str, Estimate] = {
    "em": lambda responses, progress: estimate_em(responses, progress=progress),
    "empirical": lambda responses, _progress: estimate_empirical(responses),
}


def estimate(
    *,
    name: str,
    method: str = "em",
    minimum_evidence: bool = True,
    with_report: bool = True,
    progress: Progress = silent,
    stop: Stop = never,
    by: str = "",
) -> ModelVersion:
    """Estimates a version and returns it.

    The version is finished and has its report, unless ``with_report`` is false; then it is unfinished. An unfinished
    version of this name is continued, from the log as it was when the version was begun. A finished one keeps its
    parameters, and gets a new report if another version is in force by now.

    Raises InvalidInput, and Stopped if ``stop`` returns True; the finished batches are kept.
    """
    version = estimate_begin(name=name, method=method, minimum_evidence=minimum_evidence)
    batches = list(version.batches.order_by("number"))
    done, total = 0, sum(batch.responses for batch in batches)
    for batch in batches:
        estimate_batch(batch, progress=lambda share, batch=batch, done=done: progress(  # type: ignore[misc]
            "estimating", done + int(batch.responses * share), total), stop=stop)  # fmt: skip
        done += batch.responses
        progress("estimating", done, total)
    if with_report:
        estimate_finish(version, progress=progress, stop=stop, by=by)
    return version


def unfinished_version(method: str) -> ModelVersion | None:
    """The newest version that an estimate by this method began and did not finish, or None."""
    return ModelVersion.objects.filter(method=method, finished_at=None, batches__isnull=False).order_by("-pk").first()


def version_name(method: str) -> str:
    """A name for a version without one: the method and the time."""
    return f"{method}-{timezone.now():%Y%m%d-%H%M%S-%f}"


def estimate_begin(*, name: str, method: str, minimum_evidence: bool = True) -> ModelVersion:
    """The version of this name, or a new one with its batches planned.

    Raises InvalidInput if the method is unknown, another method has the name, or the log has no score.
    """
    if method not in METHODS:
        raise InvalidInput(f"is not one of {', '.join(METHODS)}", field="method")
    known = ModelVersion.objects.filter(name=name).first()
    if known is not None:
        if known.method != method:
            raise InvalidInput(f"was estimated by {known.method or 'hand'}, not by {method}", field="name")
        if known.purged_at is not None:
            raise InvalidInput(purged(known), field="name", code="purged")
        return known
    end, counts = log_end(), opportunity_counts()
    if not counts:
        raise InvalidInput("there are no scores on activities that are tagged with a knowledge component")
    return model_version_begin(
        name=name,
        method=method,
        minimum_evidence=minimum_evidence,
        end=end,
        batches=planned(counts),
    )


def planned(counts: dict[int, int]) -> list[tuple[list[int], int]]:
    """Groups KCs, in order, into batches of at most BATCH_OPPORTUNITIES; a KC with more gets a batch of its own.

    Returns the KCs of each batch with its number of opportunities.
    """
    batches: list[tuple[list[int], int]] = []
    for kc, count in counts.items():
        if not batches or batches[-1][1] + count > BATCH_OPPORTUNITIES:
            batches.append(([], 0))
        batches[-1] = ([*batches[-1][0], kc], batches[-1][1] + count)
    return batches


def estimate_batch(
    batch: EstimationBatch, *, progress: Callable[[float], None] = lambda _: None, stop: Stop = never
) -> None:
    """Estimates the KCs of one batch and saves the result; does nothing if that was done before.

    Any worker may do any batch. Raises Stopped.
    """
    if batch.done_at is not None:
        return

    def tell(done: int, total: int) -> None:
        if stop():
            raise Stopped(f"{batch.model_version.name} is not finished")
        progress(done / total)

    version = batch.model_version
    for remaining in reversed(range(TRIES)):
        tell(0, 1)
        found = training_responses(
            batch.knowledge_components,
            LogEnd(version.last_score, version.last_revision),
            share=min(1.0, MOST_KC_SCORES / max(batch.responses, 1)),
        )
        estimated = None
        if found.responses.item.size:
            parameters = METHODS[version.method](found.responses, tell)
            estimated = _estimated(found, parameters, minimum_evidence=version.minimum_evidence)
        try:
            estimation_batch_save(batch=batch, estimated=estimated)
        except IntegrityError:
            # An activity or KC was deleted meanwhile; the next try leaves it out.
            if not remaining:
                raise
        else:
            return


def _estimated(
    found: KnowledgeComponentResponses, parameters: BktParameters, *, minimum_evidence: bool
) -> EstimatedBatch:
    responses, kc_of_pair = found.responses, found.responses.pairs.knowledge_component
    kcs, kc = found.knowledge_components, kc_of_pair[found.responses.item]
    chains = np.unique(np.stack((kc, responses.learner), axis=1), axis=0)
    kc_responses = np.bincount(kc, minlength=kcs.size)
    kc_learners = np.bincount(chains[:, 0], minlength=kcs.size)
    pair_responses = np.bincount(responses.item, minlength=kc_of_pair.size)
    starved = degenerate = np.zeros(kcs.size, dtype=bool)
    if minimum_evidence:
        starved = promotion.starved(kc_responses, kc_learners)
        guess, slip = (
            np.bincount(kc_of_pair, values * pair_responses, kcs.size) / kc_responses
            for values in (parameters.guess, parameters.slip)
        )
        degenerate = ~starved & promotion.degenerate(guess, slip)
    kept = ~(starved | degenerate)
    pairs = kept[kc_of_pair]
    return EstimatedBatch(
        parameters=BktParameters(
            parameters.prior[kept], parameters.guess[pairs], parameters.slip[pairs], parameters.transit[pairs]
        ),
        activity=found.activity[pairs],
        knowledge_component=found.knowledge_component[pairs],
        pair_responses=pair_responses[pairs],
        knowledge_components=kcs[kept],
        kc_responses=kc_responses[kept],
        kc_learners=kc_learners[kept],
        left_out={"starved": kcs[starved].tolist(), "degenerate": kcs[degenerate].tolist()},
    )


def estimate_finish(version: ModelVersion, *, progress: Progress = silent, stop: Stop = never, by: str = "") -> None:
    """Compares the version with what is in force and saves the report, unless it already has this report.

    If content changes meanwhile, the report is out of date, and the gate says so. A version that is in force keeps the
    report it was promoted with, because it would only be compared with itself.
    """
    active = active_version()
    compared = baseline(active)
    if version.finished_at is not None and (version == active or version.report.get("baseline") == compared):
        return
    model_version_report(
        version=version, report={"baseline": compared, **report(version, active, progress=progress, stop=stop)}, by=by
    )


def report(
    version: ModelVersion,
    active: ModelVersion | None,
    *,
    progress: Progress = silent,
    stop: Stop = never,
) -> dict[str, Any]:
    """Compares the version with ``active`` (None means the authors' base), as JSON.

    The report holds figures on held-out learners, calibration, and the checks of the gate. It also lists parameters
    that are starved, ran away or are degenerate.
    """
    compared = compare((version.pk, active.pk if active else None), progress=progress, stop=stop)
    kcs, health = knowledge_component_health(version.pk, active.pk if active else None)
    figures: list[Metrics | None] = [None, None]
    found = None
    if compared.score.size:
        figures = [metrics(compared.score, predicted) for predicted in compared.predicted]
        found = promotion.improvement(
            candidate=compared.learner_loss[0],
            baseline=compared.learner_loss[1],
            responses=compared.learner_responses,
            # Seeded by the version's own name, so that the report is the same whoever makes it again.
            generator=np.random.Generator(np.random.PCG64(list(version.name.encode()))),
        )
    success = success_model(version, progress=progress, stop=stop)
    simulated, not_simulated = simulation(version, active, progress=progress, stop=stop)
    checks = promotion.gate(found=found, candidate=figures[0], baseline=figures[1], health=health)
    return {
        "method": version.method,
        "held_out": {
            "candidate": asdict(figures[0]) if figures[0] else None,
            "baseline": asdict(figures[1]) if figures[1] else None,
            "improvement": asdict(found) if found else None,
        },
        "calibration": {
            side: calibration(compared.score, predicted) if compared.score.size else []
            for side, predicted in zip(("candidate", "baseline"), compared.predicted, strict=True)
        },
        "parameters": {
            "knowledge_components": int(kcs.size),
            "training_responses": int(health.responses.sum()),
            "starved": kcs[health.starved].tolist(),
            "ran_away": kcs[health.ran_away].tolist(),
            "degenerate": kcs[health.degenerate].tolist(),
            # Estimated from a sample of their learners.
            "drawn": sorted(
                kc
                for batch in version.batches.filter(responses__gt=MOST_KC_SCORES)
                for kc in batch.knowledge_components
            ),
        },
        "success": success,
        "simulation": simulated,
        "not_simulated": not_simulated,
        "checks": [asdict(check) for check in checks],
    }


def simulation(
    version: ModelVersion,
    active: ModelVersion | None,
    *,
    progress: Progress = silent,
    stop: Stop = never,
) -> tuple[list[dict[str, Any]], list[str]]:
    """Simulates what the version brings, for the largest collections and each group of learners there, as JSON.

    The true parameters of the simulated learners are the version's. They learn once with the version in force, and once
    with ``active`` (None means the authors' base). The second answer describes what was left out. This is not a check
    of the gate: if the version is wrong, so is the simulation.
    """

    def tell(*_: int) -> None:
        if stop():
            raise Stopped("the report is not finished")

    found: list[dict[str, Any]] = []
    left_out: list[str] = []
    for number, name in enumerate(names := largest_collections(SIMULATED_COLLECTIONS)):
        arrays = [collection_arrays_under(name, each.pk if each else None) for each in (version, active)]
        beliefs = [Belief(recommendable(each.content), _open(each.priors)) for each in arrays]
        content = beliefs[0].content
        items, size = content.include_adaptive.size, content.include_adaptive.size * content.kc_count
        in_use = settings_in_use(name)
        if items < LEAST_SIMULATED_ITEMS or size > SIMULATED_SIZE:
            few = "too few items" if items else "nothing to recommend"
            left_out.append(f"{name}: {'too large' if items >= LEAST_SIMULATED_ITEMS else few}")
            in_use = []
        left_out += [f"{name}: group {group}" for group, _ in in_use[SIMULATED_GROUPS:]]
        for group, settings in in_use[:SIMULATED_GROUPS]:
            tell()
            most = EXPLORING_LEARNERS if POLICIES[settings.policy].explores else SIMULATED_LEARNERS
            compared = compare_beliefs(
                *beliefs,
                learners=min(most, max(LEAST_SIMULATED, SIMULATED_TAGS // content.tag_item.size)),
                after=AFTER,
                # Seeded by the names: the report is the same whoever makes it again, and all groups have the same
                # learners.
                generator=np.random.Generator(np.random.PCG64(list(f"{version.name}/{name}".encode()))),
                settings=settings,
                progress=tell,
            )
            found.append(
                {
                    "collection": name,
                    "group": group,
                    "policy": settings.policy,
                    "knowledge_components": arrays[0].content.kc_count,
                    **asdict(compared),
                }
            )
        progress("simulating", number + 1, len(names))
    return found, left_out


@dataclass(frozen=True)
class Comparison:
    """What each version predicts for held-out responses.

    ``score``, shape (responses,), has the scores, ``predicted`` each version's predictions. By learner, shape
    (learners,), ``learner_loss`` has the sums of the log losses and ``learner_responses`` their number.
    """

    score: Floats
    predicted: tuple[Floats, ...]
    learner_loss: tuple[Floats, ...]
    learner_responses: Integers


def compare(versions: Sequence[int | None], *, progress: Progress = silent, stop: Stop = never) -> Comparison:
    """What versions (None: the authors' base) predict for held-out learners, online, from each learner's own past."""
    learners = held_out_learners()
    total = sum(learners.values())
    parts: list[tuple[Floats, list[Floats], Integers]] = []
    read = responses = 0
    for some in learners_in_runs(learners.items(), BATCH_ENTRIES):
        if stop():
            raise Stopped("the report is not finished")
        predicted = _predictions(some, versions)
        parts.append(predicted)
        read += sum(learners[each] for each in some)
        responses += predicted[0].size
        progress("comparing", read, total)
        if responses >= MOST_HELD_OUT:
            break
    score = np.concatenate([part[0] for part in parts]) if parts else np.zeros(0)
    learner = np.concatenate([part[2] for part in parts]) if parts else np.zeros(0, dtype=np.int64)
    _, learner = np.unique(learner, return_inverse=True)
    guesses = tuple(
        np.concatenate([part[1][side] for part in parts]) if parts else np.zeros(0) for side in range(len(versions))
    )
    losses = tuple(np.bincount(learner, _losses(score, each)).astype(np.float64, copy=False) for each in guesses)
    return Comparison(score, guesses, losses, np.bincount(learner))


def _losses(score: Floats, predicted: Floats) -> Floats:
    inside = np.clip(predicted, EPSILON, 1.0 - EPSILON)
    losses: Floats = -(score * np.log(inside) + (1.0 - score) * np.log1p(-inside))
    return losses


def _predictions(learner_ids: list[int], versions: Sequence[int | None]) -> tuple[Floats, list[Floats], Integers]:
    """Scores, each version's predictions of them, and their learners, shape (responses,).

    KCs that were set by hand for the learner do not count. A response is left out if none of its KCs counts.
    """
    log, _ = evidence(learner_ids)
    scored = activities_scored_by(learner_ids)
    table = tag_table(versions[0], scored)
    first = np.searchsorted(table.activity, log.score_activity, side="left")
    count = np.searchsorted(table.activity, log.score_activity, side="right") - first
    response = np.repeat(np.arange(count.size), count)
    tag = np.repeat(first - np.cumsum(count) + count, count) + np.arange(response.size)
    kept = ~_by_hand(log.set_learner, log.set_knowledge_component, log.score_learner[response], table.knowledge_component[tag])  # fmt: skip  # noqa: E501
    response, tag = response[kept], tag[kept]
    answered, at = np.unique(response, return_inverse=True)
    kcs, kc = np.unique(table.knowledge_component, return_inverse=True)
    _, learner = np.unique(log.score_learner[response], return_inverse=True)
    pairs = Pairs(np.arange(kc.size + 1), np.arange(kc.size), kc, kcs.size)
    opportunities = Responses(learner, tag, log.score[response], pairs, int(learner.max(initial=-1)) + 1)
    of_response = np.bincount(at)
    predicted = []
    for version in versions:
        parameters, prior = table if version == versions[0] else tag_table(version, scored), priors(version)
        found = trace(
            opportunities,
            BktParameters(
                _open(prior.prior[np.searchsorted(prior.knowledge_component, kcs)]),
                _open(parameters.guess),
                _open(parameters.slip),
                _open(parameters.transit),
            ),
        )
        predicted.append(np.bincount(at, found.success) / of_response)
    return log.score[answered], predicted, log.score_learner[answered]


def _open(probability: Floats) -> Floats:
    return np.clip(probability, EPSILON, 1.0 - EPSILON)


def _by_hand(set_learner: Integers, set_kc: Integers, learner: Integers, kc: Integers) -> Booleans:
    """Whether the learner's KC was set by hand, same shape as ``learner``."""
    width = max(int(kc.max(initial=0)), int(set_kc.max(initial=0))) + 1
    result: Booleans = np.isin(learner * width + kc, set_learner * width + set_kc)
    return result
