"""What every set of rated videos is turned into."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RawFormat:
    """Headerless video: planar 8-bit 4:2:0 pictures one after another, `frames` of them."""

    width: int
    height: int
    fps: float
    frames: int
    pixel_format: str = "yuv420p"

    @property
    def frame_bytes(self) -> int:
        """Bytes of one picture: Y, then U and V at half width and height."""
        return self.width * self.height * 3 // 2


@dataclass(frozen=True, slots=True)
class Label:
    """One line of a label file. `files` are the paths that the video may have, likeliest first."""

    name: str
    mos: float
    files: tuple[str, ...]
    content: str
    distortion: str | None = None
    subset: str | None = None
    raw: RawFormat | None = None


@dataclass(frozen=True, slots=True)
class RatedVideo:
    """One video and its mean opinion on the scale of its set.

    `content` is shared by videos made of the same source. Raw files have `width` and `height` in pixels,
    `fps` and `pixel_format`; container files say these themselves and have None. `subset` is the side of an
    official split, `distortion` the kind that was put in on purpose, None where there is none.
    """

    path: Path
    mos: float
    content: str
    name: str
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    pixel_format: str | None = None
    distortion: str | None = None
    subset: str | None = None


@dataclass(frozen=True, slots=True)
class RatedVideos:
    """A whole set. Opinion runs from `lo` to `hi`; where higher is not better it is DMOS.

    `withdrawn` counts the rated videos that the publisher no longer gives out.
    """

    name: str
    higher_is_better: bool
    lo: float
    hi: float
    videos: tuple[RatedVideo, ...]
    withdrawn: int = 0
