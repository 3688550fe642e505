"""The task definitions are what ECS takes and Fargate runs, and the compose file starts the same containers."""

import copy
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.compare import differences
from tests.support.service import ROOT

Document = dict[str, Any]
Definitions = dict[str, Document]
Render = Callable[..., Definitions]
Plant = Callable[[Document], object]

APP = ROOT / "terraform" / "app"
TASKS = ("job", "jobs", "rabbit", "web", "worker")
FIXED = {"DJANGO_SETTINGS_MODULE", "ENV_LABEL", "HOST", "JOB_QUEUE", "WEB_HOST"}

# The names that RegisterTaskDefinition knows and Fargate allows, as the API reference and "Task definition differences
# for Fargate" have them. Left out because Fargate refuses them: links, hostname, privileged, disableNetworking,
# dnsServers, dnsSearchDomains, extraHosts, dockerSecurityOptions, and of linuxParameters devices, sharedMemorySize,
# tmpfs, maxSwap and swappiness; left out because nothing here should need them: capabilities, firelens, credentials.
HEALTH_CHECK = {"command": [str], "interval": int, "timeout": int, "retries": int, "startPeriod": int}
CONTAINER: Document = {
    "name": str,
    "image": str,
    "cpu": int,
    "memory": int,
    "memoryReservation": int,
    "portMappings": [{"containerPort": int, "hostPort": int, "protocol": str, "name": str, "appProtocol": str}],
    "essential": bool,
    "restartPolicy": {"enabled": bool, "ignoredExitCodes": [int], "restartAttemptPeriod": int},
    "entryPoint": [str],
    "command": [str],
    "environment": [{"name": str, "value": str}],
    "secrets": [{"name": str, "valueFrom": str}],
    "mountPoints": [{"sourceVolume": str, "containerPath": str, "readOnly": bool}],
    "linuxParameters": {"initProcessEnabled": bool},
    "dependsOn": [{"containerName": str, "condition": str}],
    "startTimeout": int,
    "stopTimeout": int,
    "user": str,
    "workingDirectory": str,
    "readonlyRootFilesystem": bool,
    "interactive": bool,
    "pseudoTerminal": bool,
    "dockerLabels": {str: str},
    "ulimits": [{"name": str, "softLimit": int, "hardLimit": int}],
    "logConfiguration": {"logDriver": str, "options": {str: str}},
    "healthCheck": HEALTH_CHECK,
    "systemControls": [{"namespace": str, "value": str}],
}
TASK: Document = {
    "family": str,
    "networkMode": str,
    "requiresCompatibilities": [str],
    "cpu": str,
    "memory": str,
    "runtimePlatform": {"operatingSystemFamily": str, "cpuArchitecture": str},
    "volumes": [{"name": str}],
    "containerDefinitions": [CONTAINER],
}
# MiB that Fargate sells with so many CPU units: the sizes that tasks here may have.
FARGATE_MEMORY = {"256": (512, 1024, 2048), "512": (1024, 2048, 3072, 4096)}
# What the API takes, in seconds (retries in times), and Fargate's 120 for a container to stop.
RANGES = {
    "interval": (5, 300),
    "timeout": (2, 60),
    "retries": (1, 10),
    "startPeriod": (0, 300),
    "restartAttemptPeriod": (60, 1800),
    "stopTimeout": (2, 120),
}
PARAMETER = re.compile(r"arn:aws[a-z-]*:ssm:[a-z0-9-]+:\d{12}:parameter(/[A-Za-z0-9_.-]+){3}")


@pytest.fixture(scope="module")
def render(tmp_path_factory: pytest.TempPathFactory) -> Render:
    """The task definitions of an environment, rendered as a person would."""
    if shutil.which("terraform") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("terraform is not installed, and CI=true leaves nothing out", pytrace=False)
        pytest.skip("left out, because terraform is not installed")

    def rendered(environment: str, **variables: str) -> Definitions:
        directory = tmp_path_factory.mktemp(environment)
        result = run(environment, "1.0.0", directory, **variables)
        assert result.returncode == 0, result.stderr
        return {path.stem: json.loads(path.read_text()) for path in sorted(directory.iterdir())}

    return rendered


