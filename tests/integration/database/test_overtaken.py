"""A write that another request overtakes is done again, on what is there then."""

from typing import Any

import pytest
from django.db import IntegrityError

from adaptivity.content.selectors import parameters
from adaptivity.content.services.activities import activity_create
from adaptivity.content.services.knowledge_components import knowledge_component_delete
from adaptivity.database.writes import overtakable
from adaptivity.errors import InvalidInput, Overtaken
from adaptivity.evidence.services import scores
from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.evidence.services.masteries import MasterySetting, masteries_set
from adaptivity.evidence.services.scores import score_create
from adaptivity.models import HandSetMastery, KnowledgeComponent, Mastery, Score

ADA = LearnerIdentity("ada")


@pytest.mark.django_db(transaction=True)
def test_a_score_whose_kc_is_deleted_meanwhile_is_recorded_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    kc = KnowledgeComponent.objects.create(kc_id="a", name="a")
    activity_create(source_launch_url="u", knowledge_components=[kc.id])
    whole, reads = scores.activity_for_learner, 0

    def overtaken(*args: Any, **kwargs: Any) -> Any:
        nonlocal reads
        reads += 1
        found = whole(*args, **kwargs)
        if reads == 1:
            # What a request that deletes the KC does between this request's reads and its end.
            raise IntegrityError("a foreign key")
        return found

    monkeypatch.setattr(scores, "activity_for_learner", overtaken)
    knowledge_component_delete(knowledge_component=kc)

    score_create(learner=ADA, activity="u", score=1.0)

    assert reads == 2
    assert Score.objects.count() == 1
    assert not Mastery.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_mastery_of_a_kc_that_is_deleted_meanwhile_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    kc = KnowledgeComponent.objects.create(kc_id="a", name="a")
    other = KnowledgeComponent.objects.create(kc_id="b", name="b", mastery_prior=0.3)
    masteries_set(settings=[MasterySetting(ADA, "b", 0.5)])
    # The learner is stale, so the write replays the log.
    from adaptivity.content.services.knowledge_components import knowledge_component_update

    knowledge_component_update(knowledge_component=other, mastery_prior=0.4)
    from adaptivity.evidence.services import retracing

    whole, reads = retracing.priors, 0

    def without_the_kc(version: int | None) -> Any:
        nonlocal reads
        reads += 1
        found = whole(version)
        keep = found.knowledge_component != kc.id
        if reads == 1:
            return parameters.Priors(found.knowledge_component[keep], found.prior[keep])
        return found

    monkeypatch.setattr(retracing, "priors", without_the_kc)
    masteries_set(settings=[MasterySetting(ADA, "a", 0.25)])
    assert reads == 2
    assert Mastery.objects.get(knowledge_component=kc).value == 0.25
    assert HandSetMastery.objects.count() == 2

    gone = KnowledgeComponent.objects.create(kc_id="gone", name="gone")
    gone.delete()
    with pytest.raises(InvalidInput, match="no knowledge component"):
        masteries_set(settings=[MasterySetting(ADA, "gone", 0.25)])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [IntegrityError, Overtaken])
def test_what_fails_three_times_fails(error: type[Exception]) -> None:
    calls = 0

    @overtakable
    def always_late() -> None:
        nonlocal calls
        calls += 1
        raise error("late")

    with pytest.raises(error):
        always_late()
    assert calls == 3


@pytest.mark.django_db(transaction=True)
def test_other_errors_are_not_tried_again() -> None:
    calls = 0

    @overtakable
    def refuses() -> None:
        nonlocal calls
        calls += 1
        raise InvalidInput("no")

    with pytest.raises(InvalidInput):
        refuses()
    assert calls == 1
