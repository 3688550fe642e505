"""The admin: what it shows, what it lets nobody change, and that a write by hand is like any other write of content."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.contrib.messages import ERROR, SUCCESS, WARNING, get_messages
from django.db import IntegrityError, connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
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
from adaptivity.recommendation.services.recommendation import activity_recommend
from tests.support.servers.broker import broker_away

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
NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


def name(model: Any) -> str:
    return model.__name__


@pytest.fixture
def staff(client: Client) -> Client:
    """A client signed in as a superuser."""
    client.force_login(get_user_model().objects.create_superuser("admin", password="a long enough password"))
    return client


@pytest.fixture
def course() -> Collection:
    """Three activities a, b, c in a collection, a tagged with easy and b with hard; easy comes before hard."""
    EngineState.objects.create()
    collection = Collection.objects.create(collection_id="course", name="Course")
    activities = [Activity.objects.create(source_launch_url=url, name=f"Activity {url}") for url in "abc"]
    CollectionActivity.objects.bulk_create(CollectionActivity(collection=collection, activity=a) for a in activities)
    easy = KnowledgeComponent.objects.create(kc_id="easy", name="Easy")
    hard = KnowledgeComponent.objects.create(kc_id="hard", name="Hard")
    PrerequisiteKnowledgeComponent.objects.create(prerequisite=easy, knowledge_component=hard)
    ActivityKnowledgeComponent.objects.create(activity=activities[0], knowledge_component=easy)
    ActivityKnowledgeComponent.objects.create(activity=activities[1], knowledge_component=hard)
    return collection


def activity(url: str) -> Activity:
    return Activity.objects.get(source_launch_url=url)


def kc(kc_id: str) -> KnowledgeComponent:
    return KnowledgeComponent.objects.get(kc_id=kc_id)


def populate(count: int) -> None:
    """``count`` rows of each model, as many of them as can be on one activity, collection, KC, learner and version."""
    version = ModelVersion.objects.create(name="version 0")
    ModelVersion.objects.bulk_create(ModelVersion(name=f"version {n}") for n in range(1, count))
    EngineState.objects.create(active_model_version=version)
    activities = Activity.objects.bulk_create(Activity(source_launch_url=f"activity {n}") for n in range(count + 1))
    collections = Collection.objects.bulk_create(Collection(collection_id=f"collection {n}") for n in range(count))
    kcs = KnowledgeComponent.objects.bulk_create(KnowledgeComponent(kc_id=f"kc {n}") for n in range(count + 1))
    learners = Learner.objects.bulk_create(
        Learner(user_id=f"learner {n}", last_activity=activities[0], traced_model_version=version) for n in range(count)
    )
    first, collection, learner = activities[0], collections[0], learners[0]
    CollectionActivity.objects.bulk_create(CollectionActivity(collection=collection, activity=a) for a in activities)
    CollectionActivity.objects.bulk_create(CollectionActivity(collection=c, activity=first) for c in collections[1:])
    ActivityKnowledgeComponent.objects.bulk_create(
        ActivityKnowledgeComponent(activity=first, knowledge_component=kc) for kc in kcs[1:]
    )
    PrerequisiteActivity.objects.bulk_create(
        PrerequisiteActivity(from_activity=first, to_activity=a) for a in activities[1:]
    )
    PrerequisiteKnowledgeComponent.objects.bulk_create(
        PrerequisiteKnowledgeComponent(knowledge_component=kcs[0], prerequisite=kc) for kc in kcs[1:]
    )
    ItemParameters.objects.bulk_create(
        ItemParameters(model_version=version, activity=a, knowledge_component=kcs[0], guess=0.1, slip=0.1, transit=0.1)
        for a in activities
    )
    KnowledgeComponentParameters.objects.bulk_create(
        KnowledgeComponentParameters(model_version=version, knowledge_component=kc, mastery_prior=0.3) for kc in kcs
    )
    Mastery.objects.bulk_create(Mastery(learner=learner, knowledge_component=kc, value=0.5) for kc in kcs)
    DoneActivity.objects.bulk_create(DoneActivity(learner=learner, activity=a) for a in activities)
    scores = Score.objects.bulk_create(
        Score(learner=learner, activity=a, score=1.0, timestamp=NOON, arrival=n, event_id=f"event {n}")
        for n, a in enumerate(activities)
    )
    ScoreRevision.objects.bulk_create(
        ScoreRevision(score=scores[0], learner=learner, arrival=count + n, activity=a, value=0.5, timestamp=NOON)
        for n, a in enumerate(activities)
    )
    HandSetMastery.objects.bulk_create(
        HandSetMastery(learner=learner, knowledge_component=kc, value=0.5, timestamp=NOON, arrival=3 * count + n)
        for n, kc in enumerate(kcs)
    )
    files = ScoreImport.objects.bulk_create(ScoreImport(content_hash=f"{n:064}", started_at=NOON) for n in range(count))
    Reject.objects.bulk_create(
        Reject(score_import=files[0], reason=f"reason {n}", count=1, first_line=n, last_line=n) for n in range(count)
    )
    VoidedStatement.objects.bulk_create(VoidedStatement(statement_id=str(UUID(int=n))) for n in range(count))
    ErasedLearner.objects.bulk_create(
        ErasedLearner(identity_digest=f"{n:064}", key_check="key", erased_at=NOON) for n in range(count)
    )
    JobRun.objects.bulk_create(
        JobRun(command=f"command {n}", started_by="ada", started_at=NOON, seen_at=NOON) for n in range(count)
    )
    runs = PipelineRun.objects.bulk_create(
        PipelineRun(pipeline=f"pipeline {n}", token=UUID(int=n), started_by="ada", started_at=NOON, seen_at=NOON)
        for n in range(count)
    )
    StepRun.objects.bulk_create(
        StepRun(run=runs[0], name=f"step {n}", position=n, command=["act"], timeout=1) for n in range(count)
    )
    sources = CourseSource.objects.bulk_create(CourseSource(slug=f"s{n}", kind="website") for n in range(count))
    sections = SourceSection.objects.bulk_create(
        SourceSection(source=sources[0], external_id=f"{n}", collection=collection, position=n) for n in range(count)
    )
    SourceItem.objects.bulk_create(
        SourceItem(source=sources[0], external_id=f"{n}", activity=a, section=sections[0], position=n)
        for n, a in enumerate(activities)
    )
    CrawledPage.objects.bulk_create(
        CrawledPage(source=sources[0], url=f"page {n}", crawl=1, activity=first) for n in range(count)
    )
    ModelVersionEvent.objects.bulk_create(
        ModelVersionEvent(kind="promoted", model_version=version, previous=version) for _ in range(count)
    )
    versions = ModelVersion.objects.bulk_create(ModelVersion(name=f"with a model of success {n}") for n in range(count))
    SuccessModel.objects.bulk_create(SuccessModel(model_version=each, data=b"", responses=1) for each in versions)
    EstimationBatch.objects.bulk_create(
        EstimationBatch(model_version=version, number=n, knowledge_components=[], responses=1) for n in range(count)
    )
    experiments = Experiment.objects.bulk_create(
        Experiment(name=f"experiment {n}", collection=collection) for n in range(count)
    )
    groups = ExperimentalGroup.objects.bulk_create(
        ExperimentalGroup(experiment=experiments[0], name=f"group {n}") for n in range(min(count, 50))
    )
    ExperimentPin.objects.bulk_create(
        ExperimentPin(experiment=experiments[0], group=groups[0], learner=each) for each in learners
    )
    lacking = Collection.objects.bulk_create(Collection(collection_id=f"lacking {n}", name="") for n in range(count))
    gaps = {"responses": 0, "knowledge_components": [], "items": []}
    ContentGapReport.objects.bulk_create(
        ContentGapReport(collection=each, made_at=NOON, report=gaps) for each in lacking
    )
    snapshots = ContentSnapshot.objects.bulk_create(ContentSnapshot(digest=f"{n:032}", data=b"") for n in range(count))
    DecisionReceipt.objects.bulk_create(
        DecisionReceipt(
            at=NOON, learner=learner, collection=collection, snapshot=snapshots[0], policy="design", settings={},
            outcome="exhausted", candidate_count=0, best=b"", counted=0, stop_on_mastery=False, history=0,
            state=b"", digest="",
        )
        for _ in range(count)
    )  # fmt: skip
    user = get_user_model().objects.create_user("teacher")
    TokenProxy.objects.create(user=user)


def url_of(model: Any, page: str, *arguments: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=arguments)


def queries(client: Client, url: str) -> tuple[int, str]:
    """The number of queries of a page that has to render, and the page."""
    ContentType.objects.clear_cache()
    with CaptureQueriesContext(connection) as captured:
        response = client.get(url)
    assert response.status_code == 200
    return len(captured), response.content.decode()


def page_data(client: Client, url: str) -> dict[str, Any]:
    """What a browser would send from an admin form that nobody has touched."""
    context = client.get(url).context
    forms = [context["adminform"].form]
    for inline in context["inline_admin_formsets"]:
        forms += [inline.formset.management_form, *inline.formset.initial_forms]
    data: dict[str, Any] = {}
    for form in forms:
        for field in form:
            value = field.value()
            if not field.field.disabled and value is not None and value is not False:
                data[field.html_name] = value
    return data


def add_row(data: dict[str, Any], prefix: str, **values: Any) -> None:
    """A further row of an inline."""
    number = int(data[f"{prefix}-TOTAL_FORMS"])
    data[f"{prefix}-TOTAL_FORMS"] = number + 1
    data |= {f"{prefix}-{number}-{field}": value for field, value in values.items()}


def save(client: Client, url: str, data: dict[str, Any]) -> list[str]:
    """Sends the form; answers its errors, none where it was saved."""
    response = client.post(url, data)
    if response.status_code == 302:
        return [str(message) for message in get_messages(response.wsgi_request) if message.level == ERROR]
    assert response.status_code == 200
    context = response.context
    errors = [str(message) for messages in context["adminform"].form.errors.values() for message in messages]
    for inline in context["inline_admin_formsets"]:
        for form in inline.formset.forms:
            errors += [str(message) for messages in form.errors.values() for message in messages]
        errors += [str(message) for message in inline.formset.non_form_errors()]
    assert errors
    return errors


def revisions() -> tuple[int, int]:
    """How often content was counted as changed, for one collection or for all; and how often learners became stale."""
    state = EngineState.objects.get()
    of_collections = sum(Collection.objects.values_list("revision", flat=True))
    return state.content_revision + of_collections, state.tracing_revision


class TestPages:
    def test_every_model_has_a_page(self) -> None:
        registered = set(admin.site._registry)
        exported = {value for exported in models.__all__ if issubclass(value := getattr(models, exported), Model)}

        assert exported == CONTENT | RECORDS | PLANS | SETTINGS
        assert exported <= registered
        assert TokenProxy in registered

    @pytest.mark.parametrize("model", sorted(admin.site._registry, key=name), ids=name)
    def test_number_of_queries_does_not_grow_with_the_rows(self, staff: Client, model: Any) -> None:
        # given as many rows as an inline shows, then twice as many
        pages = [url_of(model, "changelist"), None]
        counts = []
        for rows in (base.INLINE_ROWS, 2 * base.INLINE_ROWS):
            for stored in (
                DecisionReceipt,
                ContentSnapshot,
                EngineState,
                ModelVersionEvent,
                ScoreRevision,
                Score,
                HandSetMastery,
                Mastery,
                DoneActivity,
                Learner,
            ):
                stored.objects.all().delete()
            for stored in (ModelVersion, Activity, Collection, KnowledgeComponent):
                stored.objects.all().delete()
            for stored in (ScoreImport, ErasedLearner, JobRun, PipelineRun, VoidedStatement):
                stored.objects.all().delete()
            CourseSource.objects.all().delete()
            get_user_model().objects.filter(username="teacher").delete()
            populate(rows)
            if model.objects.exists():
                pages[1] = url_of(model, "change", model.objects.order_by("pk")[0].pk)

            # when its list and its first object are shown
            counts.append([queries(staff, page)[0] for page in pages if page])

        # then they take the same few queries
        assert counts[0] == counts[1]
        assert max(counts[0]) <= 10

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


class TestContentGaps:
    """What a collection lacks, from its page, in the words of manage.py content_gaps."""

    REPORT = {
        "responses": 7, "items_left_out": 3,
        "knowledge_components": [{
            "knowledge_component": "<kc>", "items": 1, "learners": 40, "over_practice": 0.25, "under_practice": None,
            "wheel_spinning": 0.5, "runs_out": 0.125,
            "suggestions": [{"code": "write_items", "message": "Write 3 more."}],
        }],
        "items": [{
            "activity": "item", "knowledge_component": "<kc>", "learners": 40, "correlation": -0.25,
            "suggestions": [{"code": "check_key", "message": "Look at its key."}],
        }],
    }  # fmt: skip

    def test_a_table_with_what_to_do(self, staff: Client) -> None:
        course = Collection.objects.create(collection_id="course")
        kept = ContentGapReport.objects.create(collection=course, made_at=NOON, report=self.REPORT)

        link = f"{url_of(ContentGapReport, 'changelist')}?collection__id__exact={course.pk}"
        assert (
            f'<a href="{link}">what it lacks</a>' in staff.get(url_of(Collection, "change", course.pk)).content.decode()
        )
        assert url_of(ContentGapReport, "change", kept.pk) in staff.get(link).content.decode()
        text = staff.get(url_of(ContentGapReport, "change", kept.pk)).content.decode()

        headings = "KC", "items", "learners", "over-practice", "under-practice", "wheel-spinning", "bank runs out"
        assert "".join(f"<th>{each}</th>" for each in (*headings, "to do")) in text
        cells = "&lt;kc&gt;", "1", "40", "25.0%", "-", "50.0%", "12.5%", "Write 3 more."
        assert "".join(f"<td>{each}</td>" for each in cells) in text
        cells = "item", "&lt;kc&gt;", "40", "-0.25", "Look at its key."
        assert "".join(f"<td>{each}</td>" for each in cells) in text
        assert "3 more items, which are less suspect" in text

    def test_only_for_those_who_may_look(self, client: Client) -> None:
        course = Collection.objects.create(collection_id="course")
        kept = ContentGapReport.objects.create(collection=course, made_at=NOON, report=self.REPORT)
        client.force_login(get_user_model().objects.create_user("teacher", is_staff=True))
        assert client.get(url_of(ContentGapReport, "change", kept.pk)).status_code == 403


class TestModelVersions:
    """Published and taken back by those who may change model versions."""

    @pytest.fixture
    def version(self) -> ModelVersion:
        return ModelVersion.objects.create(name="v1", report={"checks": []})

    def post(self, client: Client, page: str, *arguments: Any, **data: str) -> list[str]:
        response = client.post(reverse(f"admin:adaptivity_modelversion_{page}", args=arguments), data, follow=True)
        assert len(response.redirect_chain) == 1
        return [str(message) for message in response.context["messages"]]

    def test_the_gate_counts_here_too(self, staff: Client, version: ModelVersion) -> None:
        messages = self.post(staff, "promote", version.pk, reason="")

        assert messages == ["It has no report: it is still being estimated, or was not created by an estimate."]
        assert EngineState.objects.get().active_model_version is None
        assert ModelVersionEvent.objects.get().kind == "refused"

    def test_by_force_and_back(self, staff: Client, version: ModelVersion) -> None:
        page = url_of(ModelVersion, "change", version.pk)
        assert "Promote by force (needs a reason)" in staff.get(page).content.decode()
        assert self.post(staff, "promote", version.pk, force="on", reason=" ") == [
            "A promotion by force needs a reason."
        ]
        assert self.post(staff, "promote", version.pk, force="on", reason="Agreed.") == ["v1 is in force."]
        assert EngineState.objects.get().active_model_version == version
        assert "Roll back the last promotion" in staff.get(page).content.decode()
        assert self.post(staff, "rollback") == ["In force again: the authors' parameters."]
        events = ModelVersionEvent.objects.order_by("id").values_list("kind", "by", "reason")
        assert list(events) == [("forced", "admin", "Agreed."), ("rolled_back", "admin", "")]
        held = "The last change of the active version was a rollback of &#x27;v1&#x27; at "
        assert f"Schedules will not promote this version. {held}" in staff.get(page).content.decode()
        assert self.post(staff, "rollback") == ["The authors' parameters are in force; there is nothing to roll back."]

    def test_who_may_only_look_cannot(self, client: Client, version: ModelVersion) -> None:
        user = get_user_model().objects.create_user("teacher", is_staff=True)
        user.user_permissions.add(Permission.objects.get(codename="view_modelversion"))
        client.force_login(user)

        assert "Promote" not in client.get(url_of(ModelVersion, "change", version.pk)).content.decode()
        for page, arguments in (("promote", [version.pk]), ("rollback", [])):
            url = reverse(f"admin:adaptivity_modelversion_{page}", args=arguments)
            assert client.post(url, {"force": "on", "reason": "x"}).status_code == 403
            assert client.get(url).status_code == 405
        assert not ModelVersionEvent.objects.exists()


class TestExperiments:
    """Planned on a page, started and ended from the list; then nobody changes what they compare."""

    @pytest.fixture
    def draft(self, course: Collection) -> Experiment:
        experiment = Experiment.objects.create(name="stop", collection=course)
        ExperimentalGroup.objects.create(experiment=experiment, name="control")
        return experiment

    def act(self, client: Client, action: str, experiment: Experiment) -> list[str]:
        data = {"action": action, "_selected_action": [experiment.pk]}
        response = client.post(url_of(Experiment, "changelist"), data, follow=True)
        return [str(message) for message in response.context["messages"]][-1:]

    def test_a_group_is_added_and_the_experiment_run(self, staff: Client, draft: Experiment) -> None:
        url = url_of(Experiment, "change", draft.pk)
        data = page_data(staff, url)
        settings = {
            "name": "stop", "weight": 1, "remediation_weight": 2, "continuity_weight": 1, "difficulty_weight": 0.5,
            "readiness_weight": 2, "forgiveness": 0, "mastery_threshold": 0.9,
        }  # fmt: skip
        assert save(staff, url, self.with_group(data, settings, policy="no such policy")) != []
        for threshold in (0, 1):
            bad = settings | {"mastery_threshold": threshold}
            refused = save(staff, url, self.with_group(data, bad, policy="design"))
            assert refused == ["Must be greater than 0 and less than 1."]
        assert save(staff, url, self.with_group(data, settings, policy="stop_on_mastery")) == []
        assert draft.groups.get(name="stop").policy == "stop_on_mastery"

        assert self.act(staff, "start", draft) == ["stop was started."]
        assert self.act(staff, "start", draft) == ["stop: 'stop' has already started and can no longer be changed."]
        assert staff.post(url, data).status_code == 403
        assert staff.post(url_of(Experiment, "delete", draft.pk), {"post": "yes"}).status_code == 403
        group = draft.groups.get(name="stop")
        assert staff.post(url_of(ExperimentalGroup, "change", group.pk), settings).status_code == 403
        assert save(
            staff,
            url_of(ExperimentalGroup, "add"),
            {**settings, "name": "late", "experiment": draft.pk, "policy": "design"},
        ) == ["'stop' has already started and can no longer be changed."]
        selected = {"action": "delete_selected", "_selected_action": [draft.pk], "post": "yes"}
        page = staff.post(url_of(Experiment, "changelist"), selected, follow=True)
        assert (
            "Nothing was changed. &#x27;stop&#x27; has already started and can no longer be changed."
            in page.content.decode()
        )
        assert Experiment.objects.exists()
        assert self.act(staff, "end", draft) == ["stop was ended."]

    def with_group(self, data: dict[str, Any], settings: dict[str, Any], **more: str) -> dict[str, Any]:
        added = dict(data)
        add_row(added, "groups", **settings, **more)
        return added

    def test_a_pin(self, staff: Client, draft: Experiment) -> None:
        learner, group = Learner.objects.create(user_id="anna"), draft.groups.get()
        pin = {"learner": learner.pk, "group": group.pk}

        assert save(staff, url_of(ExperimentPin, "add"), pin) == []
        assert ExperimentPin.objects.get().experiment == draft
        assert save(staff, url_of(ExperimentPin, "add"), pin) == [
            "The learner is already pinned to a group of this experiment."
        ]
        Experiment.objects.update(started_at=NOON, ended_at=NOON)
        pinned = url_of(ExperimentPin, "change", ExperimentPin.objects.get().pk)
        assert save(staff, pinned, pin) == ["'stop' has ended."]


class TestWrites:
    """Each save is in turn with other writers of content, and counted as a change by those whom it concerns."""

    @pytest.mark.parametrize(
        ("model", "pick", "change", "counted"),
        [
            (Activity, {"source_launch_url": "a"}, {"difficulty": 0.7}, (1, 0)),
            (Activity, {"source_launch_url": "a"}, {"tagged-0-guess": 0.2}, (1, 1)),
            (Activity, {"source_launch_url": "a"}, {"tagged-0-DELETE": "on"}, (1, 1)),
            (Activity, {"source_launch_url": "a"}, {"memberships-0-DELETE": "on"}, (1, 0)),
            # Read anew for each recommendation, as the name of a KC is for no recommendation.
            (Collection, {"collection_id": "course"}, {"max_problems": 3}, (0, 0)),
            (Collection, {"collection_id": "course"}, {"memberships-1-DELETE": "on"}, (1, 0)),
            (KnowledgeComponent, {"kc_id": "hard"}, {"name": "Harder"}, (0, 0)),
            (KnowledgeComponent, {"kc_id": "hard"}, {"mastery_prior": 0.3}, (1, 1)),
            (KnowledgeComponent, {"kc_id": "hard"}, {"prerequisite_edges-0-value": 0.5}, (1, 0)),
            (ActivityKnowledgeComponent, {"activity__source_launch_url": "a"}, {"slip": 0.2}, (1, 1)),
            (CollectionActivity, {"activity__source_launch_url": "a"}, {}, (0, 0)),
            (PrerequisiteKnowledgeComponent, {}, {"value": 0.5}, (1, 0)),
        ],
    )
    def test_change_bumps_the_revisions(
        self,
        staff: Client,
        course: Collection,
        model: Any,
        pick: dict[str, Any],
        change: dict[str, Any],
        counted: tuple[int, int],
    ) -> None:
        url = url_of(model, "change", model.objects.get(**pick).pk)

        errors = save(staff, url, page_data(staff, url) | change)

        assert errors == []
        assert revisions() == counted

    @pytest.mark.parametrize(
        ("model", "fields", "counted"),
        [
            # In no collection and without tags, nothing that is cached holds them.
            (Activity, {"source_launch_url": "d", "include_adaptive": "on"}, (0, 0)),
            (Collection, {"collection_id": "second"}, (0, 0)),
            (KnowledgeComponent, {"kc_id": "harder", "mastery_prior": 0.5}, (0, 0)),
            (ActivityKnowledgeComponent, {"guess": 0.1, "slip": 0.1, "transit": 0.1}, (1, 1)),
            (CollectionActivity, {}, (1, 0)),
            (PrerequisiteActivity, {}, (1, 0)),
            (PrerequisiteKnowledgeComponent, {"value": 1}, (1, 0)),
        ],
    )
    def test_addition_bumps_the_revisions(
        self, staff: Client, course: Collection, model: Any, fields: dict[str, Any], counted: tuple[int, int]
    ) -> None:
        ends = {
            ActivityKnowledgeComponent: {"activity": activity("c"), "knowledge_component": kc("easy")},
            CollectionActivity: {"activity": activity("c"), "collection": Collection.objects.create(collection_id="x")},
            PrerequisiteActivity: {"from_activity": activity("b"), "to_activity": activity("a")},
            PrerequisiteKnowledgeComponent: {
                "knowledge_component": KnowledgeComponent.objects.create(kc_id="x"),
                "prerequisite": kc("easy"),
            },
        }.get(model, {})
        count = model.objects.count()
        url = url_of(model, "add")

        errors = save(staff, url, page_data(staff, url) | fields | {end: row.pk for end, row in ends.items()})

        assert errors == []
        assert model.objects.count() == count + 1
        assert revisions() == counted

    @pytest.mark.parametrize("page", ["delete", "action"])
    @pytest.mark.parametrize(
        ("model", "pick", "counted"),
        [
            (Activity, {"source_launch_url": "c"}, (1, 0)),
            (Collection, {}, (0, 0)),
            (KnowledgeComponent, {"kc_id": "hard"}, (1, 1)),
            (ActivityKnowledgeComponent, {"activity__source_launch_url": "a"}, (1, 1)),
            (CollectionActivity, {"activity__source_launch_url": "a"}, (1, 0)),
            (PrerequisiteKnowledgeComponent, {}, (1, 0)),
        ],
    )
    def test_deletion_bumps_the_revisions(
        self, staff: Client, course: Collection, model: Any, pick: dict[str, Any], counted: tuple[int, int], page: str
    ) -> None:
        gone = model.objects.get(**pick)

        if page == "delete":
            response = staff.post(url_of(model, "delete", gone.pk), {"post": "yes"})
        else:
            response = staff.post(
                url_of(model, "changelist"), {"action": "delete_selected", "_selected_action": gone.pk, "post": "yes"}
            )

        assert response.status_code == 302
        assert not model.objects.filter(pk=gone.pk).exists()
        assert revisions() == counted

    def test_content_lock_comes_before_what_a_write_reads_and_writes(self, staff: Client, course: Collection) -> None:
        url = url_of(Activity, "change", activity("a").pk)
        data = page_data(staff, url)

        with CaptureQueriesContext(connection) as captured:
            save(staff, url, data | {"name": "New name"})

        statements = [query["sql"] for query in captured]
        lock = next(n for n, statement in enumerate(statements) if 'FROM "adaptivity_enginestate"' in statement)
        assert not any("UPDATE" in statement or "INSERT" in statement for statement in statements[:lock])
        # The row is read again, as it is now that nobody else writes, and then written.
        read = next(
            n for n, statement in enumerate(statements) if n > lock and 'FROM "adaptivity_activity"' in statement
        )
        written = next(n for n, statement in enumerate(statements) if 'UPDATE "adaptivity_activity"' in statement)
        assert lock < read < written
        assert "source_launch_url" not in statements[written]

    def test_failure_after_the_save_takes_everything_back(
        self, staff: Client, course: Collection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # given an admin whose last step fails
        url = url_of(Activity, "change", activity("a").pk)
        data = page_data(staff, url) | {"name": "New name", "tagged-0-guess": 0.2}
        seen = []

        def fail(*_: Any) -> None:
            seen.append((revisions(), activity("a").name))
            raise IntegrityError

        monkeypatch.setattr(base.ContentAdmin, "log_change", fail)

        # when an activity is saved
        response = staff.post(url, data, follow=True)

        # then it says so, and neither the save nor the revision remains
        assert seen == [((2, 1), "New name")]
        assert "Nothing was changed" in response.content.decode()
        assert revisions() == (0, 0)
        assert activity("a").name == "Activity a"

    def test_deletion_that_evidence_overtakes_is_refused(
        self, staff: Client, course: Collection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # given a score that arrives after the page has looked for evidence
        monkeypatch.setattr(
            base.ContentAdmin,
            "log_deletions",
            lambda *_: score_create(learner=LearnerIdentity("anna"), activity="c", score=1.0),
        )

        response = staff.post(url_of(Activity, "delete", activity("c").pk), {"post": "yes"}, follow=True)

        assert response.status_code == 200
        assert "Nothing was changed" in response.content.decode()
        assert activity("c").name == "Activity c"

    def test_recommendation_changes_right_after_a_save(self, staff: Client, course: Collection) -> None:
        # given a recommendation, whose arrays are now cached
        anna = LearnerIdentity("anna")
        assert activity_recommend(learner=anna, collection_id="course").url == "a"

        # when that activity is excluded in the admin
        url = url_of(Activity, "change", activity("a").pk)
        data = page_data(staff, url)
        del data["include_adaptive"]
        assert save(staff, url, data) == []

        # then the one that is not about what the learner is not ready for
        assert activity_recommend(learner=anna, collection_id="course").url == "c"

    def test_inline_adds_tags_prerequisites_and_collections(self, staff: Client, course: Collection) -> None:
        url = url_of(Activity, "change", activity("c").pk)
        second = Collection.objects.create(collection_id="second")
        data = page_data(staff, url)
        add_row(data, "tagged", knowledge_component=kc("hard").pk, guess=0.2, slip=0.3, transit=0.4)
        add_row(data, "prerequisite_edges", to_activity=activity("a").pk)
        add_row(data, "memberships", collection=second.pk)

        assert save(staff, url, data) == []

        tag = ActivityKnowledgeComponent.objects.get(activity__source_launch_url="c")
        assert (tag.knowledge_component.kc_id, tag.guess, tag.slip, tag.transit) == ("hard", 0.2, 0.3, 0.4)
        assert [edge.to_activity.source_launch_url for edge in activity("c").prerequisite_edges.all()] == ["a"]
        assert [str(found) for found in activity("c").collections.order_by("pk")] == ["course", "second"]
        assert revisions() == (3, 1)

    def test_tags_of_a_new_activity_make_nobody_stale(self, staff: Client, course: Collection) -> None:
        data = page_data(staff, url_of(Activity, "add")) | {"source_launch_url": "d", "include_adaptive": "on"}
        add_row(data, "tagged", knowledge_component=kc("hard").pk, guess=0.2, slip=0.3, transit=0.4)
        add_row(data, "memberships", collection=course.pk)

        assert save(staff, url_of(Activity, "add"), data) == []

        assert [tag.guess for tag in activity("d").tagged.all()] == [0.2]
        assert revisions() == (1, 0)

    def test_far_end_of_a_link_stays_whatever_is_posted(self, staff: Client, course: Collection) -> None:
        url = url_of(Activity, "change", activity("a").pk)
        data = page_data(staff, url) | {"tagged-0-knowledge_component": kc("hard").pk, "tagged-0-guess": 0.2}

        assert save(staff, url, data) == []

        tag = ActivityKnowledgeComponent.objects.get(activity__source_launch_url="a")
        assert (tag.knowledge_component.kc_id, tag.guess) == ("easy", 0.2)

    def test_white_space_of_an_id_stays(self, staff: Client) -> None:
        spaced = Activity.objects.create(source_launch_url=" spaced ")
        url = url_of(Activity, "change", spaced.pk)

        assert save(staff, url, page_data(staff, url) | {"name": "New name"}) == []

        assert activity(" spaced ").name == "New name"


CYCLE = "The prerequisites would form a cycle."


class TestRefusals:
    """What breaks a rule is an error of the form, and changes nothing."""

    @pytest.mark.parametrize(
        ("model", "fields", "error"),
        [
            (Activity, {"source_launch_url": "a"}, "Activity with this Source launch url already exists."),
            (Activity, {"source_launch_url": ""}, "This field is required."),
            (Activity, {"source_launch_url": "d\0"}, "Null characters are not allowed."),
            (Activity, {"source_launch_url": "d", "difficulty": 1.5}, "difficulty must lie between 0 and 1."),
            (Activity, {"source_launch_url": "d", "difficulty": "nan"}, "Enter a number."),
            (Collection, {"collection_id": "course"}, "Collection with this Collection id already exists."),
            (KnowledgeComponent, {"kc_id": "easy"}, "Knowledge component with this Kc id already exists."),
            (
                KnowledgeComponent,
                {"kc_id": "new", "mastery_prior": -0.1},
                "mastery_prior must lie between 0 and 1.",
            ),
        ],
    )
    def test_fields(self, staff: Client, course: Collection, model: Any, fields: dict[str, Any], error: str) -> None:
        count = model.objects.count()
        url = url_of(model, "add")

        assert save(staff, url, page_data(staff, url) | fields) == [error]
        assert model.objects.count() == count
        assert revisions() == (0, 0)

    def test_guess_plus_slip_above_one(self, staff: Client, course: Collection) -> None:
        error = "guess and slip must not add up to more than 1."
        url = url_of(Activity, "change", activity("a").pk)
        data = page_data(staff, url) | {"tagged-0-guess": 0.6, "tagged-0-slip": 0.5}
        assert save(staff, url, data) == [error]

        tag = ActivityKnowledgeComponent.objects.get(activity__source_launch_url="a")
        url = url_of(ActivityKnowledgeComponent, "change", tag.pk)
        assert save(staff, url, page_data(staff, url) | {"guess": 0.6, "slip": 0.5}) == [error]
        assert revisions() == (0, 0)

    def test_activity_cycle_of_one_inline_row_keeps_the_others_out_too(self, staff: Client, course: Collection) -> None:
        # given a before b before c
        PrerequisiteActivity.objects.create(from_activity=activity("b"), to_activity=activity("a"))
        PrerequisiteActivity.objects.create(from_activity=activity("c"), to_activity=activity("b"))
        Activity.objects.create(source_launch_url="d")

        # when a gets d and c as prerequisites
        url = url_of(Activity, "change", activity("a").pk)
        data = page_data(staff, url)
        add_row(data, "prerequisite_edges", to_activity=activity("d").pk)
        add_row(data, "prerequisite_edges", to_activity=activity("c").pk)

        # then nothing is saved
        assert save(staff, url, data) == [CYCLE]
        assert PrerequisiteActivity.objects.count() == 2
        assert revisions() == (0, 0)

    def test_activity_cycle_of_two_rows_of_the_form(self, staff: Client, course: Collection) -> None:
        # given b before c
        PrerequisiteActivity.objects.create(from_activity=activity("c"), to_activity=activity("b"))

        # when b gets a, and both c and itself
        url = url_of(Activity, "change", activity("b").pk)
        data = page_data(staff, url)
        for prerequisite in "acb":
            add_row(data, "prerequisite_edges", to_activity=activity(prerequisite).pk)

        assert save(staff, url, data) == [CYCLE, CYCLE]
        assert PrerequisiteActivity.objects.count() == 1

    def test_activity_cycle_on_the_page_of_an_edge(self, staff: Client, course: Collection) -> None:
        # given a before b, and b before c
        PrerequisiteActivity.objects.create(from_activity=activity("b"), to_activity=activity("a"))
        edge = PrerequisiteActivity.objects.create(from_activity=activity("c"), to_activity=activity("b"))

        # then a new edge from c to a is refused
        ends = {"from_activity": activity("a").pk, "to_activity": activity("c").pk}
        assert save(staff, url_of(PrerequisiteActivity, "add"), ends) == [CYCLE]
        # and so is the second edge turned round upon the first, but not upon itself
        url = url_of(PrerequisiteActivity, "change", edge.pk)
        assert save(staff, url, {"from_activity": activity("a").pk, "to_activity": activity("b").pk}) == [CYCLE]
        assert save(staff, url, {"from_activity": activity("b").pk, "to_activity": activity("c").pk}) == []
        assert revisions() == (1, 0)

    def test_knowledge_component_cycle(self, staff: Client, course: Collection) -> None:
        # given easy before hard
        url = url_of(KnowledgeComponent, "change", kc("easy").pk)
        data = page_data(staff, url)
        add_row(data, "prerequisite_edges", prerequisite=kc("hard").pk, value=1)

        assert save(staff, url, data) == [CYCLE]
        ends = {"knowledge_component": kc("easy").pk, "prerequisite": kc("hard").pk, "value": 1}
        assert save(staff, url_of(PrerequisiteKnowledgeComponent, "add"), ends) == [CYCLE]
        assert PrerequisiteKnowledgeComponent.objects.count() == 1

    def test_repeated_row_of_an_inline(self, staff: Client, course: Collection) -> None:
        url = url_of(Collection, "change", course.pk)
        data = page_data(staff, url)
        add_row(data, "memberships", activity=activity("a").pk)

        assert save(staff, url, data) == ["The activity is already in this collection."]

    def test_row_that_is_gone_meanwhile(self, staff: Client, course: Collection) -> None:
        url = url_of(Collection, "change", course.pk)
        data = page_data(staff, url) | {"name": "New name"}
        CollectionActivity.objects.filter(activity__source_launch_url="b").delete()

        errors = save(staff, url, data)

        assert "Select a valid choice. That choice is not one of the available choices." in errors
        assert Collection.objects.get().name == "Course"

    @pytest.mark.parametrize(("model", "pick"), [(Activity, "a"), (KnowledgeComponent, "easy")], ids=str)
    def test_what_has_evidence_is_protected(self, staff: Client, course: Collection, model: Any, pick: str) -> None:
        # given evidence, deleted scores included
        score = score_create(learner=LearnerIdentity("anna"), activity="a", score=1.0)
        score_create(learner=LearnerIdentity("anna"), activity="a", score=0.5)
        score_delete(score=score)
        kept = activity(pick) if model is Activity else kc(pick)
        protecting = {
            Activity: ["1 learners", "1 done activities", "2 scores", "1 score revisions"],
            KnowledgeComponent: ["1 masteries"],
        }[model]

        # when somebody wants to delete it, on its page or in the list
        url = url_of(model, "delete", kept.pk)
        selected = {"action": "delete_selected", "_selected_action": kept.pk}
        pages = [
            staff.get(url),
            staff.post(url, {"post": "yes"}),
            staff.post(url_of(model, "changelist"), selected),
            staff.post(url_of(model, "changelist"), selected | {"post": "yes"}),
        ]

        # then each page says what protects it
        for page in pages:
            assert page.status_code == 200
            assert sorted(page.context["protected"]) == sorted(protecting)
        assert model.objects.filter(pk=kept.pk).exists()
        assert revisions() == (0, 0)

    def test_deletion_page_counts_what_goes_too(self, staff: Client) -> None:
        populate(60)
        collection = Collection.objects.get(collection_id="collection 0")

        count, page = queries(staff, url_of(Collection, "delete", collection.pk))

        assert "Collection activities: 61" in page.replace("collection activities", "Collection activities")
        assert "activity 1<" not in page
        assert count <= 10


class TestRuns:
    """How jobs and pipelines went, for whoever operates the service."""

    def test_the_record_of_a_job_has_the_end_of_its_log(self, staff: Client) -> None:
        populate(1)
        JobRun.objects.update(log_tail="the last line", arguments={"file": "scores.csv"})

        _, page = queries(staff, url_of(JobRun, "change", JobRun.objects.get().pk))

        assert "the last line" in page
        assert "scores.csv" in page
        assert 'name="_save"' not in page

    def test_a_run_shows_its_steps_which_have_the_end_of_what_they_wrote(self, staff: Client) -> None:
        populate(1)
        StepRun.objects.update(log_tail="the last line", problem="timed out after 1 seconds", process="a/process")
        step = StepRun.objects.get()

        _, run_page = queries(staff, url_of(PipelineRun, "change", step.run_id))
        _, step_page = queries(staff, url_of(StepRun, "change", step.pk))

        assert "timed out after 1 seconds" in run_page
        assert url_of(StepRun, "change", step.pk) in run_page
        assert "the last line" in step_page
        assert "a/process" not in step_page


class TestSources:
    """A source is checked like one that the API gets, and a new one is read once, after the commit."""

    def data(self, staff: Client, **values: Any) -> dict[str, Any]:
        lines = {"start_urls": "https://uni.example/\n\n https://uni.example/b ", "allowed_domains": "uni.example"}
        fields = {"slug": "site", "kind": "website", **lines}
        return page_data(staff, url_of(CourseSource, "add")) | fields | values

    def test_a_new_one_is_read_once_after_the_commit(
        self, staff: Client, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
    ) -> None:
        read: list[Any] = []
        monkeypatch.setattr("adaptivity.tasks.read_source.delay", lambda *arguments: read.append(arguments))

        with django_capture_on_commit_callbacks() as callbacks:
            assert save(staff, url_of(CourseSource, "add"), self.data(staff)) == []

        source = CourseSource.objects.get()
        assert source.start_urls == ["https://uni.example/", "https://uni.example/b"]
        assert (source.allowed_domains, source.address_exceptions) == (["uni.example"], [])
        assert read == []
        assert [callback() for callback in callbacks] == [None]
        assert read == [(source.pk, "admin")]

        # Changing it reads nothing, and changes no kind.
        url = url_of(CourseSource, "change", source.pk)
        with django_capture_on_commit_callbacks() as callbacks:
            assert save(staff, url, page_data(staff, url) | {"name": "A site", "kind": "open_edx"}) == []
        source.refresh_from_db()
        assert (source.name, source.kind, callbacks) == ("A site", "website", [])

    @pytest.mark.django_db(transaction=True)
    def test_without_an_answer_of_the_broker_it_is_saved_with_a_warning(self, staff: Client) -> None:
        data = self.data(staff)

        with broker_away():
            response = staff.post(url_of(CourseSource, "add"), data, follow=True)

        assert response.redirect_chain == [(url_of(CourseSource, "changelist"), 302)]
        shown = {message.level: str(message) for message in response.context["messages"]}
        assert set(shown) == {SUCCESS, WARNING}
        assert shown[WARNING] == (
            "The source was saved, but the broker did not accept its job. The next scheduled run reads the source."
        )
        assert CourseSource.objects.get().slug == "site"

    def test_one_that_is_not_enabled_is_not_read(self, staff: Client, django_capture_on_commit_callbacks: Any) -> None:
        data = self.data(staff)
        del data["enabled"]

        with django_capture_on_commit_callbacks() as callbacks:
            assert save(staff, url_of(CourseSource, "add"), data) == []

        assert (CourseSource.objects.get().enabled, callbacks) == (False, [])

    @pytest.mark.parametrize(
        ("fields", "error"),
        [
            ({"start_urls": ""}, "A website needs at least one start URL."),
            (
                {"start_urls": "ftp://uni.example/"},
                "Must be an http or https URL, without user, password and fragment.",
            ),
            ({"allowed_domains": "other.example"}, "A start URL is outside allowed_domains."),
            ({"address_exceptions": "localhost"}, 'Each must be "host:port" in lower case, IPv6 in brackets.'),
            ({"kind": "open_edx"}, "Must be an http or https URL, without user, password and fragment."),
            ({"max_pages": "0"}, "max_pages must be at least 1."),
            ({"interval_hours": "8785"}, "Must be 0 to 8784 hours."),
        ],
    )
    def test_refusals(self, staff: Client, fields: dict[str, Any], error: str) -> None:
        assert save(staff, url_of(CourseSource, "add"), self.data(staff, **fields)) == [error]
        assert not CourseSource.objects.exists()

    def test_deleting_one_counts_what_goes_too(self, staff: Client) -> None:
        populate(60)
        source = CourseSource.objects.get(slug="s0")

        count, page = queries(staff, url_of(CourseSource, "delete", source.pk))

        assert "61" in page
        assert "page 1<" not in page
        assert count <= 10
        assert staff.post(url_of(CourseSource, "delete", source.pk), {"post": "yes"}).status_code == 302
        assert (CrawledPage.objects.count(), Activity.objects.count()) == (0, 61)