def run(
    environment: str, tag: str, directory: Path, *options: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    command = [APP / "task_definitions" / "render", environment, tag, directory, *options]
    return subprocess.run(
        command, env={**os.environ, **variables}, check=False, capture_output=True, text=True, timeout=60
    )


@pytest.fixture(scope="module")
def dev(render: Render) -> Definitions:
    return render("dev")


@pytest.fixture(scope="module")
def compose() -> Document:
    document: Document = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return document


def unknown(value: Any, schema: Any, path: str) -> list[str]:
    """Where a value does not have the schema's form: names it does not know, and other types."""
    if isinstance(schema, list):
        if not isinstance(value, list):
            return [f"{path} is no list"]
        return [found for index, item in enumerate(value) for found in unknown(item, schema[0], f"{path}[{index}]")]
    if isinstance(schema, dict):
        if not isinstance(value, dict):
            return [f"{path} is no object"]
        if str in schema:
            return [found for name, item in value.items() for found in unknown(item, schema[str], f"{path}.{name}")]
        return [
            problem
            for name, item in value.items()
            for problem in (
                unknown(item, schema[name], f"{path}.{name}") if name in schema else [f"{path}.{name} is not known"]
            )
        ]
    return [] if type(value) is schema else [f"{path} is no {schema.__name__}"]


def refused(task: Document) -> list[str]:
    """Why ECS would refuse to register a task definition, or Fargate to run it."""
    problems = unknown(task, TASK, "task")
    if problems:
        return problems
    containers = task["containerDefinitions"]
    if task["networkMode"] != "awsvpc" or task["requiresCompatibilities"] != ["FARGATE"]:
        problems.append("Fargate has no other network mode than awsvpc")
    if int(task["memory"]) not in FARGATE_MEMORY.get(task["cpu"], ()):
        problems.append(f"Fargate has no task of {task['cpu']} CPU units and {task['memory']} MiB")
    if sum(container.get("memory", 0) for container in containers) > int(task["memory"]):
        problems.append("the containers' memory is more than the task's")
    if not any(container.get("essential", True) for container in containers):
        problems.append("no container is essential")
    return problems + [problem for container in containers for problem in refused_container(container, task)]


def refused_container(container: Document, task: Document) -> list[str]:
    name = container["name"]
    check, policy = container.get("healthCheck", {}), container.get("restartPolicy", {})
    checked = {other["name"] for other in task["containerDefinitions"] if "healthCheck" in other}
    numbers = {**check, **policy, "stopTimeout": container.get("stopTimeout", 30)}
    return [
        f"{name}: {problem}"
        for problem in [
            *(
                f"{field} is {numbers[field]}, not {least} to {most}"
                for field, (least, most) in RANGES.items()
                if field in numbers and not least <= numbers[field] <= most
            ),
            *(
                f"there is no volume {mount['sourceVolume']}"
                for mount in container.get("mountPoints", [])
                if {"name": mount["sourceVolume"]} not in task["volumes"]
            ),
            *(
                f"{dependency['containerName']} has no health check to wait for"
                for dependency in container.get("dependsOn", [])
                if dependency["condition"] == "HEALTHY" and dependency["containerName"] not in checked
            ),
            *(
                f"{secret['valueFrom']} is no parameter"
                for secret in container.get("secrets", [])
                if not PARAMETER.fullmatch(secret["valueFrom"])
            ),
        ]
    ]


@pytest.mark.parametrize("environment", sorted(path.stem for path in APP.glob("*.tfvars")))
def test_ecs_takes_and_fargate_runs_every_task(render: Render, environment: str) -> None:
    tasks = render(environment)

    assert sorted(tasks) == list(TASKS)
    assert {name: refused(task) for name, task in tasks.items()} == {name: [] for name in TASKS}
    assert {task["family"] for task in tasks.values()} == {f"adaptivity-{environment}-{name}" for name in TASKS}


def test_a_task_has_the_size_that_its_containers_need(dev: Definitions) -> None:
    assert {name: (task["cpu"], task["memory"]) for name, task in dev.items()} == {
        "web": ("512", "1024"),
        "worker": ("256", "512"),
        "rabbit": ("256", "512"),
        "job": ("256", "512"),
        "jobs": ("256", "1024"),
    }


def test_every_container_logs_to_cloudwatch(dev: Definitions) -> None:
    containers = [container for task in dev.values() for container in task["containerDefinitions"]]

    assert [container["name"] for container in containers] == ["job", "jobs", "rabbit", "web", "nginx", "worker"]
    for container in containers:
        assert container["logConfiguration"] == {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": "adaptivity-dev",
                "awslogs-region": "us-east-1",
                "awslogs-stream-prefix": "ecs",
            },
        }


