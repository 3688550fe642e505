"""The one envelope for every error, whatever refuses the request: REST framework, Django, the database or a bug."""

import io
import json
from dataclasses import replace

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import IntegrityError
from django.test import override_settings
from rest_framework.authtoken.models import Token

from adaptivity.api.content import CollectionViewSet
from adaptivity.api.exceptions import exception_handler
from adaptivity.errors import InvalidInput
from config.wsgi import application
from tests.support.api import ANNA, HALVES, Api, connection_kept, refusals

WRITES = [
    ("POST", "activity"),
    ("POST", "activity/recommend"),
    ("POST", "collection"),
    ("PUT", "collection/fractions"),
    ("PATCH", "collection/fractions"),
    ("POST", "collection/fractions/activities"),
    ("POST", "collection/fractions/grade"),
    ("POST", "score"),
    ("POST", "mastery"),
    ("PUT", "mastery/bulk_update"),
    ("POST", "knowledge_component"),
    ("POST", "prerequisite_activity"),
    ("POST", "prerequisite_knowledge_component"),
    ("POST", "collection_activity"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "path"), [("GET", "activity"), ("DELETE", "collection/x"), *WRITES])
def test_without_a_token(anonymous, unchanged, method, path):
    with unchanged():
        response = anonymous(method, path, None if method in {"GET", "DELETE"} else {})

    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Token"
    assert response.json() == {
        "code": "not_authenticated",
        "detail": "Authentication credentials were not provided.",
        "errors": [],
    }


@pytest.mark.django_db
@pytest.mark.parametrize("header", ["Token unknown", "Token", "Token a b", "Token \xff", "Token " + "x" * 5_000])
def test_with_a_token_that_is_none(anonymous, header):
    response = anonymous.get("activity", HTTP_AUTHORIZATION=header)

    assert response.status_code == 401
    assert response.json()["code"] == "authentication_failed"
    assert refusals(response) == []


@pytest.mark.django_db
@pytest.mark.parametrize("header", ["Bearer x", "Basic eDp5", ""])
def test_with_another_scheme(anonymous, header):
    assert anonymous.get("activity", HTTP_AUTHORIZATION=header).status_code == 401


def test_a_token_of_an_inactive_user(api, token):
    get_user_model().objects.update(is_active=False)

    assert api.get("activity").status_code == 401


@pytest.mark.django_db
def test_a_session_reads_and_needs_its_csrf_token_to_write():
    api = Api(None)
    api.client.handler.enforce_csrf_checks = True
    api.client.force_login(get_user_model().objects.create_user("teacher"))

    refused = api.post("collection", {"collection_id": "c", "name": ""})

    assert api.get("collection").status_code == 200
    assert refused.status_code == 403
    assert refused.json()["code"] == "permission_denied"
    assert refused.json()["detail"].startswith("CSRF Failed: ")


NO_JSON = [
    b"{",
    b" ",
    b"\xff\xfe",
    b'{"a": "\xed\xa0\x80"}',
    b"\xef\xbb\xbf{}",
    b"{'a': 1}",
    b'{"score": NaN}',
    b'{"score": -Infinity}',
    b'{"a": ' + b"9" * 5_000 + b"}",
    b"[" * 100_000 + b"]" * 100_000,
    b'{"a":' * 100_000,
    b"{}{}",
    b"\0",
]


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_what_is_no_json(api, course, unchanged, method, path):
    with unchanged():
        answers = [api(method, path, body) for body in NO_JSON]

    assert [answer.status_code for answer in answers] == [400] * len(NO_JSON)
    assert {answer.json()["code"] for answer in answers} == {"parse_error"}
    assert [refusals(answer) for answer in answers] == [[("", "parse_error")]] * len(NO_JSON)


