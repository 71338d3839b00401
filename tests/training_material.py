"""Small things to train on: moving pictures with detail at every scale, files, scenes, a tiny network."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from qoed_engine.manifest import Recipe
from qoed_training.data.degrade import DISTORTIONS
from qoed_training.data.opinion import OpinionMap
from qoed_training.data.scenes import Scene
from qoed_training.network.model import NetworkConfig

RECIPE = Recipe(frames=2, grid=3, patch=32)
TINY = NetworkConfig(
    name="tiny", stem=4, widths=(8, 8, 16, 16), blocks=(1, 1, 1, 1), fused=8, heads=2, recipe=RECIPE
)
"""Every module of the real network, in its smallest form."""
OPINION = OpinionMap(weights=(1.5, 0.0, 1.5, 0.5, 0.5, 1.5, 0.1, 2.0), bias=-5.5)
WIDTH, HEIGHT, FPS = 128, 72, 10


def canvas(seed: int, height: int, width: int) -> NDArray[np.float64]:
    """Noise whose detail falls off with its frequency, as in photographs: `[height,width]`, 0-1."""
    rng = np.random.default_rng(seed)
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    spectrum = np.fft.rfft2(rng.normal(size=(height, width))) / np.hypot(rows, columns).clip(0.01)
    picture = np.fft.irfft2(spectrum, s=(height, width))
    return (picture - picture.min()) / np.ptp(picture)


def moving(count: int, *, seed: int = 0, width: int = WIDTH, height: int = HEIGHT) -> list[av.VideoFrame]:
    """A pan over a canvas in `yuv420p`; each frame is a little brighter than the one before."""
    wide = canvas(seed, height, width + 4 * count)
    frames = []
    for index in range(count):
        luma = 40 + 140 * wide[:, 4 * index : 4 * index + width] + 2.0 * index
        packed = np.full((height * 3 // 2, width), 128, np.uint8)
        packed[:height] = luma.clip(16, 235).astype(np.uint8)
        frames.append(av.VideoFrame.from_ndarray(packed, format="yuv420p"))
    return frames


def luma(frame: av.VideoFrame) -> NDArray[np.float64]:
    """The Y plane as floats."""
    return frame.to_ndarray(format="yuv420p")[: frame.height].astype(np.float64)


def write_video(path: Path, *, frames: int = 40, fps: int = FPS, seed: int = 0) -> Path:
    """A clean H.264 file."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=fps, options={"crf": "8", "preset": "ultrafast"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for frame in moving(frames, seed=seed):
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def write_table(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A CSV file with a head."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])


def write_corpus(folder: Path, groups: Sequence[str] = ("plain", "bbb", "pixabay_macro")) -> Path:
    """One video for each group; the default ones train, calibrate and test."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for index, group in enumerate(groups):
        write_video(folder / f"clip.{index}.mp4", seed=index)
        rows.append((f"clip.{index}", f"clip.{index}.mp4", group))
    write_table(folder / "sources.csv", ("clip_id", "file", "group"), rows)
    return folder


def write_stills(folder: Path, *, sources: int = 4) -> Path:
    """For each source a picture at three sizes, opinion rising with the size."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for source in range(sources):
        for height, crf, mos in ((144, 10, 1.5), (240, 12, 2.2), (360, 30, 3.1)):
            name = f"still{source}-{height}.png"
            frame = moving(1, seed=source, width=height * 16 // 9 // 2 * 2, height=height)[0]
            write_png(folder / name, frame)
            rows.append((name, f"source{source}", crf, height, mos + 0.05 * source))
    write_table(folder / "manifest.csv", ("file", "source", "crf", "height", "mos_lab"), rows)
    return folder


def write_png(path: Path, frame: av.VideoFrame) -> None:
    """One picture file."""
    with av.open(str(path), "w", format="image2pipe") as output:
        stream = output.add_stream("png", rate=1)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "rgb24"
        output.mux(stream.encode(frame.reformat(format="rgb24")))
        output.mux(stream.encode(None))


def made_scene(
    number: int, *, entries: int = 5, cuts: int = 2, split: str = "train", recipe: Recipe = RECIPE
) -> Scene:
    """A scene in memory: an untouched entry, then ever noisier ones with ever lower measures."""
    rng = np.random.default_rng(number)
    clean = 128 + 60 * canvas(number, 2 * recipe.side, recipe.side)[None, None, :, :, None]
    severity = np.linspace(0, 1, entries)
    noise = (
        rng.normal(size=(entries, cuts, *recipe.clip_shape)) * 60 * severity[:, None, None, None, None, None]
    )
    features = np.repeat(1 - 0.9 * severity[:, None], 5, axis=1)
    measures = np.column_stack([60 - 40 * severity, 1 - 0.5 * severity, 100 - 90 * severity, features])
    targets = np.zeros((entries, len(DISTORTIONS)))
    targets[1:, DISTORTIONS.index("noise")] = 1.0
    return Scene(
        name=f"scene-{number:03d}",
        group=f"group{number}",
        split=split,
        clips=np.clip(clean + noise, 0, 255).astype(np.uint8),
        labels=measures,
        shown_share=np.ones(entries),
        targets=targets,
        plans=[{}, *({"noise": 1} for _ in range(entries - 1))],
    )
