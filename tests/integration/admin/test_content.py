"""Pages of content: each save takes its turn with other writers, and counts as a change for those whom it concerns."""

from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from adaptivity.admin import base
from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.evidence.services.scores import score_create, score_delete
from adaptivity.models import (
    Activity,
    ActivityKnowledgeComponent,
    Collection,
    CollectionActivity,
    KnowledgeComponent,
    PrerequisiteActivity,
    PrerequisiteKnowledgeComponent,
)
from adaptivity.recommendation.services.recommendation import activity_recommend
from tests.support.admin_pages import activity, add_row, kc, page_data, populate, queries, revisions, save, url_of

pytestmark = pytest.mark.django_db


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
