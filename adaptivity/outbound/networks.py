"""Addresses that no source may name, and no job may connect to."""

import ipaddress
import socket

METADATA_IPV6 = ipaddress.ip_network("fd00:ec2::/32")
# RFC 6052.
NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Beside it a network's own (RFC 8215), and what was IPv4-compatible: the last 32 bits are an address of IPv4.
LAST_32_BITS = (NAT64, ipaddress.ip_network("64:ff9b:1::/48"), ipaddress.ip_network("::/96"))


def inner_addresses(ip: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """The addresses of IPv4 where a connection to one of IPv6 may end: IPv4-mapped, 6to4, Teredo (its server and its
    client) and NAT64."""
    found = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
    if any(ip in network for network in LAST_32_BITS):
        found.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    return [inner for inner in found if inner is not None]


def is_metadata(address: str) -> bool:
    """Whether a cloud may tell its secrets at the address: link-local ones, also inside of IPv6, and those of AWS over
    IPv6."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inside = any(inner.is_link_local for inner in inner_addresses(ip))
        return ip in METADATA_IPV6 or ip.is_link_local or inside
    return ip.is_link_local


def literal(host: str) -> str:
    """The address that a host is, however it is written (``0xa9fea9fe``, ``[fe80::1]``); a name stays as it is."""
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return host
