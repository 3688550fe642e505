"""manage.py demo: what it makes, that it keeps it, and that the two calls it prints work."""

import json
import re
import shlex
import socket
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.authtoken.models import Token

from adaptivity.models import Activity, CourseSource, Learner, Score

pytestmark = pytest.mark.django_db


def printed_calls(output: str) -> list[tuple[str, str, str]]:
    """URL path, authorization and body of each printed curl line, as a shell would split it."""
    calls = []
    for line in output.splitlines():
        if line.startswith("curl "):
            words = shlex.split(line)
            url = next(word for word in words if word.startswith("http://"))
            authorization = next(word for word in words if word.startswith("Authorization: "))
            path = re.sub(r"^http://localhost:9999", "", url)
            calls.append((path, authorization.removeprefix("Authorization: "), words[words.index("-d") + 1]))
    return calls


def test_the_printed_calls_recommend_and_record(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("demo", port=9999)

    recommend, score = printed_calls(capsys.readouterr().out)
    client = Client()
    path, authorization, body = recommend
    first = client.post(path, body, content_type="application/json", headers={"Authorization": authorization})
    assert first.status_code == 200
    assert first.json() == {"source_launch_url": json.loads(score[2])["activity"], "complete": False}
    path, authorization, body = score
    recorded = client.post(path, body, content_type="application/json", headers={"Authorization": authorization})
    assert recorded.status_code == 201
    assert Score.objects.get().learner == Learner.objects.get(user_id="ada")


def test_again_it_keeps_what_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("demo", port=9999)
    first = capsys.readouterr().out
    activity = Activity.objects.order_by("id").first()
    assert activity is not None
    Activity.objects.filter(pk=activity.pk).update(name="Changed by its author")

    call_command("demo", port=9999)

    again = capsys.readouterr().out
    assert printed_calls(again) == printed_calls(first)
    assert "password" in first
    assert "password" not in again
    assert get_user_model().objects.count() == 1
    activity.refresh_from_db()
    assert activity.name == "Changed by its author"


def test_the_token_file_is_for_its_owner_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "var" / "demo-token"
    path.parent.mkdir()
    path.write_text("of an earlier database")
    path.chmod(0o644)

    call_command("demo", port=9999, token_file=path)

    token = Token.objects.get().key
    assert path.read_text() == f"{token}\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert f"\nexport TOKEN=$(cat {path})\n" in capsys.readouterr().out


def test_without_a_file_the_token_itself_is_exported(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("demo", port=9999)

    assert f"\nexport TOKEN={Token.objects.get().key}\n" in capsys.readouterr().out


def test_it_is_refused_outside_a_laptop(settings: Any) -> None:
    settings.ENV_LABEL = "prod"

    with pytest.raises(CommandError, match="ENV_LABEL is not 'local'"):
        call_command("demo")
    assert not get_user_model().objects.exists()


def test_demo_source_is_for_a_laptop_with_the_demo(settings: Any) -> None:
    with pytest.raises(CommandError, match=r"run manage\.py demo or make run first") as refused:
        call_command("demo_source", port=0)
    assert refused.value.returncode == 2
    settings.ENV_LABEL = "prod"
    with pytest.raises(CommandError, match="ENV_LABEL is not 'local'"):
        call_command("demo_source", port=0)
    assert not CourseSource.objects.exists()


def test_demo_source_names_a_port_that_is_taken(tmp_path: Path) -> None:
    call_command("demo", port=9999)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(CommandError, match=f"--port {port}: .*Address already in use") as refused:
            call_command("demo_source", port=port, inbox=tmp_path)
    assert refused.value.returncode == 2
    assert not CourseSource.objects.exists()
