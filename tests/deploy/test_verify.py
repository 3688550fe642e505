"""Every item of verify with a planted fault, and the line that it prints."""

import copy
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from deploy import aws, config, images, verify
from tests.support.service import ROOT

TAG = "1.0.0"
ACCOUNT = "123456789012"
IMAGES = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/adaptivity"
SECRETS = ("CELERY_BROKER_URL", "DATABASE_CONNECTION", "RABBITMQ_DEFAULT_PASS", "RABBITMQ_DEFAULT_USER", "SECRET_KEY")
NAMES = {"execution_role_arn": "adaptivity-dev-execution", "task_role_arn": "adaptivity-dev-task"}
OUTPUTS = {output: f"arn:aws:iam::{ACCOUNT}:role/{name}" for output, name in NAMES.items()}
MEDIA_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
MANIFEST = json.dumps(
    {"schemaVersion": 2, "mediaType": MEDIA_TYPE, "config": {"digest": "sha256:" + "1" * 64}, "layers": []}
)
CREATE = "deploy create --env dev"


def definitions() -> list[dict[str, Any]]:
    """Task definitions that agree with the compose file, as far as verify looks beside the comparison."""
    container = {
        "name": "web",
        "image": f"{IMAGES}/app:{TAG}",
        "secrets": [{"name": name, "valueFrom": parameter(name)} for name in SECRETS],
        "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "adaptivity-dev"}},
    }
    return [{"family": "adaptivity-dev-web", "containerDefinitions": [container]}]


