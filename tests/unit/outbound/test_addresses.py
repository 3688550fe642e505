"""Which addresses jobs may connect to, and the patience that a server may ask for."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from adaptivity.outbound.addresses import AddressGuard, is_public
from adaptivity.outbound.client import retry_after


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]
)
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "169.254.170.2",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "64:ff9b::7f00:1",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::8.8.8.8",
        "::8.8.8.8",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "2001:db8::1",
        "no address",
        "",
    ],
)
def test_not_public(address: str) -> None:
    assert not is_public(address)


def test_exceptions_are_exact() -> None:
    guard = AddressGuard.of(["lms.internal:8000", "127.0.0.1:8001", "[::1]:8002"])

    assert guard.allows("lms.internal", 8000, "10.0.0.1")
    assert guard.allows("LMS.internal", 8000, "10.0.0.1")
    assert guard.allows("[::1]", 8002, "::1")
    assert guard.allows("::1", 8002, "::1")
    assert not guard.allows("lms.internal", 8001, "10.0.0.1")
    assert not guard.allows("other.lms.internal", 8000, "10.0.0.1")
    assert not guard.allows("127.0.0.1", 8000, "127.0.0.1")
    assert not guard.allows("localhost", 8001, "127.0.0.1")
    assert not guard.allows("2130706433", 8001, "127.0.0.1")


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.170.2",
        "::ffff:169.254.169.254",
        "2002:a9fe:a9fe::1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a9fe:a9fe",
        "::a9fe:a9fe",
        # Teredo: the server, and the client, whose bits are turned around.
        "2001:0:a9fe:a9fe::",
        "2001:0:808:808:0:0:5601:5601",
        "fe80::1%eth0",
        "fd00:ec2::254",
    ],
)
def test_there_is_no_exception_for_metadata(address: str) -> None:
    guard = AddressGuard.of(["metadata.internal:80", "[fd00:ec2::254]:80", "169.254.169.254:80"])

    assert not guard.allows("metadata.internal", 80, address)
    assert not guard.allows(address, 80, address)
    assert guard.allows("metadata.internal", 80, "10.0.0.1")


@pytest.mark.parametrize(("text", "seconds"), [("7", 7.0), (" 0 ", 0.0), ("", None), ("soon", None), ("-1", None)])
def test_retry_after_in_seconds(text: str, seconds: float | None) -> None:
    assert retry_after(text) == seconds


def test_retry_after_as_a_date() -> None:
    later = retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True))
    assert later is not None
    assert 95 < later <= 100
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
