"""Generates the benchmark's rows, always the same; masteries and done activities are traced from the log.

Run ``python -m benchmarks.data few`` and then ``many``, with the database in DATABASE_CONNECTION.
"""

import argparse
import random
from datetime import UTC, datetime, timedelta

ACTIVITIES = 1000
SMALL_ACTIVITIES = 20
ELSEWHERE = 500
KCS = 100
FEW_LEARNERS = 200
TYPICAL_SCORES = 20
SHORT_LEARNERS, SHORT_SCORES = 1000, 10
LONG_LEARNERS, LONG_SCORES = 100, 2000

LARGE, SMALL, OTHER = "large", "small", "other"
TOKEN = "0123456789abcdef0123456789abcdef01234567"
SEED = 2018
START = datetime(2024, 1, 1, tzinfo=UTC)


def activity_url(number: int) -> str:
    """The source launch URL of an activity. The first ACTIVITIES are in the large collection, the rest elsewhere."""
    return f"https://course.example/activity/{number}"


def learner_id(group: str, number: int, copy: int = 0) -> str:
    """The user_id of a learner."""
    return f"{group}-{number}-{copy}"


def write_content() -> None:
    """Writes three collections with 1,500 activities and 100 KCs, prerequisites of both kinds, and
    a user with a token.
    """
    from django.contrib.auth import get_user_model
    from rest_framework.authtoken.models import Token

    from adaptivity.models import (
        Activity,
        ActivityKnowledgeComponent,
        Collection,
        CollectionActivity,
        EngineState,
        KnowledgeComponent,
        PrerequisiteActivity,
        PrerequisiteKnowledgeComponent,
    )

    generator = random.Random(SEED)
    EngineState.objects.create()
    Token.objects.create(user=get_user_model().objects.create_user("benchmark"), key=TOKEN)
    kcs = KnowledgeComponent.objects.bulk_create(
        KnowledgeComponent(kc_id=f"kc-{n}", name=f"KC {n}", mastery_prior=generator.uniform(0.1, 0.4))
        for n in range(KCS)
    )
    PrerequisiteKnowledgeComponent.objects.bulk_create(
        PrerequisiteKnowledgeComponent(
            knowledge_component=kcs[n], prerequisite=kcs[m], value=generator.uniform(0.5, 1.0)
        )
        for n in range(10, KCS)
        for m in generator.sample(range(n), generator.randint(1, 2))
    )
    activities = Activity.objects.bulk_create(
        Activity(source_launch_url=activity_url(n), name=f"Activity {n}", difficulty=generator.uniform(0.1, 0.9))
        for n in range(ACTIVITIES + ELSEWHERE)
    )
    ActivityKnowledgeComponent.objects.bulk_create(
        ActivityKnowledgeComponent(
            activity=activity,
            knowledge_component=kc,
            guess=generator.uniform(0.05, 0.3),
            slip=generator.uniform(0.05, 0.2),
            transit=generator.uniform(0.05, 0.2),
        )
        for activity in activities
        for kc in generator.sample(kcs, generator.randint(1, 3))
    )
    PrerequisiteActivity.objects.bulk_create(
        PrerequisiteActivity(from_activity=activities[n], to_activity=activities[n - generator.randint(1, 9)])
        for n in range(10, ACTIVITIES, 5)
    )
    members = {
        LARGE: activities[:ACTIVITIES],
        SMALL: activities[:SMALL_ACTIVITIES],
        OTHER: activities[ACTIVITIES:],
    }
    for name, its_activities in members.items():
        collection = Collection.objects.create(collection_id=name, name=name)
        CollectionActivity.objects.bulk_create(
            CollectionActivity(collection=collection, activity=activity) for activity in its_activities
        )


def write_learners(group: str, learners: int, scores: int) -> None:
    """Writes learners with a history of ``scores`` scores each.

    Half of the scores are in the large collection, on at most 500 of its activities and none of the small collection's.
    The other half is elsewhere.
    """
    from adaptivity.evidence.services.retracing import learners_retrace
    from adaptivity.models import Activity, Learner, Score

    generator = random.Random(f"{SEED} {group}")
    ids = dict(Activity.objects.values_list("source_launch_url", "id"))
    inside = [ids[activity_url(n)] for n in range(SMALL_ACTIVITIES, ACTIVITIES)]
    elsewhere = [ids[activity_url(n)] for n in range(ACTIVITIES, ACTIVITIES + ELSEWHERE)]
    rows = Learner.objects.bulk_create(
        Learner(user_id=learner_id(group, n), evidence_count=scores) for n in range(learners)
    )
    for start in range(0, learners, 50):
        some = rows[start : start + 50]
        log = []
        for learner in some:
            half = scores // 2
            distinct = min(half, 500)
            done = generator.sample(inside, distinct) * (half // distinct)
            done += [generator.choice(elsewhere) for _ in range(scores - half)]
            generator.shuffle(done)
            log += [
                Score(
                    learner=learner,
                    activity_id=activity_id,
                    score=float(generator.random() < 0.6),
                    timestamp=START + timedelta(minutes=arrival),
                    arrival=arrival,
                )
                for arrival, activity_id in enumerate(done, start=1)
            ]
        Score.objects.bulk_create(log, batch_size=5000)
        learners_retrace(learner_ids=[learner.id for learner in some])


COPIES = """
INSERT INTO adaptivity_learner (user_id, tool_consumer_instance_guid, evidence_count, latest_timestamp,
                                last_activity_id, traced_revision, traced_model_version_id)
SELECT regexp_replace(user_id, '-0$', '-' || copy), '', evidence_count, latest_timestamp,
       last_activity_id, traced_revision, traced_model_version_id
FROM adaptivity_learner, generate_series(1, %(copies)s) copy WHERE user_id LIKE 'typical-%%-0';

CREATE TEMPORARY TABLE copied AS
SELECT original.id AS original, learner.id AS learner
FROM adaptivity_learner learner
JOIN adaptivity_learner original
    ON original.user_id = regexp_replace(learner.user_id, '-[0-9]+$', '-0') AND original.id <> learner.id
WHERE learner.user_id LIKE 'typical-%%';

INSERT INTO adaptivity_score (learner_id, activity_id, score, timestamp, timestamp_given, arrival, event_fingerprint)
SELECT learner, activity_id, score, timestamp, timestamp_given, arrival, ''
FROM copied JOIN adaptivity_score ON learner_id = original;
INSERT INTO adaptivity_doneactivity (learner_id, activity_id)
SELECT learner, activity_id FROM copied JOIN adaptivity_doneactivity ON learner_id = original;
INSERT INTO adaptivity_mastery (learner_id, knowledge_component_id, value)
SELECT learner, knowledge_component_id, value FROM copied JOIN adaptivity_mastery ON learner_id = original;
"""


def main() -> None:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    parser = argparse.ArgumentParser()
    parser.add_argument("stage", choices=["few", "many"])
    parser.add_argument("--learners", type=int, default=20_000)
    options = parser.parse_args()
    if options.stage == "few":
        call_command("migrate", verbosity=0)
        write_content()
        write_learners("typical", FEW_LEARNERS, TYPICAL_SCORES)
    else:
        write_learners("short", SHORT_LEARNERS, SHORT_SCORES)
        write_learners("long", LONG_LEARNERS, LONG_SCORES)
        with connection.cursor() as cursor:
            # A copy of a learner with all rows is as consistent as the original.
            cursor.execute(COPIES, {"copies": options.learners // FEW_LEARNERS - 1})
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")


if __name__ == "__main__":
    main()
