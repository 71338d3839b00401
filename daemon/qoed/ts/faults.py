"""From counts to faults: the words, values and evidence of each reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from qoed.reason import Reason
from qoed.ts.report import Fault
from qoed.ts.tables import PAT, Arrivals

_MAX_NAMED = 8
"""PIDs that a message names."""
_ORDER = {reason: place for place, reason in enumerate(Reason)}


@dataclass(slots=True)
class Count:
    """How often something went wrong, and when first, in seconds of the stream."""

    number: int = 0
    at_s: float = 0.0

    def add(self, number: int, at_s: float) -> None:
        """`number` more, the first of them at `at_s`."""
        if number and not self.number:
            self.at_s = at_s
        self.number += number


@dataclass(slots=True)
class Tally:
    """What has come together since the last report."""

    packets: int = 0
    bytes: int = 0
    bad_syncs: Count = field(default_factory=Count)
    losses: Count = field(default_factory=Count)
    skipped: int = 0
    """Bytes outside of packets, where there should have been packets."""
    breaks: Count = field(default_factory=Count)
    breaks_by_pid: Counter[int] = field(default_factory=Counter)
    lost: int = 0
    tables: dict[int, Arrivals] = field(default_factory=dict)
    """By PID."""


def sync_faults(tally: Tally, *, out_of_sync: bool) -> Iterable[Fault]:
    """TS_SYNC_LOSS and TS_SYNC_BYTE."""
    losses, bad = tally.losses, tally.bad_syncs
    if losses.number or out_of_sync or tally.skipped:
        said = "sync lost" if losses.number < 2 else f"sync lost {losses.number} times"
        if not losses.number:
            said = "no sync" if out_of_sync else "bytes before the first packet"
        skipped = tally.skipped or tally.bytes
        yield Fault(
            reason=Reason.TS_SYNC_LOSS,
            at_s=round(losses.at_s, 3),
            message=f"{said}, {skipped} bytes skipped",
            value=float(losses.number),
            unit="losses",
            evidence={"skipped_bytes": skipped},
        )
    if bad.number:
        yield Fault(
            reason=Reason.TS_SYNC_BYTE,
            at_s=round(bad.at_s, 3),
            message=f"sync byte of {bad.number} packets is not 0x47",
            value=float(bad.number),
            unit="packets",
        )


def continuity_fault(tally: Tally) -> Iterable[Fault]:
    """TS_CONTINUITY."""
    if tally.breaks.number:
        named = tally.breaks_by_pid.most_common(_MAX_NAMED)
        pids = ", ".join(f"{pid}: {count}" for pid, count in named)
        yield Fault(
            reason=Reason.TS_CONTINUITY,
            at_s=round(tally.breaks.at_s, 3),
            message=f"continuity broken {tally.breaks.number} times (PID {pids})",
            value=float(tally.breaks.number),
            unit="breaks",
            evidence={"pids": pids, "packets_lost_at_least": tally.lost},
        )


def table_fault(key: int, pid: int, waited: tuple[float, float] | None, came: Arrivals) -> Iterable[Fault]:
    """TS_PAT or TS_PMT; `waited` is (seconds, since when)."""
    name = "PAT" if key == PAT else f"PMT of program {key}"
    said = []
    if waited is not None:
        said.append(f"no {name} for {waited[0]:.2f} s")
    if came.scrambled:
        said.append(f"{name} is scrambled")
    if came.foreign:
        said.append(f"{came.foreign} sections of other tables on the PAT's PID")
    if said:
        counts = {
            "scrambled": came.scrambled,
            "other_tables": came.foreign,
            "damaged_sections": came.damaged,
        }
        yield Fault(
            reason=Reason.TS_PAT if key == PAT else Reason.TS_PMT,
            at_s=round(waited[1], 3) if waited else 0.0,
            message="; ".join(said),
            value=round(waited[0], 3) if waited else None,
            unit="s" if waited else None,
            evidence={"pid": pid} | {name: count for name, count in counts.items() if count},
        )


def absent_faults(pmt_pids: dict[int, int] | None, present: Iterable[int]) -> Iterable[Fault]:
    """TS_PAT or TS_PMT for tables that a whole segment has not; `present` are programs with a PMT."""
    if pmt_pids is None:
        yield Fault(reason=Reason.TS_PAT, at_s=0.0, message="no PAT in the segment", evidence={"pid": 0})
    for number, pid in (pmt_pids or {}).items():
        if number not in present:
            yield Fault(
                reason=Reason.TS_PMT,
                at_s=0.0,
                message=f"no PMT of program {number} in the segment",
                evidence={"pid": pid},
            )


def pid_fault(pid: int, waited: tuple[float, float] | None) -> Iterable[Fault]:
    """TS_PID."""
    if waited is not None:
        yield Fault(
            reason=Reason.TS_PID,
            at_s=round(waited[1], 3),
            message=f"PID {pid}, which the PMT lists, was absent for {waited[0]:.1f} s",
            value=round(waited[0], 3),
            unit="s",
            evidence={"pid": pid},
        )


def one_each(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """The worst fault of each reason, in the order of `Reason`; others of it are counted in its evidence."""
    by_reason: dict[Reason, list[Fault]] = {}
    for fault in faults:
        by_reason.setdefault(fault.reason, []).append(fault)
    return tuple(_worst(by_reason[reason]) for reason in sorted(by_reason, key=_ORDER.__getitem__))


def _worst(faults: list[Fault]) -> Fault:
    worst = max(faults, key=lambda fault: fault.value or 0.0)
    if len(faults) == 1:
        return worst
    return replace(
        worst,
        message=f"{worst.message} (and {len(faults) - 1} more)",
        evidence=worst.evidence | {"affected": len(faults)},
    )
