"""What a variable may be, and what it becomes."""

from datetime import UTC, datetime

import pytest

from config import environment

NAME = "A_VARIABLE"


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(NAME, value)


def assert_stops(capsys: pytest.CaptureFixture[str]) -> None:
    """One line was written, and it shows nothing of what is secret in the values below."""
    written = capsys.readouterr()
    assert written.out == ""
    (line,) = written.err.splitlines()
    assert line.startswith(f"adaptivity cannot start: the environment variable {NAME} ")
    assert "secret" not in line


@pytest.mark.usefixtures("given")
class TestSecretKey:
    @pytest.mark.parametrize("value", ["k" * 50, "$a", "$$", r"\$a$b", "a=b&c#d", "schlüssel"])
    def test_is_taken_as_it_is(self, value: str) -> None:
        assert environment.secret_key(NAME) == value


@pytest.mark.usefixtures("given")
class TestDatabase:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("postgres://u:p@h:5432/n", ("django.db.backends.postgresql", "n", "u", "p", "h", 5432)),
            ("postgresql://u:%24p%40%2F%23@h/n", ("django.db.backends.postgresql", "n", "u", "$p@/#", "h", "")),
            ("postgres://u:$p@h/n", ("django.db.backends.postgresql", "n", "u", "$p", "h", "")),
            ("postgres://u:p@[::1]:5/n", ("django.db.backends.postgresql", "n", "u", "p", "::1", 5)),
            ("sqlite:///relative.sqlite3", ("django.db.backends.sqlite3", "relative.sqlite3", "", "", "", "")),
            ("sqlite:////absolute/db", ("django.db.backends.sqlite3", "/absolute/db", "", "", "", "")),
            ("sqlite://:memory:", ("django.db.backends.sqlite3", ":memory:", "", "", "", "")),
        ],
    )
    def test_a_url_becomes_a_connection(self, value: str, expected: tuple[str | int, ...]) -> None:
        config = environment.database(NAME)

        assert tuple(config.get(key, "") for key in ("ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT")) == expected

    @pytest.mark.parametrize(
        "value",
        [
            "",
            "nonsense",
            "://secret",
            "mysql://u:secret@h/n",
            "postgres://u:secret@h:port/n",
            "postgres://u:secret@h:99999/n",
            "postgres://u:secret@h",
            "postgres://u:secret@/",
            "postgres://u:sec#ret@h/n",
            "postgres://u:secret@[::1/n",
            "sqlite://secret/path",
        ],
    )
    def test_anything_else_stops(self, capsys: pytest.CaptureFixture[str], value: str) -> None:
        with pytest.raises(SystemExit):
            environment.database(NAME)

        assert_stops(capsys)


@pytest.mark.usefixtures("given")
class TestBrokerUrl:
    @pytest.mark.parametrize("value", ["", "amqp://guest:guest@localhost:5672//", "amqps://u:$p@mq.example.org/vhost"])
    def test_is_taken_as_it_is(self, value: str) -> None:
        assert environment.broker_url(NAME) == value

    @pytest.mark.parametrize(
        "value", ["secret", "redis://secret", "amqp://", "amqp://u:secret@h:port//", "amqp://[::1"]
    )
    def test_anything_else_stops(self, capsys: pytest.CaptureFixture[str], value: str) -> None:
        with pytest.raises(SystemExit):
            environment.broker_url(NAME)

        assert_stops(capsys)


@pytest.mark.usefixtures("given")
class TestMoment:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("", None),
            ("2026-01-31T08:00:00.123Z", datetime(2026, 1, 31, 8, 0, 0, 123_000, tzinfo=UTC)),
            ("2026-01-31T08:00:00+00:00", datetime(2026, 1, 31, 8, tzinfo=UTC)),
        ],
    )
    def test_of_iso_8601(self, value: str, expected: datetime | None) -> None:
        assert environment.moment(NAME) == expected

    @pytest.mark.parametrize("value", ["secret", "2026-01-31T08:00:00", "2026-13-31T08:00:00Z"])
    def test_anything_else_stops(self, capsys: pytest.CaptureFixture[str], value: str) -> None:
        with pytest.raises(SystemExit):
            environment.moment(NAME)

        assert_stops(capsys)


