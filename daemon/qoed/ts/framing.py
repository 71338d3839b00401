"""From bytes to packets: finding, keeping and losing the sync of 188, 192 or 204 byte packets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

PACKET = 188
SYNC = 0x47
SIZES = (PACKET, 192, 204)
"""Plain packets; with a time stamp before each (M2TS); with Reed-Solomon parity after each (DVB)."""
ACQUIRE = 5
"""So many sync bytes in a row are a sync (TR 101 290 1.1)."""

Bytes = NDArray[np.uint8]


@dataclass(slots=True)
class Framed:
    """Packets of one piece of stream, `uint8 [N,188]`, and what was wrong with their framing."""

    packets: Bytes
    bad_syncs: int = 0
    """Single wrong sync bytes; their packets are kept."""
    first_bad: int | None = None
    """Index of the first packet with one."""
    losses: int = 0
    """Times that the sync was lost."""
    first_loss: int | None = None
    """Packets before the first loss."""
    skipped: int = 0
    """Bytes outside of packets."""


class Framer:
    """Cuts a stream of bytes, given in pieces, into packets."""

    def __init__(self, lost_after: int = 2) -> None:
        self.size: int | None = None
        """Bytes from sync byte to sync byte; None while there is no sync."""
        self._lost_after = lost_after
        self._rest = np.empty(0, np.uint8)

    def feed(self, data: bytes | bytearray | memoryview, *, final: bool = False) -> Framed:
        """The packets that `data` completes. `final`: nothing follows, so less is asked of a sync."""
        piece = np.frombuffer(data, np.uint8)
        buffer = np.concatenate([self._rest, piece]) if self._rest.size else piece
        framed = Framed(np.empty((0, PACKET), np.uint8))
        taken: list[Bytes] = []
        at = 0
        while True:
            if self.size is None:
                found = _search(buffer[at:], final)
                if found is None:
                    end = buffer.size if final else max(at, buffer.size - ACQUIRE * SIZES[-1])
                    framed.skipped += end - at
                    at = end
                    break
                offset, self.size = found
                framed.skipped += offset if offset > self.size - PACKET else 0  # a time stamp is no loss
                at += offset
            at, lost = self._take(buffer, at, self.size, taken, framed, final)
            if not lost:
                break
        self._rest = buffer[min(at, buffer.size) :].copy()
        framed.packets = taken[0] if len(taken) == 1 else np.concatenate([framed.packets, *taken])
        return framed

    def _take(
        self, buffer: Bytes, at: int, size: int, taken: list[Bytes], framed: Framed, final: bool
    ) -> tuple[int, bool]:
        """Append the packets from `at` on; (where the next one begins, whether the sync was lost there)."""
        count = max(0, (buffer.size - at + size - PACKET) // size)  # the last one may be a bare 188 bytes
        if not final and count and at + count * size > buffer.size:
            count -= 1
        grid = as_strided(buffer[at:], (count, PACKET), (size, 1), writeable=False) if count else buffer[:0]
        wrong = np.flatnonzero(grid[:, 0] != SYNC) if count else np.empty(0, np.intp)
        if not wrong.size:
            if count:
                taken.append(grid)
            return at + count * size, False
        before = sum(map(len, taken))
        run = self._lost_after
        starts = wrong[: wrong.size - run + 1]
        in_row = starts[wrong[run - 1 :] - starts == run - 1]
        if in_row.size:
            end = int(in_row[0])
            framed.losses += 1
            if framed.first_loss is None:
                framed.first_loss = before + end
            self.size = None
        else:
            end = count
            while not final and end and grid[end - 1, 0] != SYNC:  # is it one, or the first of a row?
                end -= 1
        single = wrong[wrong < end]
        if single.size:
            framed.bad_syncs += int(single.size)
            if framed.first_bad is None:
                framed.first_bad = before + int(single[0])
        taken.append(grid[:end])
        if self.size is None:
            framed.skipped += 1
            return at + end * size + 1, True
        return at + end * size, False


def _search(buffer: Bytes, final: bool) -> tuple[int, int] | None:
    """(offset, packet size) of the first `ACQUIRE` sync bytes in a row; of all there are when `final`."""
    sync = buffer == SYNC
    best: tuple[int, int] | None = None
    for size in SIZES:
        asked = min(ACQUIRE, (buffer.size - PACKET) // size + 1) if final else ACQUIRE
        length = buffer.size - (asked - 1) * size
        if asked < 1 or length < 1:
            continue
        row = sync[:length].copy()
        for step in range(1, asked):
            row &= sync[step * size : step * size + length]
        if final:
            row[max(0, buffer.size - PACKET * asked + 1) :] = False
        found = int(row.argmax())
        if row[found] and (best is None or found < best[0]):
            best = found, size
    return best
