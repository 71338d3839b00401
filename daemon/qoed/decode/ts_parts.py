"""Parts of a transport stream made whole: later parts lack the tables, and may begin inside a PES packet."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_PACKET = 188
_SYNC = 0x47
_PAT = 0
_NULL = 0x1FFF

Packets = NDArray[np.uint8]
"""`[n, 188]`"""


class TsJoiner:
    """Makes each part of one run of transport packets a stream of its own for the demuxer.

    Every part gets the first one's PAT and PMT. Whether a part's last PES packets are complete, only the next
    part tells (ISO/IEC 13818-1 2.4.3.6 lets video leave out the length): they are held back until a packager
    has shown that its parts begin with PES packets (`aligned`).
    """

    def __init__(self, aligned: bool | None) -> None:
        self.aligned = aligned
        """True, False, or None: not known yet."""
        self.torn = False
        """The part given last goes on inside a PES packet whose begin was handed out already."""
        self._tables = b""
        self._table_pids: set[int] = {_PAT}
        self._held: Packets | None = None
        self._first = True

    def join(self, media: memoryview | bytes, *, last: bool) -> bytes | memoryview:
        """What to demux now; `last`: nothing follows, so nothing is held back."""
        packets = _packets(media)
        if packets is None:
            return media
        self.torn = False
        if self._first:
            self._first = False
            self._note_tables(packets)
        else:
            self._align(packets)
        if self._held is not None:
            packets, self._held = np.concatenate([self._held, packets]), None
        if not last and not self.aligned:
            late = self._unfinished(packets)
            self._held, packets = packets[late], packets[~late]
        return self._tables + packets.tobytes()

    def _align(self, packets: Packets) -> None:
        firsts = [_starts(packets)[pids][0] for pids in self._media(packets) if pids.any()]
        if not firsts:
            return
        goes_on = not all(firsts)
        self.torn = goes_on and bool(self.aligned)
        self.aligned = not goes_on and self.aligned is not False

    def _unfinished(self, packets: Packets) -> NDArray[np.bool_]:
        late = np.zeros(len(packets), bool)
        for mine in self._media(packets):
            begins = np.flatnonzero(mine & _starts(packets))
            if len(begins):
                late |= mine & (np.arange(len(packets)) >= begins[-1])
        return late

    def _media(self, packets: Packets) -> list[NDArray[np.bool_]]:
        """For each PID that carries PES packets: where its payload is."""
        pids, payload = _pids(packets), packets[:, 3] & 0x10 != 0
        skip = {*self._table_pids, _NULL}
        return [(pids == pid) & payload for pid in np.unique(pids) if pid not in skip]

    def _note_tables(self, packets: Packets) -> None:
        pids = _pids(packets)
        for packet in packets[(pids == _PAT) & _starts(packets)][:1]:
            self._table_pids |= _pmt_pids(packet)
        for pid in sorted(self._table_pids):  # PAT is 0 and comes first
            mine = packets[pids == pid]
            again = np.flatnonzero(_starts(mine))[1:2]  # the table once more
            self._tables += mine[: again[0] if len(again) else len(mine)].tobytes()


def _packets(media: memoryview | bytes) -> Packets | None:
    """The packets; None when they are not of 188 bytes, all in sync: the demuxer may try."""
    if not len(media) or len(media) % _PACKET:
        return None
    packets = np.frombuffer(media, np.uint8).reshape(-1, _PACKET)
    return packets if (packets[:, 0] == _SYNC).all() else None


def _pids(packets: Packets) -> NDArray[np.int64]:
    return ((packets[:, 1] & 0x1F).astype(np.int64) << 8) | packets[:, 2]


def _starts(packets: Packets) -> NDArray[np.bool_]:
    """payload_unit_start_indicator"""
    starts: NDArray[np.bool_] = packets[:, 1] & 0x40 != 0
    return starts


def _pmt_pids(packet: NDArray[np.uint8]) -> set[int]:
    """PIDs that a PAT in one packet names (ISO/IEC 13818-1 2.4.4.3)."""
    data = packet.tobytes()
    at = 4 + (1 + data[4] if data[3] & 0x20 else 0)
    at += 1 + data[min(at, _PACKET - 1)]
    section = data[at:]
    length = (section[1] & 0x0F) << 8 | section[2] if len(section) > 3 else 0
    entries = section[8 : 3 + length - 4]
    return {(entries[i + 2] & 0x1F) << 8 | entries[i + 3] for i in range(0, len(entries) - 3, 4)}
