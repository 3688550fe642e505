"""The state machines' definitions with values for what Terraform puts in."""

import json
from typing import Any

from adaptivity.runs.pipelines import state_machine
from adaptivity.runs.pipelines.declaration import Pipeline
from tests.support.service import ROOT

VARIABLES = {
    "${jsonencode(subnet_ids)}": '["subnet-1", "subnet-2"]',
    "${cluster_arn}": "arn:aws:ecs:us-east-1:123456789012:cluster/adaptivity-dev",
    "${task_definition_family}": "adaptivity-dev-job",
    "${container_name}": "job",
    "${security_group_id}": "sg-1",
    "${assign_public_ip}": "ENABLED",
    "${topic_arn}": "arn:aws:sns:us-east-1:123456789012:adaptivity-dev-alarms",
    "${partition}": "aws",
    "${env_label}": "dev",
    "${step_arn}": "arn:aws:states:us-east-1:123456789012:stateMachine:step",
}


def definition(declared: Pipeline) -> dict[str, Any]:
    """The pipeline's state machine with values for what Terraform puts in."""
    return with_values(state_machine.render(declared))


def step_definition() -> dict[str, Any]:
    """The state machine that runs one step, with values for what Terraform puts in."""
    return with_values((ROOT / "terraform" / "modules" / "pipeline" / "step.asl.tpl").read_text())


def with_values(text: str) -> dict[str, Any]:
    for variable, value in VARIABLES.items():
        text = text.replace(variable, value)
    assert "${" not in text
    found: dict[str, Any] = json.loads(text)
    return found
