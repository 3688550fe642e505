"""Images of a version: tags, refs, what is built from them, and what a registry has."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import boto3
import pytest
from botocore.stub import Stubber
from click.testing import CliRunner

from deploy import aws, images
from deploy.cli import main
from deploy.config import Config
from deploy.errors import DeployError
from tests.support.service import ROOT

DIGEST = "sha256:" + "1" * 64


def git(directory: Path, *arguments: str) -> str:
    command = ["git", "-C", str(directory), "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A tagged commit, another one after it, and a change that nobody has committed."""
    git(tmp_path, "init", "--quiet")
    (tmp_path / "file").write_text("of the tag")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "--quiet", "--message", "one")
    git(tmp_path, "tag", "--annotate", "--message", "m", "1.0.0")
    (tmp_path / "file").write_text("after it")
    git(tmp_path, "commit", "--quiet", "--all", "--message", "two")
    (tmp_path / "file").write_text("not committed")
    (tmp_path / "untracked").write_text("")
    return tmp_path


@pytest.mark.parametrize("tag", ["1.0.0", "v1", "1.0.0-rc.1", "a" * 128])
def test_well_formed_tags(tag: str) -> None:
    assert images.checked(tag) == tag


@pytest.mark.parametrize("tag", ["", ".1", "-1", "a/b", "1 0", "ä", "a" * 129, "1.0.0\n"])
def test_tags_that_no_registry_takes(tag: str) -> None:
    with pytest.raises(DeployError, match="is not a valid image tag") as error:
        images.checked(tag)
    assert error.value.exit_code == 2


def test_latest_is_no_version() -> None:
    with pytest.raises(DeployError, match="latest is not a version") as error:
        images.checked("latest")
    assert error.value.exit_code == 5
    assert images.checked("latest", version=False) == "latest"


def test_the_source_of_a_tag_is_its_commit_s(repository: Path) -> None:
    with images.source_tree(repository, "1.0.0") as found:
        assert found.commit == git(repository, "rev-parse", "1.0.0^{commit}")
        assert (found.directory / "file").read_text() == "of the tag"
        assert not (found.directory / "untracked").exists()
        kept = found.directory
    assert not kept.exists()


def test_the_source_without_a_tag_is_the_working_tree(repository: Path) -> None:
    with images.source_tree(repository, None) as found:
        assert (found.directory / "file").read_text() == "not committed"
        assert found.commit == git(repository, "rev-parse", "HEAD") + "-dirty"


def test_a_project_in_a_directory_of_its_repository(repository: Path) -> None:
    (repository / "service").mkdir()
    (repository / "service" / "inside").write_text("here")
    git(repository, "add", "service")
    git(repository, "commit", "--quiet", "--message", "three")
    git(repository, "tag", "2.0.0")

    with images.source_tree(repository / "service", "2.0.0") as found:
        assert [path.name for path in found.directory.iterdir()] == ["inside"]


def test_a_tag_comes_before_a_branch(repository: Path) -> None:
    git(repository, "branch", "1.0.0")
    assert images.commit_of(repository, "1.0.0") == git(repository, "rev-parse", "refs/tags/1.0.0^{commit}")


def test_an_unknown_ref_is_refused_with_those_that_are_near(repository: Path) -> None:
    with pytest.raises(DeployError, match=r"git has no ref 1.0.1 — did you mean 1.0.0\?") as error:
        images.commit_of(repository, "1.0.1")
    assert error.value.exit_code == 2
    with pytest.raises(DeployError, match=r"git has no ref other — use git fetch --tags"):
        images.commit_of(repository, "other")


def test_outside_a_repository(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match="is not a git repository"):
        images.commit_of(tmp_path, "1.0.0")


@contextmanager
def registry(status: int) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(status if self.path == "/v2/adaptivity/app/manifests/1.0.0" else 404)
            self.send_header("Docker-Content-Digest", DIGEST)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_a_registry_has() -> None:
    clients = aws.Clients("us-east-1")
    with registry(200) as host:
        assert images.digest(f"{host}/adaptivity/app:1.0.0", clients) == DIGEST
        assert images.digest(f"{host}/adaptivity/app:1.0.1", clients) is None
    with registry(401) as host, pytest.raises(DeployError, match=rf"answers 401 for .* — run docker login {host}"):
        images.digest(f"{host}/adaptivity/app:1.0.0", clients)
    with pytest.raises(DeployError, match=r"the registry 127.0.0.1:1 cannot be reached"):
        images.digest("127.0.0.1:1/adaptivity/app:1.0.0", clients)


