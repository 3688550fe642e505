"""All learners' evidence and the parameters in force, page by page, so memory does not grow with their number."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from adaptivity.content.selectors.parameters import knowledge_components, tags
from adaptivity.database.sql import rows_among
from adaptivity.models import Activity, ActivityKnowledgeComponent, Learner, Mastery, ModelVersion, Score, ScoreRevision

PAGE_LEARNERS = 500
PAGE_ENTRIES = 20_000
CHUNK = 5000


@dataclass(frozen=True)
class LearnerRow:
    """A learner's row id, and how the platform names them."""

    id: int
    user_id: str
    guid: str


@dataclass(frozen=True)
class ScoreEntry:
    """A score in its current state, with the KCs that its activity is tagged with now."""

    learner: LearnerRow
    activity: str
    kc_ids: tuple[str, ...]
    score: float
    timestamp: datetime
    event_id: str | None


def learner_pages() -> Iterator[list[LearnerRow]]:
    """All learners by row id, in batches whose evidence fits in memory together."""
    last = 0
    while True:
        rows = (
            Learner.objects.filter(id__gt=last)
            .order_by("id")
            .values_list("id", "user_id", "tool_consumer_instance_guid", "evidence_count")[:PAGE_LEARNERS]
        )
        page: list[LearnerRow] = []
        entries = 0
        for learner_id, user_id, guid, evidence_count in rows:
            entries += evidence_count
            if page and entries > PAGE_ENTRIES:
                break
            page.append(LearnerRow(learner_id, user_id, guid))
        if not page:
            return
        yield page
        last = page[-1].id


def scores_of(page: Sequence[LearnerRow]) -> list[ScoreEntry]:
    """The page's scores after corrections and deletions, learner by learner in history order."""
    learners = {learner.id: learner for learner in page}
    revised: dict[int, tuple[int, float, datetime, bool]] = {}
    revisions = ScoreRevision.objects.filter(learner__in=list(learners)).order_by("arrival")
    for revision in revisions.values_list("score_id", "activity_id", "value", "timestamp", "deleted"):
        revised[revision[0]] = revision[1:]
    found: list[tuple[int, datetime, int, int, float, str | None]] = []
    rows = Score.objects.filter(learner__in=list(learners)).values_list(
        "id", "learner_id", "timestamp", "arrival", "activity_id", "score", "event_id"
    )
    for score_id, learner_id, timestamp, arrival, activity_id, score, event_id in rows.iterator(chunk_size=CHUNK):
        if score_id in revised:
            activity_id, score, timestamp, deleted = revised[score_id]
            if deleted:
                continue
        found.append((learner_id, timestamp, arrival, activity_id, score, event_id))
    # A learner's arrival numbers are all different, so nothing after them is ever compared.
    found.sort()
    activities = _activities({entry[3] for entry in found})
    return [
        ScoreEntry(learners[learner_id], *activities[activity_id], score, timestamp, event_id)
        for learner_id, timestamp, _, activity_id, score, event_id in found
    ]


def _activities(activity_ids: set[int]) -> dict[int, tuple[str, tuple[str, ...]]]:
    """The source launch URL and the kc_ids of each activity."""
    urls = dict(rows_among(Activity.objects.values_list("id", "source_launch_url"), "id", activity_ids))
    tags = ActivityKnowledgeComponent.objects.order_by("id").values_list("activity_id", "knowledge_component__kc_id")
    kc_ids: dict[int, list[str]] = {}
    for activity_id, kc_id in rows_among(tags, "activity", activity_ids):
        kc_ids.setdefault(activity_id, []).append(kc_id)
    return {activity_id: (url, tuple(kc_ids.get(activity_id, ()))) for activity_id, url in urls.items()}


def masteries_of(page: Sequence[LearnerRow]) -> Iterator[tuple[LearnerRow, str, float]]:
    """The stored masteries of the page's learners: learner, kc_id, value."""
    learners = {learner.id: learner for learner in page}
    rows = (
        Mastery.objects.filter(learner__in=list(learners))
        .order_by("learner_id", "knowledge_component__kc_id")
        .values_list("learner_id", "knowledge_component__kc_id", "value")
    )
    for learner_id, kc_id, value in rows.iterator(chunk_size=CHUNK):
        yield learners[learner_id], kc_id, value


def model_version_name(model_version_id: int | None) -> str:
    """The version's name, or "" for the base that authors wrote."""
    return "" if model_version_id is None else ModelVersion.objects.get(pk=model_version_id).name


def item_parameters(model_version_id: int | None) -> Iterator[tuple[object, ...]]:
    """Every tag: source launch URL, kc_id, the guess, slip and transit in force, and those of the base."""
    rows = tags(model_version_id).order_by("activity_id", "knowledge_component_id")
    columns = ("activity__source_launch_url", "knowledge_component__kc_id", "g", "s", "t", "guess", "slip", "transit")
    yield from rows.values_list(*columns).iterator(chunk_size=CHUNK)


def kc_parameters(model_version_id: int | None) -> Iterator[tuple[object, ...]]:
    """Every KC: kc_id, name, the prior in force, and that of the base (None if its author gave none)."""
    rows = knowledge_components(model_version_id).order_by("id")
    yield from rows.values_list("kc_id", "name", "prior", "mastery_prior").iterator(chunk_size=CHUNK)