NO_JSON_TYPES = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/xml",
    "nonsense",
    "",
]


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_another_content_type(api, course, unchanged, method, path):
    body = b'{"collection_id": "c", "name": ""}'

    with unchanged():
        answers = [api(method, path, body, content_type=content_type) for content_type in NO_JSON_TYPES]

    assert [answer.status_code for answer in answers] == [415] * len(NO_JSON_TYPES)
    assert {answer.json()["code"] for answer in answers} == {"unsupported_media_type"}
    assert [refusals(answer) for answer in answers] == [[]] * len(NO_JSON_TYPES)


def test_no_body_is_an_empty_object(api, course, unchanged):
    with unchanged():
        response = api("POST", "collection")

    assert response.status_code == 400
    assert refusals(response) == [("collection_id", "required"), ("name", "required")]


def test_json_with_a_charset_or_another_case(api, course):
    for content_type in ("application/json; charset=utf-8", "Application/JSON"):
        assert api.post("collection/fractions/grade", {"learner": ANNA}, content_type=content_type).status_code == 200


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "*/*", "nonsense", "application/json;q=0"])
def test_the_answer_is_json_whatever_is_asked_for(api, course, accept):
    response = api.get("collection/fractions", HTTP_ACCEPT=accept)

    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_an_oversize_body(api, course, unchanged, method, path):
    body = b'{"padding": "' + b"x" * settings.DATA_UPLOAD_MAX_MEMORY_SIZE + b'"}'

    with unchanged():
        response = api(method, path, body)

    assert response.status_code == 413
    assert response.json() == {
        "code": "body_too_large",
        "detail": "The request body is larger than 10485760 bytes.",
        "errors": [],
    }


@override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=100)
def test_the_limit_is_a_setting_and_exact(api, course):
    body = json.dumps({"learner": ANNA}).encode()

    assert api.post("collection/fractions/grade", body.ljust(100)).status_code == 200
    assert api.post("collection/fractions/grade", body.ljust(101)).status_code == 413


class ChunkedBody:
    """A body as gunicorn hands over one that came in chunks: it ends, but nobody knows where."""

    def __init__(self, body):
        self.buffer = io.BytesIO(body)
        self.read, self.readline, self.tell = self.buffer.read, self.buffer.readline, self.buffer.tell


def call(path, token, body, **environ):
    """Status and JSON of a POST straight to the WSGI application, with a chunked body."""
    stream, statuses = ChunkedBody(body), []
    environ = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": "application/json",
        "HTTP_TRANSFER_ENCODING": "chunked",
        "HTTP_AUTHORIZATION": f"Token {token}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": stream,
        "wsgi.input_terminated": True,
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        **environ,
    }
    with connection_kept():
        answer = application(environ, lambda status, headers: statuses.append(int(status[:3])))
        answer.close()
    return statuses[0], json.loads(b"".join(answer)), stream


def test_a_chunked_body_is_read(token, course):
    status, body, _ = call("/api/v2/collection/fractions/grade", token, json.dumps({"learner": ANNA}).encode())

    assert (status, body) == (200, {"learner": ANNA, "grade": 0.0})


def test_an_oversize_chunked_body_is_not_read_to_its_end(token, course, unchanged):
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE

    with unchanged():
        status, body, stream = call("/api/v2/score", token, b"x" * (limit + 1_000))

    assert (status, body["code"]) == (413, "body_too_large")
    assert stream.tell() == limit + 1


def test_a_chunked_body_is_not_read_without_a_token(course):
    status, _, stream = call("/api/v2/score", "unknown", b"{}")

    assert status == 401
    assert stream.tell() == 0


def test_a_chunked_body_is_left_alone_where_the_server_does_not_end_it(token, course):
    status, body, stream = call("/api/v2/score", token, b"{}", **{"wsgi.input_terminated": False})

    assert status == 400
    assert [entry["field"] for entry in body["errors"]] == ["learner", "activity", "score"]
    assert stream.tell() == 0


class BrokenStream(io.BytesIO):
    """A connection that is lost halfway."""

    def read(self, *_):
        raise ConnectionResetError


