"""Addresses that no source may name, and no job may connect to."""

import ipaddress
import socket

METADATA_IPV6 = ipaddress.ip_network("fd00:ec2::/32")


def is_metadata(address: str) -> bool:
    """Whether a cloud may tell its secrets at the address: link-local ones, and those of AWS over IPv6."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        return ip in METADATA_IPV6 or ip.is_link_local or (inner is not None and inner.is_link_local)
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
