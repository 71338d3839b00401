"""One SRT connection, called or accepted: MPEG-TS in order, with what the link says of itself."""

from __future__ import annotations

import ctypes
import ipaddress
import socket
import struct
import time

from qoed.errors import ErrorReason
from qoed.ingest import srt_library as api
from qoed.ingest.failure import InputError
from qoed.ingest.link import LinkStats
from qoed.ingest.setup import Setup
from qoed.ingest.srt_library import Srt, load

WAIT_MS = 100
_MESSAGE = 1500
_BATCH = 64


class SrtLink:
    """A connection. A listener accepts one caller, and waits for it in `read`. Raises `InputError`."""

    note = ""

    def __init__(self, setup: Setup) -> None:
        self._srt = load()
        self._listener: int | None = None
        self._link: int | None = None
        self._streamid = setup.streamid
        self._buffer = ctypes.create_string_buffer(_MESSAGE)
        opened = self._open(setup)
        if setup.listen:
            self._listener = opened
        else:
            self._link = opened

    def read(self) -> bytes | None:
        """Media, or None when nothing came for a moment. Raises `InputError` when the other side is gone."""
        if self._link is None:
            self._accept()
            return None
        lib, parts = self._srt.lib, []
        for _ in range(_BATCH):
            size = lib.srt_recvmsg(self._link, self._buffer, _MESSAGE)
            if size > 0:
                parts.append(self._buffer.raw[:size])
                continue
            if size == 0 or self._srt.last_error() not in (api.EASYNCRCV, api.ETIMEOUT):
                raise InputError("the SRT connection has ended", reason=ErrorReason.SOURCE_ENDED)
            break
        return b"".join(parts) or None

    def stats(self) -> LinkStats | None:
        """Counts of the connection."""
        found = None if self._link is None else self._srt.statistics(self._link)
        if found is None:
            return None
        lost = found.pktRcvDropTotal + found.pktRcvUndecryptTotal
        return LinkStats(
            received=found.pktRecvTotal,
            lost=lost,
            repaired=max(found.pktRcvLossTotal - found.pktRcvDropTotal, 0),
            rtt_ms=round(found.msRTT, 1),
        )

    def close(self) -> None:
        """End it."""
        for opened in (self._link, self._listener):
            if opened is not None:
                self._srt.lib.srt_close(opened)
        self._link = self._listener = None

    def _open(self, setup: Setup) -> int:
        srt = self._srt
        opened = int(srt.lib.srt_create_socket())
        if opened == api.ERROR:
            raise InputError(f"SRT: {srt.last_text()}")
        try:
            _set_options(srt, opened, setup)
            address = _sockaddr(setup.host or "0.0.0.0", setup.port)  # noqa: S104
            if setup.listen:
                if srt.lib.srt_bind(opened, address, len(address)) == api.ERROR:
                    raise InputError(f"cannot listen on port {setup.port}: {srt.last_text()}")
                srt.set_flag(opened, api.RCVSYN, False)
                if srt.lib.srt_listen(opened, 1) == api.ERROR:
                    raise InputError(f"cannot listen on port {setup.port}: {srt.last_text()}")
            elif srt.lib.srt_connect(opened, address, len(address)) == api.ERROR:
                raise self._refusal(opened)
        except BaseException:
            srt.lib.srt_close(opened)
            raise
        return opened

    def _accept(self) -> None:
        assert self._listener is not None
        lib = self._srt.lib
        link = int(lib.srt_accept(self._listener, None, None))
        if link == api.ERROR:
            if self._srt.last_error() != api.EASYNCRCV:
                raise InputError(f"SRT listener: {self._srt.last_text()}")
            time.sleep(WAIT_MS / 1000)  # srt_accept knows no time limit
            return
        if self._streamid and self._srt.text_flag(link, api.STREAMID) != self._streamid:
            lib.srt_close(link)  # somebody else's stream
            return
        self._link = link
        self._srt.set_flag(link, api.RCVSYN, True)
        self._srt.set_flag(link, api.RCVTIMEO, WAIT_MS)
        lib.srt_close(self._listener)
        self._listener = None

    def _refusal(self, opened: int) -> InputError:
        reason = int(self._srt.lib.srt_getrejectreason(opened))
        if reason in (api.BADSECRET, api.UNSECURE):
            return InputError("SRT refused: the passphrase is wrong, or one side has none")
        if self._srt.last_error() in (1001, 1003):
            return InputError("SRT: no answer")
        text: bytes = self._srt.lib.srt_rejectreason_str(reason) or b""
        return InputError(f"SRT refused: {text.decode(errors='replace') or self._srt.last_text()}")


def _set_options(srt: Srt, opened: int, setup: Setup) -> None:
    srt.set_flag(opened, api.CONNTIMEO, round(setup.timeout_s * 1000))
    srt.set_flag(opened, api.RCVTIMEO, WAIT_MS)
    srt.set_flag(opened, api.PEER_IDLE_TIMEOUT, max(round(setup.timeout_s * 1000), 1000))
    if setup.latency_ms is not None:
        srt.set_flag(opened, api.RCVLATENCY, setup.latency_ms)
    if setup.passphrase:
        srt.set_flag(opened, api.PASSPHRASE, setup.passphrase.encode())
    if setup.streamid and not setup.listen:
        srt.set_flag(opened, api.STREAMID, setup.streamid.encode())


def _sockaddr(host: str, port: int) -> bytes:
    """`struct sockaddr_in` or `sockaddr_in6`."""
    address = ipaddress.ip_address(host)
    family = struct.pack("=H", socket.AF_INET6 if address.version == 6 else socket.AF_INET)
    network_port = port.to_bytes(2, "big")
    if address.version == 4:
        return family + network_port + address.packed + bytes(8)
    return family + network_port + bytes(4) + address.packed + bytes(4)
