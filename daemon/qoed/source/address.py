"""Which addresses a source may reach: checked when the socket is made, so no name can rebind past it."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Never a stream: this host's "any", link-local (cloud metadata), multicast, broadcast, and the metadata
# addresses that clouds keep outside link-local.
_DENY = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "169.254.0.0/16",
        "100.100.100.200/32",
        "192.0.0.192/32",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/128",
        "fe80::/10",
        "ff00::/8",
        "fd00:ec2::254/128",
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class AddressRefusedError(OSError):
    """The guard refused an address; carries EACCES, which survives the merging of several failures."""

    def __init__(self, address: str) -> None:
        super().__init__(errno.EACCES, f"address {address} is not allowed")


@dataclass(frozen=True, slots=True)
class AddressGuard:
    """Refuses denied addresses; `allow` wins over `deny`. Addresses inside IPv6 wrappers are unwrapped."""

    allow: Sequence[Network] = ()
    deny: Sequence[Network] = _DENY

    def allows(self, text: str) -> bool:
        """True when a connection to the IP address `text` may be made."""
        address = _unwrap(ipaddress.ip_address(text.split("%", 1)[0]))
        if any(address in network for network in self.allow):
            return True
        return not any(address in network for network in self.deny)

    def socket(self, addr_info: tuple[Any, ...]) -> socket.socket:
        """Socket factory for `aiohttp.TCPConnector`. Raises `AddressRefusedError`."""
        family, kind, protocol, _name, address = addr_info
        if not self.allows(str(address[0])):
            raise AddressRefusedError(str(address[0]))
        return socket.socket(family, kind, protocol)


def _unwrap(address: Address) -> Address:
    """The IPv4 address inside an IPv4-mapped, 6to4 or NAT64 one, else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
