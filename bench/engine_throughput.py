"""How many clips a second the engine scores, and how much of the machine's arithmetic it makes use of.

Unit: clips/s; GFLOP/s (2 operations a multiply-add, counted in the shipped network's convolutions and matrix
products); share of the peak (0-1).
Reference: the peak is the faster of a large matrix product and a 3x3 convolution in the engine's own
precision (bf16 where the CPU computes it, else f32) through OpenVINO, with as many threads, in the same run,
taking turns. ONNX Runtime runs the same clips in f32 as a second reference.

With one thread, time is CPU time, so that other load on the machine does not count; with all threads it is
wall time, which wants a quiet machine. Rates are the best of the repeats, on both sides.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from statistics import median

import numpy as np
from numpy.typing import NDArray

from bench.flops import count_flop
from bench.machine import usable_cores
from bench.peak import Kernel, kernels
from bench.report import Result, Say, Settings, Table
from qoed_engine import Engine, load_engine
from qoed_engine.loader import SHIPPED

REPEATS = 15
BATCH = 8
"""The daemon's default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Best of the repeats with so many threads. None: ONNX Runtime is not installed."""

    threads: int
    clips_per_s: float
    median_clips_per_s: float
    peak_flop_per_s: float
    peak_kernel: str
    onnxruntime_clips_per_s: float | None


def run(settings: Settings, say: Say) -> Result:
    """Measure with one thread and with all."""
    repeats = 1 if settings.quick else REPEATS
    engine = load_engine()
    manifest, backend = engine.manifest, engine.backend
    engine.close()
    flop = count_flop(SHIPPED.parent / manifest.weights, manifest.input_name, manifest.recipe)
    rates = [_measure(threads, repeats, say) for threads in sorted({1, usable_cores()})]
    return _result(rates, flop, manifest.model, backend)


def _measure(threads: int, repeats: int, say: Say) -> Rates:
    engine = load_engine(threads=threads)
    other = load_engine("onnxruntime", threads=threads) if find_spec("onnxruntime") else None
    peaks = kernels(_precision(engine), threads)
    clips = np.random.default_rng(0).integers(
        0, 256, (BATCH, *engine.manifest.recipe.clip_shape), dtype=np.uint8
    )
    found: dict[str, list[float]] = {"engine": [], "other": [], **{kernel.name: [] for kernel in peaks}}
    try:
        for number in range(repeats):
            say(f"{threads} thread{'s' * (threads > 1)}, repeat {number + 1} of {repeats}")
            _one_repeat(engine, other, peaks, clips, threads, found)
    finally:
        engine.close()
        if other is not None:
            other.close()
    best = max(peaks, key=lambda kernel: max(found[kernel.name]))
    return Rates(
        threads=threads,
        clips_per_s=max(found["engine"]),
        median_clips_per_s=median(found["engine"]),
        peak_flop_per_s=max(found[best.name]),
        peak_kernel=best.name,
        onnxruntime_clips_per_s=max(found["other"]) if other is not None else None,
    )


def _one_repeat(
    engine: Engine,
    other: Engine | None,
    peaks: Sequence[Kernel],
    clips: NDArray[np.uint8],
    threads: int,
    found: dict[str, list[float]],
) -> None:
    for kernel in peaks:
        found[kernel.name].append(kernel.rate())
    found["engine"].append(_clips_per_s(engine, clips, threads))
    if other is not None:
        found["other"].append(_clips_per_s(other, clips, threads))


def _clips_per_s(engine: Engine, clips: NDArray[np.uint8], threads: int) -> float:
    began, began_cpu = time.perf_counter(), time.process_time()
    engine.infer(clips)
    wall, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    return len(clips) / (cpu if threads == 1 else wall)


def _precision(engine: Engine) -> str:
    """`bf16` or `f32`; what OpenVINO does not run counts as f32."""
    library, _, precision = engine.backend.partition("-")
    return precision if library == "openvino" else "f32"


def _result(rates: Sequence[Rates], flop: float, model: str, backend: str) -> Result:
    one = rates[0]
    figures = [
        {
            "threads": each.threads,
            "clips_per_s": each.clips_per_s,
            "clips_per_s_median": each.median_clips_per_s,
            "gflop_per_s": each.clips_per_s * flop / 1e9,
            "peak_gflop_per_s": each.peak_flop_per_s / 1e9,
            "peak_kernel": each.peak_kernel,
            "share_of_peak": each.clips_per_s * flop / each.peak_flop_per_s,
            "onnxruntime_clips_per_s": each.onnxruntime_clips_per_s,
            "speed_over_onnxruntime": each.onnxruntime_clips_per_s
            and each.clips_per_s / each.onnxruntime_clips_per_s,
        }
        for each in rates
    ]
    precision = backend.rpartition("-")[2]
    return Result(
        headline=(
            f"{one.clips_per_s:.0f} clips/s on one core with {backend}: "
            f"{one.clips_per_s * flop / one.peak_flop_per_s:.0%} of its measured {precision} peak"
        ),
        tables=(
            Table(
                title=f"{model}, {flop / 1e9:.2f} GFLOP a clip",
                columns=(
                    "threads",
                    "clips/s",
                    "median",
                    "GFLOP/s",
                    f"{precision} peak",
                    "share of peak",
                    "ONNX Runtime clips/s",
                    "times ONNX Runtime",
                ),
                rows=[
                    (
                        f"{each['threads']} ({'CPU' if each['threads'] == 1 else 'wall'} time)",
                        f"{each['clips_per_s']:.1f}",
                        f"{each['clips_per_s_median']:.1f}",
                        f"{each['gflop_per_s']:.0f}",
                        f"{each['peak_gflop_per_s']:.0f}",
                        f"{each['share_of_peak']:.0%}",
                        _or_dash(each["onnxruntime_clips_per_s"], ".1f"),
                        _or_dash(each["speed_over_onnxruntime"], ".2f"),
                    )
                    for each in figures
                ],
            ),
        ),
        notes=(f"The peak was reached by: {one.peak_kernel}.",),
        figures={"model": model, "backend": backend, "gflop_per_clip": flop / 1e9, "rates": figures},
    )


def _or_dash(value: object, how: str) -> str:
    return "–" if value is None else format(value, how)
