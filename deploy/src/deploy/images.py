"""The images of one version: building them from a git ref, pushing them, finding them in their registry."""

import difflib
import json
import os
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from botocore.exceptions import ClientError

from deploy import aws
from deploy.config import Config
from deploy.ecs.definitions import JOB_SUFFIX
from deploy.errors import REFUSED, USAGE, DeployError
from deploy.output import PrintLine
from deploy.process import run_program

TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
LATEST = "latest"
# A placeholder, for where any tag will do.
NO_TAG = "0.0.0"
BUILD_FILE = "docker-compose.build.yml"
# In the order of the builds: the app is built from its base, nginx and the job image from the app.
SERVICES = ("app_base", "app", "nginx", "job")
ECR = re.compile(r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?")
MANIFESTS = ", ".join(
    (
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
    )
)
REGISTRY_SECONDS = 15


@dataclass(frozen=True)
class SourceTree:
    """What is built: a commit, and the directory with its files."""

    directory: Path
    commit: str


def checked(tag: str, *, version: bool = True) -> str:
    """The tag itself. Raises ``DeployError`` if it is malformed or, with ``version``, if it is latest."""
    if not TAG.fullmatch(tag):
        raise DeployError(
            f"{tag!r} is not a valid image tag",
            hint="use up to 128 letters, digits, '_', '.' and '-'; do not begin with '.' or '-'",
            exit_code=USAGE,
        )
    if version and tag == LATEST:
        raise DeployError(
            f"{LATEST} is not a version: nobody could tell what runs, or go back to it",
            hint="tag a version with git tag and build it with --tag",
            exit_code=REFUSED,
        )
    return tag


def commit_of(root: Path, ref: str) -> str:
    """The commit of a git ref. A tag takes precedence over a branch of the same name."""
    for name in (f"refs/tags/{ref}", ref):
        found = run_program(
            ["git", "-C", str(root), "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"], accept=(0, 1, 128)
        )
        if found.returncode == 0:
            return found.stdout.strip()
    inside = run_program(["git", "-C", str(root), "rev-parse", "--git-dir"], accept=(0, 128))
    if inside.returncode:
        raise DeployError(f"{root} is not a git repository", hint="build from a clone", exit_code=USAGE)
    known = run_program(["git", "-C", str(root), "tag", "--list"]).stdout.split()
    near = difflib.get_close_matches(ref, known, n=3)
    raise DeployError(
        f"git has no ref {ref}",
        hint=f"did you mean {' or '.join(near)}?" if near else "use git fetch --tags, or git tag to create it",
        exit_code=USAGE,
    )


@contextmanager
def source_tree(root: Path, tag: str | None) -> Iterator[SourceTree]:
    """Yields the files of a tag's commit in a temporary directory; without a tag, the working tree as it is."""
    if tag is None:
        found = run_program(["git", "-C", str(root), "rev-parse", "--verify", "--quiet", "HEAD"], accept=(0, 1, 128))
        commit = found.stdout.strip()
        if commit and run_program(["git", "-C", str(root), "status", "--porcelain"]).stdout:
            commit += "-dirty"
        yield SourceTree(root, commit)
        return
    commit = commit_of(root, tag)
    # If deploy.toml is not at the top of the repository, only its directory is built.
    prefix = run_program(["git", "-C", str(root), "rev-parse", "--show-prefix"]).stdout.strip().rstrip("/")
    with tempfile.TemporaryDirectory(prefix="deploy-") as directory:
        archive = Path(directory) / "source.tar"
        top = run_program(["git", "-C", str(root), "rev-parse", "--show-toplevel"]).stdout.strip()
        run_program(["git", "-C", top, "archive", "--output", str(archive), f"{commit}:{prefix}" if prefix else commit])
        files = Path(directory) / "source"
        shutil.unpack_archive(archive, files, filter="tar")
        archive.unlink()
        yield SourceTree(files, commit)


def variables(config: Config, tag: str, commit: str = "") -> dict[str, str]:
    """The environment variables that docker-compose.build.yml reads."""
    return {
        "APP_IMAGE": config.app_image,
        "NGINX_IMAGE": config.nginx_image,
        "APP_TAG": tag,
        "APP_COMMIT": commit,
        "APP_CONTEXT": ".",
        "APP_DOCKERFILE": "Dockerfile",
    }


def names(config: Config, tag: str) -> tuple[str, ...]:
    """The names of the images, in the order of SERVICES."""
    app, nginx = f"{config.app_image}:{tag}", f"{config.nginx_image}:{tag}"
    return f"{app}-base", app, nginx, f"{app}{JOB_SUFFIX}"


@cache
def compose() -> tuple[str, ...]:
    """The command for Compose: version 2 if Docker has it, otherwise version 1."""
    if shutil.which("docker"):
        answer = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
        if answer.returncode == 0:
            return ("docker", "compose")
    return ("docker-compose",)


def build(config: Config, tag: str | None, *, step: PrintLine, env: Mapping[str, str] | None = None) -> SourceTree:
    """Builds base, app, nginx and job, one after the other, and returns what they were built from."""
    with source_tree(config.root, tag) as found:
        if not (found.directory / BUILD_FILE).is_file():
            raise DeployError(f"{tag} has no {BUILD_FILE}", hint="choose a version that has this file", exit_code=USAGE)
        environment = {**variables(config, tag or LATEST, found.commit), **(env or {})}
        for service in SERVICES:
            run_program(
                [*compose(), "-f", BUILD_FILE, "build", service],
                cwd=found.directory, env=environment, on_line=step, hint=f"see the output of the build of {service}",
            )  # fmt: skip
        return found


def push(config: Config, tag: str, clients: aws.Clients, *, step: PrintLine) -> dict[str, str]:
    """Pushes the images of a tag and returns the digest of each in its registry.

    A tag always stands for the same image. If the registry has the tag with another digest, nothing is pushed and the
    tag is refused. An image that the registry already has is not pushed again.
    """
    wanted = names(config, tag)
    for image in wanted:
        if run_program(["docker", "image", "inspect", image], accept=(0, 1)).returncode:
            raise DeployError(f"there is no image {image} on this machine", hint=f"run deploy build --tag {tag}")
    login(config, clients, step=step)
    there = {image: digest(image, clients) for image in wanted}
    for image, found in there.items():
        if found is not None and found not in _pushed_digests(image):
            raise DeployError(
                f"the registry already has another image as {image} ({found})",
                hint="a tag always stands for the same image; tag a new version with git tag",
                exit_code=REFUSED,
            )
    for service, image in zip(SERVICES, wanted, strict=True):
        if there[image] is not None:
            step(f"{image} is already in the registry")
            continue
        run_program(
            [*compose(), "-f", BUILD_FILE, "push", service],
            cwd=config.root, env=variables(config, tag), on_line=step, hint="see the error from the registry",
        )  # fmt: skip
    digests = {}
    for image in wanted:
        found = digest(image, clients)
        if found is None:
            raise DeployError(f"{image} was pushed but is not in the registry", hint=f"repeat deploy push --tag {tag}")
        digests[image] = found
    return digests


def _pushed_digests(image: str) -> list[str]:
    """The digests that this image has in registries, as far as Docker knows."""
    found = run_program(["docker", "image", "inspect", "--format", "{{json .RepoDigests}}", image]).stdout
    return [digest.partition("@")[2] for digest in json.loads(found) or []]


def login(config: Config, clients: aws.Clients, *, step: PrintLine) -> None:
    """Logs Docker in to each ECR registry of the images. Logging in to other registries is up to the user."""
    for host in sorted({image.partition("/")[0] for image in (config.app_image, config.nginx_image)}):
        if not ECR.fullmatch(host):
            continue
        token = clients.client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
        user, _, password = b64decode(token).decode().partition(":")
        # On standard input, because anybody on the machine can read the arguments of a process.
        run_program(["docker", "login", "--username", user, "--password-stdin", host], stdin=password)
        step(f"logged in to {host}")


def digest(image: str, clients: aws.Clients) -> str | None:
    """The digest that the registry has for an image with a tag; None if it has none."""
    repository, _, tag = image.rpartition(":")
    host, _, name = repository.partition("/")
    if ECR.fullmatch(host):
        return _ecr_digest(host, name, tag, clients)
    return _registry_digest(image, host, name, tag)


def _ecr_digest(host: str, name: str, tag: str, clients: aws.Clients) -> str | None:
    try:
        answer = clients.client("ecr").describe_images(
            registryId=host.partition(".")[0], repositoryName=name, imageIds=[{"imageTag": tag}]
        )
    except ClientError as error:
        if aws.code(error) in {"ImageNotFoundException", "RepositoryNotFoundException"}:
            return None
        raise
    found: str = answer["imageDetails"][0]["imageDigest"]
    return found


def _registry_digest(image: str, host: str, name: str, tag: str) -> str | None:
    """Asks the registry's HTTP API. Like Docker, it uses plain HTTP for a registry on this machine."""
    scheme = "http" if re.fullmatch(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?", host) else "https"
    request = urllib.request.Request(  # noqa: S310 - one of the two schemes above
        f"{scheme}://{host}/v2/{name}/manifests/{tag}", method="HEAD", headers={"Accept": MANIFESTS}
    )
    try:
        with urllib.request.urlopen(request, timeout=REGISTRY_SECONDS) as answer:  # noqa: S310
            found: str | None = answer.headers.get("Docker-Content-Digest")
            return found
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise DeployError(f"the registry answers {error.code} for {image}", hint=f"run docker login {host}") from None
    except OSError as error:
        raise DeployError(f"the registry {host} cannot be reached: {error}", hint="check the image's name") from None


def check_deploy(image: str, *, step: PrintLine) -> str:
    """Runs `manage.py check --deploy` in the image with made-up secrets. Returns what is wrong, or ""."""
    values = {
        "ENV_LABEL": "verify",
        "HOST": "verify.example",
        "SECRET_KEY": os.urandom(32).hex(),
        "DATABASE_CONNECTION": "postgres://verify:verify@127.0.0.1:1/verify",
        "CELERY_BROKER_URL": "amqp://verify:verify@127.0.0.1:1//",
    }
    if run_program(["docker", "image", "inspect", image], accept=(0, 1)).returncode:
        run_program(["docker", "pull", image], on_line=step, hint="see the error from the registry")
    options = [option for name, value in values.items() for option in ("--env", f"{name}={value}")]
    check = ["python", "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    done = run_program(
        ["docker", "run", "--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp", *options, image, *check],  # noqa: S108
        accept=range(256),
    )
    if done.returncode == 0:
        return ""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    # The message of each check or, if Django did not even start, the reason.
    return "; ".join(line for line in lines if line.startswith("?:")) or "; ".join(lines[-1:]) or "it printed nothing"
