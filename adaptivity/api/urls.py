"""The routes of the API, without a trailing slash; included under /api/v2/ and under the old /engine/api/."""

from rest_framework.routers import SimpleRouter

from adaptivity.api import content as views

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("activity", views.ActivityViewSet, "activity")
router.register("collection", views.CollectionViewSet, "collection")
router.register("score", views.ScoreViewSet, "score")
router.register("mastery", views.MasteryViewSet, "mastery")
router.register("knowledge_component", views.KnowledgeComponentViewSet, "knowledge_component")
router.register("prerequisite_activity", views.PrerequisiteActivityViewSet, "prerequisite_activity")
router.register(
    "prerequisite_knowledge_component",
    views.PrerequisiteKnowledgeComponentViewSet,
    "prerequisite_knowledge_component",
)
router.register("collection_activity", views.CollectionActivityViewSet, "collection_activity")
router.register("course_source", views.CourseSourceViewSet, "course_source")
router.register("learner", views.LearnerViewSet, "learner")
router.register("model_version", views.ModelVersionViewSet, "model_version")
router.register("model_version_event", views.ModelVersionEventViewSet, "model_version_event")
router.register("experiment", views.ExperimentViewSet, "experiment")
router.register("experimental_group", views.ExperimentalGroupViewSet, "experimental_group")
router.register("experiment_pin", views.ExperimentPinViewSet, "experiment_pin")

urlpatterns = router.urls