def test_secrets_are_parameters_of_the_environment(dev: Definitions) -> None:
    path = "arn:aws:ssm:us-east-1:123456789012:parameter/adaptivity/dev"
    app = {name: f"{path}/{name}" for name in ("SECRET_KEY", "DATABASE_CONNECTION", "CELERY_BROKER_URL")}

    assert {
        container["name"]: {secret["name"]: secret["valueFrom"] for secret in container.get("secrets", [])}
        for task in dev.values()
        for container in task["containerDefinitions"]
    } == {
        "web": app,
        "worker": app,
        "job": app,
        "jobs": app,
        "nginx": {},
        "rabbit": {name: f"{path}/{name}" for name in ("RABBITMQ_DEFAULT_USER", "RABBITMQ_DEFAULT_PASS")},
    }


def test_a_parameter_may_have_another_name_and_be_common_to_all_environments(render: Render) -> None:
    variables = {"GOOGLE_PICKER_CLIENT_ID": "GOOGLE_CLIENT_ID", "GOOGLE_PICKER_APP_ID": "common/GOOGLE_APP_ID"}

    (web, _) = render("stage", TF_VAR_app_secrets=json.dumps(variables))["web"]["containerDefinitions"]

    path = "arn:aws:ssm:us-east-1:123456789012:parameter/adaptivity"
    assert web["secrets"] == [
        {"name": "GOOGLE_PICKER_APP_ID", "valueFrom": f"{path}/common/GOOGLE_APP_ID"},
        {"name": "GOOGLE_PICKER_CLIENT_ID", "valueFrom": f"{path}/stage/GOOGLE_CLIENT_ID"},
    ]


def test_a_setting_is_an_environment_variable_of_every_container_of_the_app(render: Render) -> None:
    tasks = render("dev", TF_VAR_settings=json.dumps({"RECEIPTS": "0.1", "CRAWLER_USER_AGENT": 'a "quoted" name'}))

    given = {
        container["name"]: [pair for pair in container.get("environment", []) if pair["name"] not in FIXED]
        for task in tasks.values()
        for container in task["containerDefinitions"]
    }
    settings = [{"name": "CRAWLER_USER_AGENT", "value": 'a "quoted" name'}, {"name": "RECEIPTS", "value": "0.1"}]
    ours = dict.fromkeys(("web", "worker", "job", "jobs"), settings)
    assert given == {**ours, "nginx": [], "rabbit": []}


def queues(tasks: Definitions) -> dict[str, str]:
    """The queue that each container sends jobs to, where it is told one."""
    return {
        container["name"]: pair["value"]
        for task in tasks.values()
        for container in task["containerDefinitions"]
        for pair in container.get("environment", [])
        if pair["name"] == "JOB_QUEUE"
    }


