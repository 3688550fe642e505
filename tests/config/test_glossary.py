"""The glossary has each term once, and the tables, routes, commands and files that it names exist."""

import re
from collections import Counter

from django.apps import apps
from django.core.management import get_commands
from django.urls import Resolver404, resolve

from adaptivity.api.urls import router
from deploy.cli import main as deploy
from tests.support.service import ROOT

PAGE = ROOT / "docs" / "glossary.md"
TERMS = PAGE.read_text().partition("## Words that two fields share")[0]
# Of "knowledge component (KC)", both are terms.
ROWS = re.findall(r"^\| (?!---|term )(.+?)(?: \((.+)\))? \| (.+) \| (.+) \|$", TERMS, re.MULTILINE)
LINK = re.compile(r"\[([^]]+)\]\(([^)#]+)\)")


def tables() -> dict[str, set[str]]:
    """The columns of each table."""
    return {
        model._meta.db_table: {str(field.column) for field in model._meta.concrete_fields}
        for model in apps.get_app_config("adaptivity").get_models()
    }


def is_route(method: str, path: str) -> bool:
    """Whether the path, with anything for its parameters, leads to a view that takes the method."""
    try:
        view = resolve(re.sub(r"<\w+>", "1", path)).func
    except Resolver404:
        return False
    actions = getattr(view, "actions", None)
    methods = actions if actions is not None else view.view_class.http_method_names  # type: ignore[attr-defined]
    return not method or method.lower() in methods


def exists(place: str) -> bool:
    """Whether a table, column, route, command or linked file is there; False of anything else, too."""
    if link := LINK.fullmatch(place):
        target = (PAGE.parent / link[2]).resolve()
        # A file goes by the end of its path, so that a label does not survive a move.
        return target.exists() and f"/{target.relative_to(ROOT)}".endswith(f"/{link[1].rstrip('/')}")
    name = place.strip("`")
    table, _, column = name.partition(".")
    if columns := tables().get(table):
        return not column or column in columns
    if command := re.fullmatch(r"manage\.py (\w+)", name):
        return get_commands().get(command[1]) == "adaptivity"
    if verb := re.fullmatch(r"deploy (\w+)", name):
        return verb[1] in deploy.commands
    route = re.fullmatch(r"(?:([A-Z]+) )?(/\S+)", name)
    return route is not None and is_route(route[1] or "", route[2])


def test_each_term_stands_once() -> None:
    terms = Counter(term for row in ROWS for term in row[:2] if term)

    assert len(ROWS) > 100
    assert [term for term, count in terms.items() if count > 1] == []


def test_a_meaning_is_one_sentence() -> None:
    meanings = {term: meaning for term, _, meaning, _ in ROWS}

    assert {term: text for term, text in meanings.items() if not re.fullmatch(r"[A-Z][^.]*(\.\d[^.]*)?\.", text)} == {}


def test_what_the_glossary_names_exists() -> None:
    places = [(row[0], place) for row in ROWS for place in row[3].split(", ")]

    assert [(term, place) for term, place in places if not exists(place)] == []


def test_every_table_and_resource_has_a_term() -> None:
    named = {place.strip("`") for row in ROWS for place in row[3].split(", ")}
    paths = {place.removeprefix("/api/v2/").split("/")[0] for name in named for place in name.split(" ")[-1:]}

    assert tables().keys() - {name.partition(".")[0] for name in named} == set()
    assert {prefix for prefix, _, _ in router.registry} - paths == set()
