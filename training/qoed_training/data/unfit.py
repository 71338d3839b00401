"""Takes: clips for telling what the network was made for from what it was not.

What it was not made for is drawn (`slates`) or too dark to be seen; beside it stand real pictures that
resemble it: night with lights in it, pictures with words over them, small pictures in a wide frame.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from qoed_engine.manifest import Recipe
from qoed_engine.preprocess import clip_from_frames
from qoed_training.atomic import replacing
from qoed_training.data.corpus import CorpusError, Source, duration_s, read_section
from qoed_training.data.degrade import Degradation, apply
from qoed_training.data.lettering import FONTS, FRESH_FONTS, Canvas, write
from qoed_training.data.slates import PICTURE_RATE, SLATES

SCREEN_GROUPS = frozenset({"vhs", "flutter_ui"})
"""Productions of the corpus that are recordings of screens, not of the world."""
HEIGHTS = (360, 540, 720, 1080)
SECTION_S = 1.05
TAKES = {"train": 16, "calibration": 6, "test": 10}
"""Takes of each kind by split."""
REAL_TAKES = 3
"""So many times as many of the kinds that must be scored: losing a score of these is the worse mistake."""
Rng = np.random.Generator


def near_black(rng: Rng, canvases: Sequence[Canvas], fresh: bool) -> list[Canvas]:
    """So dark that nothing can be made out: the brightest spot stays within 14 of 255 levels, with noise."""
    top, sigma = rng.uniform(0, 14), rng.uniform(0, 2.5)
    peak = max(1.0, float(np.percentile(canvases[0], 99.9)))
    return [
        np.clip(canvas * (top / peak) + rng.normal(0, sigma, canvas.shape), 0, 255).astype(np.uint8)
        for canvas in canvases
    ]


def night(rng: Rng, canvases: Sequence[Canvas], fresh: bool) -> list[Canvas]:
    """Dark, down to a few points of light, but these as bright as they were."""
    light = max(1.0, float(np.percentile(canvases[0], 99)))  # one pixel in a hundred stays a light
    levels = rng.uniform(0.5, 1.0) * 255 * (np.arange(256) / light) ** np.exp(rng.uniform(0.5, 2.2))
    table = np.clip(levels, 0, 255).astype(np.uint8)
    return [table[canvas] for canvas in canvases]


def overlaid(rng: Rng, canvases: Sequence[Canvas], fresh: bool) -> list[Canvas]:
    """A picture with a strip and words over it, as news and sport have them."""
    height, width = canvases[0].shape[:2]
    line = int(height * rng.uniform(0.03, 0.07))
    top = int(height * rng.choice([0.04, 0.72, 0.8]))
    left, right = (int(width * share) for share in (rng.uniform(0, 0.3), rng.uniform(0.6, 1.0)))
    ground, ink = (tuple(int(v) for v in rng.integers(*span, size=3)) for span in ((0, 120), (180, 256)))
    font = str(rng.choice(FRESH_FONTS if fresh else FONTS))
    made = [canvas.copy() for canvas in canvases]
    for canvas in made:
        canvas[top : top + 3 * line, left:right] = ground
        for row, words in enumerate(("LIVE  2 : 1  67:12", "Breaking: a headline of a few words")):
            y = top + line // 3 + row * (line * 4 // 3)
            write(canvas[:, :right], words, x=left + line, y=y, height=line, colour=ink, font=font)  # type: ignore[arg-type]
    return made


def boxed(rng: Rng, canvases: Sequence[Canvas], fresh: bool) -> list[Canvas]:
    """The middle of a picture between black bars, at the sides or above and below."""
    height, width = canvases[0].shape[:2]
    share = float(rng.uniform(0.32, 0.85))
    made = [np.zeros_like(canvas) for canvas in canvases]
    sideways = rng.random() < 0.6
    span = width if sideways else height
    kept = slice(int(span * (0.5 - share / 2)), int(span * (0.5 + share / 2)))
    window = np.s_[:, kept] if sideways else np.s_[kept, :]
    for canvas, source in zip(made, canvases, strict=True):
        canvas[window] = source[window]
    return made


Change = Callable[[Rng, Sequence[Canvas], bool], list[Canvas]]
CHANGES: dict[str, Change] = {change.__name__: change for change in (near_black, night, overlaid, boxed)}
"""What is made of real pictures, by kind."""
NATURAL = frozenset({"night", "overlaid", "boxed"})
"""Kinds that must be scored."""


@dataclass(frozen=True, slots=True)
class TakeSpec:
    """One take to make. `seed` alone decides what is drawn and how it is coded."""

    kind: str
    split: str
    seed: int

    @property
    def name(self) -> str:
        """File stem."""
        return f"{self.split}-{self.kind}-{self.seed}"


@dataclass(frozen=True, slots=True)
class Take:
    """A made take: `clips` is `uint8 [K,T,2S,S,3]`, as drawn, coded lightly and coded heavily."""

    kind: str
    split: str
    clips: NDArray[np.uint8]

    @property
    def unfit(self) -> bool:
        """Whether the network was not made for it."""
        return self.kind not in NATURAL


def plan_takes(*, seed: int, count: Mapping[str, int] = TAKES) -> list[TakeSpec]:
    """So many takes of every kind for each split, `REAL_TAKES` times as many of those that are natural."""
    specs = []
    for split, number in count.items():
        for kind in (*SLATES, *CHANGES):
            digest = hashlib.sha256(f"{seed} {split} {kind}".encode()).hexdigest()
            specs += [
                TakeSpec(kind, split, int(digest[:7], 16) + index)
                for index in range(number * (REAL_TAKES if kind in NATURAL else 1))
            ]
    return specs


def make_take(spec: TakeSpec, sources: Sequence[Source], recipe: Recipe) -> NDArray[np.uint8]:
    """Draw, code and cut one take, `uint8 [K,T,2S,S,3]`; pictures come from `sources` of its split."""
    rng = np.random.default_rng(spec.seed)
    display_height = int(rng.choice(HEIGHTS))
    height = int(rng.choice([each for each in HEIGHTS if each <= display_height]))
    size = 2 * round(height * 16 / 18), height
    count, fresh = round(recipe.span_s * PICTURE_RATE) + 1, spec.split == "test"
    if spec.kind in SLATES:
        canvases = SLATES[spec.kind](rng, size, count, fresh)
    else:
        mine = [each for each in sources if each.split == spec.split]
        if not mine:
            raise CorpusError(
                f"no videos of the {spec.split} split to make {spec.kind} of: add some to sources.csv"
            )
        real = _filmed(mine, rng, size, count)
        canvases = CHANGES[spec.kind](rng, real, fresh)
    frames = _frames(canvases)
    picks = [round(index * recipe.span_s / recipe.frames * PICTURE_RATE) for index in range(recipe.frames)]
    ordinal = int(rng.integers(1000))
    plans = (
        None,
        Degradation(codec="h264", quality=int(rng.integers(17, 29)), preset="veryfast", seed=spec.seed),
        Degradation(codec="h264", quality=int(rng.integers(33, 48)), preset="veryfast", seed=spec.seed),
    )
    clips = []
    for plan in plans:
        shown = apply(frames, plan, fps=PICTURE_RATE).frames if plan else frames
        chosen = [shown[index] for index in picks]
        clips.append(clip_from_frames(chosen, recipe, display_height=display_height, ordinal=ordinal))
    return np.stack(clips)


def build_takes(
    specs: Sequence[TakeSpec], sources: Sequence[Source], folder: Path, recipe: Recipe
) -> Iterator[str]:
    """Make what is missing in `folder`, yielding progress lines; safe to interrupt and repeat.

    Raises `CorpusError` when a source cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    real = [each for each in sources if not each.photo and each.group not in SCREEN_GROUPS]
    todo = [spec for spec in specs if not (folder / f"{spec.name}.npz").exists()]
    yield f"{len(specs) - len(todo)} of {len(specs)} takes are there"
    started = time.monotonic()
    for done, spec in enumerate(todo, 1):
        clips, about = make_take(spec, real, recipe), json.dumps([spec.kind, spec.split])
        with replacing(folder / f"{spec.name}.npz") as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, clips=clips, about=about)  # most of it is flat
        if done % 20 == 0 or done == len(todo):
            left = (time.monotonic() - started) / done * (len(todo) - done)
            yield f"take {done}/{len(todo)}, about {left / 60:.0f} min left"


