"""What a collection's content lacks."""

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
    """Shares are from 0 to 1; null where nobody has practised, or nothing is determined."""

    knowledge_component = serializers.CharField(help_text="kc_id")
    items = serializers.IntegerField(help_text="That may be recommended.")
    opportunities = serializers.IntegerField()
    learners = serializers.IntegerField()
    over_practice = serializers.FloatField(allow_null=True)
    under_practice = serializers.FloatField(allow_null=True)
    determined = serializers.IntegerField(help_text="Learners of whom it is known whether their wheels spin.")
    wheel_spinning = serializers.FloatField(allow_null=True)
    runs_out = serializers.FloatField(help_text="Probability that a new learner runs out of items before mastery.")
    missing = serializers.IntegerField(help_text="Items like the others to write, at most as many as are looked for.")
    suggestions = SuggestionSerializer(many=True)


class ItemGapsSerializer(Plain):
    activity = serializers.CharField(help_text="source_launch_url")
    knowledge_component = serializers.CharField(help_text="kc_id")
    learners = serializers.IntegerField()
    correlation = serializers.FloatField()
    interval = serializers.ListField(child=serializers.FloatField(), min_length=2, max_length=2)
    better = serializers.CharField(allow_null=True, help_text="kc_id of the KC that its scores go with.")
    suggestions = SuggestionSerializer(many=True)


class ContentGapsSerializer(Plain):
    """What a collection lacked when it was last looked at."""

    made_at = serializers.DateTimeField()
    collection = serializers.CharField(help_text="collection_id")
    responses = serializers.IntegerField()
    knowledge_components = KnowledgeComponentGapsSerializer(many=True)
    items = ItemGapsSerializer(many=True)
    items_left_out = serializers.IntegerField(default=0, help_text="Less suspect ones.")


class ContentGapsViewSet(OfCollection):
    """The report on what a collection's content lacks."""

    @extend_schema(responses={200: ContentGapsSerializer, **STAFF_READ, **UNKNOWN}, filters=False)
    @action(detail=True, methods=["get"], pagination_class=None, permission_classes=[IsAdminUser])
    def content_gaps(self, request: Request, collection_id: str) -> Response:
        """What the collection's content lacked when ``content_gaps`` last ran. For members of the staff."""
        report = ContentGapReport.objects.filter(collection=self.get_object()).first()
        if report is None:
            raise NotFound("There is no report on this collection yet: manage.py content_gaps makes it.")
        return Response({"made_at": report.made_at, **report.report})
