"""Continuous inputs: MPEG-TS over UDP, RTP, SRT and HTTP, RTMP and RTSP, each through a child process."""

from __future__ import annotations

import asyncio
import math
import socket
import sys
from contextlib import suppress
from typing import Any

import structlog

from qoed.clock import Clock
from qoed.decode.process import ConfinedProcess
from qoed.decode.protocol import ProtocolError, receive, send
from qoed.errors import DecodeError, ErrorReason, SourceError
from qoed.ingest.link import LinkStats
from qoed.model import Finding, Reason, Rendition, Segment
from qoed.source.http import HttpClient
from qoed.source.input_setup import setup_of
from qoed.source.input_watch import LinkWatch, LiveTime, OwnLosses, SilenceWatch, transport_findings
from qoed.source.options import SourceOptions
from qoed.source.protocol import Emit
from qoed.source.report import Report
from qoed.source.url import redact
from qoed.ts import Report as Transport

MODULE = "qoed.ingest.child"
HUNG_S = 5.0
"""A child says something every half second; one that is silent for so long is killed."""
OPEN_GRACE_S = 5.0
"""So much longer than its own limit a child may take to open its input."""
MAIN = Rendition(id="main")

log = structlog.get_logger("qoed.source")


class ContinuousSource:
    """One rendition `main` without an end. Each run is one connection, in a child process of its own.

    Media time and sequence numbers go on from run to run. Raises `SourceError` when the input cannot be
    opened, falls silent or ends.
    """

    unavailable = Reason.INPUT_UNAVAILABLE

    def __init__(
        self, stream: str, url: str, options: SourceOptions, *, http: HttpClient, clock: Clock
    ) -> None:
        self._stream = stream
        self._url = url
        self._options = options
        self._http = http
        self._clock = clock
        self._time = LiveTime()
        self._sequence = 0
        self._report = Report(stream, MAIN.id, options.checks)
        self._link = LinkWatch(self._report)
        self._losses = OwnLosses(self._report)
        self._reconnected = False
        """The next segment is the first of a connection that is not the first."""
        self._lost_s = 0.0
        self._noted = ""

    async def run(self, emit: Emit) -> None:
        """One connection, until it fails."""
        try:
            await self._connect(emit)
        except SourceError as error:
            if redact(self._url) in str(error):
                raise
            raise SourceError(
                f"{redact(self._url)}: {error}", reason=error.reason, retryable=error.retryable
            ) from error

    async def _connect(self, emit: Emit) -> None:
        setup = await setup_of(self._url, self._options, self._http.guard)
        try:
            process = await ConfinedProcess.start("an ingest process", MODULE, setup.fields())
        except DecodeError as error:
            raise SourceError(str(error)) from error
        self._reconnected = self._sequence > 0
        self._link.reset()
        watch = SilenceWatch(self._report, timeout_s=setup.timeout_s, patient=setup.listen)
        feeder = asyncio.create_task(self._feed(process)) if setup.kind == "pipe" else None
        try:
            await self._listen(process, watch, setup.timeout_s + OPEN_GRACE_S, emit)
        except _ChildLostError as lost:
            await process.kill()
            failure = _failure_of(feeder)
            if failure is not None:
                raise failure from lost
            for finding in self._report.event(
                Reason.DECODER_RESTARTED, f"the ingest process {lost} ({process.ending}); it is started anew"
            ):
                await emit(finding)
            raise SourceError(f"the ingest process {lost} ({process.ending})") from lost
        finally:
            if feeder is not None:
                feeder.cancel()
            await process.kill()
            if feeder is not None:
                await asyncio.gather(feeder, return_exceptions=True)

    async def _listen(self, process: ConfinedProcess, watch: SilenceWatch, open_s: float, emit: Emit) -> None:
        """Take in what the child says until it, or its silence, ends the connection."""
        begun = self._clock.monotonic()
        open_ = False
        while True:
            try:
                async with asyncio.timeout(HUNG_S):
                    header, body = await receive(process.sock)
            except TimeoutError:
                raise _ChildLostError("hung") from None
            except (ProtocolError, OSError):
                raise _ChildLostError("died") from None
            now = self._clock.monotonic()
            try:
                kind = str(header["is"])
                silent_s = None if header["silent_s"] is None else float(header["silent_s"])
                if kind == "connected":
                    open_ = True
                    watch.connected(now)
                    self._look_at(header)
                items = self._take(kind, header, bytes(body), now)
            except (KeyError, TypeError, ValueError) as error:
                raise _ChildLostError(f"said what cannot be ({type(error).__name__})") from error
            for item in (*items, *watch.beat(silent_s, now)):
                await emit(item)
            watch.check(silent_s, now)
            if not open_ and now - begun > open_s:
                raise SourceError(f"not open within {open_s:g} s")

    def _look_at(self, header: dict[str, Any]) -> None:
        """Whom the child has reached, and what the operator should know, once. Raises `SourceError`."""
        for peer in header["peers"]:
            if not self._http.guard.allows(peer):
                raise SourceError("address not allowed", reason=ErrorReason.SOURCE_REFUSED, retryable=False)
        note = str(header["note"])
        if note and note != self._noted:
            log.warning("input_note", stream=self._stream, note=note)
        self._noted = note

    def _take(self, kind: str, header: dict[str, Any], body: bytes, now: float) -> list[Segment | Finding]:
        """What a message means. Raises `SourceError` when it is the last one."""
        items: list[Segment | Finding] = [*self._own_losses(header, now)]
        if kind == "segment":
            items.append(self._segment(header, body, now))
        elif kind == "report":
            items += self._judge(header, now)
        elif kind == "failed":
            raise SourceError(
                str(header["message"]),
                reason=ErrorReason(header["reason"]),
                retryable=bool(header["retryable"]),
            )
        elif kind == "ended":
            raise SourceError("the input has ended", reason=ErrorReason.SOURCE_ENDED)
        return items

    def _segment(self, header: dict[str, Any], body: bytes, now: float) -> Segment:
        duration_s = float(header["duration_s"])
        if not 0 < duration_s < math.inf or header["container"] not in ("mpegts", "matroska"):
            raise ValueError(header["container"])
        reconnected, self._reconnected = self._reconnected, False
        lost_s, self._lost_s = self._lost_s, 0.0
        start_s = self._time.place(duration_s, now, reconnected=reconnected, lost_s=lost_s)
        self._report.media_time_s = round(start_s + duration_s, 6)
        self._sequence += 1
        return Segment(
            stream=self._stream,
            rendition=MAIN,
            sequence=self._sequence - 1,
            media_time_s=start_s,
            duration_s=duration_s,
            container=header["container"],
            data=body,
            discontinuity=bool(header["discontinuity"]) or reconnected,
            continues=bool(header["continues"]),
            unfinished=bool(header["unfinished"]),
            transport_checked=True,
            received_s=now,
        )

    def _judge(self, header: dict[str, Any], now: float) -> list[Finding]:
        findings: list[Finding] = []
        overrun = 0
        if header["link"] is not None:
            stats = LinkStats(**header["link"])
            overrun = self._link.overrun(stats)
            findings += self._link.take(stats, now)
        findings += self._losses.take(now, datagrams=overrun)
        found = Transport.of(header["transport"])
        return findings + transport_findings(found, self._report, now, overrun=overrun > 0)

    def _own_losses(self, header: dict[str, Any], now: float) -> list[Finding]:
        dropped = int(header["dropped"])
        self._sequence += dropped
        self._lost_s += float(header["dropped_s"])
        return self._losses.take(now, segments=dropped) if dropped else []

    async def _feed(self, process: ConfinedProcess) -> None:
        """Hand an HTTP response down to the child as it arrives. Raises `SourceError`."""

        async def sink(chunk: bytes) -> None:
            try:
                await send(process.sock, {}, chunk)
            except OSError:
                raise _ChildLostError("died") from None

        try:
            await self._http.download(
                self._url,
                sink,
                max_bytes=sys.maxsize,
                deadline_s=math.inf,
                silence_s=self._options.input.timeout_s,
                headers={**self._options.headers, "Accept-Encoding": "identity"},
            )
            await sink(b"")
        except SourceError:
            with suppress(OSError):
                process.sock.shutdown(socket.SHUT_RDWR)  # wakes the listener, which then asks us why
            raise


class _ChildLostError(Exception):
    """The child hung, died or broke the protocol; the text says which."""


def _failure_of(feeder: asyncio.Task[None] | None) -> SourceError | None:
    if feeder is not None and feeder.done() and not feeder.cancelled():
        error = feeder.exception()
        return error if isinstance(error, SourceError) else None
    return None