def load_takes(folder: Path) -> Iterator[Take]:
    """All finished takes of a folder, by name."""
    for path in sorted(folder.glob("[!.]*.npz")):
        with np.load(path) as arrays:
            kind, split = json.loads(str(arrays["about"]))
            yield Take(kind, split, arrays["clips"])


def _filmed(sources: Sequence[Source], rng: Rng, size: tuple[int, int], count: int) -> list[Canvas]:
    """Pictures of a random source, the middle of each in the wanted size."""
    source = sources[int(rng.integers(len(sources)))]
    room = max(0.0, duration_s(source.path) - SECTION_S - 0.1)
    frames = read_section(source.path, room * float(rng.random()), SECTION_S)
    width, height = size
    scale = max(width / frames[0].width, height / frames[0].height)
    wide, high = (2 * round(side * scale / 2) for side in (frames[0].width, frames[0].height))
    left, top = max(0, wide - width) // 2, max(0, high - height) // 2
    return [
        frames[index].to_ndarray(format="rgb24", width=wide, height=high)[
            top : top + height, left : left + width
        ]
        for index in np.linspace(0, len(frames) - 1, count).astype(int)
    ]


def _frames(canvases: Sequence[Canvas]) -> list[av.VideoFrame]:
    """As `yuv420p`; equal canvases give one frame."""
    made: dict[int, av.VideoFrame] = {}
    for canvas in canvases:
        if id(canvas) not in made:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(canvas), format="rgb24")
            made[id(canvas)] = frame.reformat(
                format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
            )
    return [made[id(canvas)] for canvas in canvases]
