"""The checks of transport packets (TR 101 290, first priority) on the media segments of a rendition."""

from __future__ import annotations

from collections.abc import Iterable

from qoed.checks import CATALOGUE
from qoed.decode.codec import Job
from qoed.decode.findings import event
from qoed.decode.lasting import Lasting
from qoed.model import Finding
from qoed.ts import LASTING, analyse

MAX_BYTES = 64 << 20
"""Of a segment's parts that are kept until its end."""


class TransportWatch:
    """Collects the parts of a segment: continuity and tables are judged over the whole of it."""

    def __init__(self) -> None:
        self._parts: list[memoryview | bytes] = []
        self._job: Job | None = None

    def collect(self, job: Job) -> None:
        """Note a job's packets."""
        if job.container != "mpegts" or job.transport_checked or job.options.transport is None:
            return
        if sum(map(len, self._parts)) + len(job.media) > MAX_BYTES:
            self._parts.clear()
        self._job = self._job or job
        self._parts.append(job.media)

    def forget(self) -> tuple[Finding, ...]:
        """The segment has a hole that is not its fault: nothing can be said of it."""
        self._job, self._parts = None, []
        return ()

    def judge(self, lasting: Lasting) -> Iterable[Finding]:
        """The segment is over: its events; what lasts begins or ends in `lasting`."""
        job, parts = self._job, self._parts
        self.forget()
        if job is None or job.options.transport is None or not parts:
            return
        report = analyse(parts[0] if len(parts) == 1 else b"".join(parts), job.options.transport)
        if not report.packets:  # no transport stream at all: undecodable, and said so
            return
        lasts = {fault.reason: fault for fault in report.faults if fault.lasting}
        for reason in LASTING:
            fault = lasts.get(reason)
            if fault is None:
                lasting.end(reason, job.media_time_s, CATALOGUE[reason].clears or "over")
            else:
                at_s = job.media_time_s + fault.at_s
                lasting.start(
                    reason, at_s, fault.message, value=fault.value, unit=fault.unit, **fault.evidence
                )
        for fault in report.faults:
            if not fault.lasting:
                yield event(
                    job,
                    fault.reason,
                    CATALOGUE[fault.reason].severity,
                    fault.message,
                    value=fault.value,
                    unit=fault.unit,
                    evidence=fault.evidence,
                )
