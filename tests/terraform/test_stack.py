"""The stacks as they are written, applied on a stand-in of AWS: made, left alone, given a new version, and taken away.

Applying and destroying wait as long as Terraform's provider waits by itself (about three minutes in all), so the
environment lives once, and each test looks at what was seen of it.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from adaptivity.pipelines import NIGHTLY
from tests.support.service import ROOT
from tests.support.simulator import ACCOUNT, CERTIFICATE, REGION, Simulator, running

pytestmark = pytest.mark.xdist_group("stack on the simulator")

TERRAFORM = ROOT / "terraform"
NAME = "adaptivity-dev"
PASSWORD = "the-database-password-of-tests-5e2c"
SECRET = "the-secret-key-of-tests-91af"
# What a secret has before anybody has put its value.
PLACEHOLDER = "declared, not set"
BUCKET = re.findall(r'^bucket = "(.+)"$', (TERRAFORM / "state.tfbackend").read_text(), re.MULTILINE)[0]
STATE = "environments/dev/app.tfstate"
LOAD_BALANCER_GROUP = f"{NAME}-public"
# What a new version does: address => actions.
RELEASE = {
    "module.job.aws_ecs_task_definition.main": ["delete", "create"],
    "module.web_service.module.service.aws_ecs_task_definition.main": ["delete", "create"],
    "module.web_service.module.service.aws_ecs_service.main[0]": ["update"],
    "module.worker_service.aws_ecs_task_definition.main": ["delete", "create"],
    "module.worker_service.aws_ecs_service.main[0]": ["update"],
    "module.jobs_service.aws_ecs_task_definition.main": ["delete", "create"],
    "module.jobs_service.aws_ecs_service.main[0]": ["update"],
}
FAMILIES = {f"{NAME}-{task}" for task in ("web", "worker", "jobs", "rabbit", "job")}


@dataclass
class Terraform:
    """Terraform in a copy of a stack, so that nothing of it stays in the tree."""

    directory: Path
    environment: dict[str, str]

    def run(self, *arguments: str, accept: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            ["terraform", *arguments],
            cwd=self.directory,
            env=self.environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert result.returncode in accept, f"terraform {' '.join(arguments)}:\n{result.stdout}{result.stderr}"
        return result

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments).stdout)


@dataclass
class Life:
    """What was seen of the environment `dev`."""

    wrong_workspace: subprocess.CompletedProcess[str]
    outputs: dict[str, Any] = field(default_factory=dict)
    # Everything that AWS was asked for while 1.0.0 was applied
    requests: list[dict[str, Any]] = field(default_factory=list)
    second_plan: int | None = None
    # What AWS has: question => answer
    seen: dict[str, Any] = field(default_factory=dict)
    # Address => actions of what applying 1.0.1 would do, and which outputs would change
    changes: dict[str, list[str]] = field(default_factory=dict)
    changed_outputs: set[str] = field(default_factory=set)
    # ECS was asked to (action => names), and app_tag afterwards: of the job alone, then of the rest
    job_requests: dict[str, list[str]] = field(default_factory=dict)
    app_tag_after_job: str = ""
    release_requests: dict[str, list[str]] = field(default_factory=dict)
    app_tag_after_release: str = ""
    revisions: dict[str, list[str]] = field(default_factory=dict)
    state: str = ""
    plans: list[dict[str, Any]] = field(default_factory=list)
    left: dict[str, Any] = field(default_factory=dict)


def missing(what: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}, and CI=true leaves nothing out", pytrace=False)
    pytest.skip(f"left out, because {what}")


@pytest.fixture(scope="module")
def aws() -> Iterator[Simulator]:
    with running() as simulator:
        # `deploy create` makes it.
        simulator.client("s3").create_bucket(Bucket=BUCKET)
        yield simulator


@pytest.fixture(scope="module")
def stacks(aws: Simulator, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Terraform]:
    """Both stacks, initialised as a person would: `terraform init -backend-config=../state.tfbackend`."""
    if shutil.which("terraform") is None:
        missing("terraform is not installed")
    copy = tmp_path_factory.mktemp("stacks") / "terraform"
    shutil.copytree(TERRAFORM, copy, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    environment = {**os.environ, **aws.environment, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
    found = {name: Terraform(copy / name, environment) for name in ("common", "app")}
    for stack in found.values():
        initialised = stack.run(
            "init", "-input=false", "-no-color", "-backend-config=../state.tfbackend", accept=(0, 1)
        )
        if initialised.returncode and re.search(r"Failed to (query available|install) provider", initialised.stderr):
            missing("Terraform finds no provider hashicorp/aws")
        assert initialised.returncode == 0, initialised.stderr
    return found


@pytest.fixture(scope="module")
def common(aws: Simulator, stacks: dict[str, Terraform]) -> dict[str, Any]:
    """What environments share: what there was of it, and what was left."""
    stack, ecr = stacks["common"], aws.client("ecr")
    values = ("-input=false", "-no-color", "-var-file=common.tfvars")
    stack.run("apply", "-auto-approve", *values)
    found = {
        "repositories": ecr.describe_repositories()["repositories"],
        "second plan": stack.run("plan", "-detailed-exitcode", *values, accept=(0, 2)).returncode,
        "outputs": {name: output["value"] for name, output in stack.json("output", "-json").items()},
    }
    stack.run("workspace", "new", "dev")
    found["wrong workspace"] = stack.run("plan", *values, accept=(1,))
    stack.run("workspace", "select", "default")
    stack.run("destroy", "-auto-approve", *values)
    return {**found, "left": ecr.describe_repositories()["repositories"]}


def document(stack: Terraform, plan: str) -> dict[str, Any]:
    """What a plan holds beside a copy of what is written in the stack."""
    found: dict[str, Any] = stack.json("show", "-json", plan)
    del found["configuration"]
    return found


def asked(aws: Simulator) -> dict[str, list[str]]:
    """What ECS was asked to change: action => families and services."""
    found: dict[str, list[str]] = {}
    for request in aws.requests("ecs"):
        if not request["action"].startswith(("Describe", "List")):
            names = request["parameters"]
            name = names.get("family") or names["service"]
            found.setdefault(request["action"], []).append(name.rpartition("/")[2])
    return {action: sorted(names) for action, names in found.items()}


def revisions(aws: Simulator) -> dict[str, list[str]]:
    """The active revisions of every family."""
    active = aws.client("ecs").list_task_definitions(status="ACTIVE")["taskDefinitionArns"]
    found: dict[str, list[str]] = {}
    for arn in active:
        family, _, revision = arn.rpartition("/")[2].partition(":")
        found.setdefault(family, []).append(revision)
    return found


def rules(aws: Simulator, group: str) -> set[tuple[Any, ...]]:
    """The rules of a security group: egress, protocol, first and last port, from or to."""
    found = aws.client("ec2").describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
    return {
        (rule["IsEgress"], rule["IpProtocol"], rule["FromPort"], rule["ToPort"],
         rule.get("CidrIpv4") or rule["ReferencedGroupInfo"]["GroupId"])
        for rule in found["SecurityGroupRules"]
    }  # fmt: skip


def seen(aws: Simulator, outputs: dict[str, Any]) -> dict[str, Any]:
    """What AWS has while the environment runs."""
    ec2, ecs, iam = (aws.client(name) for name in ("ec2", "ecs", "iam"))
    role = f"{NAME}-execution"
    (database,) = aws.client("rds").describe_db_instances()["DBInstances"]
    groups = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [database["DBSubnetGroup"]["VpcId"]]}])
    scheduler, sfn = aws.client("scheduler"), aws.client("stepfunctions")
    return {
        "services": ecs.describe_services(cluster=NAME, services=list(outputs["services"].values()))["services"],
        "definitions": {
            family: ecs.describe_task_definition(taskDefinition=family)["taskDefinition"] for family in FAMILIES
        },
        "execution policy": iam.get_role_policy(RoleName=role, PolicyName="start-tasks")["PolicyDocument"],
        "task policies": iam.list_role_policies(RoleName=f"{NAME}-task")["PolicyNames"],
        "groups": {group["GroupName"]: group["GroupId"] for group in groups["SecurityGroups"]},
        "rules": rules(aws, outputs["security_group"]),
        "database": database,
        "database rules": rules(aws, database["VpcSecurityGroups"][0]["VpcSecurityGroupId"]),
        "parameters": aws.client("ssm").describe_parameters()["Parameters"],
        "schedules": {
            schedule["Name"]: scheduler.get_schedule(Name=schedule["Name"])
            for schedule in scheduler.list_schedules()["Schedules"]
        },
        "pipeline": sfn.describe_state_machine(stateMachineArn=outputs["pipelines"]["nightly"]),
        "step": sfn.describe_state_machine(stateMachineArn=f"{outputs['pipelines']['nightly']}-step"),
        "alarms": aws.client("cloudwatch").describe_alarms()["MetricAlarms"],
        "events": aws.client("events").list_rules()["Rules"],
        "objects": [item["Key"] for item in aws.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]],
    }


def left(aws: Simulator) -> dict[str, Any]:
    """What AWS has that an environment is made of, without what was there before."""
    ec2 = aws.client("ec2")
    default = {vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"] if vpc["IsDefault"]}

    def own(resources: list[dict[str, Any]], name: str) -> list[str]:
        return [resource[name] for resource in resources if resource["VpcId"] not in default]

    clusters = aws.client("ecs").describe_clusters(clusters=[NAME])["clusters"]
    (zone,) = aws.client("route53").list_hosted_zones_by_name(DNSName="example.edu")["HostedZones"]
    records = aws.client("route53").list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
    return {
        "VPCs": own(ec2.describe_vpcs()["Vpcs"], "VpcId"),
        "subnets": own(ec2.describe_subnets()["Subnets"], "SubnetId"),
        "security groups": own(ec2.describe_security_groups()["SecurityGroups"], "GroupId"),
        "route tables": own(ec2.describe_route_tables()["RouteTables"], "RouteTableId"),
        "internet gateways": [
            gateway["InternetGatewayId"]
            for gateway in ec2.describe_internet_gateways()["InternetGateways"]
            if not any(attachment["VpcId"] in default for attachment in gateway["Attachments"])
        ],
        "load balancers": aws.client("elbv2").describe_load_balancers()["LoadBalancers"],
        "target groups": aws.client("elbv2").describe_target_groups()["TargetGroups"],
        "records": [record["Name"] for record in records if record["Type"] not in {"NS", "SOA"}],
        "clusters": [cluster["clusterName"] for cluster in clusters if cluster["status"] == "ACTIVE"],
        "namespaces": aws.client("servicediscovery").list_namespaces()["Namespaces"],
        "databases": aws.client("rds").describe_db_instances()["DBInstances"],
        "snapshots": aws.client("rds").describe_db_snapshots()["DBSnapshots"],
        "database subnet groups": aws.client("rds").describe_db_subnet_groups()["DBSubnetGroups"],
        "parameters": aws.client("ssm").describe_parameters()["Parameters"],
        "log groups": aws.client("logs").describe_log_groups()["logGroups"],
        "roles": aws.client("iam").list_roles()["Roles"],
        "schedules": aws.client("scheduler").list_schedules()["Schedules"],
        "pipelines": aws.client("stepfunctions").list_state_machines()["stateMachines"],
        "rules": aws.client("events").list_rules()["Rules"],
        "alarms": aws.client("cloudwatch").describe_alarms()["MetricAlarms"],
        "topics": aws.client("sns").list_topics()["Topics"],
        "scalable targets": aws.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="ecs")[
            "ScalableTargets"
        ],
    }


@pytest.fixture(scope="module")
def dev(aws: Simulator, stacks: dict[str, Terraform]) -> Life:
    """`terraform apply -var-file=dev.tfvars` in the workspace dev, a second version, `terraform destroy`."""
    stack = stacks["app"]
    values = ("-input=false", "-no-color", "-var-file=dev.tfvars")
    first, second = "-var=app_tag=1.0.0", "-var=app_tag=1.0.1"
    with_password = Terraform(stack.directory, {**stack.environment, "TF_VAR_database_password": PASSWORD})

    life = Life(wrong_workspace=stack.run("plan", *values, first, accept=(1,)))
    stack.run("workspace", "new", "dev")
    stack.run("workspace", "select", "dev")

    aws.forget()
    with_password.run("plan", "-out=first", *values, first)
    life.plans.append(document(stack, "first"))
    with_password.run("apply", "-auto-approve", "-no-color", "first")
    life.requests = aws.requests()
    life.outputs = {name: output["value"] for name, output in stack.json("output", "-json").items()}
    life.seen = seen(aws, life.outputs)
    life.second_plan = stack.run("plan", "-detailed-exitcode", *values, first, accept=(0, 2)).returncode

    # Somebody puts a value, which Terraform must not take for its own.
    aws.client("ssm").put_parameter(Name="/adaptivity/dev/SECRET_KEY", Value=SECRET, Overwrite=True)
    stack.run("plan", "-out=release", *values, second)
    plan = document(stack, "release")
    life.plans.append(plan)
    life.changes = {
        change["address"]: change["change"]["actions"]
        for change in plan["resource_changes"]
        if change["mode"] == "managed" and change["change"]["actions"] != ["no-op"]
    }
    life.changed_outputs = {name for name, change in plan["output_changes"].items() if change["actions"] != ["no-op"]}

    aws.forget()
    stack.run("apply", "-auto-approve", "-target=module.job", *values, second)
    life.job_requests = asked(aws)
    life.app_tag_after_job = stack.json("output", "-json", "app_tag")
    aws.forget()
    stack.run("apply", "-auto-approve", *values, second)
    life.release_requests = asked(aws)
    life.app_tag_after_release = stack.json("output", "-json", "app_tag")
    life.revisions = revisions(aws)
    life.state = aws.client("s3").get_object(Bucket=BUCKET, Key=STATE)["Body"].read().decode()

    stack.run("destroy", "-auto-approve", *values, second)
    life.left = left(aws)
    return life


def test_a_workspace_of_another_name_is_refused(dev: Life) -> None:
    told = " ".join(dev.wrong_workspace.stderr.split())
    assert "These are the values of dev, but the workspace is default." in told
    assert "terraform workspace select dev" in told


def test_the_state_is_in_the_workspace_of_the_environment_and_was_locked(dev: Life) -> None:
    assert dev.seen["objects"] == [STATE]
    lock = f"/{BUCKET}/{STATE}.tflock"
    requests = [request["action"] for request in dev.requests if request["action"].endswith(lock)]
    # Taken and given back: by the plan, and by its apply.
    assert requests == [f"PUT {lock}", f"GET {lock}", f"DELETE {lock}"] * 2


def test_the_outputs_say_where_everything_is(dev: Life) -> None:
    subnets, group = dev.outputs["subnet_ids"], dev.outputs["security_group"]
    assert len(subnets) == 2
    assert group == dev.seen["groups"][f"{NAME}-ecs-service"]
    assert dev.outputs == {
        "region": REGION,
        "cluster_name": NAME,
        "services": {name: f"{NAME}-{name}" for name in ("web", "worker", "jobs", "rabbit")},
        "security_group": group,
        "subnet_ids": subnets,
        "assign_public_ip": True,
        "job_task_definition_family": f"{NAME}-job",
        "pipelines": {"nightly": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{NAME}-nightly"},
        "app_tag": "1.0.0",
        "url": "https://adaptivity-dev.example.edu",
        "log_group_name": NAME,
        "execution_role_arn": f"arn:aws:iam::{ACCOUNT}:role/{NAME}-execution",
        "task_role_arn": f"arn:aws:iam::{ACCOUNT}:role/{NAME}-task",
        "database_address": dev.seen["database"]["Endpoint"]["Address"],
        "database_name": "adaptivity",
        "database_user": "adaptivity",
        "rabbit_host": "rabbit.dev.adaptivity.internal",
        "alarm_names": [
            f"{NAME}-{alarm}"
            for alarm in ("load-balancer-5xx", "no-healthy-host", "restarts", "target-5xx", "unhealthy-hosts")
        ],
        "alarm_topic_arn": f"arn:aws:sns:{REGION}:{ACCOUNT}:{NAME}-alarms",
    }


def test_every_service_runs_its_task_definition_where_it_should(dev: Life) -> None:
    services = {service["serviceName"]: service for service in dev.seen["services"]}
    assert set(services) == set(dev.outputs["services"].values())
    for name, service in services.items():
        assert service["taskDefinition"] == dev.seen["definitions"][name]["taskDefinitionArn"]
        network = service["networkConfiguration"]["awsvpcConfiguration"]
        # A set, whose order is Terraform's.
        assert {**network, "subnets": sorted(network["subnets"])} == {
            "subnets": sorted(dev.outputs["subnet_ids"]),
            "securityGroups": [dev.outputs["security_group"]],
            "assignPublicIp": "ENABLED",
        }
        assert service["desiredCount"] == 1
    assert [
        (balancer["containerName"], balancer["containerPort"]) for balancer in services[f"{NAME}-web"]["loadBalancers"]
    ] == [("nginx", 80)]
    assert len(services[f"{NAME}-rabbit"]["serviceRegistries"]) == 1


def test_what_is_registered_is_what_is_rendered(dev: Life, tmp_path: Path) -> None:
    render = TERRAFORM / "app" / "task_definitions" / "render"
    subprocess.run([render, "dev", "1.0.0", tmp_path], check=True, capture_output=True, timeout=60)
    for family, registered in dev.seen["definitions"].items():
        rendered = json.loads((tmp_path / f"{family.removeprefix(f'{NAME}-')}.json").read_text())
        containers = [
            {name: container[name] for name in wanted}
            for container, wanted in zip(
                registered["containerDefinitions"], rendered["containerDefinitions"], strict=True
            )
        ]
        assert containers == rendered["containerDefinitions"]
        assert [registered[name] for name in ("family", "cpu", "memory")] == [
            rendered[name] for name in ("family", "cpu", "memory")
        ]
        assert {volume["name"] for volume in registered.get("volumes", [])} == {
            volume["name"] for volume in rendered["volumes"]
        }
        assert registered["executionRoleArn"] == dev.outputs["execution_role_arn"]
        assert registered["taskRoleArn"] == dev.outputs["task_role_arn"]


def test_starting_a_task_may_read_exactly_its_secrets_images_and_log_group(dev: Life) -> None:
    allowed = {statement["Sid"]: statement["Resource"] for statement in dev.seen["execution policy"]["Statement"]}
    parameters = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/adaptivity/dev"
    assert {sid: sorted(resources) for sid, resources in allowed.items()} == {
        "Login": ["*"],
        "Pull": [f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/adaptivity/{image}" for image in ("app", "nginx")],
        "Log": [f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{NAME}:log-stream:*"],
        "Parameters": [
            f"{parameters}/{name}"
            for name in (
                "CELERY_BROKER_URL",
                "DATABASE_CONNECTION",
                "RABBITMQ_DEFAULT_PASS",
                "RABBITMQ_DEFAULT_USER",
                "SECRET_KEY",
            )
        ],
    }
    assert dev.seen["task policies"] == []


def test_every_secret_that_a_container_names_is_declared_and_not_set(dev: Life) -> None:
    named = {
        secret["valueFrom"].partition(":parameter")[2]
        for definition in dev.seen["definitions"].values()
        for container in definition["containerDefinitions"]
        for secret in container.get("secrets", [])
    }
    assert {
        parameter["Name"]: (parameter["Type"], parameter["Version"]) for parameter in dev.seen["parameters"]
    } == dict.fromkeys(named, ("SecureString", 1))


def test_a_task_is_reached_by_the_load_balancer_and_its_like_alone(dev: Life) -> None:
    tasks, balancer = dev.outputs["security_group"], dev.seen["groups"][LOAD_BALANCER_GROUP]
    assert dev.seen["rules"] == {
        (False, "tcp", 80, 80, balancer),
        (False, "tcp", 5672, 5672, tasks),
        (True, "-1", -1, -1, "0.0.0.0/0"),
    }
    assert dev.seen["database rules"] == {(False, "tcp", 5432, 5432, tasks)}


def test_the_database_is_private_and_encrypted_and_got_its_password_once(dev: Life) -> None:
    database = dev.seen["database"]
    assert (database["PubliclyAccessible"], database["StorageEncrypted"], database["Engine"]) == (
        False,
        True,
        "postgres",
    )
    passwords = [
        (request["action"], request["parameters"]["MasterUserPassword"])
        for request in dev.requests
        if "MasterUserPassword" in (request["parameters"] or {})
    ]
    assert passwords == [("CreateDBInstance", PASSWORD)]


def test_a_schedule_takes_the_newest_revision(dev: Life) -> None:
    schedule = dev.seen["schedules"][f"{NAME}-job-trace-learners"]
    target = schedule["Target"]
    assert schedule["ScheduleExpression"] == "cron(0 4 * * ? *)"
    assert target["EcsParameters"]["TaskDefinitionArn"] == f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{NAME}-job"
    assert json.loads(target["Input"])["containerOverrides"][0]["command"] == ["python", "manage.py", "trace_learners"]


def tasks_of(parallel: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and parameters of every task in the branches of a Parallel state, however deep."""
    for branch in parallel["Branches"]:
        for name, state in branch["States"].items():
            if state["Type"] == "Task":
                yield name, state["Parameters"]
            elif state["Type"] == "Parallel":
                yield from tasks_of(state)


