"""ECS: the stack's names, task definitions by tag, one-off tasks, and deployments of services.

Other modules import the names below.
"""

from deploy.ecs.definitions import image_tags, newest, of_tag, revision, revisions
from deploy.ecs.deployments import (
    DeploymentFailed,
    Diagnosis,
    Expected,
    describe_services,
    diagnose,
    primary,
    wait_for_deployments,
)
from deploy.ecs.stack import StackNames
from deploy.ecs.tasks import Overrides, TaskResult, run_task, stop_task, task_request

__all__ = [
    "DeploymentFailed",
    "Diagnosis",
    "Expected",
    "Overrides",
    "StackNames",
    "TaskResult",
    "describe_services",
    "diagnose",
    "image_tags",
    "newest",
    "of_tag",
    "primary",
    "revision",
    "revisions",
    "run_task",
    "stop_task",
    "task_request",
    "wait_for_deployments",
]
