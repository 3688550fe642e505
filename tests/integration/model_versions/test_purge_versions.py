"""Retention of model versions: parameters that were never in force go, and nothing that anything remembers."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from adaptivity.errors import Conflict, InvalidInput, Stopped
from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.evidence.services.scores import score_create
from adaptivity.model_versions.jobs.estimate import estimate, estimate_batch, estimate_begin
from adaptivity.model_versions.jobs.purge_versions import purge_versions
from adaptivity.model_versions.selectors.model_versions import active_version, latest_version
from adaptivity.model_versions.services.model_versions import (
    PromotionRefused,
    model_version_promote,
    model_version_rollback,
)
from adaptivity.models import (
    ActivityKnowledgeComponent,
    EstimationBatch,
    ItemParameters,
    KnowledgeComponentParameters,
    ModelVersion,
    ModelVersionEvent,
    Score,
)
from tests.support.builders import activity, knowledge_component, model_version_activate
from tests.support.reference import Tag
from tests.support.simulated import evidence

pytestmark = pytest.mark.django_db

OLD = timedelta(days=40)
REPORT = {"baseline": {"id": None, "name": None, "tracing_revision": 0}, "checks": []}


@pytest.fixture
def tag():
    kc = knowledge_component("kc")
    activity("item", [kc])
    return ActivityKnowledgeComponent.objects.get()


def version(name, tag, days=40):
    """A finished version with a report and one estimated tag, begun so many days ago."""
    made = ModelVersion.objects.create(name=name, method="em", report=REPORT, finished_at=timezone.now())
    ModelVersion.objects.filter(pk=made.pk).update(created_at=timezone.now() - timedelta(days=days))
    of = {"model_version": made, "knowledge_component": tag.knowledge_component}
    ItemParameters.objects.create(**of, activity=tag.activity, guess=0.2, slip=0.2, transit=0.2)
    KnowledgeComponentParameters.objects.create(**of, mastery_prior=0.4)
    EstimationBatch.objects.create(
        model_version=made, number=0, knowledge_components=[], responses=1, done_at=timezone.now()
    )
    ModelVersionEvent.objects.create(kind="estimated", model_version=made)
    return made


def force(name):
    return model_version_promote(name=name, by="ada", force=True, reason="because")


def names(model):
    return sorted(model.objects.values_list("model_version__name", flat=True))


def test_what_was_never_in_force_is_purged_and_nothing_else(tag, settings):
    """Of those that were in force, one was rolled back and one is below the active one on the pile of promotions."""
    for name in ("below", "active", "rolled back", "refused", "unfinished"):
        version(name, tag)
    version("young", tag, days=29)
    version("newest", tag)
    ModelVersion.objects.filter(name="unfinished").update(finished_at=None, report={})
    for name in ("below", "active", "rolled back"):
        force(name)
    model_version_rollback(by="ada")
    events = list(ModelVersionEvent.objects.values())
    settings.MODEL_VERSIONS_KEEP_DAYS = 30

    call_command("purge_versions")

    kept = ["active", "below", "newest", "rolled back", "young"]
    assert [names(each) for each in (ItemParameters, KnowledgeComponentParameters, EstimationBatch)] == [kept] * 3
    assert set(ModelVersion.objects.exclude(purged_at=None).values_list("name", flat=True)) == {"refused", "unfinished"}
    assert ModelVersion.objects.get(name="refused").report == REPORT
    assert list(ModelVersionEvent.objects.values()) == events
    assert active_version().name == "active"
    assert latest_version().name == "newest"
    # A rollback still finds what it goes back to.
    assert model_version_rollback(by="ada").name == "below"
    assert purge_versions(days=30) == 0


def test_a_score_keeps_the_version_it_saw(tag):
    """Also where the version came into force without a promotion on record, as one that was put there by hand."""
    seen = model_version_activate("seen", {(tag.activity, tag.knowledge_component): Tag(0.2, 0.2, 0.2)})
    score = score_create(learner=LearnerIdentity("ada"), activity="item", score=1.0)
    version("after", tag)
    force("after")
    ModelVersion.objects.update(created_at=timezone.now() - OLD)

    assert purge_versions(days=30) == 0

    assert Score.objects.get(pk=score.pk).model_version == seen
    assert names(ItemParameters) == ["after", "seen"]


def test_a_purged_version_cannot_be_promoted_nor_estimated_nor_reported_on(tag, capsys):
    old = version("old", tag)
    version("newest", tag)
    assert purge_versions(days=30) == 1
    old.refresh_from_db()
    message = f"The parameters of 'old' were purged on {old.purged_at:%Y-%m-%d}; estimate a new version."

    for arguments in ({}, {"force": True, "reason": "because"}):
        with pytest.raises(Conflict) as error:
            model_version_promote(name="old", by="ada", **arguments)
        assert (error.value.message, error.value.field, error.value.code) == (message, "name", "purged")
        assert not isinstance(error.value, PromotionRefused)
    with pytest.raises(InvalidInput) as wrong:
        estimate(name="old")
    assert (str(wrong.value), wrong.value.code) == (f"name: {message}", "purged")
    with pytest.raises(CommandError) as failed:
        call_command("promote", "old")
    assert (failed.value.returncode, str(failed.value)) == (2, f"name: {message}")
    call_command("promote", "old", "--check")
    assert "the gate refuses old: purged" in capsys.readouterr().out
    assert active_version() is None
    assert list(ModelVersionEvent.objects.values_list("kind", flat=True)) == ["estimated", "estimated"]


def test_an_estimate_that_is_still_at_work_is_told(tag):
    """It adds nothing to a version whose parameters are gone."""
    evidence("easy", [Tag()] * 2, prior=0.5, learners=40, responses=3)
    begun = estimate_begin(name="begun", method="em")
    ModelVersion.objects.update(created_at=timezone.now() - OLD)
    batch = begun.batches.get()
    version("newest", tag)
    purge_versions(days=30)

    with pytest.raises(Conflict, match="'begun' was purged in the meantime"):
        estimate_batch(batch)
    assert names(ItemParameters) == ["newest"]


def test_stopped_it_goes_on(tag):
    for name in ("one", "two", "three", "newest"):
        version(name, tag)
    seen = []

    with pytest.raises(Stopped, match="1 of 3 model versions were purged"):
        purge_versions(days=30, progress=lambda *step: seen.append(step), stop=lambda: bool(seen))
    assert purge_versions(days=30, progress=lambda *step: seen.append(step)) == 2

    assert seen == [("purging", 1, 3), ("purging", 1, 2), ("purging", 2, 2)]
    assert names(ItemParameters) == ["newest"]


@pytest.mark.parametrize("days", ["-1", "36501", "soon"])
def test_bad_days(days):
    with pytest.raises(CommandError, match=r"--days: .* is not a whole number from 0 to 36500"):
        call_command("purge_versions", "--days", days)
