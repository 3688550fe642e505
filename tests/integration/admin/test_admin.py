"""Every model has a page: what it shows, how many queries it takes, and what nobody may change there."""

from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from rest_framework.authtoken.models import TokenProxy

from adaptivity import models
from adaptivity.admin import base
from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.evidence.services.masteries import MasterySetting, masteries_set
from adaptivity.evidence.services.scores import score_correct, score_create, score_delete
from adaptivity.models import (
    Activity,
    ActivityKnowledgeComponent,
    Collection,
    CollectionActivity,
    ContentGapReport,
    ContentSnapshot,
    CourseSource,
    CrawledPage,
    DecisionReceipt,
    DoneActivity,
    EngineState,
    ErasedLearner,
    EstimationBatch,
    Experiment,
    ExperimentalGroup,
    ExperimentPin,
    HandSetMastery,
    ItemParameters,
    JobRun,
    KnowledgeComponent,
    KnowledgeComponentParameters,
    Learner,
    Mastery,
    ModelVersion,
    ModelVersionEvent,
    PipelineRun,
    PrerequisiteActivity,
    PrerequisiteKnowledgeComponent,
    Reject,
    Score,
    ScoreImport,
    ScoreRevision,
    SourceItem,
    SourceSection,
    StepRun,
    SuccessModel,
    VoidedStatement,
)
from tests.support.admin_pages import populate, queries, url_of
from tests.support.rows import rolled_back

pytestmark = pytest.mark.django_db


CONTENT = {
    Activity,
    ActivityKnowledgeComponent,
    Collection,
    CollectionActivity,
    KnowledgeComponent,
    PrerequisiteActivity,
    PrerequisiteKnowledgeComponent,
}


SETTINGS = {CourseSource}


RECORDS = {
    ContentGapReport,
    ContentSnapshot,
    DecisionReceipt,
    DoneActivity,
    EngineState,
    ErasedLearner,
    EstimationBatch,
    HandSetMastery,
    ItemParameters,
    JobRun,
    KnowledgeComponentParameters,
    Learner,
    Mastery,
    ModelVersion,
    PipelineRun,
    Reject,
    ModelVersionEvent,
    Score,
    ScoreImport,
    ScoreRevision,
    CrawledPage,
    SourceItem,
    SourceSection,
    StepRun,
    SuccessModel,
    VoidedStatement,
}


PLANS = {Experiment, ExperimentPin, ExperimentalGroup}


OURS = sorted(CONTENT | RECORDS | PLANS | SETTINGS, key=lambda model: model.__name__)


def name(model: Any) -> str:
    return model.__name__


def pages_of(model: Any) -> list[tuple[str, list[int]]]:
    """Its list, and the page of its first object if there is one; each with the arguments of its URL."""
    first = model.objects.order_by("pk").first()
    return [("changelist", [])] + ([("change", [first.pk])] if first else [])


