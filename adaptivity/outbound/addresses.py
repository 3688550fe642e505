"""Which addresses may be connected to: public ones, and the exceptions that a source names.

The checked address is the one that is connected to. So a redirect, a name that resolves to something else, or an
unusual spelling of an address (``0x7f.1``, ``::ffff:10.0.0.1``) makes no difference.
"""

import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass

PRIVATE = "its address is private, and it is not listed in address_exceptions"
METADATA = "its address is link-local or serves a cloud's metadata, which cannot be allowed"
HOST_AND_PORT = re.compile(r"\[?(.+?)\]?:([0-9]+)")

METADATA_IPV6 = ipaddress.ip_network("fd00:ec2::/32")
# RFC 6052.
NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Also the prefix that networks may use themselves (RFC 8215), and the former IPv4-compatible addresses. In all of them
# the last 32 bits are an IPv4 address.
LAST_32_BITS = (NAT64, ipaddress.ip_network("64:ff9b:1::/48"), ipaddress.ip_network("::/96"))


def inner_addresses(ip: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """The IPv4 addresses where a connection to this IPv6 address may end.

    They come from IPv4-mapped, 6to4, Teredo (server and client) and NAT64 addresses.
    """
    found = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
    if any(ip in network for network in LAST_32_BITS):
        found.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    return [inner for inner in found if inner is not None]


def is_metadata(address: str) -> bool:
    """Whether a cloud may serve its secrets at this address.

    True for link-local addresses, also inside IPv6, and for those of AWS over IPv6.
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inside = any(inner.is_link_local for inner in inner_addresses(ip))
        return ip in METADATA_IPV6 or ip.is_link_local or inside
    return ip.is_link_local


def literal(host: str) -> str:
    """The address that a host stands for, however it is spelled (``0xa9fea9fe``, ``[fe80::1]``). Names stay as they
    are.
    """
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return host


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet.

    Private, loopback, shared, multicast and reserved addresses do not. Neither do link-local ones, where a cloud serves
    its metadata, nor IPv6 addresses that contain any of these (NAT64 among them).
    """
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
    """The reason why none of a host's addresses is allowed."""
    return METADATA if all(map(is_metadata, addresses)) else PRIVATE


@dataclass(frozen=True)
class AddressGuard:
    """Decides which addresses may be connected to.

    ``exceptions`` are pairs of a host, as a URL names it, and a port. Their addresses need not be public. The metadata
    of a cloud can never be an exception.
    """

    exceptions: frozenset[tuple[str, int]] = frozenset()

    @classmethod
    def of(cls, exceptions: Iterable[str]) -> "AddressGuard":
        """A guard from texts such as ``lms.internal:8000`` and ``[::1]:8000``."""
        matches = (HOST_AND_PORT.fullmatch(entry) for entry in exceptions)
        return cls(frozenset((match[1], int(match[2])) for match in matches if match is not None))

    def excepts(self, host: str, port: int) -> bool:
        """Whether the host and port are listed as an exception."""
        return (host.strip("[]").lower(), port) in self.exceptions

    def allows(self, host: str, port: int, address: str) -> bool:
        """Whether a connection to the host and port may go to this address."""
        return is_public(address) or (self.excepts(host, port) and not is_metadata(address))
