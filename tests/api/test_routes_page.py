"""docs/routes.md shows what the service really answers, for every route."""

import subprocess
import sys

from tests.support.service import ROOT


def test_the_page_is_what_the_service_answers() -> None:
    result = subprocess.run(
        [sys.executable, "docs/routes.py", "--check"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )

    assert (result.returncode, result.stderr) == (0, "")
