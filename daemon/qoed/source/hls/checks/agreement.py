"""What all renditions of a ladder must declare alike (RFC 8216bis 6.2.4). No clock, no IO."""

from __future__ import annotations

from dataclasses import dataclass

from qoed.model import Finding, Reason
from qoed.source.report import Report

_STEADY = 2
"""A rendition that is still polled must have been loaded so often since they began to differ: a change comes
to each of them with its own load."""


@dataclass(slots=True)
class _Said:
    value: str
    settled: bool
    loads: int = 0


class Agreement:
    """Follows one thing that every rendition says; the finding is the stream's."""

    def __init__(self, report: Report, reason: Reason, name: str) -> None:
        self._report = report
        self._reason = reason
        self._name = name
        self._said: dict[str, _Said] = {}

    def take(self, rendition: str, value: str, now: float, *, settled: bool) -> list[Finding]:
        """A rendition was loaded and says `value`; `settled`: it has ended and will say nothing else."""
        said = self._said.setdefault(rendition, _Said(value, settled))
        said.value, said.settled = value, settled
        said.loads += 1
        return self._judge(now)

    def gone(self, rendition: str, now: float) -> list[Finding]:
        """A rendition is no longer listed."""
        self._said.pop(rendition, None)
        return self._judge(now)

    def _judge(self, now: float) -> list[Finding]:
        values = {said.value for said in self._said.values()}
        if len(values) <= 1:
            for said in self._said.values():
                said.loads = 0
            return self._report.end(self._reason, now, f"the renditions have one {self._name}")
        if not all(said.settled or said.loads >= _STEADY for said in self._said.values()):
            return []
        listed = ", ".join(f"{rendition} {said.value}" for rendition, said in sorted(self._said.items()))
        return self._report.start(
            self._reason,
            now,
            f"the renditions differ in {self._name}: {listed}"[:300],
            value=float(len(values)),
            unit="values",
        )
