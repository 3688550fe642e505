"""Reports on what a collection's content lacks."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response

from adaptivity.api.resource import STAFF_READ, UNKNOWN, OfCollection, Plain
from adaptivity.models import ContentGapReport


class SuggestionSerializer(Plain):
    code = serializers.CharField()
    message = serializers.CharField()


class KnowledgeComponentGapsSerializer(Plain):
    """Shares are numbers from 0 to 1. A share is null if nobody has practised, or if no learner is determined."""

    knowledge_component = serializers.CharField(help_text="The kc_id.")
    items = serializers.IntegerField(help_text="Number of items that may be recommended.")
    opportunities = serializers.IntegerField()
    learners = serializers.IntegerField()
    over_practice = serializers.FloatField(allow_null=True)
    under_practice = serializers.FloatField(allow_null=True)
    determined = serializers.IntegerField(help_text="Number of learners known to wheel-spin or not.")
    wheel_spinning = serializers.FloatField(allow_null=True)
    runs_out = serializers.FloatField(help_text="Probability that a new learner runs out of items before mastery.")
    missing = serializers.IntegerField(help_text="Number of similar items to write, up to the search limit.")
    suggestions = SuggestionSerializer(many=True)


class ItemGapsSerializer(Plain):
    activity = serializers.CharField(help_text="The source_launch_url.")
    knowledge_component = serializers.CharField(help_text="The kc_id.")
    learners = serializers.IntegerField()
    correlation = serializers.FloatField()
    interval = serializers.ListField(child=serializers.FloatField(), min_length=2, max_length=2)
    better = serializers.CharField(allow_null=True, help_text="The kc_id of the KC that fits its scores better.")
    suggestions = SuggestionSerializer(many=True)


class ContentGapsSerializer(Plain):
    """The latest report on what a collection lacks."""

    made_at = serializers.DateTimeField()
    collection = serializers.CharField(help_text="The collection_id.")
    responses = serializers.IntegerField()
    knowledge_components = KnowledgeComponentGapsSerializer(many=True)
    items = ItemGapsSerializer(many=True)
    items_left_out = serializers.IntegerField(default=0, help_text="Number of less suspect items left out.")


class ContentGapsViewSet(OfCollection):
    """The report on what a collection's content lacks."""

    @extend_schema(responses={200: ContentGapsSerializer, **STAFF_READ, **UNKNOWN}, filters=False)
    @action(detail=True, methods=["get"], pagination_class=None, permission_classes=[IsAdminUser])
    def content_gaps(self, request: Request, collection_id: str) -> Response:
        """Returns what the collection's content lacked when ``content_gaps`` last ran. For staff only."""
        report = ContentGapReport.objects.filter(collection=self.get_object()).first()
        if report is None:
            raise NotFound("There is no report on this collection yet; run manage.py content_gaps.")
        return Response({"made_at": report.made_at, **report.report})
