"""Without a broker, sending a task says nothing of one."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SEND = (
    "import django; django.setup(); from adaptivity import tasks; "
    "tasks.read_source.run = lambda source_id: print('ran', source_id); tasks.read_source.delay(7)"
)


def test_a_task_that_runs_where_it_is_sent_logs_no_broker() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SEND],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings.local", "CELERY_BROKER_URL": ""},
        capture_output=True,
        text=True,
        check=True,
    )

    output = done.stdout + done.stderr
    assert "ran 7" in output
    assert "hostname" not in output
