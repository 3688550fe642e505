"""deploy.toml: what the command needs to know about a project. Environment variables override it."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.errors import USAGE, DeployError

FILE = "deploy.toml"
# The keys of the file => the environment variable that overrides each.
KEYS = {
    "project": "DEPLOY_PROJECT",
    "region": "AWS_REGION",
    "images.app": "APP_IMAGE",
    "images.nginx": "NGINX_IMAGE",
    "protected": None,
}


@dataclass(frozen=True)
class Config:
    """``root`` is the directory of deploy.toml. Images are repositories without a tag. ``protected`` names the
    environments that cannot be destroyed."""

    root: Path
    project: str
    region: str
    app_image: str
    nginx_image: str
    protected: tuple[str, ...]

    @property
    def terraform(self) -> Path:
        return self.root / "terraform"

    @property
    def environments(self) -> tuple[str, ...]:
        """The environments: each has a file of values in terraform/app."""
        return tuple(sorted(path.stem for path in (self.terraform / "app").glob("*.tfvars")))

    def values(self, env: str) -> Path:
        """The file of values of an environment. Raises ``DeployError`` if there is none."""
        if env not in self.environments:
            known = ", ".join(self.environments) or "none"
            raise DeployError(
                f"there is no environment {env}",
                hint=f"the environments are {known}; to add one, write terraform/app/{env}.tfvars",
                exit_code=USAGE,
            )
        return self.terraform / "app" / f"{env}.tfvars"


def load(start: Path | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """The configuration of the nearest deploy.toml at or above ``start`` (the working directory)."""
    here = (start or Path.cwd()).resolve()
    root = next((each for each in (here, *here.parents) if (each / FILE).is_file()), None)
    if root is None:
        raise DeployError(
            f"there is no {FILE} in {here} or above it", hint="change to the project's directory", exit_code=USAGE
        )
    path = root / FILE
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DeployError(f"{path} is not valid TOML: {error}", hint="correct the file", exit_code=USAGE) from None
    values = _flat(document)
    if unknown := sorted(values.keys() - KEYS.keys()):
        raise _wrong(path, f"{unknown[0]} is not a key; the keys are {', '.join(KEYS)}")

    def text(key: str) -> str:
        variable = KEYS[key]
        value = (environ.get(variable) if variable else None) or values.get(key)
        if value is None:
            raise _wrong(path, f"{key} is missing; set it, or the variable {variable}")
        if not isinstance(value, str) or not value.strip():
            raise _wrong(path, f"{key} is not a string, or is empty")
        return value

    protected = values.get("protected", [])
    if not isinstance(protected, list) or not all(isinstance(env, str) for env in protected):
        raise _wrong(path, "protected is not a list of environment names")
    images = {key: text(f"images.{key}") for key in ("app", "nginx")}
    for key, image in images.items():
        if ":" in image.rpartition("/")[2]:
            raise _wrong(path, f"images.{key} has a tag; give the repository alone and choose the tag with --tag")
    return Config(root, text("project"), text("region"), images["app"], images["nginx"], tuple(protected))


def _flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in document.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def _wrong(path: Path, problem: str) -> DeployError:
    return DeployError(f"{path.name}: {problem}", hint="deploy/README.md lists the keys", exit_code=USAGE)
