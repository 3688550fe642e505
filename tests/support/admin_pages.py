"""Pages and forms of the admin, rows of every model for them, and how often content counted as changed."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.contrib.messages import ERROR, get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from rest_framework.authtoken.models import TokenProxy

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

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


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
