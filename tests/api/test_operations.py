"""/health/, /ready/, /version/ and the documentation: what is asked without a token."""

import re
import socket

import pytest
from celery import current_app
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import override_settings

from adaptivity.api import operations
from adaptivity.models import EngineState, ModelVersion


def test_health_touches_no_backend(anonymous, django_assert_num_queries, db):
    with django_assert_num_queries(0):
        response = anonymous.get("/health/")

    assert response.status_code == 200
    assert response.json() == {"status": "ok"}


def test_health_needs_no_database(client):
    # No database fixture: pytest-django fails the test where anything asks the database.
    assert client.get("/health/", headers={"Authorization": "Token x"}).json() == {"status": "ok"}


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/health/", "/ready/", "/version/"])
def test_a_wrong_token_or_session_does_not_matter(anonymous, path):
    response = anonymous.get(
        path, HTTP_AUTHORIZATION="Token unknown", HTTP_COOKIE="sessionid=x", HTTP_ACCEPT="text/html"
    )

    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/health/", "/ready/", "/version/"])
def test_head_and_other_methods(anonymous, path):
    head, post = anonymous("HEAD", path), anonymous("POST", path, {})

    assert (head.status_code, head.content) == (200, b"")
    assert post.status_code == 405
    assert post.json() == {"code": "method_not_allowed", "detail": 'Method "POST" not allowed.', "errors": []}


@pytest.mark.django_db
def test_ready_without_a_broker(anonymous, django_assert_num_queries):
    with django_assert_num_queries(1):
        response = anonymous.get("/ready/")

    assert response.status_code == 200
    assert response.json() == {"status": "ready", "checks": {"database": "ok", "broker": "in-process"}}


def broker_at(settings, monkeypatch, url):
    settings.CELERY_BROKER_URL = url
    monkeypatch.setattr(current_app.conf, "broker_write_url", url)
    monkeypatch.setattr(operations, "BROKER_TIMEOUT_SECONDS", 0.2)


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.mark.django_db
@pytest.mark.parametrize("listens", [False, True], ids=["refused", "silent"])
def test_not_ready_where_the_broker_is_unreachable(anonymous, settings, monkeypatch, listener, listens):
    port = listener.getsockname()[1]
    if not listens:
        listener.close()
    broker_at(settings, monkeypatch, f"amqp://guest:secret@127.0.0.1:{port}//")

    response = anonymous.get("/ready/")

    assert response.status_code == 503
    assert response.json() == {"status": "not ready", "checks": {"database": "ok", "broker": "unreachable"}}


@pytest.mark.django_db
@pytest.mark.rabbitmq
def test_ready_with_a_broker(anonymous, settings, monkeypatch):
    import os

    broker_at(settings, monkeypatch, os.environ["TEST_BROKER_URL"])

    assert anonymous.get("/ready/").json() == {"status": "ready", "checks": {"database": "ok", "broker": "ok"}}


@pytest.mark.django_db
@pytest.mark.rabbitmq
def test_not_ready_where_the_broker_refuses_the_login(anonymous, settings, monkeypatch):
    import os

    broker_at(settings, monkeypatch, re.sub("//.*@", "//nobody:wrong@", os.environ["TEST_BROKER_URL"]))

    assert anonymous.get("/ready/").json()["checks"] == {"database": "ok", "broker": "unreachable"}


@pytest.mark.django_db
def test_not_ready_where_the_database_fails(anonymous):
    def fail(*_):
        raise OperationalError("secret")

    with connection.execute_wrapper(fail):
        response = anonymous.get("/ready/")

    assert response.status_code == 503
    assert response.json() == {"status": "not ready", "checks": {"database": "unreachable", "broker": "in-process"}}


@pytest.mark.django_db
def test_version_of_an_image_with_a_model_version(anonymous, settings):
    settings.APP_TAG, settings.APP_COMMIT = "1.2.3", "abc123"
    EngineState.objects.create(active_model_version=ModelVersion.objects.create(name="2024-05"))

    assert anonymous.get("/version/").json() == {
        "tag": "1.2.3",
        "commit": "abc123",
        "model_version": "2024-05",
        "task": None,
    }


@pytest.mark.django_db
@override_settings(
    APP_TAG="1.2.3",
    APP_COMMIT="abc123",
    ECS_TASK={"task_arn": "arn:…", "family": "adaptivity-dev-web", "revision": "7", "availability_zone": "us-east-1a"},
)
def test_version_says_which_task_runs_what_also_without_a_database(anonymous):
    def fail(*_):
        raise OperationalError("secret")

    with connection.execute_wrapper(fail):
        response = anonymous.get("/version/")

    assert (response.status_code, response.json()) == (
        200,
        {
            "tag": "1.2.3",
            "commit": "abc123",
            "model_version": None,
            "task": {"family": "adaptivity-dev-web", "revision": "7", "availability_zone": "us-east-1a"},
        },
    )


@pytest.mark.django_db
@override_settings(APP_TAG="", APP_COMMIT="")
def test_version_of_a_working_copy(anonymous):
    assert anonymous.get("/version/").json() == {
        "tag": None,
        "commit": None,
        "model_version": None,
        "task": None,
    }


def test_the_start_page_leads_to_the_documentation(client):
    response = client.get("/")

    assert response.status_code == 302
    assert response["Location"] == "/api/docs/"


def test_the_documentation_comes_from_this_service_alone(client):
    page = client.get("/api/docs/")
    links = re.findall(r"""(?:src|href)=["']([^"']+)["']""", page.content.decode())

    assert page.status_code == 200
    assert page["Content-Type"].startswith("text/html")
    assert "http://" not in page.content.decode()
    assert "https://" not in page.content.decode()
    assert len(links) >= 4
    assert all(link.startswith("/static/drf_spectacular_sidecar/") for link in links)
    for link in links:
        asset = client.get(link)
        assert asset.status_code == 200
        assert len(asset.getvalue()) > 100
    assert "/api/schema/" in page.content.decode()


@pytest.mark.parametrize(
    ("query", "content_type"),
    [("", "application/vnd.oai.openapi"), ("?format=json", "application/vnd.oai.openapi+json")],
)
def test_the_schema_is_openapi_3_1(client, query, content_type):
    response = client.get(f"/api/schema/{query}")

    assert response.status_code == 200
    assert response["Content-Type"].startswith(content_type)
    assert b"3.1.0" in response.content[:60]


def test_the_schema_is_valid_and_made_without_a_warning(capsys):
    call_command("spectacular", validate=True, fail_on_warn=True)

    assert capsys.readouterr().out.startswith("openapi: 3.1.0\n")