def parameter(name: str) -> str:
    return f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/adaptivity/dev/{name}"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "terraform" / "app").mkdir(parents=True)
    for name in ("deploy.toml", "docker-compose.yml", "terraform/app/dev.tfvars"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def subject(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[verify.Subject]:
    """An environment in which nothing is wrong."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "simulated")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        ecr, ssm, iam, logs = (boto3.client(name, region_name="us-east-1") for name in ("ecr", "ssm", "iam", "logs"))
        for name in ("app", "nginx"):
            ecr.create_repository(repositoryName=f"adaptivity/{name}")
            ecr.put_image(repositoryName=f"adaptivity/{name}", imageTag=TAG, imageManifest=MANIFEST)
        ecr.put_image(repositoryName="adaptivity/app", imageTag=f"{TAG}-job", imageManifest=MANIFEST)
        for name in SECRETS:
            for value in ("declared, not set", "a value"):
                ssm.put_parameter(Name=f"/adaptivity/dev/{name}", Value=value, Type="SecureString", Overwrite=True)
        for name in NAMES.values():
            iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
        logs.create_log_group(logGroupName="adaptivity-dev")
        yield verify.Subject(
            config=config.load(project, {}),
            env="dev",
            tag=TAG,
            definitions=definitions(),
            outputs=OUTPUTS,
            clients=aws.Clients("us-east-1"),
            step=lambda _line: None,
        )


# What needs the whole set of task definitions, or Docker, has tests of its own.
SKIP = ("compose", "check --deploy")


def faults(subject: verify.Subject, skip: tuple[str, ...] = SKIP) -> list[str]:
    return [str(finding) for finding in verify.find(subject, skip=skip) if finding.fault]


def changed(subject: verify.Subject, **changes: Any) -> verify.Subject:
    return verify.Subject(
        **{**{name: getattr(subject, name) for name in verify.Subject.__dataclass_fields__}, **changes}
    )


def test_nothing_is_wrong(subject: verify.Subject) -> None:
    digest = boto3.client("ecr", region_name="us-east-1").describe_images(repositoryName="adaptivity/app")
    lines = [str(finding) for finding in verify.find(subject, skip=SKIP)]

    assert faults(subject) == []
    assert lines[0] == f"image: ok: {IMAGES}/app:{TAG} is {digest['imageDetails'][0]['imageDigest']}"
    assert lines[2].startswith(f"image: ok: {IMAGES}/app:{TAG}-job is sha256:")
    assert lines[3:5] == [
        "values: ok: dev.tfvars and deploy.toml name the same images",
        "secret: ok: /adaptivity/dev/CELERY_BROKER_URL is set",
    ]
    assert lines[-4:] == [
        "role: ok: adaptivity-dev-task exists",
        "log group: ok: adaptivity-dev exists",
        "compose: ok: skipped",
        "check --deploy: ok: skipped",
    ]


def test_an_image_that_is_not_there(subject: verify.Subject) -> None:
    boto3.client("ecr", region_name="us-east-1").batch_delete_image(
        repositoryName="adaptivity/nginx", imageIds=[{"imageTag": TAG}]
    )

    assert faults(subject) == [
        f"image: fault: {IMAGES}/nginx:{TAG} is not in its registry — run deploy build and deploy push with --tag {TAG}"
    ]


def test_another_repository_in_the_file_of_values(subject: verify.Subject, project: Path) -> None:
    path = project / "terraform" / "app" / "dev.tfvars"
    path.write_text(path.read_text().replace(f'"{IMAGES}/app"', '"registry.example/app"'))

    assert faults(subject) == [
        f"values: fault: dev.tfvars has app_image registry.example/app, but deploy.toml has {IMAGES}/app"
    ]


def test_a_secret_that_is_declared_and_has_no_value(subject: verify.Subject) -> None:
    ssm = boto3.client("ssm", region_name="us-east-1")
    ssm.delete_parameter(Name="/adaptivity/dev/SECRET_KEY")
    ssm.put_parameter(Name="/adaptivity/dev/SECRET_KEY", Value="declared, not set", Type="SecureString")

    (fault,) = faults(subject)
    assert fault == (
        "secret: fault: /adaptivity/dev/SECRET_KEY is declared, not set; adaptivity-dev-web/web need it — "
        "deploy secrets put --env dev SECRET_KEY"
    )


def test_a_secret_that_nobody_has_declared(subject: verify.Subject) -> None:
    wanted = copy.deepcopy(definitions())
    common = f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/adaptivity/common/GOOGLE_APP_ID"
    wanted[0]["containerDefinitions"][0]["secrets"].append({"name": "GOOGLE_PICKER_APP_ID", "valueFrom": common})

    (fault,) = faults(changed(subject, definitions=wanted))
    assert fault == (
        "secret: fault: /adaptivity/common/GOOGLE_APP_ID is missing; adaptivity-dev-web/web need it — "
        "deploy secrets put --env dev --common GOOGLE_APP_ID"
    )


def test_roles_that_are_not_there(subject: verify.Subject) -> None:
    boto3.client("iam").delete_role(RoleName="adaptivity-dev-execution")

    assert faults(subject) == [f"role: fault: there is no role adaptivity-dev-execution — {CREATE}"]
    assert faults(changed(subject, outputs={})) == [
        f"role: fault: the stack has no execution_role_arn — {CREATE}",
        f"role: fault: the stack has no task_role_arn — {CREATE}",
    ]


def test_a_log_group_that_is_not_there(subject: verify.Subject) -> None:
    logs = boto3.client("logs", region_name="us-east-1")
    logs.delete_log_group(logGroupName="adaptivity-dev")
    logs.create_log_group(logGroupName="adaptivity-dev-other")

    assert faults(subject) == [f"log group: fault: there is no log group adaptivity-dev — {CREATE}"]


def test_a_compose_file_that_says_something_else(subject: verify.Subject, project: Path) -> None:
    """The task definitions of this test have one container, so the comparison has faults of its own to name."""
    told = faults(subject, skip=("check --deploy",))

    assert "compose: fault: rabbit: container: not in the task definitions" in told


def test_an_image_that_does_not_pass_its_own_checks(subject: verify.Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "check_deploy", lambda _image, step: "?: (security.W004) no HSTS")

    assert faults(subject, skip=("compose",)) == [
        f"check --deploy: fault: {IMAGES}/app:{TAG}: ?: (security.W004) no HSTS"
    ]


def test_what_cannot_be_looked_at_is_a_fault(
    subject: verify.Subject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert faults(subject, skip=("compose",)) == [
        "check --deploy: fault: docker is not installed, or not on PATH — install Docker"
    ]


def test_a_check_that_fails_is_told_by_its_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for Docker that says what `manage.py check --deploy` says of an image without HSTS."""
    docker = tmp_path / "docker"
    docker.write_text(
        "#!/bin/sh\n[ $1 = image ] && exit 0\n"
        "echo 'SystemCheckError: System check identified some issues:' >&2\n"
        "echo '?: (security.W004) You have not set a value for SECURE_HSTS_SECONDS.' >&2\nexit 1\n"
    )
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    assert images.check_deploy("app:1", step=lambda _line: None) == (
        "?: (security.W004) You have not set a value for SECURE_HSTS_SECONDS."
    )
