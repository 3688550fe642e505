"""Model versions are published and rolled back by those who may change them."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from adaptivity.models import EngineState, ModelVersion, ModelVersionEvent
from tests.support.admin_pages import url_of

pytestmark = pytest.mark.django_db


class TestModelVersions:
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
