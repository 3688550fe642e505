"""Short names for the rows that a test starts with."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from django.db import connection

from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.models import (
    Activity,
    ActivityKnowledgeComponent,
    Collection,
    CollectionActivity,
    EngineState,
    ItemParameters,
    KnowledgeComponent,
    KnowledgeComponentParameters,
    Learner,
    Mastery,
    ModelVersion,
    PrerequisiteActivity,
)
from tests.support.reference import Tag

ADA = LearnerIdentity("ada", "campus")
NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)
ON_POSTGRESQL = connection.vendor == "postgresql"


def minutes(number: float) -> datetime:
    """This many minutes after noon."""
    return NOON + timedelta(minutes=number)


def knowledge_component(kc_id: str, prior: float | None = None) -> KnowledgeComponent:
    return KnowledgeComponent.objects.create(kc_id=kc_id, name=kc_id, mastery_prior=prior)


def collection(collection_id: str = "course", **columns: object) -> Collection:
    return Collection.objects.create(collection_id=collection_id, name=collection_id, **columns)


def activity(
    url: str,
    tags: Mapping[KnowledgeComponent, Tag] | Iterable[KnowledgeComponent] = (),
    *,
    into: Collection | None = None,
    after: Iterable[Activity] = (),
    **columns: object,
) -> Activity:
    """An activity with its tags, collection and prerequisites. KCs given alone get tags with default parameters."""
    created = Activity.objects.create(source_launch_url=url, **columns)
    with_parameters = dict(tags) if isinstance(tags, Mapping) else {kc: Tag() for kc in tags}
    for kc, tag in with_parameters.items():
        ActivityKnowledgeComponent.objects.create(
            activity=created, knowledge_component=kc, guess=tag.guess, slip=tag.slip, transit=tag.transit
        )
    if into is not None:
        CollectionActivity.objects.create(collection=into, activity=created)
    for prerequisite in after:
        PrerequisiteActivity.objects.create(from_activity=created, to_activity=prerequisite)
    return created


def model_version_activate(
    name: str,
    items: Mapping[tuple[Activity, KnowledgeComponent], Tag] | None = None,
    priors: Mapping[KnowledgeComponent, float] | None = None,
) -> ModelVersion:
    """Creates a model version with these estimates, and activates it."""
    version = ModelVersion.objects.create(name=name)
    for (of, kc), tag in (items or {}).items():
        ItemParameters.objects.create(
            model_version=version,
            activity=of,
            knowledge_component=kc,
            guess=tag.guess,
            slip=tag.slip,
            transit=tag.transit,
        )
    for kc, prior in (priors or {}).items():
        KnowledgeComponentParameters.objects.create(model_version=version, knowledge_component=kc, mastery_prior=prior)
    EngineState.objects.update_or_create(id=EngineState.SINGLETON, defaults={"active_model_version": version})
    return version


def learner(identity: LearnerIdentity = ADA) -> Learner:
    return Learner.objects.get(
        user_id=identity.user_id, tool_consumer_instance_guid=identity.tool_consumer_instance_guid
    )


def masteries(identity: LearnerIdentity = ADA) -> dict[str, float]:
    """The stored masteries, by kc_id."""
    rows = Mastery.objects.filter(
        learner__user_id=identity.user_id, learner__tool_consumer_instance_guid=identity.tool_consumer_instance_guid
    )
    return dict(rows.values_list("knowledge_component__kc_id", "value"))


def done(identity: LearnerIdentity = ADA) -> set[str]:
    """The URLs of the activities that count as done."""
    return set(learner(identity).done_activities.values_list("activity__source_launch_url", flat=True))
