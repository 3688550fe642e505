"""collection/<collection_id>/content_gaps: the last report, to members of the staff."""

import pytest
from django.core.management import call_command
from rest_framework.authtoken.models import Token

from tests.support.api import Api

PATH = "collection/fractions/content_gaps"


@pytest.fixture
def staff(django_user_model):
    return Api(Token.objects.create(user=django_user_model.objects.create_user("author", is_staff=True)).key)


def test_there_is_none_before_the_job_has_run(staff, course):
    response = staff.get(PATH)

    assert response.status_code == 404
    assert response.json()["detail"] == "There is no report on this collection yet; run manage.py content_gaps."
    assert staff.get("collection/nowhere/content_gaps").status_code == 404


def test_the_last_report(staff, course):
    call_command("content_gaps")
    first = staff.get(PATH).json()
    call_command("content_gaps", "--collection", "fractions")

    found = staff.get(PATH).json()

    assert found["made_at"] > first["made_at"]
    assert (found["collection"], found["responses"], found["items"]) == ("fractions", 0, [])
    assert [row["knowledge_component"] for row in found["knowledge_components"]] == ["half", "third"]
    half = found["knowledge_components"][0]
    assert (half["items"], half["learners"], half["over_practice"]) == (1, 0, None)
    assert [each["code"] for each in half["suggestions"]] == ["write_items"]


def test_it_is_for_members_of_the_staff(api, anonymous, course):
    call_command("content_gaps")

    assert api.get(PATH).status_code == 403
    assert anonymous.get(PATH).status_code == 401
