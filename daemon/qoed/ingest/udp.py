"""Datagrams of MPEG-TS, bare or in RTP, to a port of this host or to a multicast group."""

from __future__ import annotations

import ipaddress
import select
import socket
import struct

from qoed.ingest.failure import InputError, os_failure
from qoed.ingest.link import LinkStats
from qoed.ingest.rtp import RtpStream
from qoed.ingest.setup import Setup

WAIT_S = 0.1
_BATCH = 64
_MAX_DATAGRAM = 65536
# linux/socket.h, linux/in.h; Python's socket module does not name them.
_SO_RXQ_OVFL = 40
_MCAST_JOIN_GROUP = 42
_MCAST_JOIN_SOURCE_GROUP = 46
_IP_MULTICAST_ALL = 49
_IPV6_MULTICAST_ALL = 29


class Datagrams:
    """An open socket. `read` gives the media of what has arrived."""

    def __init__(self, setup: Setup) -> None:
        self._rtp = RtpStream() if setup.kind == "rtp" else None
        self._buffer = bytearray(_MAX_DATAGRAM)
        self._overruns = 0
        self._received = 0
        try:
            self._socket = _open(setup)
        except OSError as error:
            raise os_failure(error) from error
        granted = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
        self.note = (
            f"{granted} of {setup.buffer_bytes} bytes of receive buffer granted; raise net.core.rmem_max"
            if granted < setup.buffer_bytes
            else ""
        )

    def read(self) -> bytes | None:
        """Media, or None when nothing came for a moment. Raises `InputError`."""
        try:
            ready, _, _ = select.select([self._socket], [], [], WAIT_S)
            if not ready:
                return b"".join(self._rtp.flush()) or None if self._rtp else None
            parts: list[bytes] = []
            for _ in range(_BATCH):
                try:
                    size, extra, _flags, _sender = self._socket.recvmsg_into([self._buffer], 64)
                except BlockingIOError:
                    break
                for level, kind, data in extra:
                    if (level, kind) == (socket.SOL_SOCKET, _SO_RXQ_OVFL):
                        self._overruns = int(struct.unpack("=I", data[:4])[0])
                datagram = bytes(self._buffer[:size])
                self._received += 1
                parts += [datagram] if self._rtp is None else self._rtp.take(datagram)
        except OSError as error:
            raise os_failure(error) from error
        return b"".join(parts) or None

    def stats(self) -> LinkStats | None:
        """Counts; without RTP nothing is known of losses on the way."""
        if self._rtp is not None:
            return self._rtp.stats(self._overruns)
        return LinkStats(received=self._received, overruns=self._overruns)

    def close(self) -> None:
        """Leave the group, free the port."""
        self._socket.close()


def _open(setup: Setup) -> socket.socket:
    address = ipaddress.ip_address(setup.host) if setup.host else None
    family = socket.AF_INET6 if address is not None and address.version == 6 else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_DGRAM)
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, setup.buffer_bytes)
        opened.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
        if address is not None and address.is_multicast:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind((setup.host, setup.port))  # the group's address: nothing else on the port is heard
            _join(opened, address, setup)
        else:
            opened.bind((setup.host, setup.port))
    except BaseException:
        opened.close()
        raise
    return opened


def _join(opened: socket.socket, group: ipaddress.IPv4Address | ipaddress.IPv6Address, setup: Setup) -> None:
    six = group.version == 6
    level = socket.IPPROTO_IPV6 if six else socket.IPPROTO_IP
    opened.setsockopt(level, _IPV6_MULTICAST_ALL if six else _IP_MULTICAST_ALL, 0)
    try:
        index = socket.if_nametoindex(setup.interface) if setup.interface else 0
    except OSError:
        raise InputError(f"there is no network interface {setup.interface}") from None
    request = struct.pack("@I4x", index) + _sockaddr(group)
    if setup.source is None:
        opened.setsockopt(level, _MCAST_JOIN_GROUP, request)
        return
    sender = ipaddress.ip_address(setup.source)
    if sender.version != group.version:
        raise InputError("sender and group are of different IP versions", retryable=False)
    opened.setsockopt(level, _MCAST_JOIN_SOURCE_GROUP, request + _sockaddr(sender))


def _sockaddr(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bytes:
    """`struct sockaddr_storage`."""
    if address.version == 4:
        return struct.pack("@HH4s120x", socket.AF_INET, 0, address.packed)
    return struct.pack("@HHI16sI100x", socket.AF_INET6, 0, 0, address.packed, 0)
