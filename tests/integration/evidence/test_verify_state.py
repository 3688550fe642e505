"""verify_state finds what is not as the log has it, and nothing else."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command

from adaptivity import tasks
from adaptivity.content.services.activities import activity_create
from adaptivity.content.services.knowledge_components import knowledge_component_update
from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.evidence.services.masteries import MasterySetting, masteries_set
from adaptivity.evidence.services.scores import score_create
from adaptivity.evidence.services.verification import StateDifference, state_verify
from adaptivity.models import Activity, DoneActivity, KnowledgeComponent, Learner, Mastery

pytestmark = pytest.mark.django_db


@pytest.fixture
def learner() -> Learner:
    """A learner with two scores and a hand-set mastery."""
    kcs = [KnowledgeComponent.objects.create(kc_id=name, name=name) for name in ("a", "b")]
    activity_create(source_launch_url="u1", knowledge_components=[kcs[0].id])
    activity_create(source_launch_url="u2", knowledge_components=[kcs[0].id])
    identity = LearnerIdentity("7")
    score_create(learner=identity, activity="u1", score=1.0)
    score_create(learner=identity, activity="u2", score=0.25)
    masteries_set(settings=[MasterySetting(identity, "b", 0.5)])
    return Learner.objects.get()


def differences() -> list[StateDifference]:
    return [difference for batch in state_verify() for difference in batch.differences]


def test_what_was_written_by_the_services_has_no_difference(
    learner: Learner, capsys: pytest.CaptureFixture[str]
) -> None:
    Learner.objects.create(user_id="without evidence")

    call_command("verify_state")

    assert capsys.readouterr().out.splitlines()[-1] == "2 learners compared, 0 stale, 0 differences"


def change_mastery(learner: Learner) -> Any:
    mastery = Mastery.objects.filter(learner=learner, knowledge_component__kc_id="a")
    value = mastery.get().value
    mastery.update(value=value + 2e-9)
    return value + 2e-9, value


def add_mastery(learner: Learner) -> Any:
    kc = KnowledgeComponent.objects.create(kc_id="c", name="c")
    Mastery.objects.create(learner=learner, knowledge_component=kc, value=0.5)
    return 0.5, None


def remove_mastery(learner: Learner) -> Any:
    Mastery.objects.filter(knowledge_component__kc_id="b").delete()
    return None, 0.5


def remove_done(learner: Learner) -> Any:
    one, two = Activity.objects.order_by("id")
    DoneActivity.objects.filter(activity=two).delete()
    return [one.id], [one.id, two.id]


def change_last(learner: Learner) -> Any:
    one, two = Activity.objects.order_by("id")
    Learner.objects.update(last_activity=one)
    return one.id, two.id


def change_count(learner: Learner) -> Any:
    Learner.objects.update(evidence_count=9)
    return 9, 3


@pytest.mark.parametrize("spoil", [change_mastery, add_mastery, remove_mastery, remove_done, change_last, change_count])
def test_every_difference_is_found(learner: Learner, spoil: Any) -> None:
    before, after = spoil(learner)

    (found,) = differences()

    assert (found.learner_id, found.stored) == (learner.id, before)
    assert found.replayed == (pytest.approx(after, abs=1e-15) if isinstance(after, float) else after)


def test_a_difference_of_rounding_is_none(learner: Learner) -> None:
    mastery = Mastery.objects.get(knowledge_component__kc_id="a")
    Mastery.objects.filter(pk=mastery.pk).update(value=mastery.value + 5e-10)

    assert differences() == []


def test_the_command_fails_and_names_the_difference(learner: Learner, capsys: pytest.CaptureFixture[str]) -> None:
    kc = KnowledgeComponent.objects.get(kc_id="b")
    Mastery.objects.filter(knowledge_component=kc).update(value=0.75)

    with pytest.raises(CommandError, match="1 learners compared, 0 stale, 1 differences") as failure:
        call_command("verify_state")

    assert failure.value.returncode == 1
    assert (
        capsys.readouterr().err
        == f"learner {learner.id}: mastery of knowledge component {kc.id} is 0.75, but the evidence log gives 0.5\n"
    )


def test_stale_learners_are_counted_apart(learner: Learner) -> None:
    knowledge_component_update(knowledge_component=KnowledgeComponent.objects.get(kc_id="a"), mastery_prior=0.9)

    assert [(batch.stale, list(batch.differences)) for batch in state_verify()] == [(1, [])]

    call_command("trace_learners")
    assert [(batch.stale, list(batch.differences)) for batch in state_verify()] == [(0, [])]


def test_a_difference_that_is_gone_under_the_lock_is_none(learner: Learner, monkeypatch: pytest.MonkeyPatch) -> None:
    """A score that arrives between the reading of the log and of the masteries is no difference."""
    from adaptivity.evidence.services import verification

    whole = verification.stored
    reads = 0

    def out_of_step(learner_ids: Any) -> Any:
        nonlocal reads
        reads += 1
        held = whole(learner_ids)
        return {key: ({}, set()) for key in held} if reads == 1 else held

    monkeypatch.setattr(verification, "stored", out_of_step)

    assert differences() == []
    assert reads == 2


def test_the_task_answers_the_number_of_differences(learner: Learner) -> None:
    assert tasks.verify_state() == 0
    Mastery.objects.update(value=0.123)

    assert tasks.verify_state.delay().get() == 2
