from adaptivity.models.activity import Activity, ActivityKnowledgeComponent, PrerequisiteActivity
from adaptivity.models.collection import Collection, CollectionActivity
from adaptivity.models.content_gap_report import ContentGapReport
from adaptivity.models.evidence import HandSetMastery, Reject, Score, ScoreImport, ScoreRevision, VoidedStatement
from adaptivity.models.experiment import Experiment, ExperimentalGroup, ExperimentPin
from adaptivity.models.job_run import JobRun, RunStatus
from adaptivity.models.knowledge_component import KnowledgeComponent, PrerequisiteKnowledgeComponent
from adaptivity.models.learner import DoneActivity, ErasedLearner, Learner, Mastery
from adaptivity.models.model_version import (
    EngineState,
    EstimationBatch,
    ItemParameters,
    KnowledgeComponentParameters,
    ModelVersion,
    ModelVersionEvent,
    SuccessModel,
)
from adaptivity.models.pipeline_run import PipelineRun, StepRun, StepStatus
from adaptivity.models.receipt import ContentSnapshot, DecisionReceipt
from adaptivity.models.source import CourseSource, CrawledPage, SourceItem, SourceSection

__all__ = [
    "Activity",
    "ActivityKnowledgeComponent",
    "Collection",
    "CollectionActivity",
    "ContentGapReport",
    "ContentSnapshot",
    "CourseSource",
    "CrawledPage",
    "DecisionReceipt",
    "DoneActivity",
    "EngineState",
    "ErasedLearner",
    "EstimationBatch",
    "Experiment",
    "ExperimentPin",
    "ExperimentalGroup",
    "HandSetMastery",
    "ItemParameters",
    "JobRun",
    "KnowledgeComponent",
    "KnowledgeComponentParameters",
    "Learner",
    "Mastery",
    "ModelVersion",
    "ModelVersionEvent",
    "PipelineRun",
    "PrerequisiteActivity",
    "PrerequisiteKnowledgeComponent",
    "Reject",
    "RunStatus",
    "Score",
    "ScoreImport",
    "ScoreRevision",
    "SourceItem",
    "SourceSection",
    "StepRun",
    "StepStatus",
    "SuccessModel",
    "VoidedStatement",
]
