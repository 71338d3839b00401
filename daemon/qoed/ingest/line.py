"""From a transport stream's bytes to segments and reports: what UDP, RTP, SRT and HTTP have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Protocol

from qoed.errors import ErrorReason
from qoed.ingest.failure import InputError
from qoed.ingest.link import LinkStats
from qoed.ingest.outlet import Put
from qoed.ingest.setup import Setup
from qoed.ts import Analyser, Limits
from qoed.ts.choice import CutError
from qoed.ts.cutter import Cutter
from qoed.ts.segment import Cut

PIECE_BYTES = 64 << 10
PIECE_S = 0.1
"""What arrives is looked at in pieces of so many bytes, or of so much time."""
REPORT_S = 2.0
"""A report every so often."""

Stats = Callable[[], LinkStats | None]


class Reader(Protocol):
    """Where the bytes come from."""

    note: str
    """Something that the operator should know, or empty."""

    def read(self) -> bytes | None:
        """Bytes, b"" at an orderly end, or None when nothing came for a moment. Raises `InputError`."""
        ...

    def stats(self) -> LinkStats | None:
        """What the link says of itself."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class Line:
    """Analyses and cuts; `put` takes messages (header, body) for the daemon. `now` is monotonic seconds."""

    def __init__(self, setup: Setup, put: Put) -> None:
        self._put = put
        self._analyser = Analyser(Limits(**setup.limits), program=setup.program)
        self._cutter = Cutter(
            program=setup.program,
            target_s=setup.segment_s,
            max_s=setup.max_segment_s,
            max_bytes=setup.max_segment_bytes,
            patience_s=setup.timeout_s,
        )
        self._pieces: list[bytes] = []
        self._waiting = 0
        self._since: float | None = None
        self._reported: float | None = None

    def feed(self, data: bytes | None, now: float, stats: Stats) -> None:
        """Take in bytes, or None as time passes. Raises `InputError` for a stream that cannot be cut."""
        if data:
            self._pieces.append(data)
            self._waiting += len(data)
            if self._since is None:
                self._since = now
        due = self._since is not None and now - self._since >= PIECE_S
        if self._waiting >= PIECE_BYTES or due:
            self._look(now)
        if self._reported is None:
            self._reported = now
        elif now - self._reported >= REPORT_S:
            self._report(stats)
            self._reported = now

    def finish(self, now: float, stats: Stats) -> None:
        """The stream has ended in good order."""
        self._look(now)
        self._emit(self._cutter.finish())
        self._report(stats)

    def _look(self, now: float) -> None:
        data = b"".join(self._pieces)
        self._pieces.clear()
        self._waiting, self._since = 0, None
        try:
            packets = self._analyser.feed(data, now)
            cuts = self._cutter.feed(packets, self._analyser.tables, now)
        except CutError as error:
            raise InputError(str(error), reason=ErrorReason.SOURCE_INVALID) from error
        self._emit(cuts)

    def _emit(self, cuts: list[Cut]) -> None:
        for cut in cuts:
            self._put(
                {
                    "is": "segment",
                    "container": "mpegts",
                    "duration_s": cut.duration_s,
                    "discontinuity": cut.discontinuity,
                    "continues": cut.continues,
                    "unfinished": cut.unfinished,
                },
                cut.data,
            )

    def _report(self, stats: Stats) -> None:
        found = stats()
        link = None if found is None else asdict(found)
        self._put({"is": "report", "transport": self._analyser.report().fields(), "link": link}, b"")
