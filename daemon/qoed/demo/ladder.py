"""The demo's ladder and its playlists (RFC 8216bis), as text from values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from qoed.clock import rfc3339
from qoed.demo.content import FPS

Packaging = Literal["mpegts", "fmp4"]

AUDIO_BPS = 96_000


@dataclass(frozen=True, slots=True)
class Rung:
    """One rendition: `crf` sets its everyday quality, `video_bps` caps it."""

    name: str
    width: int
    height: int
    video_bps: int
    starved_bps: int
    """What is left of the video when the bitrate collapses."""
    crf: int = 23

    @property
    def bandwidth_bps(self) -> int:
        """BANDWIDTH: no segment has a higher bitrate, with rate control's slack and the container counted."""
        return round((1.55 * self.video_bps + 1.6 * AUDIO_BPS) / 100_000) * 100_000

    @property
    def rendition(self) -> str:
        """The id under which qoed knows this rung: `720p-7900k`."""
        return f"{self.height}p-{self.bandwidth_bps // 1000}k"


LADDER: tuple[Rung, ...] = (
    Rung("720p", 1280, 720, 5_000_000, 160_000),
    Rung("360p", 640, 360, 1_800_000, 60_000),
    Rung("216p", 384, 216, 900_000, 30_000),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One segment as a media playlist lists it."""

    sequence: int
    duration_s: float
    program_date_time: datetime
    discontinuity: bool = False


def multivariant(ladder: Sequence[Rung]) -> str:
    """The multivariant playlist: one variant a rung, `NAME/index.m3u8`."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for rung in ladder:
        lines.append(
            f"#EXT-X-STREAM-INF:BANDWIDTH={rung.bandwidth_bps},RESOLUTION={rung.width}x{rung.height},"
            f'FRAME-RATE={FPS:.3f},CODECS="avc1.42c01f,mp4a.40.2"'
        )
        lines.append(f"{rung.name}/index.m3u8")
    return "\n".join(lines) + "\n"


def media(window: Sequence[Entry], packaging: Packaging, *, discontinuities_before: int = 0) -> str:
    """A live media playlist over `window`, segments `SEQUENCE.ts` or `SEQUENCE.m4s`."""
    target_s = math.ceil(max((entry.duration_s for entry in window), default=1))
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        f"#EXT-X-TARGETDURATION:{target_s}",
        f"#EXT-X-MEDIA-SEQUENCE:{window[0].sequence if window else 0}",
        f"#EXT-X-DISCONTINUITY-SEQUENCE:{discontinuities_before}",
    ]
    if packaging == "fmp4":
        lines.append('#EXT-X-MAP:URI="init.mp4"')
    for entry in window:
        if entry.discontinuity:
            lines.append("#EXT-X-DISCONTINUITY")
        lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{rfc3339(entry.program_date_time)}")
        lines.append(f"#EXTINF:{entry.duration_s:.5f},")
        lines.append(segment_name(entry.sequence, packaging))
    return "\n".join(lines) + "\n"


def segment_name(sequence: int, packaging: Packaging) -> str:
    """`17.ts` or `17.m4s`."""
    return f"{sequence}.{'ts' if packaging == 'mpegts' else 'm4s'}"
