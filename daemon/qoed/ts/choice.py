"""Which program of a transport stream is taken, and which of its streams sets the time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qoed.ts.packets import NULL_PID
from qoed.ts.psi import PAT_PID, Elementary, Program
from qoed.ts.tables import Tables


class CutError(Exception):
    """The stream cannot be cut; the text says why."""


class Choice:
    """One program, by its number or the first that the PAT lists, as the tables describe it at any time."""

    def __init__(self, number: int | None) -> None:
        self.program: Program | None = None
        self.lead: Elementary | None = None
        """Its video, or its sound where there is no video."""
        self.kept: NDArray[np.bool_] = np.ones(1 << 13, np.bool_)
        """By PID: not a null packet, and not another program's alone."""
        self._number = number

    def follow(self, tables: Tables) -> bool:
        """Whether the lead is another one than before. Raises `CutError`."""
        listed = tables.pmt_pids
        if not listed:
            return False
        number = self._number if self._number is not None else next(iter(listed))
        if number not in listed:
            known = ", ".join(map(str, listed))
            raise CutError(f"there is no program {number} in the stream; it has {known}")
        program = tables.programs.get(number)
        if program is None or program == self.program:
            return False
        streams = sorted(program.streams, key=lambda each: each.kind != "video")
        lead = next((each for each in streams if each.kind != "other"), None)
        if lead is None:
            raise CutError(f"program {number} has neither video nor sound that qoed knows")
        others = {pid for other, pid in listed.items() if other != number}
        others.update(*(each.pids() for each in tables.programs.values() if each.number != number))
        kept = np.ones(1 << 13, np.bool_)
        kept[list(others - program.pids() - {PAT_PID, listed[number]})] = False
        kept[NULL_PID] = False
        changed = self.lead is not None and lead != self.lead
        self.program, self.lead, self.kept = program, lead, kept
        return changed

    def sounds(self) -> set[int]:
        """PIDs of the sound, unless that leads."""
        streams = () if self.program is None else self.program.streams
        return {each.pid for each in streams if each.kind == "sound" and each is not self.lead}
