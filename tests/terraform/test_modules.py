"""Every module by itself: its form, what its README says, and `terraform test`."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.service import ROOT

TERRAFORM = ROOT / "terraform"
MODULES = sorted(str(path.parent.relative_to(TERRAFORM / "modules")) for path in TERRAFORM.glob("modules/**/main.tf"))
STACKS = ("app", "app/task_definitions", "common")
TEST_SECONDS = 300


def missing(what: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}, and CI=true leaves nothing out", pytrace=False)
    pytest.skip(f"left out, because {what}")


def terraform(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["terraform", *arguments], cwd=directory, env={**os.environ, "CHECKPOINT_DISABLE": "1"},
        check=False, capture_output=True, text=True, timeout=TEST_SECONDS,
    )  # fmt: skip


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory terraform/ elsewhere, so that nothing that Terraform leaves is in the tree."""
    if shutil.which("terraform") is None:
        missing("terraform is not installed")
    target = tmp_path_factory.mktemp("modules") / "terraform"
    shutil.copytree(TERRAFORM, target, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    return target


def initialised(directory: Path) -> Path:
    done = terraform(directory, "init", "-backend=false", "-input=false", "-no-color")
    if done.returncode and re.search(r"Failed to (query available|install) provider", done.stderr):
        missing("Terraform finds no provider hashicorp/aws")
    assert done.returncode == 0, done.stderr
    return directory


def blocks(path: Path, kind: str) -> dict[str, str]:
    """The blocks of a file: name => what is in it."""
    found = re.finditer(rf'^{kind} "(\w+)" \{{\n(.*?)^\}}', path.read_text(), re.MULTILINE | re.DOTALL)
    return {match[1]: match[2] for match in found}


def listed(readme: str, heading: str) -> list[str]:
    """The names in the first column of a table of the README."""
    section = readme.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)


def test_the_modules_are_those_of_the_index() -> None:
    index = (TERRAFORM / "modules" / "README.md").read_text()

    assert sorted(re.findall(r"^\| \[([\w/]+)\]", index, re.MULTILINE)) == MODULES


def test_everything_is_formatted(copy: Path) -> None:
    done = terraform(copy, "fmt", "-check", "-recursive", "-diff")

    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("module", MODULES)
def test_a_module_has_its_files_and_says_what_they_are(module: str) -> None:
    directory = TERRAFORM / "modules" / module
    names = {path.name for path in directory.iterdir() if path.is_file()}
    readme = (directory / "README.md").read_text()
    variables, outputs = blocks(directory / "variables.tf", "variable"), blocks(directory / "outputs.tf", "output")

    assert {"main.tf", "variables.tf", "outputs.tf", "versions.tf", "README.md"} <= names
    assert list(directory.glob("tests/*.tftest.hcl"))
    assert [name for name, text in variables.items() if not re.search(r"^  type +=", text, re.MULTILINE)] == []
    assert [
        name
        for name, text in {**variables, **outputs}.items()
        if not re.search(r"^  description +=", text, re.MULTILINE)
    ] == []
    assert sorted(listed(readme, "Inputs")) == sorted(variables)
    assert sorted(listed(readme, "Outputs")) == sorted(outputs)
    assert f"//terraform/modules/{module}?ref=" in readme
    assert 'version = "~> 5.100"' in (directory / "versions.tf").read_text()


@pytest.mark.parametrize("module", MODULES)
def test_terraform_takes_the_module_and_its_tests_pass(copy: Path, module: str) -> None:
    directory = initialised(copy / "modules" / module)

    validated = json.loads(terraform(directory, "validate", "-json").stdout)
    # A deprecated argument is a warning.
    assert [each["summary"] for each in validated["diagnostics"]] == []
    done = terraform(directory, "test", "-no-color")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Success! [1-9]\d* passed, 0 failed\.", done.stdout)


@pytest.mark.parametrize("stack", STACKS)
def test_terraform_takes_the_stack(copy: Path, stack: str) -> None:
    directory = initialised(copy / stack)

    validated = json.loads(terraform(directory, "validate", "-json").stdout)
    assert [each["summary"] for each in validated["diagnostics"]] == []


def test_no_resource_of_a_policy_is_everything() -> None:
    """But for actions that know none: the token for ECR, the channels of `execute-command`, the delivery of logs."""
    found = [
        str(path.relative_to(TERRAFORM / "modules"))
        for path in sorted(TERRAFORM.glob("modules/**/*.tf"))
        for line in path.read_text().splitlines()
        if re.search(r'\bresources?\b.*"\*"', line, re.IGNORECASE)
    ]

    assert found == ["execution_role/main.tf", "pipeline/main.tf", "task_role/main.tf"]
