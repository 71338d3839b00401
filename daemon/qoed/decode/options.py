"""What is asked of the decoder for one stream: how deep, how large, and when picture or sound is at fault."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from qoed.ts.report import Limits

Depth = Literal["full", "light", "extra_light"]
"""How much of a segment is decoded.

`full`: every frame; black and freeze are timed to the frame, and lost frames are counted.
`light`: skips frames that no other frame refers to (about half); what it decodes is exact; timings to 0.1 s.
`extra_light`: key frames only, at most one in `KEY_EVERY_S` of media time while nothing is in doubt; the
cheapest, with timings as coarse as that.
"""

KEY_EVERY_S = 4.0
"""Slot of media time of which `extra_light` decodes only the first key frame; while the picture is black, or
a black or frozen one is an open finding, it decodes every key frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeOptions:
    """Settings of one stream's decoding; the defaults suit television-like content.

    The picture and sound thresholds are those of FFmpeg's blackdetect, freezedetect, silencedetect, ebur128
    and blockdetect filters, and keep their meaning.
    """

    display_height: int = 1080
    """Rows of the viewer's screen: the picture is scaled to it before it is sampled."""
    depth: Depth = "light"
    max_pixels: int = 8192 * 4320
    """Larger pictures are refused before a frame is allocated (default: 8K UHD, the largest in use)."""
    black_duration_s: float = 1.0
    """A black picture is a finding once it has lasted this long."""
    black_picture_ratio: float = 0.99
    """Share of dark pixels that makes a picture black (0-1)."""
    black_pixel_threshold: float = 0.06
    """Luma below this share of the range is dark (0-1)."""
    freeze_duration_s: float = 2.0
    """A picture that does not change is a finding once it has lasted this long."""
    freeze_noise: float = 0.003
    """Mean absolute difference of pictures, made small, that still counts as no change (0-1)."""
    silence_duration_s: float = 3.0
    """Silence is a finding once it has lasted this long."""
    silence_noise_db: float = -60.0
    """Sound below this level is silence (dBFS)."""
    loudness_min_lufs: float | None = None
    """Short-term loudness (EBU R 128, 3 s) below this is a finding; None: not watched."""
    loudness_max_lufs: float | None = None
    """Short-term loudness above this is a finding; None: not watched."""
    blockiness_max: float | None = None
    """FFmpeg blockdetect mean over a segment above this is a finding; None: not watched."""
    transport: Limits | None = field(default_factory=Limits)
    """Limits of the transport stream checks; None: all of them are off."""

    def __post_init__(self) -> None:
        if self.depth not in ("full", "light", "extra_light"):
            raise ValueError(f"depth must be full, light or extra_light, not {self.depth!r}")
        for name in (
            "display_height",
            "max_pixels",
            "black_duration_s",
            "freeze_duration_s",
            "silence_duration_s",
        ):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0")
        for name in ("black_picture_ratio", "black_pixel_threshold", "freeze_noise"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be between 0 and 1")
        low, high = self.loudness_min_lufs, self.loudness_max_lufs
        if low is not None and high is not None and low >= high:
            raise ValueError("loudness_min_lufs must be below loudness_max_lufs")
