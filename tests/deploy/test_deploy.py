"""The life of an environment by the real command: made, brought to a version and to the next, back, and away.

Terraform is real, AWS is the stand-in. Making and destroying wait as long as Terraform's provider waits by itself, so
the environment lives once, and each test looks at what was seen of it.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.aws_simulator import AwsSimulator, running
from tests.support.service import ROOT

pytestmark = pytest.mark.xdist_group("deploy on the simulator")

NAME = "adaptivity-dev"
BUCKET = re.findall(r'^bucket = "(.+)"$', (ROOT / "terraform" / "state.tfbackend").read_text(), re.MULTILINE)[0]
MEDIA_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
# Looks at an image, which ECR's stand-in has by name alone.
SKIP = ("--skip", "check --deploy")
COMMAND_SECONDS = 400


@dataclass
class Run:
    """What a command printed, ended with, and asked of AWS."""

    exit_code: int
    out: str
    err: str
    requests: list[dict[str, Any]]

    def asked(self, service: str, action: str) -> list[Any]:
        return [each["parameters"] for each in self.requests if (each["service"], each["action"]) == (service, action)]


@dataclass
class Environment:
    """The project as a person has it, and the stand-in of AWS."""

    project: Path
    aws: AwsSimulator
    variables: dict[str, str]
    runs: dict[str, Run] = field(default_factory=dict)
    seen: dict[str, Any] = field(default_factory=dict)

    def deploy(self, *arguments: str, stdin: str = "", **variables: str) -> Run:
        self.aws.forget()
        done = subprocess.run(
            [Path(sys.executable).parent / "deploy", *arguments],
            cwd=self.project, env={**self.variables, **variables}, input=stdin,
            capture_output=True, text=True, check=False, timeout=COMMAND_SECONDS,
        )  # fmt: skip
        return Run(done.returncode, done.stdout, done.stderr, self.aws.requests())

    def keep(self, name: str, *arguments: str, **options: Any) -> Run:
        self.runs[name] = self.deploy(*arguments, **options)
        return self.runs[name]

    def services(self) -> dict[str, str]:
        """Service => the revision that it runs."""
        described = self.aws.client("ecs").describe_services(
            cluster=NAME, services=[f"{NAME}-{name}" for name in ("web", "worker", "jobs", "rabbit")]
        )["services"]
        return {each["serviceName"]: each["taskDefinition"].rpartition("/")[2] for each in described}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    if shutil.which("terraform") is None:
        missing("terraform is not installed")
    project = tmp_path_factory.mktemp("project")
    shutil.copytree(
        ROOT / "terraform", project / "terraform", ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*")
    )
    for name in ("deploy.toml", "docker-compose.yml", "docker-compose.build.yml"):
        shutil.copy(ROOT / name, project / name)
    with running() as aws:
        variables = {**os.environ, **aws.environment, "CHECKPOINT_DISABLE": "1"}
        yield Environment(project, aws, variables)


def missing(what: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}, and CI=true leaves nothing out", pytrace=False)
    pytest.skip(f"left out, because {what}")


@pytest.fixture(scope="module")
def dev(environment: Environment) -> Environment:
    """create, apply 1.0.0, apply 1.1.0, apply one whose migrations fail, rollback, destroy."""
    life, ecr = environment, environment.aws.client("ecr")
    created = life.keep("create", "create", "--env", "dev", "--yes")
    if re.search(r"Failed to (query available|install) provider", created.err):
        missing("Terraform finds no provider hashicorp/aws")
    assert created.exit_code == 0, created.err
    for repository, suffix in (("adaptivity/app", ""), ("adaptivity/app", "-job"), ("adaptivity/nginx", "")):
        for tag in (f"1.0.0{suffix}", f"1.1.0{suffix}", f"1.2.0-fails{suffix}"):
            manifest = {"schemaVersion": 2, "mediaType": MEDIA_TYPE, "config": {}, "layers": [{"digest": tag}]}
            ecr.put_image(repositoryName=repository, imageTag=tag, imageManifest=json.dumps(manifest))
    life.keep("create again", "create", "--env", "dev", "--yes")
    life.keep("not confirmed", "apply", "--env", "dev", "--tag", "1.0.0", *SKIP)
    life.keep("nothing there", "status", "--env", "dev")

    life.keep("apply", "apply", "--env", "dev", "--tag", "1.0.0", "--yes", "--json", *SKIP)
    life.keep("plan", "plan", "--env", "dev", "--json")
    life.keep("dry run", "apply", "--env", "dev", "--tag", "1.1.0", "--dry-run", "--json", *SKIP)
    life.seen["after 1.0.0"] = life.services()

    life.keep("next", "apply", "--env", "dev", "--tag", "1.1.0", "--yes", *SKIP)
    life.seen["after 1.1.0"] = life.services()

    operate(life)

    life.keep("failing", "apply", "--env", "dev", "--tag", "1.2.0-fails", "--yes", *SKIP)
    life.seen["after the failure"] = life.services()

    life.keep("rollback", "rollback", "--env", "dev", "--yes", "--json", *SKIP)
    life.seen["after the rollback"] = life.services()
    life.keep("nowhere to go", "rollback", "--env", "dev", "--to", "9.9.9", "--yes", *SKIP)
    life.seen["revisions"] = life.aws.client("ecs").list_task_definitions(status="ACTIVE")["taskDefinitionArns"]
    life.keep("status", "status", "--env", "dev", "--json")
    life.seen["state"] = (
        life.aws.client("s3").get_object(Bucket=BUCKET, Key="environments/dev/app.tfstate")["Body"].read().decode()
    )
    life.seen["values"] = {
        each["Name"].rpartition("/")[2]: each["Value"]
        for each in life.aws.client("ssm").get_parameters_by_path(Path="/adaptivity/dev", WithDecryption=True)[
            "Parameters"
        ]
    }

    life.keep("destroy", "destroy", "--env", "dev", "--yes")
    life.seen["clusters"] = life.aws.client("ecs").describe_clusters(clusters=[NAME])["clusters"]
    life.seen["parameters"] = life.aws.client("ssm").describe_parameters()["Parameters"]
    return life


def operate(life: Environment) -> None:
    """What is done with an environment that runs."""
    life.keep(
        "run", "run", "--env", "dev", "--cpu", "1024", "--memory", "2048", "--set", "ONE=1", "--json", "--", "check"
    )
    life.keep("redeploy", "redeploy", "--env", "dev", "web", "--json")
    logs, now = life.aws.client("logs"), int(time.time() * 1000)
    for stream, message in (("ecs/web/aa11", "from web"), ("ecs/worker/bb22", "from worker")):
        logs.create_log_stream(logGroupName=NAME, logStreamName=stream)
        logs.put_log_events(logGroupName=NAME, logStreamName=stream, logEvents=[{"timestamp": now, "message": message}])
    life.keep("logs", "logs", "--env", "dev", "web", "--since", "1h", "--json")
    life.keep("put", "secrets", "put", "--env", "dev", "SECRET_KEY", "--json", stdin="a value from standard input\n")
    life.keep("undeclared", "secrets", "put", "--env", "dev", "OTHER", stdin="x")
    life.keep("check", "secrets", "check", "--env", "dev", "--json")
    life.keep("list", "secrets", "list", "--env", "dev", "--json")


def test_create_makes_a_bucket_for_the_state_that_is_versioned_encrypted_and_private(dev: Environment) -> None:
    s3 = dev.aws.client("s3")

    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    assert set(s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"


def test_create_leaves_no_service_and_puts_the_values_that_can_be_generated(dev: Environment) -> None:
    created = dev.runs["create"]

    assert created.asked("ecs", "CreateService") == []
    assert "dev is ready for its first version" in created.out
    values = dev.seen["values"]
    assert values["SECRET_KEY"] == "a value from standard input"
    user, password = values["RABBITMQ_DEFAULT_USER"], values["RABBITMQ_DEFAULT_PASS"]
    assert values["CELERY_BROKER_URL"] == f"amqp://{user}:{password}@rabbit.dev.adaptivity.internal:5672//"
    database = f"postgres://adaptivity:{values['DATABASE_PASSWORD']}@"
    assert values["DATABASE_CONNECTION"].startswith(database)
    assert values["DATABASE_CONNECTION"].endswith(":5432/adaptivity?sslmode=require")


def test_no_value_is_printed_or_in_the_state(dev: Environment) -> None:
    secret = [value for name, value in dev.seen["values"].items() if name != "RABBITMQ_DEFAULT_USER"]
    for run in dev.runs.values():
        assert not any(value in run.out + run.err for value in secret)
    assert not any(value in dev.seen["state"] for value in secret)


def test_the_database_was_made_with_the_password_that_the_connection_has(dev: Environment) -> None:
    (asked,) = dev.runs["create"].asked("rds", "CreateDBInstance")

    assert asked["MasterUserPassword"] == dev.seen["values"]["DATABASE_PASSWORD"]


def test_create_changes_nothing_that_is_there(dev: Environment) -> None:
    again = dev.runs["create again"]

    assert again.exit_code == 0
    assert again.asked("ssm", "PutParameter") == []
    assert again.asked("rds", "CreateDBInstance") + again.asked("rds", "ModifyDBInstance") == []
    assert f"{BUCKET} exists" in again.err


def test_nothing_is_applied_without_a_yes(dev: Environment) -> None:
    run = dev.runs["not confirmed"]

    assert run.exit_code == 5
    assert run.err.splitlines()[-1] == "error: not confirmed: there is no terminal to ask on — add --yes"
    assert run.asked("ecs", "RegisterTaskDefinition") == []


def test_a_status_before_the_first_version(dev: Environment) -> None:
    run = dev.runs["nothing there"]

    assert run.exit_code == 1
    assert run.err.startswith("error: dev has no output ")
    assert run.err.endswith("deploy apply --env dev --tag TAG\n")


def test_apply_migrates_before_there_is_a_service(dev: Environment) -> None:
    run = dev.runs["apply"]
    order = [
        each["action"]
        for each in run.requests
        if each["service"] == "ecs" and each["action"] in {"RunTask", "CreateService"}
    ]

    assert run.exit_code == 0, run.err
    assert order == ["RunTask", *["CreateService"] * 4]
    (task,) = run.asked("ecs", "RunTask")
    assert task["taskDefinition"].endswith(f":task-definition/{NAME}-job:1")
    assert task["launchType"] == "FARGATE"
    assert json.loads(run.out) == {"env": "dev", "tag": "1.0.0", "url": "https://adaptivity-dev.example.edu"}
    assert dev.seen["after 1.0.0"] == {
        f"{NAME}-{name}": f"{NAME}-{name}:1" for name in ("web", "worker", "jobs", "rabbit")
    }


def test_a_second_plan_is_empty(dev: Environment) -> None:
    assert json.loads(dev.runs["plan"].out) == {"changes": [], "outputs": []}


def test_a_dry_run_says_what_would_change_and_changes_nothing(dev: Environment) -> None:
    run = dev.runs["dry run"]
    changes = {change["address"] for change in json.loads(run.out)["changes"]}

    assert run.exit_code == 0
    assert changes == {
        "module.job.aws_ecs_task_definition.main",
        "module.web_service.module.service.aws_ecs_task_definition.main",
        "module.web_service.module.service.aws_ecs_service.main[0]",
        "module.worker_service.aws_ecs_task_definition.main",
        "module.worker_service.aws_ecs_service.main[0]",
        "module.jobs_service.aws_ecs_task_definition.main",
        "module.jobs_service.aws_ecs_service.main[0]",
    }
    assert run.asked("ecs", "RegisterTaskDefinition") + run.asked("ecs", "RunTask") == []


def test_the_next_version_changes_what_it_should(dev: Environment) -> None:
    run = dev.runs["next"]

    assert run.exit_code == 0, run.err
    assert run.out == "dev runs 1.1.0: https://adaptivity-dev.example.edu\n"
    assert sorted(asked["family"] for asked in run.asked("ecs", "RegisterTaskDefinition")) == [
        f"{NAME}-job", f"{NAME}-jobs", f"{NAME}-web", f"{NAME}-worker",
    ]  # fmt: skip
    assert sorted(asked["service"].rpartition("/")[2] for asked in run.asked("ecs", "UpdateService")) == [
        f"{NAME}-jobs", f"{NAME}-web", f"{NAME}-worker",
    ]  # fmt: skip
    assert run.asked("ecs", "DeregisterTaskDefinition") == []
    assert dev.seen["after 1.1.0"] == {
        f"{NAME}-web": f"{NAME}-web:2", f"{NAME}-worker": f"{NAME}-worker:2", f"{NAME}-jobs": f"{NAME}-jobs:2",
        f"{NAME}-rabbit": f"{NAME}-rabbit:1",
    }  # fmt: skip


def test_a_one_off_task_has_its_overrides_and_its_exit_code(dev: Environment) -> None:
    run = dev.runs["run"]
    (asked,) = run.asked("ecs", "RunTask")

    assert run.exit_code == 0, run.err
    assert asked["overrides"] == {
        "cpu": "1024",
        "memory": "2048",
        "containerOverrides": [
            {
                "name": "job",
                "command": ["check"],
                "environment": [{"name": "ONE", "value": "1"}],
                "cpu": 1024,
                "memory": 2048,
            }
        ],
    }
    network = asked["networkConfiguration"]["awsvpcConfiguration"]
    assert (len(network["subnets"]), network["assignPublicIp"]) == (2, "ENABLED")
    assert json.loads(run.out)["task_definition"].endswith(f":task-definition/{NAME}-job:2")


def test_a_redeployment_is_of_the_service_that_was_named_and_of_its_revision(dev: Environment) -> None:
    run = dev.runs["redeploy"]
    (asked,) = run.asked("ecs", "UpdateService")

    assert run.exit_code == 0, run.err
    assert (asked["service"], asked["forceNewDeployment"], asked.get("taskDefinition")) == (f"{NAME}-web", True, None)
    assert json.loads(run.out) == [{"service": f"{NAME}-web", "task_definition": f"{NAME}-web:2"}]


def test_logs_are_those_of_the_service_that_was_named(dev: Environment) -> None:
    (line,) = dev.runs["logs"].out.splitlines()

    assert json.loads(line)["message"] == "from web"


def test_a_secret_is_put_where_it_is_declared(dev: Environment) -> None:
    (asked,) = dev.runs["put"].asked("ssm", "PutParameter")

    assert (asked["Name"], asked["Value"], asked["Type"], asked["Overwrite"]) == (
        "/adaptivity/dev/SECRET_KEY", "a value from standard input", "SecureString", True,
    )  # fmt: skip
    assert json.loads(dev.runs["put"].out) == {"path": "/adaptivity/dev/SECRET_KEY", "version": 3}
    refused = dev.runs["undeclared"]
    assert (refused.exit_code, refused.asked("ssm", "PutParameter")) == (1, [])
    assert refused.err.startswith("error: there is no parameter /adaptivity/dev/OTHER — declare it")


def test_secrets_are_looked_at_by_their_metadata(dev: Environment) -> None:
    assert {each["state"] for each in json.loads(dev.runs["check"].out)} == {"set"}
    assert len(json.loads(dev.runs["list"].out)) == 6
    for name in ("check", "list"):
        assert dev.runs[name].asked("ssm", "GetParameter") + dev.runs[name].asked("ssm", "GetParameters") == []


def test_migrations_that_fail_leave_the_services_as_they_were(dev: Environment) -> None:
    run = dev.runs["failing"]

    assert run.exit_code == 4
    assert "error: the migrations ended with exit code 1" in run.err.splitlines()[-1]
    assert "the services were not changed" in run.err.splitlines()[-1]
    assert run.asked("ecs", "UpdateService") == []
    assert [asked["family"] for asked in run.asked("ecs", "RegisterTaskDefinition")] == [f"{NAME}-job"]
    assert dev.seen["after the failure"] == dev.seen["after 1.1.0"]


def test_a_rollback_goes_to_the_version_before_and_migrates_nothing(dev: Environment) -> None:
    run = dev.runs["rollback"]

    assert run.exit_code == 0, run.err
    assert "from 1.1.0 back to 1.0.0; the database is not changed" in run.err
    assert json.loads(run.out)["tag"] == "1.0.0"
    assert run.asked("ecs", "RunTask") == []
    images = {
        container["image"].rpartition(":")[2]
        for asked in run.asked("ecs", "RegisterTaskDefinition")
        for container in asked["containerDefinitions"]
    }
    assert images == {"1.0.0", "1.0.0-job"}
    assert dev.seen["after the rollback"][f"{NAME}-web"] == f"{NAME}-web:3"


def test_a_rollback_to_a_version_without_images_is_refused(dev: Environment) -> None:
    run = dev.runs["nowhere to go"]

    assert run.exit_code == 3
    assert run.err.splitlines()[-1].startswith("error: verify found 3 faults (image); nothing was changed")
    assert run.asked("ecs", "RegisterTaskDefinition") == []


def test_no_revision_was_deregistered(dev: Environment) -> None:
    found = {arn.rpartition("/")[2] for arn in dev.seen["revisions"]}

    assert {f"{NAME}-web:{number}" for number in (1, 2, 3)} <= found


def test_status_says_what_runs(dev: Environment) -> None:
    found = json.loads(dev.runs["status"].out)

    assert found["app_tag"] == "1.0.0"
    assert {each["name"]: (each["tag"], each["rollout"]) for each in found["services"] if each["name"] != "rabbit"} == {
        "web": ("1.0.0", "COMPLETED"), "worker": ("1.0.0", "COMPLETED"), "jobs": ("1.0.0", "COMPLETED"),
    }  # fmt: skip


def test_destroy_takes_everything_away(dev: Environment) -> None:
    assert dev.runs["destroy"].exit_code == 0, dev.runs["destroy"].err
    assert dev.runs["destroy"].out == "dev was destroyed\n"
    assert [cluster["status"] for cluster in dev.seen["clusters"] if cluster["status"] == "ACTIVE"] == []
    assert dev.seen["parameters"] == []


def test_what_needs_no_environment_is_refused_at_once(environment: Environment) -> None:
    for arguments, code, line in (
        (("destroy", "--env", "prod"), 5, "error: prod is protected — first remove it from protected in deploy.toml"),
        (
            ("apply", "--env", "dev", "--tag", "latest"),
            5,
            "error: latest is not a version: nobody could tell what runs",
        ),
        (
            ("apply", "--env", "qa", "--tag", "1"),
            2,
            "error: there is no environment qa — the environments are dev, prod, stage",
        ),
        (("apply", "--env", "dev"), 2, "Error: Missing option '--tag'."),
    ):
        run = environment.deploy(*arguments)
        assert (run.exit_code, run.out) == (code, "")
        assert run.err.splitlines()[-1].startswith(line)
        assert run.requests == []


def test_a_path_without_terraform(environment: Environment, tmp_path: Path) -> None:
    run = environment.deploy("plan", "--env", "dev", "--tag", "1.0.0", PATH=str(tmp_path))

    assert run.exit_code == 1
    assert run.err == "error: terraform is not installed, or not on PATH — install Terraform 1.11 or newer\n"