def test_jobs_are_sent_to_the_queue_that_the_service_jobs_reads(dev: Definitions) -> None:
    (jobs,) = dev["jobs"]["containerDefinitions"]

    assert jobs["command"] == ["celery", "-A", "config", "worker", "-Q", "jobs", "-c", "1", "-l", "info"]
    assert jobs["image"] == "123456789012.dkr.ecr.us-east-1.amazonaws.com/adaptivity/app:1.0.0-job"
    assert queues(dev) == dict.fromkeys(("web", "worker", "job", "jobs"), "jobs")


def test_where_no_task_of_jobs_runs_nothing_is_sent_to_it(render: Render) -> None:
    assert queues(render("dev", TF_VAR_jobs_count="0")) == {}
    elsewhere = render("dev", TF_VAR_jobs_count="0", TF_VAR_settings='{"JOB_QUEUE": "elsewhere"}')
    assert queues(elsewhere) == dict.fromkeys(("web", "worker", "job", "jobs"), "elsewhere")


@pytest.mark.usefixtures("render")
def test_another_queue_than_that_of_the_service_jobs_is_refused(tmp_path: Path) -> None:
    result = run("dev", "1.0.0", tmp_path, '-var=settings={JOB_QUEUE="elsewhere"}')

    assert result.returncode != 0
    assert "settings may name JOB_QUEUE only with jobs_count = 0" in " ".join(result.stderr.split())


@pytest.mark.usefixtures("render")
@pytest.mark.parametrize("name", ["SECRET_KEY", "HOST"])
def test_a_setting_that_is_there_already_is_refused(tmp_path: Path, name: str) -> None:
    result = run("dev", "1.0.0", tmp_path, f'-var=settings={{{name}="x"}}')

    assert result.returncode != 0
    assert "settings must not name what the task definitions already set" in " ".join(result.stderr.split())


@pytest.mark.parametrize("name", ["job", "jobs"])
def test_jobs_see_a_file_system_that_outlives_them(render: Render, name: str) -> None:
    point = {"file_system_id": "fs-0123456789abcdef0", "access_point_id": "fsap-0123456789abcdef0"}

    job = render("dev", TF_VAR_job_files=json.dumps(point))[name]

    assert job["volumes"] == [
        {"name": f"{name}-tmp"},
        {
            "name": "job-files",
            "efsVolumeConfiguration": {
                "fileSystemId": "fs-0123456789abcdef0",
                "transitEncryption": "ENABLED",
                "authorizationConfig": {"accessPointId": "fsap-0123456789abcdef0"},
            },
        },
    ]
    (container,) = job["containerDefinitions"]
    assert {mount["sourceVolume"]: mount["containerPath"] for mount in container["mountPoints"]} == {
        f"{name}-tmp": "/tmp",
        "job-files": "/files",
    }


@pytest.mark.usefixtures("render")
def test_a_variable_that_is_given_beats_the_environment_s_file(tmp_path: Path) -> None:
    result = run("dev", "1.0.0", tmp_path, "-var=app_image=registry.example/app")

    assert result.returncode == 0, result.stderr
    (worker,) = json.loads((tmp_path / "worker.json").read_text())["containerDefinitions"]
    assert worker["image"] == "registry.example/app:1.0.0"


@pytest.mark.usefixtures("render")
@pytest.mark.parametrize(
    ("environment", "tag", "variables", "problem"),
    [
        ("nowhere", "1.0.0", {}, "there is no terraform/app/nowhere.tfvars"),
        ("dev", "latest", {}, "app_tag must be the tag of one version"),
        (
            "dev",
            "1.0.0",
            {"TF_VAR_app_secrets": '{"SECRET_KEY": "/adaptivity/prod/SECRET_KEY"}'},
            "NAME or common/NAME",
        ),
    ],
)
def test_what_cannot_be_is_refused(
    tmp_path: Path, environment: str, tag: str, variables: dict[str, str], problem: str
) -> None:
    result = run(environment, tag, tmp_path, **variables)

    assert result.returncode == 1
    assert problem in result.stderr
    assert list(tmp_path.iterdir()) == []


