"""Pace: every r-th frame of the original, r from 1 to 4 to be guessed (Wang et al., ECCV 2020)."""

from __future__ import annotations

import numpy as np

RATES = (1, 2, 3, 4)
"""`sample_rate`; the label is its index, r - 1."""


def pace_indices(length: int, frames: int, rate: int, start: int) -> list[int]:
    """Indices of `frames` frames, every `rate`-th from `start`; past the end it goes on from the first."""
    return [(start + rate * step) % length for step in range(frames)]


def draw_pace(length: int, frames: int, rng: np.random.Generator) -> tuple[list[int], int]:
    """Indices into a video of `length` frames at a random rate and the label r - 1.

    It starts anywhere that leaves room for the clip; in a video too short for that, anywhere at all.
    """
    label = int(rng.integers(len(RATES)))
    room = length - (frames - 1) * RATES[label]
    start = int(rng.integers(room if room > 0 else length))
    return pace_indices(length, frames, RATES[label], start), label