class TestPages:
    def test_every_model_has_a_page(self) -> None:
        registered = set(admin.site._registry)
        exported = {value for exported in models.__all__ if issubclass(value := getattr(models, exported), Model)}

        assert exported == CONTENT | RECORDS | PLANS | SETTINGS
        assert exported <= registered
        assert TokenProxy in registered

    def test_number_of_queries_does_not_grow_with_the_rows(
        self, staff: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(base, "INLINE_ROWS", 6)

        # given fewer rows than an inline shows, then more
        counts = []
        for rows in (3, 12):
            with rolled_back():
                populate(rows)

                # when each model's list and its first object are shown
                counts.append(
                    {
                        (name(model), page): queries(staff, url_of(model, page, *arguments))[0]
                        for model in admin.site._registry
                        for page, arguments in pages_of(model)
                    }
                )

        # then they take the same few queries
        assert counts[0] == counts[1]
        assert {page: count for page, count in counts[0].items() if count > 10} == {}

    @pytest.mark.parametrize("model", sorted(CONTENT | PLANS | SETTINGS, key=name), ids=name)
    def test_add_page_renders_without_listing_the_choices(self, staff: Client, model: Any) -> None:
        populate(3)

        _, page = queries(staff, url_of(model, "add"))

        assert "activity 2" not in page
        assert "kc 2" not in page
        assert "collection 2" not in page

    def test_long_inline_shows_its_first_rows_and_leads_to_all(self, staff: Client) -> None:
        populate(60)
        collection = Collection.objects.get(collection_id="collection 0")

        _, page = queries(staff, url_of(Collection, "change", collection.pk))

        assert page.count('name="memberships-') > 0
        assert 'name="memberships-49-id"' in page
        assert 'name="memberships-50-id"' not in page
        assert f'/admin/adaptivity/activity/?collections__id__exact={collection.pk}">61</a>' in page

    @pytest.mark.parametrize(
        ("model", "query", "found"),
        [
            (Activity, "b", 1),
            (Activity, "ACTIVITY", 3),
            (Collection, "cour", 1),
            (KnowledgeComponent, "eas", 1),
            (ActivityKnowledgeComponent, "hard", 1),
            (CollectionActivity, "course", 3),
            (PrerequisiteActivity, "a", 0),
            (PrerequisiteKnowledgeComponent, "easy", 1),
            (Learner, "ann", 1),
            (Mastery, "anna", 1),
            (Mastery, "ann", 0),
            (DoneActivity, "a", 1),
            (Score, "event-1", 1),
            (Score, "anna", 1),
            (Score, "bert", 0),
            (ScoreRevision, "anna", 1),
            (HandSetMastery, "anna", 0),
            (ModelVersion, "v", 0),
            (ScoreImport, "0", 0),
            (JobRun, "import", 0),
            (PipelineRun, "nightly", 0),
            (StepRun, "nightly", 0),
        ],
    )
    def test_search(self, staff: Client, course: Collection, model: Any, query: str, found: int) -> None:
        score = score_create(learner=LearnerIdentity("anna"), activity="a", score=1.0, event_id="event-1")
        score_correct(score=score, value=0.5)

        response = staff.get(url_of(model, "changelist"), {"q": query})

        assert response.context["cl"].result_count == found

    @pytest.mark.parametrize("model", OURS, ids=name)
    def test_search_for_a_nul_character_is_no_server_error(self, staff: Client, model: Any) -> None:
        assert staff.get(url_of(model, "changelist"), {"q": "\0"}).status_code == 200

    def test_autocomplete_finds_twenty_at_a_time(self, staff: Client) -> None:
        populate(30)

        response = staff.get(
            reverse("admin:autocomplete"),
            {"app_label": "adaptivity", "model_name": "collectionactivity", "field_name": "activity", "term": "activ"},
        )

        assert len(response.json()["results"]) == 20
        assert response.json()["pagination"] == {"more": True}

    def test_filters(self, staff: Client, course: Collection) -> None:
        # given one mastered KC, a stale learner, a deleted score
        masteries_set(settings=[MasterySetting(LearnerIdentity("anna"), "easy", 0.95)])
        masteries_set(settings=[MasterySetting(LearnerIdentity("bert"), "easy", 0.5)])
        Learner.objects.filter(user_id="bert").update(traced_revision=7)
        Learner.objects.create(user_id="carl")
        score_delete(score=score_create(learner=LearnerIdentity("anna"), activity="c", score=1.0))

        def shown(model: Any, **filters: Any) -> list[str]:
            return [str(row) for row in staff.get(url_of(model, "changelist"), filters).context["cl"].result_list]

        assert shown(Activity, tagged="yes") == ["a", "b"]
        assert shown(Activity, tagged="no") == ["c"]
        assert shown(Activity, collections__id__exact=course.pk) == ["a", "b", "c"]
        assert shown(Mastery, mastered="yes") == ["anna, easy"]
        assert shown(Mastery, mastered="no") == ["bert, easy"]
        assert shown(Learner, stale="yes") == ["bert"]
        assert shown(Learner, stale="no") == ["carl", "anna"]
        assert "deleted" in staff.get(url_of(Score, "changelist")).content.decode()


class TestPermissions:
    @pytest.mark.parametrize("model", sorted(RECORDS, key=name), ids=name)
    def test_records_are_viewed_and_changed_by_nobody(self, staff: Client, model: Any) -> None:
        # given a record
        populate(1)
        record = model.objects.order_by("pk")[0]
        before = list(model.objects.values())
        change = url_of(model, "change", record.pk)

        # when a superuser tries everything that an admin page can
        assert staff.get(change).status_code == 200
        assert staff.get(url_of(model, "add")).status_code == 403
        assert staff.post(url_of(model, "add"), {}).status_code == 403
        assert staff.post(change, {"name": "changed"}).status_code == 403
        assert staff.get(url_of(model, "delete", record.pk)).status_code == 403
        assert staff.post(url_of(model, "delete", record.pk), {"post": "yes"}).status_code == 403
        staff.post(
            url_of(model, "changelist"), {"action": "delete_selected", "_selected_action": [record.pk], "post": "yes"}
        )

        # then nothing changed
        assert list(model.objects.values()) == before

    def test_learner_page_offers_no_change_of_evidence(self, staff: Client, course: Collection) -> None:
        score_create(learner=LearnerIdentity("anna"), activity="a", score=1.0)
        learner = Learner.objects.get()

        _, page = queries(staff, url_of(Learner, "change", learner.pk))

        assert 'name="_save"' not in page
        assert 'name="masteries-0-value"' not in page
        assert "0.712" in page

    def test_anonymous_is_sent_to_the_login(self, client: Client) -> None:
        response = client.get(url_of(Activity, "changelist"))

        assert response.status_code == 302
        assert response["Location"] == "/admin/login/?next=/admin/adaptivity/activity/"
