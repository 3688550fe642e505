"""The actions and fields that Terraform's provider and the deploy command use, and moto lacks.

Each addition is the minimum that makes a second plan empty, or a command's answer right. What AWS would do (place
tasks, check health, roll back) is not simulated.
"""

import json
import uuid
from collections.abc import Iterable
from typing import Any

from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse
from moto.core.utils import camelcase_to_underscores, utcnow
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.ecs.models import Container, EC2ContainerServiceBackend, Service
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.logs.responses import LogsResponse
from moto.rds.models import DBParameterGroup
from moto.stepfunctions.responses import StepFunctionResponse
from statelint.linter import Linter

# Parameters that moto drops in CreateService. UpdateService keeps them.
SERVICE_FIELDS = (
    "availabilityZoneRebalancing",
    "capacityProviderStrategy",
    "deploymentConfiguration",
    "enableECSManagedTags",
    "enableExecuteCommand",
    "healthCheckGracePeriodSeconds",
    "placementConstraints",
    "placementStrategy",
    "serviceConnectConfiguration",
    "volumeConfigurations",
)

# How a tag ends if containers of its image exit with code 1.
FAILS = "-fails"


def install() -> None:
    services()
    tasks()
    autoscaling_tags()
    security_group_rules()
    database_parameters()
    log_stream_prefixes()
    state_machine_definitions()


def services() -> None:
    """Makes a service keep its fields and be steady at once: its only deployment has the desired number of tasks."""
    respond_create = EC2ContainerServiceResponse.create_service
    update = EC2ContainerServiceBackend.update_service

    def create_service(self: EC2ContainerServiceResponse) -> Any:
        result = respond_create(self)
        cluster = self._get_param("cluster", "default")
        (service,), _ = self.ecs_backend.describe_services(cluster, [self._get_param("serviceName")])
        service.availability_zone_rebalancing = "DISABLED"
        for name in SERVICE_FIELDS:
            if (value := self._get_param(name)) is not None:
                setattr(service, camelcase_to_underscores(name), value)
        if self._get_param("capacityProviderStrategy"):
            service.launch_type = None
        steady(service)
        return result

    def update_service(self: EC2ContainerServiceBackend, properties: dict[str, Any]) -> Service:
        new = bool(properties.get("force_new_deployment"))
        service = update(self, properties)
        if service.task_definition != service.deployments[0]["taskDefinition"]:
            new = True
        if new:
            service.deployments[0].update(id=f"ecs-svc/{uuid.uuid4().int % 10**19:019}", createdAt=utcnow())
        steady(service)
        return service

    def steady(service: Service) -> None:
        service.running_count, service.pending_count = service.desired_count, 0
        # UpdateService takes a family as well as an ARN. The answer has the ARN.
        definition = service._backend.describe_task_definition(service.task_definition)
        service.task_definition = definition.arn
        service.deployments[0].update(
            taskDefinition=service.task_definition,
            launchType=service.launch_type,
            desiredCount=service.desired_count,
            runningCount=service.desired_count,
            pendingCount=0,
            rolloutState="COMPLETED",
            updatedAt=utcnow(),
        )

    EC2ContainerServiceResponse.create_service = create_service  # type: ignore[method-assign]
    EC2ContainerServiceBackend.update_service = update_service  # type: ignore[method-assign]


def tasks() -> None:
    """Lets a container do without memory of its own, as on Fargate, where moto's RunTask would fail; and lets it
    fail.
    """
    calculate = EC2ContainerServiceBackend._calculate_task_resource_requirements

    def tolerant(task_definition: Any) -> dict[str, Any]:
        if all(c.get("memory") or c.get("memoryReservation") for c in task_definition.container_definitions):
            return calculate(task_definition)
        return {"CPU": 0, "MEMORY": 0, "PORTS": [], "PORTS_UDP": []}

    EC2ContainerServiceBackend._calculate_task_resource_requirements = staticmethod(tolerant)  # type: ignore[method-assign]
    make = Container.__init__

    def made(self: Container, task_def: Any) -> None:
        make(self, task_def)
        # moto's containers always succeed. One whose image's tag says that it fails does not.
        self.exitCode = 1 if str(self.image).removesuffix("-job").endswith(FAILS) else 0

    Container.__init__ = made  # type: ignore[method-assign]


