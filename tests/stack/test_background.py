"""--background, as the README calls manage.py: with no settings named."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.service import ROOT


def test_the_task_runs_in_the_process_where_no_broker_is_set(tmp_path: Path) -> None:
    unset = ("DJANGO_SETTINGS_MODULE", "CELERY_BROKER_URL")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    environment["DATABASE_CONNECTION"] = f"sqlite:///{tmp_path / 'database.sqlite3'}"
    scores = tmp_path / "scores.csv"
    scores.write_text("learner,item,kcs,score\n7,q1,add,1\n", encoding="utf-8")

    def manage(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout

    manage("migrate", "-v0")
    imported = manage("import_scores", str(scores), "--background")
    verified = manage("verify_state", "--background")

    assert '"event": "scores_imported"' in imported
    assert imported.splitlines()[-1] == "A worker will import the file."
    assert '"learners": 1' in verified
    assert '"differences": 0' in verified
