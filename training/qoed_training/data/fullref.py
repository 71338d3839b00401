"""Full-reference measures as FFmpeg's own filters give them: xpsnr, ssim and vif."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import av
import numpy as np
from av.filter import Graph
from numpy.typing import NDArray

MEASURES = ("xpsnr", "ssim", "vif0", "vif1", "vif2", "vif3")
XPSNR_CEILING = 60.0
"""Identical pictures have infinite XPSNR; this stands for them."""
VIF_EVERY = 2
"""vif costs forty times xpsnr: measure it on every second pair."""

_METADATA = {
    "xpsnr": ("lavfi.xpsnr.xpsnr.y",),
    "ssim": ("lavfi.ssim.Y",),
    "vif": tuple(f"lavfi.vif.scale.{scale}" for scale in range(4)),
}


def measure(reference: Sequence[av.VideoFrame], distorted: Sequence[av.VideoFrame]) -> NDArray[np.float64]:
    """Mean over frame pairs of equal size: `float64 [6]` in the order of `MEASURES` (luma only).

    xpsnr in dB (Helmrich et al., ICASSP 2020), ssim (Wang et al., TIP 2004), vif at four scales (Sheikh and
    Bovik, TIP 2006).
    """
    xpsnr = np.minimum(_compare("xpsnr", reference, distorted), XPSNR_CEILING).mean(axis=0)
    ssim = _compare("ssim", reference, distorted).mean(axis=0)
    vif = _compare("vif", reference[::VIF_EVERY], distorted[::VIF_EVERY]).mean(axis=0)
    return np.concatenate([xpsnr, ssim, vif])


def _compare(
    name: str, reference: Sequence[av.VideoFrame], distorted: Sequence[av.VideoFrame]
) -> NDArray[np.float64]:
    """One row per frame pair, one column per metadata key of the filter."""
    graph = Graph()
    first = reference[0]
    tick = Fraction(1, 25)
    sources = [
        graph.add_buffer(width=first.width, height=first.height, format=first.format, time_base=tick)
        for _ in range(2)
    ]
    comparer, sink = graph.add(name), graph.add("buffersink")
    for index, source in enumerate(sources):
        source.link_to(comparer, 0, index)
    comparer.link_to(sink)
    graph.configure()
    # FFmpeg's comparers take the main (distorted) picture first, the reference second; vif is not symmetric.
    for pts, pair in enumerate(zip(distorted, reference, strict=True)):
        for source, frame in zip(sources, pair, strict=True):
            frame.pts, frame.time_base = pts, tick
            source.push(frame)
    for source in sources:
        source.push(None)
    rows = []
    while True:
        try:
            result = sink.pull()
        except (av.error.EOFError, av.error.BlockingIOError):
            break
        rows.append([float(result.metadata[key]) for key in _METADATA[name]])
    if len(rows) != len(reference):
        raise RuntimeError(f"{name}: {len(reference)} pairs in, {len(rows)} results out")
    table = np.array(rows)
    table[np.isinf(table)] = math.inf
    return table
