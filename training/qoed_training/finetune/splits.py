"""Which contents are learned from and which are judged on, drawn anew for each repeat."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qoed_training.data.corpus import CorpusError


@dataclass(frozen=True, slots=True)
class Split:
    """Indices `[n]` of the items of one side each, ascending; no content is on both."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]


def content_splits(
    contents: Sequence[str], *, repeats: int = 5, test_share: float = 0.2, seed: int = 0
) -> list[Split]:
    """`repeats` different splits of items by their content id, the same for the same seed.

    The paper's protocol: 80 % train, 20 % test, five times over (section 4). More repeats keep the first
    ones. Raises `CorpusError` when there are too few contents for so many different splits.
    """
    names = sorted(set(contents))
    held_out = round(len(names) * test_share)
    if not 0 < held_out < len(names):
        raise CorpusError(
            f"{len(names)} contents cannot be split {1 - test_share:.0%} to {test_share:.0%}: "
            f"add videos of other contents, {math.ceil(1 / test_share)} are the least"
        )
    if repeats > math.comb(len(names), held_out):
        raise CorpusError(
            f"{len(names)} contents have only {math.comb(len(names), held_out)} different splits: "
            f"ask for no more repeats, or add contents ({repeats} repeats were asked for)"
        )
    rng = np.random.default_rng(seed)
    of_item = np.array(contents)
    drawn: list[frozenset[str]] = []
    while len(drawn) < repeats:
        chosen = frozenset(str(name) for name in rng.choice(names, size=held_out, replace=False))
        if chosen not in drawn:
            drawn.append(chosen)
    sides = [np.isin(of_item, sorted(chosen)) for chosen in drawn]
    return [Split(train=np.flatnonzero(~inside), test=np.flatnonzero(inside)) for inside in sides]
