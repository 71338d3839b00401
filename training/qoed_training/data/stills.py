"""Lab opinion of H.265 stills (TU Ilmenau image_quality_test): calibration and validation, never training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qoed_engine.manifest import Recipe
from qoed_engine.preprocess import clip_from_frames
from qoed_training.data.corpus import CorpusError, opened, read_table

DISPLAY_HEIGHT = 1080
"""The stills were judged full-screen; 1080 lines is the screen that the daemon assumes by default."""


@dataclass(frozen=True, slots=True)
class Still:
    """One picture with its mean opinion score (1-5); `split` is by source: `calibration` or `test`."""

    path: Path
    source: str
    split: str
    crf: int
    height: int
    mos: float


def read_stills(folder: Path) -> list[Still]:
    """Stills of `manifest.csv`; every second source, in alphabetical order, is held out as `test`.

    Raises `CorpusError`.
    """
    table = folder / "manifest.csv"
    rows = read_table(
        table,
        ("file", "source", "crf", "height", "mos_lab"),
        remedy="point --stills at the folder of the rated pictures",
    )
    missing = [row["file"] for row in rows if not (folder / row["file"]).is_file()]
    if missing:
        raise CorpusError(f"{folder}: pictures named in manifest.csv are missing: {', '.join(missing)}")
    sources = sorted({row["source"] for row in rows})
    held_out = set(sources[1::2])
    try:
        return [
            Still(
                path=folder / row["file"],
                source=row["source"],
                split="test" if row["source"] in held_out else "calibration",
                crf=int(row["crf"]),
                height=int(row["height"]),
                mos=float(row["mos_lab"]),
            )
            for row in rows
        ]
    except ValueError as error:
        raise CorpusError(f"{table}: crf, height and mos_lab must be numbers ({error})") from error


def still_clips(still: Still, recipe: Recipe, ordinals: tuple[int, ...] = (0, 1)) -> NDArray[np.uint8]:
    """The still as motionless clips, `uint8 [P,T,2S,S,3]`, one for each ordinal."""
    with opened(still.path) as (container, stream):
        frame = next(container.decode(stream))
    frames = [frame] * recipe.frames
    return np.stack(
        [
            clip_from_frames(frames, recipe, display_height=DISPLAY_HEIGHT, ordinal=ordinal)
            for ordinal in ordinals
        ]
    )
