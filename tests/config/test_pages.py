"""What holds the pages together: links, anchors, the index, the map of the code, and the number of the version."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.support.service import ROOT

FOLDERS = ("", "docs", "docs/decisions", "benchmarks", "deploy", "terraform", "terraform/modules")
PAGES = sorted(str(path.relative_to(ROOT)) for folder in FOLDERS for path in (ROOT / folder).glob("*.md"))
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)
MAP = (ROOT / "docs" / "architecture.md").read_text()


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return FENCE.sub("", page.read_text())


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.+?) *$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_somewhere(name: str) -> None:
    page, wrong = ROOT / name, []
    for link in LINK.findall(prose(page)):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if "://" in link:
            continue
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            wrong.append(link)

    assert wrong == []


def test_the_index_has_every_page_of_the_documentation() -> None:
    all_pages = (ROOT / "docs" / "README.md").read_text().partition("## All pages")[2]
    listed = re.findall(r"^\| \[[^]]+\]\(([^)]+)\) \|", all_pages, re.MULTILINE)
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}

    assert listed == sorted(listed, key=lambda page: page.removesuffix(".md").removesuffix("/README"))
    assert set(listed) == pages | {"decisions/README.md"}


def test_the_map_has_every_room() -> None:
    """A line for each folder and module of adaptivity that an import contract names."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    rooms = re.findall(r"\w+", " ".join(contracts[0]["layers"]))
    lines = MAP.partition("## The map")[2].partition("## Who may import whom")[0]

    assert {"api", "evidence", "engine"} <= set(rooms)
    assert [room for room in rooms if not re.search(rf"\(\.\./adaptivity/{room}(\.py)?\)", lines)] == []


def test_the_picture_of_the_layers_is_that_of_the_import_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    picture = MAP.partition("flowchart TD")[2].partition("```")[0]
    drawn = [re.sub(r'^\w+\["(.*)"\]$', r"\1", box.strip()) for box in re.split(r"-->|\n", picture)]
    # A box that goes on in the next line is there by its name alone.
    seen = [box for box in drawn if box and box not in {"versions", "base"}]

    assert seen == contracts[0]["layers"]


# What the map is asked for, and a text that the first file it names must hold.
ASKED = {
    "a formula": "Bayesian knowledge tracing",
    "a route": "router.register(",
    "a container definition": '"portMappings"',
    "the queries of `recommend`": "masteries_and_last_item(",
    "the promotion gate": "def gate(",
    "the health check": "class Health(",
    "where a KC's prior changes": "def knowledge_component_update(",
    "the list of platforms to scrape": "PLATFORMS:",
    "the list of policies": "POLICIES:",
    "the steps of a pipeline": "Step(",
    "an environment variable": "environment.",
    "the services of the stack": 'module "worker_service"',
}


@pytest.mark.parametrize("asked", ASKED)
def test_the_first_place_that_the_map_names_is_right(asked: str) -> None:
    row = re.search(rf"^\| {re.escape(asked)} \| (.+?) \|", MAP, re.MULTILINE)
    assert row is not None
    links = [link for link in LINK.findall(row[1]) if (ROOT / "docs" / link).is_file()]

    assert ASKED[asked] in (ROOT / "docs" / links[0]).read_text()


def test_the_map_s_examples_are_named_as_they_are() -> None:
    """What "Add a …" tells to follow is there under that name."""
    names = {
        "adaptivity/engine/policies.py": ("class Policy", "open_kcs", "explores"),
        "adaptivity/sources/platforms/open_edx.py": ("def sections(",),
        "adaptivity/sources/services/course_sources.py": ("def course_source_check(",),
        "adaptivity/content/services/revisions.py": ("STALE_AFTER",),
        "adaptivity/models/source.py": ("class Kind(",),
        "adaptivity/management/commands/purge_receipts.py": ("JobCommand",),
        "adaptivity/api/resource.py": ("class Resource(",),
        "adaptivity/api/sources.py": ("class CourseSourceViewSet(Resource)",),
        "deploy/src/deploy/compare.py": ("COUNTERPARTS",),
        "terraform/app/task_definitions/main.tf": ("tasks = {",),
    }

    for path, held in names.items():
        assert f"(../{path})" in MAP
        assert [text for text in held if text not in (ROOT / path).read_text()] == []


def test_the_version_is_the_same_everywhere() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    released = re.findall(r"^## (\d+\.\d+\.\d+) - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert tomllib.loads((ROOT / "deploy" / "pyproject.toml").read_text())["project"]["version"] == version
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == version
    assert f"**Status**: version {version}" in (ROOT / "README.md").read_text()
    assert released[0] == version
