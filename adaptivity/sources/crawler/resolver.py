"""Names are resolved when a connection is made, and the addresses that the guard does not allow are left out: the
connection goes to one of the others, or there is none."""

from collections import OrderedDict
from typing import Any

from twisted.internet.interfaces import IHostnameResolver, IResolutionReceiver
from zope.interface import implementer

from adaptivity.outbound.addresses import AddressGuard, refusal

REMEMBERED = 1000


@implementer(IHostnameResolver)
class GuardedResolver:
    """Stands before a reactor's own resolver. Twisted asks it for every host, also one that is an address, and keeps no
    answer, so that a name that resolves anew is looked at anew.

    ``refused`` answers why a host had addresses and none that is allowed, "" where that was not so.
    """

    def __init__(self, resolver: Any) -> None:
        self._resolver = resolver
        self._refused: OrderedDict[tuple[str, int], str] = OrderedDict()
        self.guard = AddressGuard()

    def refused(self, host: str, port: int) -> str:
        return self._refused.get((host, port), "")

    def resolveHostName(  # noqa: N802 - the name that Twisted has
        self,
        resolutionReceiver: Any,  # noqa: N803
        hostName: str,  # noqa: N803
        portNumber: int = 0,  # noqa: N803
        addressTypes: Any = None,  # noqa: N803
        transportSemantics: str = "TCP",  # noqa: N803
    ) -> Any:
        """As IHostnameResolver says, without the addresses that are not allowed."""
        receiver = _Receiver(self, resolutionReceiver, hostName, portNumber)
        return self._resolver.resolveHostName(receiver, hostName, portNumber, addressTypes, transportSemantics)

    def remember(self, host: str, port: int, reason: str) -> None:
        """Notes why the host had no address that is allowed; the newest notes are kept."""
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
