"""What a collection lacks, from its page, in the words of manage.py content_gaps."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from adaptivity.models import Collection, ContentGapReport
from tests.support.admin_pages import NOON, url_of

pytestmark = pytest.mark.django_db


class TestContentGaps:
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
