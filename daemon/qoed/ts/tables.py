"""The programs of a transport stream, and how its PAT and PMTs arrive."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from qoed.ts.packets import Packets
from qoed.ts.psi import (
    PAT_PID,
    PAT_TABLE,
    PMT_TABLE,
    Program,
    SectionError,
    SectionReader,
    parse_pat,
    parse_pmt,
)

PAT = 0
"""Key of the PAT among the tables; a PMT's key is its program's number, which is never 0."""


@dataclass(slots=True)
class Arrivals:
    """What came of one PID's tables in one piece of stream."""

    good: dict[int, list[int]] = field(default_factory=dict)
    """Numbers of the packets that completed a table, by its key."""
    foreign: int = 0
    """Sections of another table id, where there must be none."""
    scrambled: int = 0
    damaged: int = 0
    """Sections whose CRC is wrong, or that are malformed."""


@dataclass(slots=True)
class _Carrier:
    """One PID that carries tables."""

    reader: SectionReader = field(default_factory=SectionReader)
    collecting: bytes = b""
    """Packets since a section began."""
    seen: tuple[bytes, int] | None = None
    """Payload of the last packet that was one whole table, and its key: the same again needs no parsing."""


class Tables:
    """PAT and PMTs in force."""

    def __init__(self) -> None:
        self.pmt_pids: dict[int, int] | None = None
        """Program number to PID of its PMT; None before the first PAT."""
        self.programs: dict[int, Program] = {}
        self._carriers: dict[int, _Carrier] = {PAT_PID: _Carrier()}
        self._packets: dict[int, bytes] = {}
        """The packets of each table as they came last, before the piece under way ..."""
        self._news: list[tuple[int, int, bytes]] = []
        """... and (index, key, packets) in it."""

    def feed(self, packets: Packets, base: int) -> dict[int, Arrivals]:
        """Take the tables out of `packets`, numbered from `base`; what came, by PID."""
        arrivals: dict[int, Arrivals] = {}
        self._packets |= {key: data for _index, key, data in self._news}
        self._news = []
        done = -1
        again = True
        while again:  # a PAT may name PMTs that are in the same piece, behind it
            again = False
            wanted = np.isin(packets.pid, np.fromiter(self._carriers, np.uint16)) & ~packets.error
            for index in np.flatnonzero(wanted[done + 1 :]) + done + 1:
                carriers = self._carriers
                self._packet(packets, int(index), base, arrivals)
                done = int(index)
                if self._carriers is not carriers:
                    again = True
                    break
        return arrivals

    def packets_of(self, number: int, index: int) -> bytes:
        """PAT and PMT of a program as packets: the last ones before packet `index` of the piece, if any."""
        return self._last(PAT, index) + self._last(number, index)

    def _last(self, key: int, index: int) -> bytes:
        news = [(at, data) for at, each, data in self._news if each == key]
        before = [data for at, data in news if at < index]
        return before[-1] if before else self._packets.get(key) or next((data for _at, data in news), b"")

    def _packet(self, packets: Packets, index: int, base: int, arrivals: dict[int, Arrivals]) -> None:
        pid = int(packets.pid[index])
        carrier = self._carriers[pid]
        came = arrivals.setdefault(pid, Arrivals())
        if packets.scrambled[index]:
            came.scrambled += 1
            return
        body, starts = packets.body(index), bool(packets.starts[index])
        if not body:
            return
        packet = packets.raw[index].tobytes()
        if starts and carrier.seen is not None and body == carrier.seen[0]:
            key = carrier.seen[1]
            self._news.append((index, key, packet))
            came.good.setdefault(key, []).append(base + index)
            return
        carrier.collecting = packet if starts else carrier.collecting + packet
        sections = carrier.reader.feed(body, starts)
        for section in sections:
            try:
                found = self._section(pid, section)
            except SectionError:
                came.damaged += 1
                continue
            if found is None:
                came.foreign += pid == PAT_PID  # other tables may share a PMT's PID
                continue
            came.good.setdefault(found, []).append(base + index)
            self._news.append((index, found, carrier.collecting))
            if starts and len(sections) == 1 and len(carrier.collecting) == len(packet):
                carrier.seen = body, found

    def _section(self, pid: int, section: bytes) -> int | None:
        """Take a section in; its key, or None for one of another table. Raises `SectionError`."""
        if pid == PAT_PID:
            if section[0] != PAT_TABLE:
                return None
            self._list(parse_pat(section), whole=section[7] == 0)
            return PAT
        if section[0] != PMT_TABLE:
            return None
        program = parse_pmt(section)
        number = section[3] << 8 | section[4]
        if (self.pmt_pids or {}).get(number) != pid:
            return None
        if program is not None:
            self.programs[number] = program
        return number

    def _list(self, listed: dict[int, int] | None, *, whole: bool) -> None:
        if listed is None:
            return
        if not whole:  # a PAT of several sections lists more than 250 programs
            listed = (self.pmt_pids or {}) | listed
        if listed != self.pmt_pids:
            self.pmt_pids = listed
            self.programs = {number: each for number, each in self.programs.items() if number in listed}
            pids = dict.fromkeys((PAT_PID, *listed.values()))
            self._carriers = {pid: self._carriers.get(pid) or _Carrier() for pid in pids}