@pytest.mark.usefixtures("given")
class TestHosts:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("", []),
            ("example.org", ["example.org"]),
            (" a.example.org, .b.example.org ,", ["a.example.org", ".b.example.org"]),
            ("localhost,127.0.0.1,[::1]", ["localhost", "127.0.0.1", "[::1]"]),
        ],
    )
    def test_names_with_commas(self, value: str, expected: list[str]) -> None:
        assert environment.hosts(NAME) == expected

    @pytest.mark.parametrize("value", ["https://a", "example.org:80", "a b", "::1", "a..b", "a/b", "*.example.org"])
    def test_anything_else_stops(self, capsys: pytest.CaptureFixture[str], value: str) -> None:
        with pytest.raises(SystemExit):
            environment.hosts(NAME)

        assert_stops(capsys)


@pytest.mark.usefixtures("given")
class TestWholeNumber:
    @pytest.mark.parametrize(("value", "expected"), [("", 7), (" ", 7), ("1", 1), ("007", 7), ("10485760", 10485760)])
    def test_is_read(self, value: str, expected: int) -> None:
        assert environment.whole_number(NAME, default=7, minimum=1) == expected

    @pytest.mark.parametrize("value", ["0", "-1", "1.5", "1e3", "1_000", "½", "٣", "9" * 19, "9" * 5000])
    def test_anything_else_stops(self, capsys: pytest.CaptureFixture[str], value: str) -> None:
        with pytest.raises(SystemExit):
            environment.whole_number(NAME, default=7, minimum=1)

        assert_stops(capsys)


@pytest.mark.usefixtures("given")
class TestFlag:
    @pytest.mark.parametrize(
        ("value", "expected"), [("", False), ("true", True), ("True", True), ("1", True), ("OFF", False), ("0", False)]
    )
    def test_is_read(self, value: str, expected: bool) -> None:
        assert environment.flag(NAME, default=False) is expected

    @pytest.mark.parametrize("value", ["ture", "2", "none"])
    def test_anything_else_stops(self, capsys: pytest.CaptureFixture[str], value: str) -> None:
        with pytest.raises(SystemExit):
            environment.flag(NAME, default=False)

        assert_stops(capsys)


def test_a_variable_that_is_not_set_has_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME, raising=False)

    assert environment.text(NAME) == ""
    assert environment.hosts(NAME) == []
    assert environment.flag(NAME, default=True) is True
    assert environment.whole_number(NAME, default=7, minimum=1) == 7
    assert environment.choice(NAME, ("json", "console"), default="json") == "json"


@pytest.mark.usefixtures("given")
class TestCredentials:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("", {}),
            ("{}", {}),
            (
                '{"campus": {"url": "https://lms.example", "client_id": "$id", "client_secret": "$a{b}$$\\\\c"}}',
                {"campus": {"url": "https://lms.example", "client_id": "$id", "client_secret": "$a{b}$$\\c"}},
            ),
        ],
    )
    def test_entries_by_name(self, value: str, expected: dict[str, dict[str, str]]) -> None:
        assert environment.credentials(NAME) == expected

    @pytest.mark.parametrize(
        "value",
        [
            "hush",
            '["hush"]',
            '{"campus": "hush"}',
            '{"campus": {"url": "https://lms.example", "client_id": "hush"}}',
            '{"campus": {"url": "https://lms.example", "client_id": "hush", "client_secret": 7}}',
            '{"campus": {"url": "u", "client_id": "hush", "client_secret": "hush", "more": ""}}',
        ],
    )
    def test_anything_else_stops(self, capsys: pytest.CaptureFixture[str], value: str) -> None:
        with pytest.raises(SystemExit):
            environment.credentials(NAME)

        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"adaptivity cannot start: the environment variable {NAME} must be JSON such as ")
        assert "hush" not in line
