"""One look at a stream: its playlist, its ladder, and one segment of each rendition."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from qoed.clock import Clock, SystemClock
from qoed.errors import SourceError
from qoed.model import Finding, Rendition, Segment
from qoed.source import HttpClient, Item, SourceOptions, kind_of, make_source
from qoed.source.dash.parse import parse_mpd
from qoed.source.dash.presentation import Ladder
from qoed.source.detect import adaptive_kind
from qoed.source.hls.model import MultivariantPlaylist
from qoed.source.hls.playlist import parse_playlist
from qoed.source.hls.source import MAIN
from qoed.source.selector import parse_selector
from qoed.source.transport import Transport

LATECOMERS_S = 2.0
"""How long renditions may follow the first one when the ladder is not known beforehand."""


@dataclass(slots=True, kw_only=True)
class Probe:
    """What was found at one stream. `error` is None when every watched rendition yielded a segment."""

    stream: str
    ladder: list[Rendition] = field(default_factory=list)
    """All renditions that the playlist lists."""
    watched: list[str] = field(default_factory=list)
    """Ids of those that the configuration chooses; empty when they are not known beforehand (files)."""
    segments: dict[str, Segment] = field(default_factory=dict)
    """The first segment of each rendition that yielded one."""
    findings: list[Finding] = field(default_factory=list)
    error: str | None = None

    @property
    def missing(self) -> list[str]:
        """Watched renditions without a segment."""
        return [name for name in self.watched if name not in self.segments]


async def probe(
    stream: str,
    url: str,
    options: SourceOptions,
    *,
    http: HttpClient,
    timeout_s: float = 20.0,
    clock: Clock | None = None,
) -> Probe:
    """Look at a stream for at most `timeout_s`. Never raises for what the stream does wrong."""
    found = Probe(stream=stream)
    try:
        async with asyncio.timeout(timeout_s):
            await _look(found, url, options, http, clock or SystemClock())
    except TimeoutError:
        last = f"; last finding: {found.findings[-1].message}" if found.findings else ""
        what = f"renditions {', '.join(found.missing)}" if found.segments else "any rendition"
        found.error = f"no segment of {what} within {timeout_s:g} s{last}"
    except SourceError as error:
        found.error = str(error)
    if found.error is None and found.missing:
        found.error = f"the stream ended without a segment of {', '.join(found.missing)}"
    if found.error is None and not found.segments:
        found.error = "the stream ended without a segment"
    return found


async def _look(found: Probe, url: str, options: SourceOptions, http: HttpClient, clock: Clock) -> None:
    source = make_source(found.stream, url, options, http=http, clock=clock)
    await _read_ladder(found, url, options, http)
    news = asyncio.Event()
    ended = asyncio.Event()
    hold = asyncio.Event()

    async def emit(item: Item) -> None:
        if isinstance(item, Finding):
            found.findings.append(item)
        if not isinstance(item, Segment):
            return
        seen = item.rendition.id in found.segments
        found.segments.setdefault(item.rendition.id, item)
        news.set()
        if seen or not found.missing:
            await hold.wait()  # one segment of each is enough: hold the source back until it is cancelled

    async def pull() -> None:
        try:
            await source.run(emit)
        except SourceError as error:
            found.error = str(error)
        ended.set()
        news.set()

    async with asyncio.TaskGroup() as group:
        pulling = group.create_task(pull())
        while not ended.is_set() and (not found.segments or found.missing):
            news.clear()
            await news.wait()
        if not found.watched and not ended.is_set():
            await clock.sleep(LATECOMERS_S)
        pulling.cancel()


async def _read_ladder(found: Probe, url: str, options: SourceOptions, http: HttpClient) -> None:
    kind: str | None = kind_of(url, options.format)
    if kind not in ("hls", "dash", "detect") or not url.startswith(("http://", "https://")):
        return
    fetched = await Transport(url, options, http).playlist(url)
    if kind == "detect" and (kind := adaptive_kind(fetched.body)) is None:
        return  # the source will say so
    if kind == "dash":
        presentation = Ladder(parse_selector(options.renditions)).arrange(
            parse_mpd(fetched.body, fetched.final_url)
        )
        found.ladder, found.watched = list(presentation.ladder), presentation.names
        return
    playlist = parse_playlist(fetched.body, fetched.final_url)
    if isinstance(playlist, MultivariantPlaylist):
        variants = [variant for variant in playlist.variants if not variant.audio_only]
        found.ladder = [variant.rendition for variant in variants or playlist.variants]
        found.watched = [each.id for each in parse_selector(options.renditions).choose(found.ladder)]
    else:
        found.watched = [MAIN.id]
