"""When a packet was due: by its program's clock references, or by arrival where there are none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qoed.ts.packets import PCR_HZ, PCR_PERIOD, Packets

MAX_STEP_S = 10.0
"""PCRs further apart, or running backwards, are another time base: no time passes between them."""
PATIENCE_S = 1.0
"""So long without a PCR, time is what passes between arrivals (TR 101 290 2.3 wants a PCR every 0.1 s)."""


class StreamClock:
    """Seconds from the first packet, at any packet; packets are numbered from 0 since the beginning."""

    def __init__(self) -> None:
        self.pid: int | None = None
        """PID whose PCRs count; None, or as long as it brings none: the first that has any."""
        self.seconds = 0.0
        """At `index`."""
        self.index = 0
        """The last packet whose time is sure; later ones are guessed from the rate before it."""
        self.by_pcr = False
        self._own = False
        """PCRs of `pid` have been seen."""
        self._packet_s = 0.0
        self._ticks: int | None = None
        self._arrival: float | None = None
        self._points: tuple[NDArray[np.float64], NDArray[np.float64]] = (np.zeros(1), np.zeros(1))

    def feed(self, packets: Packets, base: int, arrival_s: float | None) -> None:
        """Go on over `packets`, the first of which has the number `base`."""
        indices = self._references(packets)
        before = float(self.index), self.seconds
        if indices.size:
            ticks = packets.pcr(indices)
            known = self._ticks is not None
            previous = np.concatenate([[self._ticks if self._ticks is not None else ticks[0]], ticks[:-1]])
            steps = (ticks - previous) % PCR_PERIOD / PCR_HZ
            steps[(steps > MAX_STEP_S) | packets.discontinuous[indices]] = 0.0
            at = indices + base
            seconds = self.seconds + np.cumsum(steps)
            gaps = np.diff(at, prepend=self.index if known else at[0])
            if steps.sum() > 0 and gaps.sum() > 0:
                self._packet_s = float(steps.sum() / gaps.sum())
            self._ticks, self.by_pcr = int(ticks[-1]), True
            self.index, self.seconds = int(at[-1]), float(seconds[-1])
            self._points = (
                np.concatenate([[before[0]], at.astype(np.float64)]),
                np.concatenate([[before[1]], seconds]),
            )
            self._arrival = arrival_s
        elif arrival_s is not None:
            self._by_arrival(base + len(packets), arrival_s, before)

    def at(self, index: float | NDArray[np.intp]) -> NDArray[np.float64]:
        """Seconds at packets of this or the next feed."""
        known, seconds = self._points
        ahead = np.maximum(np.asarray(index, np.float64) - self.index, 0.0) * self._packet_s
        return np.asarray(np.interp(index, known, seconds) + ahead, np.float64)

    def _references(self, packets: Packets) -> NDArray[np.intp]:
        indices = np.flatnonzero(packets.clocked)
        chosen: NDArray[np.intp] = indices[packets.pid[indices] == self.pid]
        if chosen.size or not indices.size:
            self._own = self._own or bool(chosen.size)
            return chosen
        others: NDArray[np.intp] = indices[packets.pid[indices] == packets.pid[indices[0]]]
        return others[:0] if self._own else others

    def _by_arrival(self, end: int, arrival_s: float, before: tuple[float, float]) -> None:
        if self._arrival is None:
            self._arrival = arrival_s
        elif arrival_s - self._arrival > (PATIENCE_S if self._ticks is not None else 0.0):
            if end > self.index:
                self._packet_s = (arrival_s - self._arrival) / (end - self.index)
            self.index, self.seconds = end, self.seconds + arrival_s - self._arrival
            self._points = np.array([before[0], end]), np.array([before[1], self.seconds])
            self._ticks, self._arrival = None, arrival_s
