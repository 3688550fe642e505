"""Random sequences of every kind of write, each followed by a comparison of all derived state with a replay by the
reference implementation, over a log that the test keeps for itself."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adaptivity.content.services.activities import activity_update
from adaptivity.content.services.knowledge_components import knowledge_component_update
from adaptivity.errors import AdaptivityError, InvalidInput
from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.evidence.services.masteries import MasterySetting, masteries_set, mastery_delete
from adaptivity.evidence.services.scores import score_correct, score_create, score_delete
from adaptivity.models import Activity, EngineState, KnowledgeComponent, Learner, Mastery, Score
from tests.support import reference
from tests.support.builders import activity, knowledge_component, minutes, model_version_activate
from tests.support.reference import Entry, Tag
from tests.support.rows import rolled_back

LEARNERS = [LearnerIdentity("ada"), LearnerIdentity("ada", "campus")]
KCS = {"k1": None, "k2": 0.5, "k3": 0.0}
TAGS = {
    "a": {"k1": Tag()},
    "b": {"k1": Tag(0.2, 0.05, 0.3), "k2": Tag(0.25, 0.25, 0.0)},
    "c": {"k2": Tag(0.5, 0.5, 0.1), "k3": Tag(0.0, 0.0, 0.2)},
    "d": {},
}
ESTIMATED_TAGS = {("a", "k1"): Tag(0.3, 0.1, 0.02), ("b", "k2"): Tag(0.05, 0.4, 0.25), ("d", "k1"): Tag(0.2, 0.2, 0.2)}
ESTIMATED_PRIORS = {"k1": 0.35, "k3": 0.6}


@dataclass
class Recorded:
    """A score or a hand-set mastery as the test remembers it."""

    entry: Entry
    at: datetime
    arrival: int
    pk: int | None = None
    deleted: bool = False


@dataclass
class Remembered:
    """A learner: the log, and the masteries as of the last write that concerned them."""

    log: list[Recorded] = field(default_factory=list)
    arrivals: int = 0
    masteries: dict[str, float] = field(default_factory=dict)

    def history(self) -> list[Recorded]:
        return sorted((e for e in self.log if not e.deleted), key=lambda entry: (entry.at, entry.arrival))

    def latest(self) -> datetime | None:
        return max((e.at for e in self.log if not e.deleted), default=None)


class World:
    """The service under test, and beside it what the test knows."""

    def __init__(self) -> None:
        self.learners = {identity: Remembered() for identity in LEARNERS}
        self.events: dict[tuple[LearnerIdentity, str], tuple[Any, ...]] = {}
        self.tags = {url: dict(tags) for url, tags in TAGS.items()}
        self.priors = dict(KCS)
        self.estimated = False
        self.minute = 10
        self.kcs = {kc_id: knowledge_component(kc_id, prior) for kc_id, prior in KCS.items()}
        self.activities = {
            url: activity(url, {self.kcs[kc_id]: tag for kc_id, tag in tags.items()}) for url, tags in TAGS.items()
        }
        self.version = model_version_activate(
            "v1",
            {(self.activities[url], self.kcs[kc_id]): tag for (url, kc_id), tag in ESTIMATED_TAGS.items()},
            {self.kcs[kc_id]: prior for kc_id, prior in ESTIMATED_PRIORS.items()},
        )
        EngineState.objects.update(active_model_version=None)

    def tags_in_force(self) -> dict[str, dict[str, Tag]]:
        over = ESTIMATED_TAGS if self.estimated else {}
        return {url: {kc: over.get((url, kc), tag) for kc, tag in tags.items()} for url, tags in self.tags.items()}

    def priors_in_force(self) -> dict[str, float]:
        authored = {kc_id: 0.2 if prior is None else prior for kc_id, prior in self.priors.items()}
        return authored | (ESTIMATED_PRIORS if self.estimated else {})

    def retrace(self, who: LearnerIdentity) -> None:
        known = self.learners[who]
        log = [recorded.entry for recorded in known.history()]
        known.masteries = reference.replay(log, self.tags_in_force(), self.priors_in_force())

    def append(self, who: LearnerIdentity, entry: Entry, at: datetime | None, pk: int | None = None) -> None:
        known = self.learners[who]
        known.arrivals += 1
        now = minutes(self.minute)
        known.log.append(Recorded(entry, at or max(now, known.latest() or now), known.arrivals, pk))

    def scores(self) -> list[tuple[LearnerIdentity, Recorded]]:
        return [(who, e) for who, known in self.learners.items() for e in known.log if e.pk and not e.deleted]

    def score(self, who: int, url: str, value: float, at: int | None, event: str | None) -> None:
        identity, time = LEARNERS[who], None if at is None else minutes(at)
        body = (url, value, time)
        try:
            created = score_create(learner=identity, activity=url, score=value, timestamp=time, event_id=event)
        except AdaptivityError as error:
            if isinstance(error, InvalidInput):
                assert at is not None
                assert at > self.minute
            else:
                assert self.events[identity, event][1:] != body
            return
        if event is not None and (identity, event) in self.events:
            assert self.events[identity, event] == (created.pk, *body)
            return
        if event is not None:
            self.events[identity, event] = (created.pk, *body)
        self.append(identity, Entry(activity=url, score=value), time, created.pk)
        self.retrace(identity)

    def correct(self, number: int, url: str | None, value: float | None, at: int | None) -> None:
        if not self.scores():
            return
        identity, recorded = self.scores()[number % len(self.scores())]
        time = None if at is None else minutes(min(at, self.minute))
        changed = Entry(
            activity=recorded.entry.activity if url is None else url,
            score=recorded.entry.score if value is None else value,
        )
        score_correct(score=Score.objects.get(pk=recorded.pk), activity=url, value=value, timestamp=time)
        if (changed, time or recorded.at) != (recorded.entry, recorded.at):
            recorded.entry, recorded.at = changed, time or recorded.at
            self.learners[identity].arrivals += 1
            self.retrace(identity)

    def delete(self, number: int) -> None:
        if not self.scores():
            return
        identity, recorded = self.scores()[number % len(self.scores())]
        score_delete(score=Score.objects.get(pk=recorded.pk))
        recorded.deleted = True
        self.learners[identity].arrivals += 1
        self.retrace(identity)

    def set_by_hand(self, values: dict[tuple[int, str], float]) -> None:
        masteries_set(settings=[MasterySetting(LEARNERS[who], kc_id, value) for (who, kc_id), value in values.items()])
        times = {
            who: max(minutes(self.minute), self.learners[LEARNERS[who]].latest() or minutes(0)) for who, _ in values
        }
        for (who, kc_id), value in values.items():
            self.append(LEARNERS[who], Entry(set_kc=kc_id, value=value), times[who])
        for who in times:
            self.retrace(LEARNERS[who])

    def take_back(self, number: int) -> None:
        held = list(Mastery.objects.order_by("id").select_related("learner", "knowledge_component"))
        if not held:
            return
        mastery = held[number % len(held)]
        identity = LearnerIdentity(mastery.learner.user_id, mastery.learner.tool_consumer_instance_guid)
        kc_id = mastery.knowledge_component.kc_id
        mastery_delete(mastery=mastery)
        self.append(identity, Entry(set_kc=kc_id, value=None), None)
        self.retrace(identity)

    def retag(self, url: str, kc_ids: set[str]) -> None:
        activity_update(
            activity=Activity.objects.get(source_launch_url=url),
            knowledge_components=[self.kcs[kc_id].pk for kc_id in kc_ids],
        )
        self.tags[url] = {kc_id: self.tags[url].get(kc_id, Tag()) for kc_id in kc_ids}

    def prior(self, kc_id: str, value: float | None) -> None:
        knowledge_component_update(knowledge_component=KnowledgeComponent.objects.get(kc_id=kc_id), mastery_prior=value)
        self.priors[kc_id] = value

    def activate(self, estimated: bool) -> None:
        EngineState.objects.update(active_model_version=self.version if estimated else None)
        self.estimated = estimated

    def check(self) -> None:
        """All derived state of every learner."""
        for identity, known in self.learners.items():
            learner = Learner.objects.filter(
                user_id=identity.user_id, tool_consumer_instance_guid=identity.tool_consumer_instance_guid
            ).first()
            if learner is None:
                assert not known.log
                continue
            stored = dict(learner.masteries.values_list("knowledge_component__kc_id", "value"))
            assert stored == pytest.approx(known.masteries, abs=1e-9)
            history = known.history()
            done = [e.entry.activity for e in history if e.entry.activity is not None]
            assert set(learner.done_activities.values_list("activity__source_launch_url", flat=True)) == set(done)
            last = learner.last_activity
            assert (last and last.source_launch_url) == (done[-1] if done else None)
            assert learner.latest_timestamp == known.latest()
            assert learner.evidence_count == known.arrivals


PROBABILITY = st.sampled_from([0.0, 0.5, 1.0]) | st.floats(0.0, 1.0)
URL, KC = st.sampled_from(sorted(TAGS)), st.sampled_from(sorted(KCS))
AT = st.none() | st.integers(0, 30)
EVENT = st.none() | st.sampled_from(["e1", "e2"])
WHO = st.sampled_from(range(len(LEARNERS)))
NUMBER = st.integers(0, 30)


def operation(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.tuples(st.just(name), *arguments)


SCORE = operation("score", WHO, URL, PROBABILITY, AT, EVENT)
OPERATIONS = st.one_of(
    SCORE,
    SCORE,
    operation("correct", NUMBER, st.none() | URL, st.none() | PROBABILITY, AT),
    operation("delete", NUMBER),
    operation("set_by_hand", st.dictionaries(st.tuples(WHO, KC), PROBABILITY, min_size=1, max_size=3)),
    operation("take_back", NUMBER),
    operation("retag", URL, st.sets(KC)),
    operation("prior", KC, st.none() | PROBABILITY),
    operation("activate", st.booleans()),
)


@pytest.mark.django_db
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(OPERATIONS, min_size=1, max_size=20))
def test_derived_state_equals_a_replay_after_any_sequence_of_writes(operations):
    with rolled_back():
        world = World()
        with mock.patch("django.utils.timezone.now", side_effect=lambda: minutes(world.minute)):
            for name, *arguments in operations:
                world.minute += 1
                getattr(world, name)(*arguments)
                world.check()
