"""Cutting a live transport stream into segments at key frames; every packet of them as it came."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qoed.ts.packets import NULL_PID, Packets
from qoed.ts.pes import CLOCK_HZ, PesStart, can_start, parse_pes, ticks_between
from qoed.ts.psi import PAT_PID, Elementary, Program
from qoed.ts.tables import Tables

EARLY_S = 0.05
"""A key frame so much before the target is taken: frame durations do not add up to whole seconds."""
BREAK_S = 10.0
"""Time stamps that leap so far ahead, or back at all, are another time base."""
BACK_S = 0.5
DRAIN_S = 1.0
"""Sound that began before a cut belongs before it; longer than this nobody waits for its end."""
PATIENCE_S = 10.0
"""PAT, PMT and a time stamp must have come by then."""


class CutError(Exception):
    """The stream cannot be cut; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """One segment: PAT and PMT, then the packets as they came."""

    data: bytes = field(repr=False)
    duration_s: float
    discontinuity: bool = False
    continues: bool = False
    unfinished: bool = False


@dataclass(slots=True)
class _Open:
    """A segment under way. Times in ticks of 90 kHz."""

    start: int
    reorder: int
    """Ticks from decoding to presentation of its first picture."""
    dts: int
    continues: bool
    discontinuity: bool
    chunks: list[bytes] = field(default_factory=list)
    size: int = 0
    keys: int = 0
    frame: int = 0
    """Ticks from one picture to the next, the last ones."""
    last: int = 0
    """Latest decoding time."""
    closed: tuple[float, bool] | None = None
    """(duration, unfinished), once the next one has begun."""

    def add(self, data: bytes) -> None:
        if data:
            self.chunks.append(data)
            self.size += len(data)


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
    ) -> None:
        self._number = program
        self._target_s = target_s
        self._max_s = max_s
        self._max_bytes = max_bytes
        self._program: Program | None = None
        self._lead: Elementary | None = None
        """The elementary stream whose time counts: video, or sound where there is no video."""
        self._kept: NDArray[np.bool_] = np.ones(1 << 13, np.bool_)
        self._current: _Open | None = None
        self._closing: _Open | None = None
        self._draining: set[int] = set()
        self._broken = False
        self._keyless = False
        self._waiting_since: float | None = None
        self._closing_since: float | None = None
        self._first_dts: int | None = None

    def feed(self, packets: Packets, tables: Tables, arrival_s: float | None = None) -> list[Cut]:
        """Take in packets, with the tables in force after them; the segments that are complete now.

        Raises `CutError`.
        """
        cuts: list[Cut] = []
        self._follow(tables, cuts)
        lead = self._lead
        at = 0
        if lead is not None:
            starts = (packets.pid == lead.pid) & packets.starts & ~packets.error & ~packets.scrambled
            for index in np.flatnonzero(starts).tolist():
                pes = parse_pes(packets.body(index))
                if pes is None or pes.pts is None:
                    continue
                key = lead.kind == "sound" or bool(packets.random_access[index])
                key = key or can_start(pes.payload, lead.stream_type)
                if self._decide(pes, key, packets, at, index, tables, cuts):
                    at = index
        self._append(packets, at, len(packets))
        self._check(arrival_s, bool(cuts))
        if self._closing is not None and not self._draining:
            self._emit(cuts)
        return cuts

    def finish(self) -> list[Cut]:
        """What is left at an orderly end."""
        cuts: list[Cut] = []
        self._emit(cuts)
        if self._current is not None and self._current.size:
            self._close(self._ending(self._current), unfinished=False)
            self._emit(cuts)
        return cuts

    def _follow(self, tables: Tables, cuts: list[Cut]) -> None:
        """Use the program that the tables describe now."""
        listed = tables.pmt_pids
        if not listed:
            return
        number = self._number if self._number is not None else next(iter(listed))
        if number not in listed:
            known = ", ".join(map(str, listed))
            raise CutError(f"there is no program {number} in the stream; it has {known}")
        program = tables.programs.get(number)
        if program is None or program == self._program:
            return
        lead = next(
            (each for kind in ("video", "sound") for each in program.streams if each.kind == kind), None
        )
        if lead is None:
            raise CutError(f"program {number} has neither video nor sound that qoed knows")
        if self._lead is not None and lead != self._lead:
            self._break(cuts)
        others = {pid for other, pid in listed.items() if other != number}
        others.update(*(each.pids() for each in tables.programs.values() if each.number != number))
        kept = np.ones(1 << 13, np.bool_)
        kept[list(others - program.pids() - {PAT_PID, listed[number]})] = False
        kept[NULL_PID] = False
        self._program, self._lead, self._kept = program, lead, kept
        self._draining &= program.pids()

    def _decide(
        self,
        pes: PesStart,
        key: bool,
        packets: Packets,
        at: int,
        index: int,
        tables: Tables,
        cuts: list[Cut],
    ) -> bool:
        """Whether a segment begins with the picture at `index`; then those before it are put away."""
        assert pes.pts is not None
        dts = pes.dts if pes.dts is not None else pes.pts
        current = self._current
        if current is not None:
            step = ticks_between(current.last, dts) / CLOCK_HZ
            if not -BACK_S <= step <= BREAK_S:
                self._append(packets, at, index)
                self._break(cuts)
                at, current = index, None
        if current is None:
            if self._first_dts is None:
                self._first_dts = dts
            waited_s = abs(ticks_between(self._first_dts, dts)) / CLOCK_HZ
            if not key and waited_s < self._max_s:
                return False
            self._begin(pes.pts, dts, key, tables, continues=False)
            return True
        current.frame = max(ticks_between(current.last, dts), 0) or current.frame
        current.last = dts
        forced_at = dts + current.reorder
        begun_s = ticks_between(current.start, pes.pts if key else forced_at) / CLOCK_HZ
        due_s = self._target_s - EARLY_S if key or self._keyless else self._max_s
        if begun_s < due_s and current.size + (index - at) * 188 < self._max_bytes:
            current.keys += key
            return False
        self._append(packets, at, index)
        self._keyless = not key and (self._keyless or current.keys == 0)
        self._close(begun_s, unfinished=not key)
        self._begin(pes.pts if key else forced_at, dts, key, tables, continues=not key)
        return True

    def _begin(self, start: int, dts: int, key: bool, tables: Tables, *, continues: bool) -> None:
        assert self._program is not None
        self._current = _Open(
            start=start,
            reorder=ticks_between(dts, start),
            dts=dts,
            continues=continues,
            discontinuity=self._broken,
            keys=int(key),
            last=dts,
        )
        self._broken, self._first_dts = False, None
        self._current.add(tables.packets_of(self._program.number))

    def _close(self, duration_s: float, *, unfinished: bool) -> None:
        """The current segment waits for the end of its sound."""
        assert self._current is not None
        assert self._program is not None
        self._current.closed = duration_s, unfinished
        self._closing, self._current, self._closing_since = self._current, None, None
        streams = self._program.streams
        self._draining = {each.pid for each in streams if each.kind == "sound" and each is not self._lead}

    def _break(self, cuts: list[Cut]) -> None:
        """Time stamps, or the program, are no longer those from before."""
        self._emit(cuts)
        if self._current is not None:
            self._close(self._ending(self._current), unfinished=False)
            self._draining.clear()
            self._emit(cuts)
        self._broken, self._first_dts = True, None

    def _ending(self, segment: _Open) -> float:
        """Seconds of a segment that no other follows."""
        return (ticks_between(segment.dts, segment.last) + segment.frame) / CLOCK_HZ

    def _emit(self, cuts: list[Cut]) -> None:
        closing, self._closing = self._closing, None
        if closing is not None and closing.closed is not None:
            duration_s, unfinished = closing.closed
            cuts.append(
                Cut(
                    data=b"".join(closing.chunks),
                    duration_s=round(max(duration_s, 1 / 1000), 6),
                    discontinuity=closing.discontinuity,
                    continues=closing.continues,
                    unfinished=unfinished,
                )
            )

    def _append(self, packets: Packets, start: int, end: int) -> None:
        """Put packets away: into the current segment, sound that began before it into the one before."""
        if end <= start or (self._current is None and self._closing is None):
            return
        pid = packets.pid[start:end]
        mine = self._kept[pid]
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
        limit_s = PATIENCE_S if self._lead is None else PATIENCE_S + 2 * self._max_s
        if waited_s > limit_s:
            what = (
                "no PAT and PMT" if self._lead is None else "no picture with a time stamp (is it scrambled?)"
            )
            raise CutError(f"{what} within {limit_s:g} s")
