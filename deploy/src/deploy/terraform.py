"""Terraform: a stack's directory, the workspace of its state, and plans that are shown before they are applied."""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.config import Config
from deploy.errors import FAILED_DEPLOYMENT, DeployError
from deploy.output import PrintLine
from deploy.process import run_program

SIGNS = {
    ("create",): "+",
    ("update",): "~",
    ("delete",): "-",
    ("delete", "create"): "-/+",
    ("create", "delete"): "+/-",
    ("read",): "<=",
    ("forget",): ".",
}
# The actions on a resource that is left unchanged, or only read.
NOTHING = (["no-op"], ["read"])
BACKEND = "state.tfbackend"


@dataclass(frozen=True)
class Change:
    """What a plan does to one resource: its ``actions`` in Terraform's words, and the attributes that change."""

    address: str
    actions: tuple[str, ...]
    attributes: tuple[str, ...] = ()

    def __str__(self) -> str:
        sign = SIGNS.get(self.actions, "?")
        return f"{sign:>3} {self.address}" + (f" ({', '.join(self.attributes)})" if self.attributes else "")

    def as_dict(self) -> dict[str, Any]:
        return {"address": self.address, "actions": list(self.actions), "attributes": list(self.attributes)}


@dataclass(frozen=True)
class Plan:
    """A plan, saved in a file, and what it changes."""

    path: Path
    changes: tuple[Change, ...]
    outputs: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        return not self.changes and not self.outputs

    def summary(self) -> str:
        count = {
            name: sum(name in change.actions for change in self.changes) for name in ("create", "update", "delete")
        }
        return f"{count['create']} to add, {count['update']} to change, {count['delete']} to destroy"


@dataclass
class Stack:
    """A root module and one workspace of its state. ``variables`` and ``secrets`` go to every plan."""

    directory: Path
    data: Path
    workspace: str
    step: PrintLine
    values: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    _ready: bool = False

    def init(self) -> None:
        """Fetches the provider, connects to the state and selects or creates the workspace; once per process."""
        if self._ready:
            return
        backend = self.directory.parent / BACKEND
        self._run("init", "-input=false", "-reconfigure", f"-backend-config={backend}", quiet=True)
        if self.workspace != "default":
            self._run("workspace", "select", "-or-create=true", self.workspace, quiet=True)
        self._ready = True

    @contextmanager
    def plan(self, *, targets: Sequence[str] = (), destroy: bool = False) -> Iterator[Plan]:
        """Yields a plan, which exists until the block ends. Nothing is changed."""
        self.init()
        with tempfile.TemporaryDirectory(prefix="deploy-plan-") as directory:
            path = Path(directory) / "plan"
            options = [f"-target={target}" for target in targets] + (["-destroy"] if destroy else [])
            self._run("plan", "-input=false", "-detailed-exitcode", f"-out={path}", *self._values(), *options,
                      accept=(0, 2), quiet=True)  # fmt: skip
            document = json.loads(self._run("show", "-json", str(path), quiet=True))
            yield Plan(path, tuple(_changes(document)), tuple(_outputs(document)))

    def show(self, plan: Plan) -> str:
        """The plan as Terraform prints it."""
        return self._run("show", "-no-color", str(plan.path), quiet=True)

    def apply(self, plan: Plan) -> None:
        """Carries out a plan. If it fails, raises ``DeployError`` with Terraform's own message."""
        self._run("apply", "-input=false", str(plan.path), code=FAILED_DEPLOYMENT)

    def outputs(self) -> dict[str, Any]:
        """The outputs of the last apply, name => value; {} if nothing was applied."""
        self.init()
        found = json.loads(self._run("output", "-json", quiet=True))
        return {name: entry["value"] for name, entry in found.items()}

    def addresses(self) -> list[str]:
        """The addresses of the resources in the state."""
        self.init()
        return self._run("state", "list", quiet=True, accept=(0, 1)).split()

    def _values(self) -> list[str]:
        files = [f"-var-file={self.values}"] if self.values else []
        return [*files, *(f"-var={name}={value}" for name, value in self.variables.items())]

    def _run(self, *arguments: str, quiet: bool = False, accept: Sequence[int] = (0,), code: int = 1) -> str:
        environment = {
            "TF_DATA_DIR": str(self.data),
            "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1",
            # Not as arguments, which anybody on the machine can read.
            **{f"TF_VAR_{name}": value for name, value in self.secrets.items()},
        }
        command = ["terraform", arguments[0]]
        # Options follow the subcommand of `workspace`.
        rest = list(arguments[1:])
        colour = [] if arguments[0] in {"show", "output", "state", "workspace"} else ["-no-color"]
        said: list[str] = []

        def tell(line: str) -> None:
            said.append(line)
            if _is_progress(line):
                self.step(line.strip())

        try:
            done = run_program(
                [*command, *colour, *rest], cwd=self.directory, env=environment, on_line=None if quiet else tell,
                accept=accept, hint="see the error from Terraform",
            )  # fmt: skip
        except DeployError as error:
            told = _error(said) or _error(error.message.splitlines())
            if not told:
                raise
            raise DeployError(f"terraform {arguments[0]}: {told}", hint=_hint(told), exit_code=code) from None
        return done.stdout


