"""Resolves names when a connection is made, and leaves out the addresses that the guard does not allow.

The connection goes to one of the other addresses. If there is none, it fails.
"""

from collections import OrderedDict
from typing import Any

from twisted.internet.interfaces import IHostnameResolver, IResolutionReceiver
from zope.interface import implementer

from adaptivity.outbound.addresses import AddressGuard, refusal

REMEMBERED = 1000


@implementer(IHostnameResolver)
class GuardedResolver:
    """Wraps a reactor's own resolver.

    Twisted asks it for every host, even if the host is an address. It caches no answer, so a name that resolves to
    something else is checked again. ``refused`` returns why none of a host's addresses is allowed, or "" if one is.
    """

    def __init__(self, resolver: Any) -> None:
        self._resolver = resolver
        self._refused: OrderedDict[tuple[str, int], str] = OrderedDict()
        self.guard = AddressGuard()

    def refused(self, host: str, port: int) -> str:
        return self._refused.get((host, port), "")

    def resolveHostName(  # noqa: N802 - Twisted's own name
        self,
        resolutionReceiver: Any,  # noqa: N803
        hostName: str,  # noqa: N803
        portNumber: int = 0,  # noqa: N803
        addressTypes: Any = None,  # noqa: N803
        transportSemantics: str = "TCP",  # noqa: N803
    ) -> Any:
        """As IHostnameResolver defines it, without the addresses that are not allowed."""
        receiver = _Receiver(self, resolutionReceiver, hostName, portNumber)
        return self._resolver.resolveHostName(receiver, hostName, portNumber, addressTypes, transportSemantics)

    def remember(self, host: str, port: int, reason: str) -> None:
        """Remembers why the host had no allowed address. Only the newest reasons are kept."""
        self._refused[host, port] = reason
        self._refused.move_to_end((host, port))
        while len(self._refused) > REMEMBERED:
            self._refused.popitem(last=False)


@implementer(IResolutionReceiver)
class _Receiver:
    def __init__(self, resolver: GuardedResolver, receiver: Any, host: str, port: int) -> None:
        self._resolver, self._receiver, self._host, self._port = resolver, receiver, host, port
        self._allowed = 0
        self._left_out: list[str] = []

    def resolutionBegan(self, resolutionInProgress: Any) -> None:  # noqa: N802, N803
        self._receiver.resolutionBegan(resolutionInProgress)

    def addressResolved(self, address: Any) -> None:  # noqa: N802
        if self._resolver.guard.allows(self._host, self._port, address.host):
            self._allowed += 1
            self._receiver.addressResolved(address)
        else:
            self._left_out.append(address.host)

    def resolutionComplete(self) -> None:  # noqa: N802
        if self._left_out and not self._allowed:
            self._resolver.remember(self._host, self._port, refusal(self._left_out))
        self._receiver.resolutionComplete()