def test_the_pipeline_is_the_declared_one_and_takes_the_newest_revision(dev: Life) -> None:
    schedule = dev.seen["schedules"][f"{NAME}-nightly"]
    definition = json.loads(dev.seen["pipeline"]["definition"])
    tasks = dict(tasks_of(definition["States"]["Run"]))

    assert schedule["Target"]["Arn"] == dev.outputs["pipelines"]["nightly"]
    assert (schedule["ScheduleExpression"], schedule["State"]) == (NIGHTLY.schedule, "ENABLED")
    assert {name: parameters["Input"].get("command") for name, parameters in tasks.items()} == {
        step.name: None if step.parameters() else ["python", "manage.py", *step.command] for step in NIGHTLY.steps
    }
    assert {parameters["StateMachineArn"] for parameters in tasks.values()} == {
        f"{dev.outputs['pipelines']['nightly']}-step"
    }
    assert definition["States"]["Notify of the failure"]["Parameters"]["TopicArn"] == dev.outputs["alarm_topic_arn"]
    task = json.loads(dev.seen["step"]["definition"])["States"]["Run"]["Parameters"]
    # A family without a revision: what ECS has registered last, also after a release.
    assert task["TaskDefinition"] == f"{NAME}-job"
    assert task["Cluster"] == f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{NAME}"
    assert task["NetworkConfiguration"]["AwsvpcConfiguration"] == {
        "Subnets": dev.outputs["subnet_ids"],
        "SecurityGroups": [dev.outputs["security_group"]],
        "AssignPublicIp": "ENABLED",
    }
    assert not any("sfn" in address or "nightly" in address for address in dev.changes)