def plant(path: str, value: Any) -> Plant:
    """Sets what is at a path of names and indices with dots between them; deletes it where the value is ``...``."""
    *parents, last = (int(part) if part.isdigit() else part for part in path.split("."))

    def planted(document: Any) -> None:
        for part in parents:
            document = document[part]
        if value is ...:
            del document[last]
        else:
            document[last] = value

    return planted


def assert_found(problem: str, lines: list[str]) -> None:
    """The planted difference is named, with its container and field, and no container but that one."""
    assert any(line.startswith(f"{problem}: ") for line in lines), lines
    assert {line.partition(":")[0] for line in lines} == {problem.partition(":")[0]}


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("containerDefinitions.0.logConfig", {}, "task.containerDefinitions[0].logConfig is not known"),
        ("containerDefinitions.0.memory", "256", "task.containerDefinitions[0].memory is no int"),
        ("containerDefinitions.0.essential", 1, "task.containerDefinitions[0].essential is no bool"),
        ("containerDefinitions.0.command", "gunicorn", "task.containerDefinitions[0].command is no list"),
        ("containerDefinitions.0.healthCheck", [], "task.containerDefinitions[0].healthCheck is no object"),
        (
            "containerDefinitions.0.linuxParameters",
            {"tmpfs": [{"containerPath": "/tmp", "size": 64}]},
            "task.containerDefinitions[0].linuxParameters.tmpfs is not known",
        ),
        (
            "containerDefinitions.0.environment.0.value",
            8000,
            "task.containerDefinitions[0].environment[0].value is no str",
        ),
        (
            "containerDefinitions.0.logConfiguration.options.awslogs-region",
            None,
            "task.containerDefinitions[0].logConfiguration.options.awslogs-region is no str",
        ),
        ("networkMode", "bridge", "Fargate has no other network mode than awsvpc"),
        ("memory", "4608", "Fargate has no task of 512 CPU units and 4608 MiB"),
        ("containerDefinitions.0.memory", 1000, "the containers' memory is more than the task's"),
        ("containerDefinitions.0.essential", False, "no container is essential"),
        ("containerDefinitions.0.stopTimeout", 180, "web: stopTimeout is 180, not 2 to 120"),
        ("containerDefinitions.0.healthCheck.interval", 1, "web: interval is 1, not 5 to 300"),
        (
            "containerDefinitions.1.restartPolicy.restartAttemptPeriod",
            5,
            "nginx: restartAttemptPeriod is 5, not 60 to 1800",
        ),
        ("volumes", [{"name": "nginx-tmp"}], "web: there is no volume web-tmp"),
        ("containerDefinitions.0.healthCheck", ..., "nginx: web has no health check to wait for"),
        ("containerDefinitions.0.secrets.0.valueFrom", "hunter2", "web: hunter2 is no parameter"),
    ],
)
def test_what_ecs_refuses_is_found(dev: Definitions, path: str, value: Any, problem: str) -> None:
    web = copy.deepcopy(dev["web"])

    plant(path, value)(web)

    assert refused(web) == [problem]


