"""Header fields of many transport packets at once (ISO/IEC 13818-1 2.4.3)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qoed.ts.framing import Bytes

NULL_PID = 0x1FFF
PCR_PERIOD = (1 << 33) * 300
"""Ticks of 27 MHz after which the clock begins anew."""
PCR_HZ = 27_000_000
_HEAD = 12


class Packets:
    """Columns of `raw`, `uint8 [N,188]`; each is an array of N."""

    def __init__(self, raw: Bytes) -> None:
        self.raw = raw
        head = np.ascontiguousarray(raw[:, :_HEAD])
        flags = head[:, 3]
        self.error = head[:, 1] & 0x80 != 0
        """transport_error_indicator: whoever received it could not repair it; nothing in it is sure."""
        self.starts = head[:, 1] & 0x40 != 0
        """payload_unit_start_indicator"""
        self.pid: NDArray[np.uint16] = ((head[:, 1] & 0x1F).astype(np.uint16) << 8 | head[:, 2]).astype(
            np.uint16
        )
        self.scrambled = flags & 0xC0 != 0
        self.payload = flags & 0x10 != 0
        self.count: NDArray[np.int16] = (flags & 0x0F).astype(np.int16)
        """continuity_counter"""
        adapted = (flags & 0x20 != 0) & (head[:, 4] > 0)
        self.discontinuous = adapted & (head[:, 5] & 0x80 != 0)
        self.random_access = adapted & (head[:, 5] & 0x40 != 0)
        self.clocked = adapted & (head[:, 5] & 0x10 != 0) & (head[:, 4] >= 7) & ~self.error
        """Whether it brings a PCR."""
        self._head = head

    def __len__(self) -> int:
        return len(self.raw)

    def pcr(self, indices: NDArray[np.intp]) -> NDArray[np.int64]:
        """PCRs of packets that are `clocked`, in ticks of 27 MHz."""
        at = self._head[indices, 6:12].astype(np.int64)
        base = at[:, 0] << 25 | at[:, 1] << 17 | at[:, 2] << 9 | at[:, 3] << 1 | at[:, 4] >> 7
        return base * 300 + ((at[:, 4] & 1) << 8 | at[:, 5])

    def body(self, index: int) -> bytes:
        """The payload of one packet; empty when it has none."""
        packet = self.raw[index]
        if not self.payload[index]:
            return b""
        start = 5 + int(packet[4]) if packet[3] & 0x20 else 4
        body: bytes = packet[start:].tobytes()
        return body
