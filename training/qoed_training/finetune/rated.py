"""A set of clips with opinion, whatever it came from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qoed_training.data.corpus import CorpusError

LabelKind = Literal["MOS", "DMOS"]
"""DMOS grows with what was lost, MOS with what is good."""


@dataclass(frozen=True, slots=True)
class RatedSet:
    """`clips(i)` gives item i as `uint8 [P,T,2S,S,3]` (P cuts); `mos` is `float64 [N]` as it was published.

    `contents` names what each item shows, `[N]`: items of one content never meet across a split;
    `distortions`, `[N]` or empty, what was done to it. Raises `CorpusError` when the columns do not fit each
    other or hold no opinion to learn from.
    """

    name: str
    clips: Callable[[int], NDArray[np.uint8]]
    mos: NDArray[np.float64]
    contents: tuple[str, ...]
    kind: LabelKind = "MOS"
    distortions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for column in (self.contents, self.distortions or self.contents):
            if len(column) != len(self.mos):
                raise CorpusError(
                    f"{self.name}: {len(self.mos)} opinions for {len(column)} items; mend the label file"
                )
        if not np.isfinite(self.mos).all():
            raise CorpusError(f"{self.name}: some opinions are not numbers; mend the label file")
        if len(self.mos) == 0 or np.ptp(self.mos) == 0:
            raise CorpusError(f"{self.name}: all {len(self.mos)} opinions are alike: nothing can be learned")

    @property
    def quality(self) -> NDArray[np.float64]:
        """Opinion `[N]` that is higher for better: DMOS is mirrored inside its own range."""
        return self.mos.max() + self.mos.min() - self.mos if self.kind == "DMOS" else self.mos
