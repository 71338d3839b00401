"""Scene files: one second of one source in many degradations, cut into clips, with full-reference labels."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from qoed_engine.manifest import Recipe
from qoed_engine.preprocess import clip_from_frames
from qoed_training.atomic import replacing
from qoed_training.data import camera, pictures
from qoed_training.data.corpus import CorpusError, Source, duration_s, opened, read_section
from qoed_training.data.degrade import Degradation, apply, random_plans
from qoed_training.data.fullref import MEASURES, measure
from qoed_training.data.workers import in_processes

SECTION_S = 1.05
REFERENCE_HEIGHTS = (540, 720, 1080)
"""A source is shown on a screen of one of these heights, below its own size: it is sharp there."""
CLEAN_SHARE, SOFT_SHARE = 0.8, 0.6
"""Of a video's own lines, those that still look clean; less of sources that are mildly degraded."""


@dataclass(frozen=True, slots=True)
class SceneSpec:
    """One scene to make: a section of a source shown at `display_height`, with its degradations."""

    source: Source
    start_s: float
    display_height: int
    plans: tuple[Degradation, ...]
    ordinals: tuple[int, ...]

    @property
    def name(self) -> str:
        """Stable file stem; changes with anything that changes the content."""
        text = repr((self.source.clip_id, self.start_s, self.display_height, self.plans, self.ordinals))
        return f"{self.source.clip_id}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


@dataclass(frozen=True, slots=True)
class Scene:
    """A made scene. `clips` is `uint8 [K,P,T,2S,S,3]` (memory-mapped), entry 0 is the reference itself.

    `labels` is `float64 [K,M]` (`fullref.MEASURES`), `shown_share` the share of distinct pictures on show.
    """

    name: str
    group: str
    split: str
    clips: NDArray[np.uint8]
    labels: NDArray[np.float64]
    shown_share: NDArray[np.float64]
    targets: NDArray[np.float64]
    plans: list[dict[str, Any]]


def plan_scenes(sources: list[Source], *, seed: int, per_source: int, plans: int) -> list[SceneSpec]:
    """Spread sections over each video, take one scene of each photograph; the rest is drawn from `seed`."""
    specs = []
    for source in sources:
        rng = np.random.default_rng([seed, int(hashlib.sha256(source.clip_id.encode()).hexdigest()[:8], 16)])
        room = 0.0 if source.photo else max(0.0, duration_s(source.path) - SECTION_S - 0.1)
        heights, count = screen_heights(source), 1 if source.photo else per_source
        specs += [
            SceneSpec(
                source=source,
                start_s=round(room * (index + float(rng.random()) * 0.5) / count, 2),
                display_height=int(rng.choice(heights)) if source.photo else heights[index % len(heights)],
                plans=tuple(random_plans(rng, plans)),
                ordinals=tuple(int(value) for value in rng.integers(0, 1000, size=2)),
            )
            for index in range(count)
        ]
    return specs


def screen_heights(source: Source) -> list[int]:
    """Screens on which this source is sharp and clean, smaller ones more often."""
    if source.photo:
        limit = camera.lines_of_photo(source.path) / camera.MIN_EXCESS
        fitting = [height for height in REFERENCE_HEIGHTS if height <= limit]
    else:
        with opened(source.path) as (_container, stream):
            native = min(stream.height, round(stream.width * 9 / 16))
        # Scaled down, what the source's own encoder left in it is scaled away.
        limit = native * (SOFT_SHARE if source.soft else CLEAN_SHARE)
        fitting = [height for height in REFERENCE_HEIGHTS if height <= limit * 1.06]
    # Smaller screens are cheaper and cleaner: they come up twice as often.
    return [fitting[0], *fitting] if fitting else [max(360, 2 * round(limit / 2))]


