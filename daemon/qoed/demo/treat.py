"""What the origin does to pictures and bytes when a fault asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import av
import numpy as np
from av.filter import Graph

from qoed.demo.content import FPS, HEIGHT, WIDTH
from qoed.demo.ladder import Packaging

TINY_WIDTH, TINY_HEIGHT = 192, 108
"""The resolution that an upscaled rendition secretly has."""
BLUR_SIGMA = 5.0
_TIME_BASE = Fraction(1, FPS)


def black(frames: Sequence[av.VideoFrame]) -> list[av.VideoFrame]:
    """As many frames of broadcast black (Y 16, Cb and Cr 128)."""
    planes = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
    planes[:HEIGHT] = 16
    return [av.VideoFrame.from_ndarray(planes, format="yuv420p") for _ in frames]


def blurred(frames: Sequence[av.VideoFrame]) -> list[av.VideoFrame]:
    """The frames through a Gaussian blur, as from a lens out of focus."""
    return _filtered(frames, ("gblur", f"sigma={BLUR_SIGMA}:steps=2"))


def upscaled(frames: Sequence[av.VideoFrame]) -> list[av.VideoFrame]:
    """The frames squeezed through 192x108 and blown up again."""
    tiny = ("scale", f"{TINY_WIDTH}:{TINY_HEIGHT}:flags=area")
    return _filtered(frames, tiny, ("scale", f"{WIDTH}:{HEIGHT}:flags=bilinear"))


def corrupted(media: bytes, packaging: Packaging, *, seed: int) -> bytes:
    """Bytes flipped and stretches spliced in from elsewhere, as by a broken disk or link; the length stays.

    The start of the segment (PAT, PMT and first picture header, or the moof box) is spared, so that the
    damage sits in the coded pictures.
    """
    rng = np.random.default_rng(seed)
    spoiled = np.frombuffer(media, np.uint8).copy()
    spared = max(media.find(b"mdat"), 0) + 64 if packaging == "fmp4" else 8 * 188
    if len(spoiled) <= spared + 1024:
        return media
    for place in rng.integers(spared, len(spoiled), 160):
        spoiled[place] ^= rng.integers(1, 256)
    length = min(3000, (len(spoiled) - spared) // 4)
    for _ in range(4):
        source, target = rng.integers(spared, len(spoiled) - length, 2)
        spoiled[target : target + length] = spoiled[source : source + length].copy()
    return spoiled.tobytes()


def _filtered(frames: Sequence[av.VideoFrame], *filters: tuple[str, str]) -> list[av.VideoFrame]:
    graph = Graph()
    source = graph.add_buffer(
        width=WIDTH, height=HEIGHT, format=av.VideoFormat("yuv420p"), time_base=_TIME_BASE
    )
    graph.link_nodes(source, *(graph.add(*step) for step in filters), graph.add("buffersink")).configure()
    out = []
    for number, frame in enumerate(frames):
        frame.pts, frame.time_base = number, _TIME_BASE
        graph.push(frame)
        pulled = graph.pull()
        assert isinstance(pulled, av.VideoFrame)
        out.append(pulled)
    return out
