"""The page about Fargate names files, commands and figures that are there."""

import re

import pytest

from deploy.cli import main
from tests.support.service import ROOT

DOCUMENTS = ("README.md", "docs/fargate.md", "deploy/README.md", "terraform/README.md", "terraform/modules/README.md")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_to_a_file(document: str) -> None:
    path = ROOT / document
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text())]

    assert links
    assert [link for link in links if link and "://" not in link and not (path.parent / link).resolve().exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_of_deploy_is_one(document: str) -> None:
    named = set(re.findall(r"(?:^|[`/ ])deploy ([a-z]+)\b(?=[ `|\n])", (ROOT / document).read_text(), re.MULTILINE))
    prose = {"does", "command"}

    assert named - prose <= set(main.commands)


def test_the_cost_adds_up() -> None:
    """The formula's results, from the sizes that the task definitions have."""
    text = (ROOT / "docs" / "fargate.md").read_text()
    rows = dict(re.findall(r"^\| ([^|]+?) \|[^|]+\| \**(?:about )?([\d.]+)[^|]*\|$", text, re.MULTILINE))

    assert float(rows["Fargate CPU"]) == round((0.5 + 0.25 + 0.25 + 0.25) * 730 * 0.04048, 2)
    assert float(rows["Fargate memory"]) == round((1 + 0.5 + 0.5 + 1) * 730 * 0.004445, 2)
    assert float(rows["load balancer"]) == round(730 * 0.0225 + 1e-9, 2)
    assert float(rows["public IPv4 addresses"]) == round(6 * 730 * 0.005, 2)
    assert float(rows["RDS db.t4g.micro"]) == round(730 * 0.016 + 20 * 0.115, 2)
    total = sum(float(value) for name, value in rows.items() if name != "**sum**")
    assert float(rows["**sum**"]) == round(total)