def autoscaling_tags() -> None:
    """Adds tags to scalable targets, because the provider reads its default tags back."""
    responses: Any = ApplicationAutoScalingResponse
    if hasattr(responses, "list_tags_for_resource"):
        return
    register = responses.register_scalable_target
    tags: dict[str, dict[str, str]] = {}

    def target(responder: Any) -> dict[str, str]:
        """The tags of the target with the request's ARN, which ends with an id."""
        arn = json.loads(responder.body)["ResourceARN"]
        return tags.setdefault(arn, {})

    def register_scalable_target(self: Any) -> Any:
        answer = register(self)
        body, arn = json.loads(self.body), json.loads(answer).get("ScalableTargetARN")
        if body.get("Tags"):
            tags.setdefault(arn, {}).update(body["Tags"])
        return answer

    def list_tags_for_resource(self: Any) -> str:
        return json.dumps({"Tags": target(self)})

    def tag_resource(self: Any) -> str:
        target(self).update(json.loads(self.body).get("Tags") or {})
        return "{}"

    def untag_resource(self: Any) -> str:
        for key in json.loads(self.body).get("TagKeys") or []:
            target(self).pop(key, None)
        return "{}"

    for action in (register_scalable_target, list_tags_for_resource, tag_resource, untag_resource):
        setattr(responses, action.__name__, action)


def security_group_rules() -> None:
    """Adds the description of a rule that names another group. moto returns only that of a rule with addresses."""

    def description(self: SecurityGroupRule) -> str | None:
        return self.ip_range.get("Description") or (self.source_group or {}).get("Description")

    SecurityGroupRule.description = property(description)  # type: ignore[method-assign, assignment]


def database_parameters() -> None:
    """Adds who set a parameter, because the provider reads only those that a user has set."""
    update = DBParameterGroup.update_parameters

    def update_parameters(self: DBParameterGroup, new: Iterable[dict[str, Any]]) -> None:
        update(self, [{**parameter, "Source": "user"} for parameter in new])

    DBParameterGroup.update_parameters = update_parameters  # type: ignore[method-assign]


def log_stream_prefixes() -> None:
    """Makes FilterLogEvents return only the streams that begin with a prefix. moto returns those of all."""
    respond = LogsResponse.filter_log_events

    def filter_log_events(self: LogsResponse) -> str:
        answer = json.loads(respond(self))
        prefix = self._get_param("logStreamNamePrefix") or ""
        answer["events"] = [event for event in answer["events"] if event["logStreamName"].startswith(prefix)]
        return json.dumps(answer)

    LogsResponse.filter_log_events = filter_log_events  # type: ignore[method-assign]


def state_machine_definitions() -> None:
    """Validates definitions in the Amazon States Language, which the provider asks for before it plans.

    Also lists the versions of a state machine, of which there are none.
    """

    def validate_state_machine_definition(self: StepFunctionResponse) -> str:
        problems = Linter.validate(json.loads(self._get_param("definition")))
        diagnostics = [{"severity": "ERROR", "code": "SCHEMA_VALIDATION_FAILED", "message": p} for p in problems]
        return json.dumps({"result": "FAIL" if problems else "OK", "diagnostics": diagnostics})

    StepFunctionResponse.validate_state_machine_definition = validate_state_machine_definition  # type: ignore[attr-defined]
    StepFunctionResponse.list_state_machine_versions = lambda _: json.dumps({"stateMachineVersions": []})  # type: ignore[attr-defined]
