"""deploy.toml, the environment's variables before it, and errors that name the key and what to do."""

from pathlib import Path

import pytest

from deploy import config
from deploy.errors import DeployError
from tests.support.service import ROOT

FILE = """
project = "adaptivity"
region = "eu-central-1"
protected = ["prod"]
[images]
app = "registry.example/app"
nginx = "registry.example/nginx"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "deploy.toml").write_text(FILE)
    (tmp_path / "terraform" / "app").mkdir(parents=True)
    (tmp_path / "terraform" / "app" / "dev.tfvars").write_text("")
    return tmp_path


def test_the_file_is_found_from_below(project: Path) -> None:
    found = config.load(project / "terraform" / "app", {})

    assert found == config.Config(
        root=project, project="adaptivity", region="eu-central-1", app_image="registry.example/app",
        nginx_image="registry.example/nginx", protected=("prod",),
    )  # fmt: skip
    assert found.environments == ("dev",)


def test_a_variable_comes_before_the_file(project: Path) -> None:
    found = config.load(project, {"AWS_REGION": "us-west-2", "APP_IMAGE": "localhost:5000/app", "NGINX_IMAGE": ""})

    assert (found.region, found.app_image, found.nginx_image) == (
        "us-west-2", "localhost:5000/app", "registry.example/nginx",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("project = 1", "deploy.toml: images.app is missing; set it, or the variable APP_IMAGE"),
        (FILE.replace('"adaptivity"', "1"), "deploy.toml: project is not a string, or is empty"),
        (FILE.replace("region", "regoin"), "deploy.toml: regoin is not a key; the keys are project, region"),
        (FILE.replace("registry.example/app", "registry.example/app:1"), "deploy.toml: images.app has a tag"),
        (FILE.replace('["prod"]', '"prod"'), "deploy.toml: protected is not a list of environment names"),
        ("project =", "is not valid TOML"),
    ],
)
def test_a_wrong_file_is_told_by_key(project: Path, text: str, problem: str) -> None:
    (project / "deploy.toml").write_text(text)

    with pytest.raises(DeployError) as error:
        config.load(project, {})

    assert problem in str(error.value)
    assert error.value.exit_code == 2


def test_without_a_file(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match=r"no deploy.toml in .* or above it — change to the project's directory"):
        config.load(tmp_path, {})


def test_an_unknown_environment(project: Path) -> None:
    with pytest.raises(DeployError, match=r"no environment qa — .* are dev; to add one, write terraform/app/qa.tfvars"):
        config.load(project, {}).values("qa")


def test_our_own_file_has_what_the_files_of_values_have() -> None:
    found = config.load(ROOT, {})

    assert found.protected == ("prod",)
    for env in found.environments:
        text = found.values(env).read_text()
        assert f'"{found.app_image}"' in text
        assert f'"{found.nginx_image}"' in text
