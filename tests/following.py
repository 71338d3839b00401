"""Playlists fed to the checks of a rendition, with scripted time: what the tests of HLS checks share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count

import playlists as m3u
from qoed.checks import CheckSettings
from qoed.model import Finding, Phase, Reason, Rendition, WireTimings
from qoed.source.hls.checks import LadderChecks, Listed, Placed, RenditionChecks
from qoed.source.hls.load import Load
from qoed.source.hls.model import MediaPlaylist, MultivariantPlaylist
from qoed.source.hls.playlist import PlaylistError, parse_playlist
from qoed.source.http import Fetched, FetchError, FetchKind
from qoed.source.options import SourceOptions
from qoed.source.timeline import Timeline

RUNG = Rendition(id="720p-2500k", bandwidth_bps=2_500_000)
LOW = Rendition(id="360p-800k", bandwidth_bps=800_000)
TIMEOUT = FetchError("not complete within 5 s: http://o/x", kind=FetchKind.TIMEOUT)
GONE = FetchError("HTTP 404: http://o/x", kind=FetchKind.STATUS, status=404)

_BODIES = count()

Brief = tuple[Reason, Phase, float | None]


def parsed(text: str) -> MediaPlaylist:
    """A media playlist as it comes from `http://o/live/index.m3u8`."""
    found = parse_playlist(text.encode(), "http://o/live/index.m3u8?token=S3CR3T")
    assert isinstance(found, MediaPlaylist)
    return found


def multivariant(text: str) -> MultivariantPlaylist:
    """A multivariant playlist as it comes from `http://o/master.m3u8`."""
    found = parse_playlist(text.encode(), "http://o/master.m3u8")
    assert isinstance(found, MultivariantPlaylist)
    return found


def window(first: int, count: int = 6, **more: object) -> MediaPlaylist:
    """A live window of two-second segments."""
    return parsed(m3u.window(first, count, **more))  # type: ignore[arg-type]


def checks(rendition: Rendition = RUNG, **options: object) -> RenditionChecks:
    """The checks of one rendition; limits are given by the check's name, `playlist_stale=2`."""
    return RenditionChecks("tv", rendition, source_options(options), Timeline())


def source_options(options: Mapping[str, object]) -> SourceOptions:
    """Options of a source, with the limits of checks among them."""
    limits = {Reason(name): value for name, value in options.items() if name in set(Reason)}
    rest = {name: value for name, value in options.items() if name not in set(Reason)}
    return SourceOptions(checks=CheckSettings(limits), **rest)  # type: ignore[arg-type]


class Ladder:
    """The checks of several renditions on one timeline."""

    def __init__(self, *renditions: Rendition, **options: object) -> None:
        settings, timeline = source_options(options), Timeline()
        self.checks = LadderChecks("tv", settings)
        self.renditions = {
            one.id: RenditionChecks(
                "tv", one, settings, timeline, ladder=self.checks, uri=f"http://o/{one.id}.m3u8"
            )
            for one in renditions
        }

    def loaded(self, rendition: Rendition, playlist: MediaPlaylist, now: float) -> list[Finding]:
        """Findings of one load."""
        return list(self.renditions[rendition.id].loaded(playlist, now).findings)


Found = tuple[Reason, Phase, str | None, float | None]
"""Reason, phase, rendition and value of a finding."""


def found(*rounds: str | Mapping[Rendition, str], step_s: float = 2.0, **options: object) -> list[Found]:
    """All that is found when playlists are loaded one after the other, `step_s` apart.

    A round is one playlist of `RUNG`, one of each rendition in a mapping, or a multivariant playlist.
    What cannot be read counts as a failed load.
    """
    names = {one: None for some in rounds if not isinstance(some, str) for one in some} or {RUNG: None}
    ladder = Ladder(*names, **options)
    findings: list[Finding] = []
    for number, some in enumerate(rounds):
        now = number * step_s
        for rendition, text in ({RUNG: some} if isinstance(some, str) else some).items():
            follow = ladder.renditions[rendition.id]
            try:
                playlist = parse_playlist(text.encode(), "http://o/live/index.m3u8")
            except PlaylistError as error:
                findings += follow.failed(error, now)
                continue
            if isinstance(playlist, MultivariantPlaylist):
                findings += ladder.checks.multivariant(playlist, now)
            else:
                findings += follow.loaded(playlist, now).findings
    return [(one.reason, one.phase, one.rendition, one.value) for one in findings]


def numbers(listed: Listed) -> list[int]:
    """Sequence numbers of what is to be fetched."""
    return [placed.segment.sequence for placed in listed.segments]


def brief(findings: Iterable[Finding]) -> list[Brief]:
    """Reason, phase and value of each."""
    return [(finding.reason, finding.phase, finding.value) for finding in findings]


def timings(total_s: float, size: int = 500_000, download_s: float | None = None) -> WireTimings:
    """An exchange that took `total_s`."""
    return WireTimings(total_s=total_s, download_s=download_s or total_s, bytes=size, status=200)


def came(
    took_s: float = 0.1,
    size: int = 500_000,
    *,
    body: bytes | None = None,
    download_s: float | None = None,
    headers: Mapping[str, str] | None = None,
) -> Fetched:
    """A body that came; each is another unless it is given."""
    return Fetched(
        body=next(_BODIES).to_bytes(8, "big") if body is None else body,
        status=200,
        final_url="http://o/x",
        headers=headers or {},
        timings=timings(took_s, size, download_s),
    )


def load(took_s: float = 0.1, **more: object) -> Load:
    """How a playlist came."""
    return Load(timings=timings(took_s), **more)  # type: ignore[arg-type]


def first(listed: Listed) -> Placed:
    """The first segment to be fetched."""
    return listed.segments[0]
