"""ETSI TR 101 290, first priority: what receivers need to decode at all. Whole segments, or by pieces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from qoed.ts.clock import StreamClock
from qoed.ts.continuity import Continuity
from qoed.ts.faults import (
    Tally,
    absent_faults,
    continuity_fault,
    one_each,
    pid_fault,
    sync_faults,
    table_fault,
)
from qoed.ts.framing import ACQUIRE, SIZES, Framed, Framer
from qoed.ts.packets import NULL_PID, Packets
from qoed.ts.psi import PAT_PID
from qoed.ts.report import Fault, Limits, Report
from qoed.ts.tables import PAT, Arrivals, Tables
from qoed.ts.waits import Wait

_NEVER_S = 1e9


class Analyser:
    """A stream given in pieces. Distances are judged by PCR, and by arrival where there are none.

    `program`: judge this one alone, and whatever belongs to no other; None: the whole stream.
    """

    def __init__(self, limits: Limits | None = None, *, program: int | None = None) -> None:
        self.tables = Tables()
        self._limits = limits or Limits()
        self._program = program
        self._framer = Framer(self._limits.sync_bytes)
        self._clock = StreamClock()
        self._continuity = Continuity()
        self._base = 0
        self._synced_once = False
        self._waits: dict[int, Wait] = {PAT: Wait(0.0, self._limits.pat_s)}
        """For PAT and PMTs, by their keys."""
        self._pids: dict[int, Wait] = {}
        self._pending: list[tuple[int, int]] = []
        """(packet, key) of tables that came after the last PCR: their time is not sure yet."""
        self._tally = Tally()
        self._reported_s = 0.0

    def feed(
        self, data: bytes | bytearray | memoryview, arrival_s: float | None = None, *, final: bool = False
    ) -> Packets:
        """Take in a piece; its packets. `arrival_s`: when it came, on any clock that never steps.

        `final`: nothing follows.
        """
        framed = self._framer.feed(data, final=final)
        packets = Packets(framed.packets)
        self._tally.bytes += len(data)
        self._tally.packets += len(packets)
        self._clock.feed(packets, self._base, arrival_s)
        self._follow_sync(framed, final)
        self._follow_tables(self.tables.feed(packets, self._base))
        self._follow_pids(packets)
        self._follow_counters(packets)
        self._base += len(packets)
        return packets

    def report(self) -> Report:
        """What has happened since the last report."""
        now_s = self._clock.seconds
        faults = [*self._faults(now_s)]
        packets, self._tally = self._tally.packets, Tally()
        begun_s, self._reported_s = self._reported_s, now_s
        return Report(
            faults=one_each(faults),
            packets=packets,
            duration_s=round(now_s - begun_s, 6) if self._clock.by_pcr else None,
        )

    def _faults(self, now_s: float) -> list[Fault]:
        tally = self._tally
        out_of_sync = self._framer.size is None and tally.bytes > ACQUIRE * SIZES[-1]
        faults = [*sync_faults(tally, out_of_sync=out_of_sync), *continuity_fault(tally)]
        for key, wait in self._waits.items():
            pid = PAT_PID if key == PAT else (self.tables.pmt_pids or {})[key]
            came = tally.tables.get(pid, Arrivals())
            faults += table_fault(key, pid, wait.take(now_s) if self._synced_once else None, came)
        for pid, wait in self._pids.items():
            faults += pid_fault(pid, wait.take(now_s))
        return faults

    def _follow_sync(self, framed: Framed, final: bool) -> None:
        tally, clock = self._tally, self._clock
        tally.bad_syncs.add(framed.bad_syncs, float(clock.at(self._base + (framed.first_bad or 0))))
        tally.losses.add(framed.losses, float(clock.at(self._base + (framed.first_loss or 0))))
        if self._synced_once or final:  # a live stream is joined in mid-packet
            tally.skipped += framed.skipped
        self._synced_once = self._synced_once or bool(len(framed.packets))

    def _follow_tables(self, arrivals: dict[int, Arrivals]) -> None:
        clock = self._clock
        for pid, came in arrivals.items():
            so_far = self._tally.tables.setdefault(pid, Arrivals())
            so_far.foreign += came.foreign
            so_far.scrambled += came.scrambled
            so_far.damaged += came.damaged
            self._pending += ((number, key) for key, numbers in came.good.items() for number in numbers)
        pats = arrivals[PAT_PID].good.get(PAT, []) if PAT_PID in arrivals else []
        listed_s = float(clock.at(pats[0])) if pats else clock.seconds
        for number in self._judged():
            if number not in self._waits:
                self._waits[number] = Wait(listed_s, self._limits.pmt_s)
        judged = {PAT, *self._judged()}
        self._waits = {key: wait for key, wait in self._waits.items() if key in judged}
        for number, key in sorted(self._pending):
            if number <= clock.index and key in self._waits:
                self._waits[key].seen(float(clock.at(number)))
        self._pending = [item for item in self._pending if item[0] > clock.index]

    def _follow_pids(self, packets: Packets) -> None:
        wanted: dict[int, None] = {}
        for number in self._judged():
            program = self.tables.programs.get(number)
            if program is not None:
                wanted |= {stream.pid: None for stream in program.streams if stream.kind != "other"}
                if program.pcr_pid != NULL_PID:
                    wanted[program.pcr_pid] = None
                    self._clock.pid = program.pcr_pid
        self._pids = {
            pid: self._pids.get(pid) or Wait(self._reported_s, self._limits.pid_s) for pid in wanted
        }
        for pid, wait in self._pids.items():
            indices = np.flatnonzero(packets.pid == pid)
            if indices.size:
                wait.seen_often(self._clock.at(indices + self._base))

    def _follow_counters(self, packets: Packets) -> None:
        breaks = self._continuity.feed(packets)
        by_pid = {pid: count for pid, count in breaks.by_pid.items() if self._concerns(pid)}
        if by_pid:
            at_s = float(self._clock.at(self._base + (breaks.first or 0)))
            self._tally.breaks.add(sum(by_pid.values()), at_s)
            self._tally.breaks_by_pid.update(by_pid)
            self._tally.lost += breaks.at_least_lost

    def _judged(self) -> list[int]:
        """Numbers of the programs that are judged."""
        listed = self.tables.pmt_pids or {}
        return [number for number in listed if self._program in (None, number)]

    def _concerns(self, pid: int) -> bool:
        """Whether a PID is judged: not when it belongs to other programs only."""
        tables, listed = self.tables, self.tables.pmt_pids or {}
        judged = self._judged()
        programs = tables.programs.values()
        mine = {listed[number] for number in judged}.union(
            *(p.pids() for p in programs if p.number in judged)
        )
        return pid in mine or not (pid in listed.values() or any(pid in each.pids() for each in programs))


def analyse(data: bytes | bytearray | memoryview, limits: Limits | None = None) -> Report:
    """One whole segment by itself: PAT and PMT must be in it, however often; what it refers to, too.

    Packagers write the tables once into each segment (RFC 8216 3.2), so their distance is not judged.
    """
    analyser = Analyser(replace(limits or Limits(), pat_s=_NEVER_S, pmt_s=_NEVER_S))
    analyser.feed(data, final=True)
    report = analyser.report()
    if not report.packets:
        return report
    absent = absent_faults(analyser.tables.pmt_pids, analyser.tables.programs)
    return replace(report, faults=one_each((*report.faults, *absent)))
