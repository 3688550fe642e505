"""Other programs: what they say is kept, what they end with is never ignored, and their environment is this one's."""

import os
import sys

import pytest

from deploy.errors import DeployError
from deploy.process import run_program


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_what_it_prints_and_the_lines_as_they_come() -> None:
    said: list[str] = []

    assert run_program(python("print('one'); print('two')")).stdout == "one\ntwo\n"
    run_program(python("import sys; print('out', flush=True); print('err', file=sys.stderr)"), on_line=said.append)
    assert said == ["out", "err"]


def test_path_and_everything_else_reach_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONE", "of this process")

    out = run_program(python("import os; print(os.environ['PATH'], os.environ['ONE'], os.environ['TWO'], sep='|')"),
              env={"TWO": "added"}).stdout  # fmt: skip

    assert out == f"{os.environ['PATH']}|of this process|added\n"


@pytest.mark.parametrize("streamed", [False, True])
def test_a_failure_is_an_error_with_its_last_lines(streamed: bool) -> None:
    code = "import sys; print('what was wrong', file=sys.stderr); sys.exit(3)"

    with pytest.raises(DeployError, match=r"ended with exit code 3: what was wrong — do that"):
        run_program(python(code), on_line=(lambda _line: None) if streamed else None, hint="do that")

    assert run_program(python(code), accept=(0, 3)).returncode == 3


def test_a_program_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(DeployError, match=r"terraform is not installed, or not on PATH — install Terraform 1.11"):
        run_program(["terraform", "version"])


def test_it_may_read_what_is_given_and_nothing_of_ours() -> None:
    assert run_program(python("print(input())"), stdin="a password").stdout == "a password\n"
    assert run_program(python("import sys; print(repr(sys.stdin.read()))")).stdout == "''\n"