def test_what_ecr_has(monkeypatch: pytest.MonkeyPatch) -> None:
    ecr = boto3.client("ecr", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    monkeypatch.setattr(aws.Clients, "client", lambda _self, _service: ecr)
    asked = {"registryId": "123456789012", "repositoryName": "adaptivity/app", "imageIds": [{"imageTag": "1.0.0"}]}
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/adaptivity/app:1.0.0"
    with Stubber(ecr) as stub:
        stub.add_response("describe_images", {"imageDetails": [{"imageDigest": DIGEST}]}, asked)
        stub.add_client_error("describe_images", "ImageNotFoundException", expected_params=asked)
        assert images.digest(image, aws.Clients("us-east-1")) == DIGEST
        assert images.digest(image, aws.Clients("us-east-1")) is None
        stub.assert_no_pending_responses()


def test_an_ecr_password_goes_to_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ecr = boto3.client("ecr", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    monkeypatch.setattr(aws.Clients, "client", lambda _self, _service: ecr)
    docker = tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\ncat > {tmp_path}/input\n')
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    host = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
    config = Config(tmp_path, "adaptivity", "us-east-1", f"{host}/app", f"{host}/nginx", ())
    with Stubber(ecr) as stub:
        # "AWS:a-token" as ECR encodes it
        data = [{"authorizationToken": "QVdTOmEtdG9rZW4="}]
        stub.add_response("get_authorization_token", {"authorizationData": data}, {})
        images.login(config, aws.Clients("us-east-1"), step=lambda _line: None)

    assert (tmp_path / "arguments").read_text() == f"login --username AWS --password-stdin {host}\n"
    assert (tmp_path / "input").read_text() == "a-token"


def test_what_would_be_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(main, ["build", "--dry-run", "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["images"][1].endswith("/adaptivity/app:latest")

    refused = CliRunner().invoke(main, ["push", "--tag", "latest"])
    assert (refused.exit_code, refused.stdout) == (5, "")
    assert "error: latest is not a version" in refused.stderr


@pytest.mark.docker
@pytest.mark.xdist_group("docker")
def test_a_build_has_the_tag_s_commit_and_nothing_of_the_working_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dirty working tree, then `deploy build --tag`."""
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, check=True,
                           capture_output=True, text=True).stdout.split("\0")  # fmt: skip
    for name in names:
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / name)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all", "--force")
    git(tmp_path, "commit", "--quiet", "--message", "one")
    git(tmp_path, "tag", "7.0.0")
    (tmp_path / "config" / "urls.py").write_text("raise RuntimeError('of the working tree')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("APP_IMAGE", "adaptivity-deploy-test/app")
    monkeypatch.setenv("NGINX_IMAGE", "adaptivity-deploy-test/nginx")
    built = ["adaptivity-deploy-test/app:7.0.0-base", "adaptivity-deploy-test/app:7.0.0",
             "adaptivity-deploy-test/nginx:7.0.0", "adaptivity-deploy-test/app:7.0.0-job"]  # fmt: skip
    try:
        result = CliRunner().invoke(main, ["build", "--tag", "7.0.0", "--json"])
        assert result.exit_code == 0, result.output
        commit = git(tmp_path, "rev-parse", "7.0.0")
        assert json.loads(result.stdout) == {"images": built, "commit": commit}

        code = (
            "from django.test import Client; import json;"
            "print(json.dumps(Client().get('/version/', headers={'host': 'localhost'}).json()))"
        )
        values = {"SECRET_KEY": "s" * 64, "DATABASE_CONNECTION": "postgres://a:b@127.0.0.1:1/c", "ENV_LABEL": "test",
                  "CELERY_BROKER_URL": "amqp://a:b@127.0.0.1:1//", "HOST": "localhost"}  # fmt: skip
        options = [part for name, value in values.items() for part in ("--env", f"{name}={value}")]
        said = subprocess.run(
            ["docker", "run", "--rm", "--network=none", *options, built[1], "python", "manage.py", "shell",
             "--verbosity", "0", "--command", code], check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        version = json.loads(said.splitlines()[-1])
        assert (version["tag"], version["commit"]) == ("7.0.0", commit)
    finally:
        subprocess.run(["docker", "rmi", "--force", *built], check=False, capture_output=True)
