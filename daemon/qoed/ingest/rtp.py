"""MPEG-TS over RTP (RFC 2250, RFC 3550): payloads in the order of their sequence numbers, losses counted."""

from __future__ import annotations

from qoed.errors import ErrorReason
from qoed.ingest.failure import InputError
from qoed.ingest.link import LinkStats

MP2T = 33
"""Payload type of MPEG-TS (RFC 3551)."""
REORDER = 32
"""Packets that are waited through for one that is missing."""
_MISORDER = 3000
"""Sequence numbers that leap further begin anew (RFC 3550 A.1 takes 3000 for forward leaps, too)."""
_SYNC = 0x47
_HEADER = 12
_DYNAMIC = range(96, 128)


class RtpStream:
    """Puts one sender's packets in order, and counts."""

    def __init__(self) -> None:
        self.received = 0
        self.lost = 0
        self.late = 0
        self._next: int | None = None
        self._sender: int | None = None
        self._held: dict[int, bytes] = {}

    def take(self, datagram: bytes) -> list[bytes]:
        """The payloads that this datagram lets go, in order. Raises `InputError` for what is no MPEG-TS."""
        header = _parse(datagram)
        if header is None:
            return []
        kind, sequence, sender, payload = header
        if kind != MP2T and not (kind in _DYNAMIC and payload[:1] == bytes([_SYNC])):
            raise InputError(
                f"RTP payload type {kind} is not MPEG-TS (type {MP2T})", reason=ErrorReason.SOURCE_INVALID
            )
        self.received += 1
        out: list[bytes] = []
        if sender != self._sender:
            out = self.flush()
            self._sender, self._next = sender, sequence
        assert self._next is not None
        ahead = (sequence - self._next) & 0xFFFF
        if ahead >= 0x10000 - _MISORDER:
            self.late += 1
            return out
        if ahead > _MISORDER:  # the sender began anew
            out += self.flush()
            self._next = sequence
        self._held[sequence] = payload
        if len(self._held) > REORDER:
            self._skip()
        return out + self._ready()

    def flush(self) -> list[bytes]:
        """Everything that waits; what is missing before it is lost."""
        out: list[bytes] = []
        while self._held:
            self._skip()
            out += self._ready()
        return out

    def stats(self, overruns: int) -> LinkStats:
        """Counts so far."""
        return LinkStats(received=self.received, lost=self.lost, late=self.late, overruns=overruns)

    def _ready(self) -> list[bytes]:
        out: list[bytes] = []
        while self._next is not None and (payload := self._held.pop(self._next, None)) is not None:
            out.append(payload)
            self._next = (self._next + 1) & 0xFFFF
        return out

    def _skip(self) -> None:
        """Give up what is missing before the first packet that waits."""
        assert self._next is not None
        nearest = min((sequence - self._next) & 0xFFFF for sequence in self._held)
        self.lost += nearest
        self._next = (self._next + nearest) & 0xFFFF


def _parse(datagram: bytes) -> tuple[int, int, int, bytes] | None:
    """(payload type, sequence number, SSRC, payload) of RTP version 2; None for anything else."""
    if len(datagram) < _HEADER or datagram[0] >> 6 != 2:
        return None
    start = _HEADER + 4 * (datagram[0] & 0x0F)
    if datagram[0] & 0x10 and len(datagram) >= start + 4:  # header extension
        start += 4 + 4 * int.from_bytes(datagram[start + 2 : start + 4], "big")
    end = len(datagram) - (datagram[-1] if datagram[0] & 0x20 else 0)  # padding
    if start >= end:
        return None
    sequence = int.from_bytes(datagram[2:4], "big")
    return datagram[1] & 0x7F, sequence, int.from_bytes(datagram[8:12], "big"), datagram[start:end]