def test_the_compose_file_starts_the_containers_of_the_task_definitions(dev: Definitions, compose: Document) -> None:
    found = differences(dev, compose)

    assert not found, "\n".join(["They differ:", *found])


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("web.containerDefinitions.0.image", "registry.example/adaptivity/nginx:1.0.0", "web: image"),
        ("rabbit.containerDefinitions.0.image", "rabbitmq:3", "rabbit: image"),
        ("job.containerDefinitions.0.image", "registry.example/adaptivity/app:1.0.0", "migrate: image"),
        ("jobs.containerDefinitions.0.image", "registry.example/adaptivity/app:1.0.0", "jobs: image"),
        ("jobs.containerDefinitions.0.command.5", "celery", "jobs: command"),
        ("web.containerDefinitions.0.environment.3.value", "celery", "web: environment JOB_QUEUE"),
        ("worker.containerDefinitions.0.command.5", "debug", "worker: command"),
        ("job.containerDefinitions.0.command", ..., "migrate: command"),
        (
            "web.containerDefinitions.0.environment.0.value",
            "config.settings.base",
            "web: environment DJANGO_SETTINGS_MODULE",
        ),
        ("web.containerDefinitions.0.environment.2.name", "HOSTS", "web: environment HOST"),
        ("web.containerDefinitions.1.environment.0.value", "web:8000", "nginx: environment WEB_HOST"),
        ("worker.containerDefinitions.0.secrets.2", ..., "worker: environment SECRET_KEY"),
        (
            "rabbit.containerDefinitions.0.secrets.0.name",
            "RABBITMQ_PASSWORD",
            "rabbit: environment RABBITMQ_DEFAULT_PASS",
        ),
        ("web.containerDefinitions.1.portMappings.0.containerPort", 8080, "nginx: ports"),
        ("worker.containerDefinitions.0.memory", 512, "worker: memory"),
        ("jobs.containerDefinitions.0.memory", 256, "jobs: memory"),
        ("web.containerDefinitions.1.memory", ..., "nginx: memory"),
        ("web.containerDefinitions.1.essential", True, "nginx: essential"),
        ("job.containerDefinitions.0.essential", ..., "migrate: essential"),
        ("web.containerDefinitions.1.restartPolicy", ..., "nginx: restart"),
        ("web.containerDefinitions.1.dependsOn.0.condition", "START", "nginx: depends on"),
        ("web.containerDefinitions.0.healthCheck.command.2", "healthcheck.py", "web: health check command"),
        ("worker.containerDefinitions.0.healthCheck.interval", 30, "worker: health check interval"),
        ("rabbit.containerDefinitions.0.healthCheck.timeout", 2, "rabbit: health check timeout"),
        ("web.containerDefinitions.1.healthCheck.retries", 5, "nginx: health check retries"),
        ("web.containerDefinitions.0.healthCheck.startPeriod", 0, "web: health check startPeriod"),
        ("job.containerDefinitions.0.stopTimeout", 60, "migrate: stop timeout"),
        ("rabbit.containerDefinitions.0.stopTimeout", ..., "rabbit: stop timeout"),
        ("web.containerDefinitions.0.readonlyRootFilesystem", False, "web: read-only root"),
        ("worker.containerDefinitions.0.mountPoints.0.containerPath", "/var/tmp", "worker: writable"),
        ("web.containerDefinitions.1.systemControls", [], "nginx: system controls"),
        ("web.containerDefinitions.0.user", "root", "web: user"),
        ("web.containerDefinitions.0.entryPoint", ["sh"], "web: entry point"),
        ("web.containerDefinitions.0.workingDirectory", "/", "web: workingDirectory"),
        ("web.containerDefinitions.1", ..., "nginx: container"),
        ("job", ..., "migrate: container"),
        ("beat", {"containerDefinitions": [{"name": "beat"}]}, "beat: container"),
    ],
)
def test_a_change_of_a_task_definition_alone_is_found(
    dev: Definitions, compose: Document, path: str, value: Any, problem: str
) -> None:
    tasks = copy.deepcopy(dev)

    plant(path, value)(tasks)

    assert_found(problem, differences(tasks, compose))


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("worker.image", "${NGINX_IMAGE:-adaptivity/nginx}:${APP_TAG:-latest}", "worker: image"),
        ("rabbit.image", "rabbitmq:4-management", "rabbit: image"),
        ("worker.command", "celery -A config worker -l debug", "worker: command"),
        ("migrate.command", ["python", "manage.py", "migrate"], "migrate: command"),
        ("web.environment.DJANGO_SETTINGS_MODULE", "config.settings.local", "web: environment DJANGO_SETTINGS_MODULE"),
        ("web.environment.HOST", ..., "web: environment HOST"),
        ("web.environment.JOB_QUEUE", ..., "web: environment JOB_QUEUE"),
        ("jobs.environment.SOURCE_CREDENTIALS", "{}", "jobs: environment SOURCE_CREDENTIALS"),
        ("jobs.image", "${APP_IMAGE:-adaptivity/app}:${APP_TAG:-latest}", "jobs: image"),
        ("web.environment.LOG_LEVEL", "DEBUG", "web: environment LOG_LEVEL"),
        ("nginx.environment.WEB_HOST", "web:9000", "nginx: environment WEB_HOST"),
        ("worker.environment.SECRET_KEY", ..., "worker: environment SECRET_KEY"),
        ("rabbit.environment.RABBITMQ_DEFAULT_USER", ..., "rabbit: environment RABBITMQ_DEFAULT_USER"),
        ("nginx.ports", ["${HTTP_PORT:-80}:8080"], "nginx: ports"),
        ("web.expose", ["8000", "9000"], "web: ports"),
        ("worker.mem_limit", "1g", "worker: memory"),
        ("web.mem_limit", ..., "web: memory"),
        ("nginx.x-essential", True, "nginx: essential"),
        ("web.x-essential", ..., "web: essential"),
        ("web.restart", "no", "web: restart"),
        ("migrate.restart", "always", "migrate: restart"),
        ("nginx.depends_on.web.condition", "service_started", "nginx: depends on"),
        ("web.healthcheck.test", "curl http://localhost:8000/health/", "web: health check command"),
        ("worker.healthcheck", {"disable": True}, "worker: health check command"),
        ("worker.healthcheck.interval", "1m", "worker: health check interval"),
        ("rabbit.healthcheck.timeout", "2s", "rabbit: health check timeout"),
        ("nginx.healthcheck.retries", 5, "nginx: health check retries"),
        ("web.healthcheck.start_period", "1m30s", "web: health check startPeriod"),
        ("migrate.stop_grace_period", "10s", "migrate: stop timeout"),
        ("web.stop_grace_period", ..., "web: stop timeout"),
        ("nginx.read_only", False, "nginx: read-only root"),
        ("worker.tmpfs", [], "worker: writable"),
        ("web.volumes", ["scratch:/srv"], "web: writable"),
        ("nginx.sysctls", ..., "nginx: system controls"),
        ("web.user", "root", "web: user"),
        ("web.entrypoint", "sh -c", "web: entry point"),
        ("worker.env_file", ".env", "worker: env_file"),
        ("nginx.depends_on", ["web"], "nginx: depends on"),
        ("web.healthcheck.interval", ..., "web: health check interval"),
        ("beat", {"image": "adaptivity/app"}, "beat: container"),
        ("worker", ..., "worker: container"),
    ],
)
def test_a_change_of_the_compose_file_alone_is_found(
    dev: Definitions, compose: Document, path: str, value: Any, problem: str
) -> None:
    # Through JSON, because what the file says once for several services (an anchor) would change in all of them.
    services = json.loads(json.dumps(compose["services"]))

    plant(path, value)(services)

    assert_found(problem, differences(dev, {"services": services}))


@pytest.mark.parametrize(
    ("task", "index", "dockerfile"),
    [
        ("web", 0, "Dockerfile"),
        ("web", 1, "nginx/Dockerfile"),
        ("worker", 0, "Dockerfile"),
        ("job", 0, "Dockerfile"),
        ("jobs", 0, "Dockerfile"),
    ],
)
def test_the_image_gives_a_volume_its_owner(dev: Definitions, task: str, index: int, dockerfile: str) -> None:
    """An empty volume belongs to root on Fargate, unless the image declares the same path with VOLUME."""
    container = dev[task]["containerDefinitions"][index]

    assert [mount["containerPath"] for mount in container["mountPoints"]] == re.findall(
        r"^VOLUME (\S+)$", (ROOT / dockerfile).read_text(), re.MULTILINE
    )
