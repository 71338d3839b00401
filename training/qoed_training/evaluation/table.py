"""Held-out entries as one table: label, score, interval and head of every degraded clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qoed_engine.manifest import Calibration
from qoed_training.data.opinion import OpinionMap
from qoed_training.evaluation.scoring import Floats, Scored, on_scale


@dataclass(frozen=True, slots=True)
class Table:
    """`n` entries. `label`, `score` 0-100 `[n]`, `bounds` `[n,2]`, `targets`, `probabilities` `[n,D]`.

    `unfit` is `[n]`, or None where the weights cannot tell.
    """

    scene: NDArray[np.str_]
    group: NDArray[np.str_]
    plan: list[dict[str, Any]]
    label: Floats
    score: Floats
    bounds: Floats
    targets: Floats
    probabilities: Floats
    unfit: Floats | None

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Whether the label lies in the interval, `[n]`."""
        inside: NDArray[np.bool_] = (self.label >= self.bounds[:, 0]) & (self.label <= self.bounds[:, 1])
        return inside


def table_of(scored: Sequence[Scored], opinion: OpinionMap, calibration: Calibration) -> Table:
    """All entries of all scenes, in order."""
    counts = [len(each.raw) for each in scored]
    score = on_scale(calibration, np.concatenate([each.raw for each in scored]))
    unfit = [each.unfit for each in scored if each.unfit is not None]
    return Table(
        scene=np.repeat([each.scene.name for each in scored], counts),
        group=np.repeat([each.scene.group for each in scored], counts),
        plan=[plan for each in scored for plan in each.scene.plans],
        label=np.concatenate([opinion.label(each.scene) for each in scored]),
        score=score,
        bounds=np.array([calibration.interval(float(value)) for value in score]),
        targets=np.concatenate([each.scene.targets for each in scored]),
        probabilities=np.concatenate([each.distortions for each in scored]),
        unfit=np.concatenate(unfit) if len(unfit) == len(scored) else None,
    )
