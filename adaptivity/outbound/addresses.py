"""Which addresses jobs may connect to: public ones, and what a source names as an exception.

The address that is looked at is the one that is connected to, so a redirect, a name that resolves anew, or an unusual
way to write an address (``0x7f.1``, ``::ffff:10.0.0.1``) make no difference.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from adaptivity.outbound.networks import NAT64, inner_addresses, is_metadata

PRIVATE = "its address is private, and it is not listed in address_exceptions"
METADATA = "its address is link-local or of a cloud's metadata; no exception is good for it"
HOST_AND_PORT = re.compile(r"\[?(.+?)\]?:([0-9]+)")


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet: not private, loopback, link-local (where the metadata of a
    cloud is), shared, multicast or reserved, and not one of those inside of an IPv6 address (NAT64 among them)."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.is_site_local or not all(is_public(str(inner)) for inner in inner_addresses(ip)):
            return False
        if ip.ipv4_mapped is not None or ip.sixtofour is not None or ip in NAT64:
            return True
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def refusal(addresses: Iterable[str]) -> str:
    """Why none of a host's addresses is allowed."""
    return METADATA if all(map(is_metadata, addresses)) else PRIVATE


@dataclass(frozen=True)
class AddressGuard:
    """``exceptions``: pairs of host, as a URL names it, and port whose addresses need not be public. There is none for
    the metadata of a cloud."""

    exceptions: frozenset[tuple[str, int]] = frozenset()

    @classmethod
    def of(cls, exceptions: Iterable[str]) -> "AddressGuard":
        """From texts such as ``lms.internal:8000`` and ``[::1]:8000``."""
        matches = (HOST_AND_PORT.fullmatch(entry) for entry in exceptions)
        return cls(frozenset((match[1], int(match[2])) for match in matches if match is not None))

    def excepts(self, host: str, port: int) -> bool:
        """Whether the host and port are named as an exception."""
        return (host.strip("[]").lower(), port) in self.exceptions

    def allows(self, host: str, port: int, address: str) -> bool:
        """Whether a connection to the host and port may go to the address."""
        return is_public(address) or (self.excepts(host, port) and not is_metadata(address))
