"""No module imports itself in a circle, and none imports a module of a layer above its own.

import-linter checks the layers as well, but can be told to ignore imports. Here every import counts: those inside
functions and under TYPE_CHECKING, too. And what several test files use is in tests/support: no other is imported.
"""

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import grimp
import pytest

from tests.support.service import ROOT

PACKAGES = ("adaptivity", "config", "deploy")
Imports = Mapping[str, set[str]]


def imports_of(*packages: str) -> Imports:
    """Each module of the packages => the modules of the packages that it imports."""
    graph = grimp.build_graph(*packages, exclude_type_checking_imports=False, cache_dir=None)
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


def circle(imports: Imports) -> list[str]:
    """The modules of one circle, the first again at the end; empty if there is none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return []


def upward(contract: Mapping[str, Any], imports: Imports) -> Iterator[str]:
    """The imports that go up a contract's layers, or sideways between the independent rooms of one layer ("|")."""
    for container in contract.get("containers", [""]):
        rooms = {
            f"{container}.{room}".lstrip("."): (level, "|" in layer)
            for level, layer in enumerate(contract["layers"])
            for room in re.findall(r"[\w.]+", layer)
        }
        placed = {module: room for module in imports for room in rooms if f"{module}.".startswith(f"{room}.")}
        for module, here in placed.items():
            for other in sorted(imports[module] & placed.keys()):
                there = placed[other]
                (level, independent), (above, _) = rooms[here], rooms[there]
                if above < level or (above == level and independent and here != there):
                    yield f"{module} imports {other}"


@pytest.fixture(scope="module")
def imports() -> Imports:
    return imports_of(*PACKAGES)


@pytest.fixture(scope="module")
def contracts() -> list[dict[str, Any]]:
    """The contracts about layers in pyproject.toml."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return [each for each in document["tool"]["importlinter"]["contracts"] if each["type"] == "layers"]


def test_no_module_imports_itself_in_a_circle(imports: Imports) -> None:
    assert circle(imports) == []


def test_no_import_goes_up_the_layers(contracts: list[dict[str, Any]], imports: Imports) -> None:
    assert {name for contract in contracts for name in contract.get("containers", [])} >= set(PACKAGES)
    assert [found for contract in contracts for found in upward(contract, imports)] == []


@pytest.mark.parametrize(
    "later",
    ["def function():\n    from house.cellar import wine", "if TYPE_CHECKING:\n    from house.cellar import wine"],
)
def test_imports_inside_functions_and_for_types_alone_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, later: str
) -> None:
    package = tmp_path / "house"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "attic.py").write_text("from house import cellar")
    (package / "cellar.py").write_text("wine = 1")
    (package / "hall.py").write_text(f"from typing import TYPE_CHECKING\nfrom house import attic\n{later}")
    monkeypatch.syspath_prepend(tmp_path)

    found = imports_of("house")

    assert found["house.hall"] == {"house.attic", "house.cellar"}


HOUSE = {"house.hall": {"house.attic"}, "house.attic": {"house.cellar.wine"}, "house.cellar.wine": set()}


def test_a_circle_is_found() -> None:
    assert circle(HOUSE) == []
    assert sorted(set(circle({**HOUSE, "house.cellar.wine": {"house.attic"}}))) == ["house.attic", "house.cellar.wine"]


@pytest.mark.parametrize(
    ("layers", "found"),
    [
        (["hall", "attic", "(cellar)"], []),
        (["attic", "hall", "cellar"], ["house.hall imports house.attic"]),
        (["hall", "attic | cellar"], ["house.attic imports house.cellar.wine"]),
        (["hall : attic : cellar"], []),
    ],
)
def test_an_import_that_goes_up_or_sideways_is_found(layers: list[str], found: list[str]) -> None:
    assert list(upward({"containers": ["house"], "layers": layers}, HOUSE)) == found


def imports_from_tests(code: str) -> Iterator[str]:
    """The modules of tests/ that are imported, apart from those in tests/support."""
    for node in ast.walk(ast.parse(code)):
        found: list[str] = []
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found = [f"{module}.{alias.name}" for alias in node.names] if module == "tests" else [module]
        for name in found:
            package, _, rest = name.partition(".")
            if package in ("", "conftest") or (package == "tests" and rest.partition(".")[0] != "support"):
                yield name


def test_what_test_files_share_is_in_support() -> None:
    files = sorted((ROOT / "tests").rglob("*.py"))

    found = {str(path.relative_to(ROOT)): list(imports_from_tests(path.read_text())) for path in files}

    assert len(found) > 100
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("from tests.support.api import Api\nfrom tests.support import reference\nfrom tests import support", []),
        ("import tests.support.api\nimport pytest", []),
        ("from tests.api.conftest import Api", ["tests.api.conftest"]),
        ("from tests import api", ["tests.api"]),
        ("import tests.unit.engine.test_tracing", ["tests.unit.engine.test_tracing"]),
        ("def function():\n    from .test_tracing import ratio", [".test_tracing"]),
        ("from conftest import Api", ["conftest"]),
    ],
)
def test_an_import_from_another_test_is_found(code: str, found: list[str]) -> None:
    assert list(imports_from_tests(code)) == found