def make_scene(spec: SceneSpec, recipe: Recipe) -> dict[str, Any]:
    """Render, degrade, measure and cut one scene; returns arrays ready for `np.savez`."""
    reference, fps = _reference(spec)
    last = len(reference) - 1
    picks = [min(last, round(k * recipe.span_s / recipe.frames * fps)) for k in range(recipe.frames)]
    # What is compared: every picked picture with its neighbour.
    compared = [index for pick in picks for index in (min(pick, last - 1), min(pick, last - 1) + 1)]
    clips, labels, shares = [], [], []
    for plan in (None, *spec.plans):
        made = apply(reference, plan, fps=fps) if plan else None
        frames = made.frames if made else list(reference)
        clean = made.reference if made else list(reference)
        shown = made.shown if made else list(range(len(reference)))
        chosen = [frames[index] for index in picks]
        screen = pictures.resize([frames[i] for i in compared], reference[0].width, reference[0].height)
        labels.append(measure([clean[index] for index in compared], screen))
        shares.append(len(set(shown)) / len(shown))
        clips.append(
            [
                clip_from_frames(chosen, recipe, display_height=spec.display_height, ordinal=o)
                for o in spec.ordinals
            ]
        )
    targets = [[0.0] * len(spec.plans[0].targets()), *(plan.targets() for plan in spec.plans)]
    return {
        "clips": np.array(clips, dtype=np.uint8),
        "labels": np.array(labels),
        "shown_share": np.array(shares),
        "targets": np.array(targets),
        "plans": json.dumps([{}, *(plan.to_json() for plan in spec.plans)]),
        "group": spec.source.group,
        "split": spec.source.split,
    }


def _reference(spec: SceneSpec) -> tuple[list[av.VideoFrame], float]:
    """The clean section as its screen shows it, and its frame rate."""
    if spec.source.photo:
        return camera.film(spec.source.path, spec.display_height, seconds=SECTION_S, seed=spec.ordinals[0])
    raw = read_section(spec.source.path, spec.start_s, SECTION_S)
    if len(raw) < 8:
        raise RuntimeError(f"{spec.source.clip_id} at {spec.start_s}s: only {len(raw)} frames")
    return _on_screen(raw, spec.display_height), len(raw) / SECTION_S


def _on_screen(frames: list[av.VideoFrame], display_height: int) -> list[av.VideoFrame]:
    """Fit frames into the screen at even size; a picture smaller than the screen keeps its size."""
    first = frames[0]
    scale = min(1.0, display_height / first.height, display_height * 16 / 9 / first.width)
    width, height = (2 * round(size * scale / 2) for size in (first.width, first.height))
    return pictures.resize(frames, width, height)


def build_scenes(specs: list[SceneSpec], folder: Path, recipe: Recipe, *, workers: int = 2) -> Iterator[str]:
    """Make what is missing in `folder`, yielding a progress line per scene; safe to interrupt and repeat.

    A scene that cannot be made, or kills its process, is left out and said so. Raises `CorpusError`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    todo = [spec for spec in specs if not (folder / f"{spec.name}.npz").exists()]
    yield f"{len(specs) - len(todo)} of {len(specs)} scenes are there"
    if not todo:
        return
    started = time.monotonic()
    jobs = {spec.name: (spec, folder, recipe) for spec in todo}
    for done, (name, error) in enumerate(in_processes(_write_scene, jobs, folder, workers=workers), 1):
        if isinstance(error, CorpusError | RuntimeError | av.error.FFmpegError | ValueError):
            yield f"scene {name} left out: {error}"
            continue
        if error is not None:
            raise error
        left = (time.monotonic() - started) / done * (len(todo) - done)
        yield f"scene {done}/{len(todo)} {name}, about {left / 60:.0f} min left"


def _write_scene(spec: SceneSpec, folder: Path, recipe: Recipe) -> None:
    arrays = make_scene(spec, recipe)
    # The clips stand alone, so that training maps them instead of reading whole scenes.
    np.save(folder / f"{spec.name}.clips.npy", arrays.pop("clips"))
    with replacing(folder / f"{spec.name}.npz") as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def load_scenes(folder: Path) -> list[Scene]:
    """All finished scenes of a folder, by name; clips stay on disk."""
    scenes = []
    for path in sorted(folder.glob("[!.]*.npz")):
        with np.load(path) as arrays:
            scenes.append(
                Scene(
                    name=path.stem,
                    group=str(arrays["group"]),
                    split=str(arrays["split"]),
                    clips=np.load(folder / f"{path.stem}.clips.npy", mmap_mode="r"),
                    labels=arrays["labels"],
                    shown_share=arrays["shown_share"],
                    targets=arrays["targets"],
                    plans=json.loads(str(arrays["plans"])),
                )
            )
    return scenes


__all__ = ["MEASURES", "Scene", "SceneSpec", "build_scenes", "load_scenes", "make_scene", "plan_scenes"]
