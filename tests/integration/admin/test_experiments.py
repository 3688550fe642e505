"""Experiments are planned on a page, and started and ended from the list; then nobody changes what they compare."""

from typing import Any

import pytest
from django.test import Client

from adaptivity.models import Collection, Experiment, ExperimentalGroup, ExperimentPin, Learner
from tests.support.admin_pages import NOON, add_row, page_data, save, url_of

pytestmark = pytest.mark.django_db


class TestExperiments:
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
