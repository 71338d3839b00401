"""Continuity counters: packets lost, repeated or out of order (TR 101 290 1.4, ISO/IEC 13818-1 2.4.3.3)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qoed.ts.packets import NULL_PID, Packets

_PIDS = 1 << 13


@dataclass(slots=True)
class Breaks:
    """Breaks of continuity by PID, and the index of the first packet after one."""

    by_pid: Counter[int] = field(default_factory=Counter)
    first: int | None = None
    at_least_lost: int = 0
    """Packets lost, where a break is no more than that; counters have 4 bits, so there may be more."""


class Continuity:
    """The last counter of each PID; packets without payload do not count, nor do null packets."""

    def __init__(self) -> None:
        self._last = np.full(_PIDS, -1, np.int16)
        self._repeated = np.zeros(_PIDS, np.bool_)
        self._packets: dict[int, bytes] = {}

    def feed(self, packets: Packets) -> Breaks:
        """The breaks in `packets`, the seam to those before included."""
        marked = ~packets.payload & packets.discontinuous  # a counter that may begin anew
        counts = (packets.payload | marked) & (packets.pid != NULL_PID) & ~packets.error
        chosen = np.flatnonzero(counts)
        if not chosen.size:
            return Breaks()
        order = chosen[np.argsort(packets.pid[chosen], kind="stable")]
        pid, count = packets.pid[order], packets.count[order]
        first = np.ones(len(order), np.bool_)
        first[1:] = pid[1:] != pid[:-1]
        before = np.empty_like(count)
        before[1:] = count[:-1]
        before[first] = self._last[pid[first]]
        step = (count - before) & 15
        free = (before < 0) | packets.discontinuous[order]
        same = (step == 0) & ~free & packets.payload[order]
        repeated = self._repeats(packets, order, pid, first, same)
        good = free | (step == 1) | repeated
        self._remember(packets, order, pid, count, first, repeated)
        wrong = np.flatnonzero(~good)
        if not wrong.size:
            return Breaks()
        lost = int(np.maximum(step[wrong].astype(np.int64) - 1, 0).sum())
        return Breaks(Counter(pid[wrong].tolist()), int(order[wrong].min()), lost)

    def _repeats(
        self,
        packets: Packets,
        order: NDArray[np.intp],
        pid: NDArray[np.uint16],
        first: NDArray[np.bool_],
        same: NDArray[np.bool_],
    ) -> NDArray[np.bool_]:
        """Which packets repeat the one before them: allowed once, with the same payload."""
        repeated = np.zeros_like(same)
        for place in np.flatnonzero(same).tolist():
            if first[place]:
                body, again = self._packets.get(int(pid[place])), bool(self._repeated[pid[place]])
            else:
                body, again = packets.body(int(order[place - 1])), bool(repeated[place - 1])
            repeated[place] = not again and body == packets.body(int(order[place]))
        return repeated

    def _remember(
        self,
        packets: Packets,
        order: NDArray[np.intp],
        pid: NDArray[np.uint16],
        count: NDArray[np.int16],
        first: NDArray[np.bool_],
        repeated: NDArray[np.bool_],
    ) -> None:
        last = np.append(np.flatnonzero(first)[1:] - 1, len(order) - 1)
        self._last[pid[last]] = count[last]
        self._repeated[pid[last]] = repeated[last]
        for place in last.tolist():
            self._packets[int(pid[place])] = packets.body(int(order[place]))
