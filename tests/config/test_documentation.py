"""A setting that is not documented fails here, and so does documentation of a setting that there is not."""

import ast
import re

from tests.support.service import ROOT

VARIABLE = re.compile(r"[A-Z][A-Z0-9_]+")


def variables_read() -> set[str]:
    """Every variable that the code names in a call of an environment's reader, such as ``environment.text("HOST")``."""
    found = set()
    for path in [ROOT / "manage.py", *(ROOT / "docker").glob("*.py"), *(ROOT / "config").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and node.args:
                function, first = ast.unparse(node.func), node.args[0]
                # Inside config/environment.py the readers are called by their bare names.
                reads = function.startswith(("environment.", "env.", "os.environ.")) or path.name == "environment.py"
            elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
                reads, first = True, node.slice
            else:
                continue
            if reads and isinstance(first, ast.Constant) and VARIABLE.fullmatch(str(first.value)):
                found.add(first.value)
    return found


def test_the_code_reads_what_a_container_gets() -> None:
    """The names of the task definitions; above all a check of the function above."""
    assert variables_read() >= {
        "SECRET_KEY",
        "DATABASE_CONNECTION",
        "CELERY_BROKER_URL",
        "DJANGO_SETTINGS_MODULE",
        "ENV_LABEL",
        "HOST",
        "LOG_LEVEL",
        "CELERY_WORKER_CONCURRENCY",
    }


def test_the_table_has_every_variable_once() -> None:
    service, tests = (ROOT / "docs" / "settings.md").read_text().split("## Test settings")
    documented = re.findall(r"^\| `([A-Z0-9_]+)` \|", service, re.MULTILINE)

    assert sorted(documented) == sorted(variables_read())
    assert re.findall(r"^\| `([A-Z0-9_]+)` \|", tests, re.MULTILINE) == [
        "TEST_DATABASE_CONNECTION",
        "TEST_BROKER_URL",
        "TEST_DOCKER",
        "TEST_DATABASE",
        "CI",
    ]


def test_the_example_has_every_variable_once() -> None:
    example = re.findall(r"^#?([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)

    assert sorted(example) == sorted(variables_read())


def test_the_example_has_no_secret_key() -> None:
    assert "\nSECRET_KEY=\n" in (ROOT / ".env.example").read_text()
