"""From EXT-X-STREAM-INF to a `Rendition` with an id that people can read and keys can hold."""

from __future__ import annotations

import math
import re
from collections.abc import Set
from dataclasses import replace
from typing import Any

from qoed.model import Rendition

_RESOLUTION = re.compile(r"(\d{1,5})x(\d{1,5})", re.IGNORECASE)
# ISO/IEC 14496 sample entry names of sound, as CODECS (RFC 6381) begins with them.
_SOUND = (
    "mp4a",
    "ac-3",
    "ac-4",
    "ec-3",
    "opus",
    "flac",
    "fLaC",
    "Opus",
    "alac",
    "mp3",
    "dts",
    "mha1",
    "mhm1",
)


def rendition_of(info: dict[str, Any]) -> Rendition:
    """The rendition that one stream-inf dictionary of m3u8 describes: `720p-2500k`, `2500k`, `variant`."""
    match = _RESOLUTION.fullmatch(str(info.get("resolution", "")).strip())
    width, height = (int(match[1]), int(match[2])) if match else (None, None)
    bandwidth = info.get("bandwidth")
    if bandwidth is not None and bandwidth <= 0:
        bandwidth = None
    rate = info.get("frame_rate")
    codecs = info.get("codecs")
    rendition = Rendition(
        id="",
        bandwidth_bps=bandwidth,
        width=width,
        height=height,
        frame_rate=rate if rate and math.isfinite(rate) and rate > 0 else None,
        codecs=codecs,
    )
    parts = [f"{height}p"] if height else ["audio"] if audio_only(rendition) else []
    if bandwidth:
        parts.append(f"{max(round(bandwidth / 1000), 1)}k")
    return replace(rendition, id="-".join(parts) or "variant")


def audio_only(rendition: Rendition) -> bool:
    """True when a variant says it has sound and no picture."""
    if rendition.height is not None or not rendition.codecs:
        return False
    return all(codec.strip().startswith(_SOUND) for codec in rendition.codecs.split(","))


def unique_id(rendition: Rendition, taken: Set[str]) -> Rendition:
    """`rendition` under an id not yet taken: `720p-2500k-2` for the second of its kind (a backup)."""
    number, name = 1, rendition.id
    while name in taken:
        number += 1
        name = f"{rendition.id}-{number}"
    return replace(rendition, id=name)
