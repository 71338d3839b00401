"""Cutting a live transport stream into segments at key frames; every packet of them as it came."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from qoed.ts.choice import Choice, CutError
from qoed.ts.framing import PACKET
from qoed.ts.packets import Packets
from qoed.ts.pes import CLOCK_HZ, can_start, parse_pes, ticks_between
from qoed.ts.segment import Cut, OpenSegment, Picture
from qoed.ts.tables import Tables

EARLY_S = 0.05
"""A key frame so much before the target is taken: frame durations do not add up to whole seconds."""
DRAIN_S = 1.0
"""Sound that began before a cut belongs before it; longer than this nobody waits for its end."""


class Cutter:
    """Segments of one program: `target_s` long, up to the next key frame, at most `max_s` and `max_bytes`.

    Without key frames it cuts between pictures: then a segment `continues` the one before, which is
    `unfinished`. Sound goes with the segment in which it began. Null packets and other programs are left out.
    """

    def __init__(
        self,
        *,
        program: int | None = None,
        target_s: float = 2.0,
        max_s: float = 10.0,
        max_bytes: int = 64 << 20,
        patience_s: float = 10.0,
    ) -> None:
        self._choice = Choice(program)
        self._target_s = target_s
        self._max_s = max_s
        self._max_bytes = max_bytes
        self._patience_s = patience_s
        """PAT and PMT must have come by then; time stamps, too, beside the longest segments."""
        self._current: OpenSegment | None = None
        self._closing: OpenSegment | None = None
        """The segment before, until its sound has ended on these PIDs."""
        self._draining: set[int] = set()
        self._broken = False
        self._keyless = False
        """No key frame has come for so long that none is waited for."""
        self._first_dts: int | None = None
        """Of the first picture while a key frame is waited for."""
        self._waiting_since: float | None = None
        self._closing_since: float | None = None

    def feed(self, packets: Packets, tables: Tables, arrival_s: float | None = None) -> list[Cut]:
        """Take in packets, with the tables in force after them; the segments that are complete now.

        Raises `CutError`.
        """
        cuts: list[Cut] = []
        if self._choice.follow(tables):
            self._break(cuts)
        at = 0
        for picture in self._pictures(packets):
            current = self._current
            if current is not None and current.leaps(picture.dts):
                self._append(packets, at, picture.index)
                at = picture.index
                self._break(cuts)
            if self._begins(picture, (picture.index - at) * PACKET):
                self._append(packets, at, picture.index)
                at = picture.index
                self._emit(cuts)
                self._begin(picture, tables)
        self._append(packets, at, len(packets))
        self._check(arrival_s, bool(cuts))
        if not self._draining:
            self._emit(cuts)
        return cuts

    def finish(self) -> list[Cut]:
        """What is left at an orderly end."""
        cuts: list[Cut] = []
        self._break(cuts)
        return cuts

    def _pictures(self, packets: Packets) -> Iterator[Picture]:
        """Where pictures (or sounds) with a time stamp begin."""
        lead = self._choice.lead
        if lead is None:
            return
        starts = (packets.pid == lead.pid) & packets.starts & ~packets.error & ~packets.scrambled
        for index in np.flatnonzero(starts).tolist():
            pes = parse_pes(packets.body(index))
            if pes is None or pes.pts is None:
                continue
            key = lead.kind == "sound" or bool(packets.random_access[index])
            key = key or can_start(pes.payload, lead.stream_type)
            yield Picture(index, pes.pts, pes.pts if pes.dts is None else pes.dts, key)

    def _begins(self, picture: Picture, more_bytes: int) -> bool:
        """Whether a segment begins with this picture."""
        current = self._current
        if current is None:
            if self._first_dts is None:
                self._first_dts = picture.dts
            waited_s = abs(ticks_between(self._first_dts, picture.dts)) / CLOCK_HZ
            return picture.key or waited_s >= self._max_s
        current.pass_by(picture)
        length_s = current.length_s(picture)
        if picture.key:
            return length_s >= self._target_s - EARLY_S
        due_s = self._target_s if self._keyless else self._max_s
        return length_s >= due_s - 1e-3 or current.size + more_bytes >= self._max_bytes

    def _begin(self, picture: Picture, tables: Tables) -> None:
        """A new segment with this picture; the current one, if any, waits for the end of its sound."""
        program, before = self._choice.program, self._current
        assert program is not None
        start, continues = picture.pts, before is not None and not picture.key
        if before is not None:
            before.duration_s, before.unfinished = before.length_s(picture), continues
            start = before.start_of(picture)
            self._keyless = not picture.key and (self._keyless or before.keys == 0)
            self._closing, self._closing_since = before, None
            self._draining = self._choice.sounds()
        self._current = OpenSegment(
            start=start,
            reorder=ticks_between(picture.dts, start),
            dts=picture.dts,
            continues=continues,
            discontinuity=self._broken,
            keys=int(picture.key),
            last=picture.dts,
        )
        self._broken, self._first_dts = False, None
        self._current.add(tables.packets_of(program.number, picture.index))

    def _break(self, cuts: list[Cut]) -> None:
        """Time stamps, or the streams, are no longer those from before."""
        self._emit(cuts)
        if self._current is not None:
            self._current.end()
            self._closing, self._current = self._current, None
            self._emit(cuts)
        self._broken, self._first_dts = True, None

    def _emit(self, cuts: list[Cut]) -> None:
        if self._closing is not None:
            cuts.append(self._closing.cut())
        self._closing = None
        self._draining = set()

    def _append(self, packets: Packets, start: int, end: int) -> None:
        """Put packets away: into the current segment, sound that began before it into the one before."""
        if end <= start or (self._current is None and self._closing is None):
            return
        pid = packets.pid[start:end]
        mine = self._choice.kept[pid]
        for draining in list(self._draining):
            places = np.flatnonzero(pid == draining)
            begins = np.flatnonzero((pid == draining) & packets.starts[start:end])
            rest = places if not begins.size else places[places < begins[0]]
            if self._closing is not None and rest.size:
                self._closing.add(packets.raw[start:end][rest].tobytes())
                mine[rest] = False
            if begins.size:
                self._draining.discard(draining)
        if self._current is not None:
            self._current.add(packets.raw[start:end][mine].tobytes())

    def _check(self, arrival_s: float | None, progress: bool) -> None:
        """Bound what is held, and how long nothing comes of it."""
        if self._current is not None and self._current.size > self._max_bytes + (1 << 20):
            raise CutError(f"no picture begins within {self._max_bytes} bytes")
        if arrival_s is None:
            return
        if self._waiting_since is None or progress:
            self._waiting_since = arrival_s
        if self._closing is None or self._closing_since is None:
            self._closing_since = arrival_s
        if arrival_s - self._closing_since > DRAIN_S:
            self._draining.clear()
        waited_s = arrival_s - self._waiting_since
        if self._choice.lead is None and waited_s > self._patience_s:
            raise CutError(f"no PAT and PMT within {self._patience_s:g} s")
        if waited_s > self._patience_s + 2 * self._max_s:
            raise CutError(f"no picture with a time stamp for {waited_s:.0f} s; is it scrambled?")