def test_a_body_that_breaks_off(api, course, unchanged):
    with unchanged():
        response = api.client.generic(
            "POST", "/api/v2/score", CONTENT_LENGTH=9, **{"wsgi.input": BrokenStream()}, content_type="application/json"
        )

    assert response.status_code == 400
    assert refusals(response) == [("", "parse_error")]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "activity", "GET, HEAD, POST"),
        ("GET", "activity/recommend", "POST"),
        ("POST", "collection/fractions", "GET, HEAD, PUT, PATCH, DELETE"),
        ("DELETE", "collection/fractions/activities", "GET, HEAD, POST"),
        ("GET", "collection/fractions/grade", "POST"),
        ("POST", "mastery/bulk_update", "PUT"),
        ("OPTIONS", "score", "GET, HEAD, POST"),
        ("TRACE", "score", "GET, HEAD, POST"),
        ("NONSENSE", "score", "GET, HEAD, POST"),
    ],
)
def test_another_method(api, course, unchanged, method, path, allowed):
    with unchanged():
        response = api(method, path)

    assert response.status_code == 405
    assert response["Allow"] == allowed
    assert response.json() == {
        "code": "method_not_allowed",
        "detail": f'Method "{method}" not allowed.',
        "errors": [],
    }


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/api/v2/nothing", "/api/v2/", "/api/v3/activity", "/engine/api/nothing", "/api/v2/%00", "/health/x"]
)
def test_no_route(api, path):
    response = api.get(path)

    assert response.status_code == 404
    assert response.json() == {"code": "not_found", "detail": "There is nothing at this URL.", "errors": []}


@pytest.mark.django_db
def test_a_host_that_is_not_ours(api):
    response = api.get("activity", HTTP_HOST="elsewhere.example")

    assert response.status_code == 400
    assert response.json()["code"] == "bad_request"


def test_a_bug_is_a_500_in_the_envelope_that_says_nothing(api, course, monkeypatch):
    def fail(**_):
        raise RuntimeError("secret")

    monkeypatch.setattr(CollectionViewSet, "writes", replace(CollectionViewSet.writes, create=fail))

    response = api.post("collection", {"collection_id": "c", "name": ""})

    assert response.status_code == 500
    assert response.json() == {
        "code": "server_error",
        "detail": "The service failed; see its log.",
        "errors": [],
    }


def test_a_rule_of_the_database_that_a_race_made_apply_is_a_conflict(api, course, monkeypatch):
    def fail(**_):
        raise IntegrityError("secret")

    monkeypatch.setattr(CollectionViewSet, "writes", replace(CollectionViewSet.writes, create=fail))

    response = api.post("collection", {"collection_id": "c", "name": ""})

    assert response.status_code == 409
    assert response.json() == {
        "code": "conflict",
        "detail": "Another request changed the data that this request refers to; try again.",
        "errors": [],
    }


@pytest.mark.django_db
@pytest.mark.parametrize(
    "header", [{"HTTP_COOKIE": 'sessionid="' + "x" * 32 + '\\000"'}, {"HTTP_AUTHORIZATION": "Token a\0b"}]
)
def test_a_session_or_token_that_no_database_can_look_for(anonymous, header):
    response = anonymous.get("activity", **header)

    assert response.status_code == 400
    assert response.json() == {"code": "bad_request", "detail": "The request is not acceptable.", "errors": []}


def test_tokens_work_side_by_side(token, course):
    other = Token.objects.create(user=get_user_model().objects.create_user("second"))

    for key in (token, other.key):
        assert Api(key).post("score", {"learner": ANNA, "activity": HALVES, "score": 1}).status_code == 201


def test_an_answer_can_be_written_whatever_its_message_quotes():
    response = exception_handler(InvalidInput("'a\ud800' is unknown", field="\udfff"), {})

    assert response.data == {
        "code": "invalid",
        "detail": "\\udfff: 'a\\ud800' is unknown",
        "errors": [{"field": "\\udfff", "code": "invalid", "message": "'a\\ud800' is unknown"}],
    }