def test_alarms_and_restarts_reach_the_topic(dev: Life) -> None:
    topic = dev.outputs["alarm_topic_arn"]
    assert {alarm["AlarmName"]: alarm["AlarmActions"] for alarm in dev.seen["alarms"]} == {
        name: [topic] for name in dev.outputs["alarm_names"]
    }
    events = {rule["Name"]: json.loads(rule["EventPattern"]) for rule in dev.seen["events"]}
    assert events[f"{NAME}-restarts"]["detail"]["group"] == [{"prefix": f"service:{NAME}-"}]
    assert events[f"{NAME}-deployment-failed"] == {
        "source": ["aws.ecs"],
        "detail-type": ["ECS Deployment State Change"],
        "resources": [{"prefix": f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/{NAME}/{NAME}-"}],
        "detail": {"eventName": ["SERVICE_DEPLOYMENT_FAILED"]},
    }
    targets = {
        request["parameters"]["Rule"]: request["parameters"]["Targets"][0]["Arn"]
        for request in dev.requests
        if request["action"] == "PutTargets"
    }
    assert targets == {f"{NAME}-restarts": topic, f"{NAME}-deployment-failed": topic}


def test_the_listener_has_the_certificate(dev: Life) -> None:
    certificates = [
        request["parameters"]["Certificates.member.1.CertificateArn"]
        for request in dev.requests
        if request["action"] == "CreateListener" and request["parameters"]["Protocol"] == "HTTPS"
    ]
    assert certificates == [CERTIFICATE]


def test_a_second_plan_is_empty(dev: Life) -> None:
    assert dev.second_plan == 0


def test_a_new_version_changes_the_app_s_task_definitions_and_their_services_alone(dev: Life) -> None:
    assert dev.changes == RELEASE
    assert dev.changed_outputs == {"app_tag"}


def test_the_job_comes_first_and_leaves_the_services_untouched(dev: Life) -> None:
    assert dev.job_requests == {"RegisterTaskDefinition": [f"{NAME}-job"]}
    assert dev.app_tag_after_job == "1.0.0"


def test_the_services_follow_and_no_revision_is_deregistered(dev: Life) -> None:
    assert dev.release_requests == {
        "RegisterTaskDefinition": [f"{NAME}-jobs", f"{NAME}-web", f"{NAME}-worker"],
        "UpdateService": [f"{NAME}-jobs", f"{NAME}-web", f"{NAME}-worker"],
    }
    assert dev.app_tag_after_release == "1.0.1"
    assert dev.revisions == {
        f"{NAME}-web": ["1", "2"],
        f"{NAME}-worker": ["1", "2"],
        f"{NAME}-jobs": ["1", "2"],
        f"{NAME}-job": ["1", "2"],
        f"{NAME}-rabbit": ["1"],
    }


@pytest.mark.parametrize("secret", [SECRET, PASSWORD, PLACEHOLDER])
def test_no_secret_is_in_the_state_or_a_plan(dev: Life, secret: str) -> None:
    for text in (dev.state, *map(json.dumps, dev.plans)):
        has_the_parameter, has_the_secret = "/adaptivity/dev/SECRET_KEY" in text, secret in text
        assert (has_the_parameter, has_the_secret) == (True, False)


def test_destroy_leaves_nothing(dev: Life) -> None:
    assert {what: found for what, found in dev.left.items() if found} == {}


def test_what_environments_share_is_immutable_repositories(common: dict[str, Any]) -> None:
    assert {
        repository["repositoryName"]: (
            repository["imageTagMutability"],
            repository["imageScanningConfiguration"]["scanOnPush"],
        )
        for repository in common["repositories"]
    } == {"adaptivity/app": ("IMMUTABLE", True), "adaptivity/nginx": ("IMMUTABLE", True)}
    assert common["outputs"] == {
        "repository_urls": {
            f"adaptivity/{image}": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/adaptivity/{image}"
            for image in ("app", "nginx")
        },
        "secrets": {},
    }
    assert common["second plan"] == 0
    assert common["left"] == []


def test_what_environments_share_has_one_state(common: dict[str, Any]) -> None:
    assert (
        "The workspace is dev. What all environments share has one state, in the workspace default: "
        "terraform workspace select default" in " ".join(common["wrong workspace"].stderr.split())
    )
