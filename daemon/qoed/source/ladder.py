"""Renditions with ids that people can read and keys can hold."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace

from qoed.model import Rendition

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


def rendition_of(
    *,
    bandwidth_bps: int | None,
    width: int | None,
    height: int | None,
    frame_rate: float | None,
    codecs: str | None,
) -> Rendition:
    """A rendition named by what is known of it: `720p-2500k`, `2500k`, `audio-64k`, `variant`."""
    rendition = Rendition(
        id="",
        bandwidth_bps=bandwidth_bps,
        width=width,
        height=height,
        frame_rate=frame_rate,
        codecs=codecs,
    )
    parts = [f"{height}p"] if height else ["audio"] if audio_only(rendition) else []
    if bandwidth_bps:
        parts.append(f"{max(round(bandwidth_bps / 1000), 1)}k")
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
