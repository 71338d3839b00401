"""Live DASH from a real origin: segments come as they fall due, and what goes wrong is said once."""

from __future__ import annotations

from dash_origin import LiveDash
from hls_run import Run, http, origin, source  # noqa: F401
from origin import LiveOrigin
from qoed.model import Reason
from qoed.source import HttpClient


async def test_live_number(origin: LiveOrigin, http: HttpClient) -> None:
    """x."""
    live = LiveDash(origin)
    async with Run(source(http, live.url)) as run:
        await run.until(lambda: len(run.segments("720p-2500k")) >= 6 and len(run.segments("360p-800k")) >= 6)
    print([(s.rendition.id, s.sequence, s.media_time_s, s.duration_s) for s in run.segments()])
    print(run.findings())
    assert not run.findings()

async def test_live_time(origin: LiveOrigin, http: HttpClient) -> None:
    """x."""
    live = LiveDash(origin, addressing="time")
    async with Run(source(http, live.url)) as run:
        await run.until(lambda: len(run.segments("720p-2500k")) >= 6 and len(run.segments("360p-800k")) >= 6)
    print([(s.rendition.id, s.sequence, s.media_time_s, s.duration_s) for s in run.segments()])
    print(run.findings())
    assert not run.findings()
