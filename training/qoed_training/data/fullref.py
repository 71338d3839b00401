"""Full-reference measures: xpsnr and ssim from FFmpeg's own filters, VMAF and its features from libvmaf."""

from __future__ import annotations

import json
import math
import subprocess
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
from av.filter import Graph
from numpy.typing import NDArray

MEASURES = ("xpsnr", "ssim", "vmaf", "adm", "vif0", "vif1", "vif2", "vif3")
XPSNR_CEILING = 60.0
"""Identical pictures have infinite XPSNR; this stands for them."""
VMAF_MODEL = "vmaf_v0.6.1neg"
"""No enhancement gain: sharpening and a raised contrast are no improvement here (Netflix, 2020)."""

_METADATA = {"xpsnr": ("lavfi.xpsnr.xpsnr.y",), "ssim": ("lavfi.ssim.Y",)}
_VMAF_KEYS = ("vmaf", "integer_adm2", *(f"integer_vif_scale{scale}" for scale in range(4)))


def measure(reference: Sequence[av.VideoFrame], distorted: Sequence[av.VideoFrame]) -> NDArray[np.float64]:
    """Mean over frame pairs of equal size: `float64 [8]` in the order of `MEASURES` (luma only).

    xpsnr in dB (Helmrich et al., ICASSP 2020), ssim (Wang et al., TIP 2004), VMAF 0-100 with its detail loss
    and its visual information fidelity at four scales (Li et al., Netflix 2016; Sheikh and Bovik, TIP 2006).
    Neighbouring frames should come in pairs: VMAF's motion is the lesser of the changes to both sides.
    """
    xpsnr = np.minimum(_compare("xpsnr", reference, distorted), XPSNR_CEILING).mean(axis=0)
    ssim = _compare("ssim", reference, distorted).mean(axis=0)
    return np.concatenate([xpsnr, ssim, _vmaf(reference, distorted)])


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
    # FFmpeg's comparers take the main (distorted) picture first, the reference second.
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


def _vmaf(reference: Sequence[av.VideoFrame], distorted: Sequence[av.VideoFrame]) -> NDArray[np.float64]:
    """Means of `_VMAF_KEYS` from an FFmpeg with libvmaf, which PyAV's wheel has not."""
    with tempfile.TemporaryDirectory(prefix="vmaf-") as name:
        folder = Path(name)
        for file, frames in (("distorted", distorted), ("reference", reference)):
            with (folder / file).open("wb") as out:
                for frame in frames:
                    out.write(frame.to_ndarray(format="yuv420p").tobytes())
        size = f"{reference[0].width}x{reference[0].height}"
        raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", size]
        filter_ = f"libvmaf=model=version={VMAF_MODEL}:n_threads=1:log_fmt=json:log_path=log.json"
        command = [_ffmpeg(), "-v", "error", "-nostdin", *raw, "-i", "distorted", *raw, "-i", "reference"]
        command += ["-lavfi", filter_, "-f", "null", "-"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)  # noqa: S603 - no outside text
        if done.returncode != 0:
            raise RuntimeError(f"VMAF failed: {done.stderr.strip()[-300:]}")
        pooled = json.loads((folder / "log.json").read_text(encoding="utf-8"))["pooled_metrics"]
    # Names of the features carry the model's gain limit at their end.
    return np.array([next(v["mean"] for k, v in pooled.items() if k.startswith(key)) for key in _VMAF_KEYS])


@lru_cache(maxsize=1)
def _ffmpeg() -> str:
    import imageio_ffmpeg

    return str(imageio_ffmpeg.get_ffmpeg_exe())
