"""The API's routes, without trailing slashes. Included under /api/v2/ and under the old prefix /engine/api/."""

from rest_framework.routers import SimpleRouter

from adaptivity.api import content, content_gaps, evidence, model_versions, recommendation, sources

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("activity", content.ActivityViewSet, "activity")
router.register("activity", recommendation.RecommendationViewSet, "recommendation")
router.register("activity", model_versions.PredictionViewSet, "prediction")
router.register("collection", content.CollectionViewSet, "collection")
router.register("collection", recommendation.GradeViewSet, "grade")
router.register("collection", content_gaps.ContentGapsViewSet, "content_gaps")
router.register("score", evidence.ScoreViewSet, "score")
router.register("mastery", evidence.MasteryViewSet, "mastery")
router.register("knowledge_component", content.KnowledgeComponentViewSet, "knowledge_component")
router.register("prerequisite_activity", content.PrerequisiteActivityViewSet, "prerequisite_activity")
router.register(
    "prerequisite_knowledge_component",
    content.PrerequisiteKnowledgeComponentViewSet,
    "prerequisite_knowledge_component",
)
router.register("collection_activity", content.CollectionActivityViewSet, "collection_activity")
router.register("course_source", sources.CourseSourceViewSet, "course_source")
router.register("learner", evidence.LearnerViewSet, "learner")
router.register("model_version", model_versions.ModelVersionViewSet, "model_version")
router.register("model_version_event", model_versions.ModelVersionEventViewSet, "model_version_event")
router.register("experiment", recommendation.ExperimentViewSet, "experiment")
router.register("experimental_group", recommendation.ExperimentalGroupViewSet, "experimental_group")
router.register("experiment_pin", recommendation.ExperimentPinViewSet, "experiment_pin")

urlpatterns = router.urls