def app_stack(config: Config, env: str, *, step: PrintLine) -> Stack:
    """The stack of one environment."""
    values = config.values(env)
    return Stack(
        directory=config.terraform / "app",
        # One for each environment: the selected workspace is kept there, and must not be shared.
        data=config.root / "var" / "terraform" / f"app-{env}",
        workspace=env,
        step=step,
        values=values,
    )


def common_stack(config: Config, *, step: PrintLine) -> Stack:
    """The stack that all environments share."""
    return Stack(
        directory=config.terraform / "common",
        data=config.root / "var" / "terraform" / "common",
        workspace="default",
        step=step,
        values=config.terraform / "common" / "common.tfvars",
    )


def task_definitions(config: Config, env: str, tag: str) -> list[dict[str, Any]]:
    """The task definitions of an environment, rendered from this source tree without AWS."""
    config.values(env)
    render = config.terraform / "app" / "task_definitions" / "render"
    with tempfile.TemporaryDirectory(prefix="deploy-") as directory:
        # As arguments: the file of values would override variables from the environment.
        images = [f"-var=app_image={config.app_image}", f"-var=nginx_image={config.nginx_image}"]
        run_program(["bash", str(render), env, tag, directory, *images], hint="correct the templates in terraform/app")
        return [json.loads(path.read_text()) for path in sorted(Path(directory).glob("*.json"))]


def _changes(document: Mapping[str, Any]) -> Iterator[Change]:
    for entry in document.get("resource_changes", []):
        change = entry["change"]
        if change["actions"] in NOTHING:
            continue
        before, after = change.get("before") or {}, change.get("after") or {}
        unknown = change.get("after_unknown") or {}
        attributes = (
            sorted(
                name
                for name in {*before, *after, *(name for name, is_new in unknown.items() if is_new is True)}
                if before.get(name) != after.get(name)
            )
            if change["actions"] == ["update"]
            else ()
        )
        yield Change(entry["address"], tuple(change["actions"]), tuple(attributes))


def _outputs(document: Mapping[str, Any]) -> Iterator[str]:
    for name, change in document.get("output_changes", {}).items():
        if change["actions"] != ["no-op"]:
            yield name


def _is_progress(line: str) -> bool:
    """Whether a line of an apply says what happens: one line for each resource, and the last line."""
    words = ("Creating...", "Modifying...", "Destroying...", "complete after", "Still ", "Apply complete", "Error:")
    return any(word in line for word in words) or "complete! Resources" in line


def _error(lines: Sequence[str]) -> str:
    """The first error that Terraform prints in its frame, as one line."""
    text = [line.strip("│╷╵ ").strip() for line in lines]
    for index, line in enumerate(text):
        if line.startswith("Error:"):
            told = [line.removeprefix("Error:").strip()]
            for more in text[index + 1 :]:
                if more.startswith(("Error:", "Warning:")):
                    break
                if more and not more.startswith(("with ", "on ", "├", "whose")) and not more[0].isdigit():
                    told.append(more)
            return " ".join(told)[:600]
    return ""


def _hint(told: str) -> str:
    if "state lock" in told or "PreconditionFailed" in told:
        return "somebody else is changing this stack; wait, or see whose lock it is and use terraform force-unlock"
    if "credential" in told:
        return "log in (aws sso login), or set AWS_PROFILE"
    if "bucket" in told and "exist" in told:
        return "create the bucket of the state with deploy create"
    if "provider" in told and ("registry" in told or "available" in told):
        return "Terraform must reach its provider: check the network, or the mirror in its CLI configuration"
    return "correct what the error names and try again"
