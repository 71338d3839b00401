"""One opinion-scaled label from six full-reference measures.

xpsnr, ssim and vif rank well inside one kind of distortion but share no scale. A logistic blend of them is
fitted so that, on average, x264 at each CRF scores what 900 sources scored with people (CompressedVQA), and
that a picture shown from a smaller rung scores what stills of that height scored with people
(image_quality_test).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from qoed_training.data.corpus import CorpusError
from qoed_training.data.fullref import XPSNR_CEILING
from qoed_training.data.pictures import CONTRAST_GAIN
from qoed_training.data.scenes import Scene
from qoed_training.data.stills import DISPLAY_HEIGHT, Still

MOS_BY_CRF = {17: 4.46, 22: 4.42, 27: 4.25, 32: 3.74, 37: 2.84, 42: 1.87, 47: 1.21}
"""Mean opinion over 900 sources (ICME 2021 challenge labels, sunwei925/CompressedVQA)."""
MOS_UNTOUCHED = 4.48
HOLD_PENALTY = 25.0
"""Points lost when a whole second shows one frame; full-reference measures cannot see time."""
CONTRAST_PENALTY = 40.0
"""Points lost by a picture without any contrast; the loss grows with the missing share."""
CLEAN_CRF = 16
MIN_ANCHORS = 50


def score_of_mos(mos: float) -> float:
    """ACR 1-5 to 0-100, the inverse of `qoed_engine.manifest.mos_of`."""
    return 25.0 * (mos - 1.0)


@dataclass(frozen=True, slots=True)
class OpinionMap:
    """`score = 100 * sigmoid(bias + weights . terms(measures))`; weights are never negative."""

    weights: tuple[float, ...]
    bias: float

    def score(self, measures: NDArray[np.float64]) -> NDArray[np.float64]:
        """0-100 for measures `[...,6]`."""
        logit: NDArray[np.float64] = _terms(measures) @ np.array(self.weights) + self.bias
        return 100.0 / (1.0 + np.exp(-logit))

    def label(self, scene: Scene) -> NDArray[np.float64]:
        """Labels of all entries of a scene, held pictures punished: `float64 [K]`, 0-100."""
        # What full-reference measures were kept from judging is charged here, by its severity.
        lost = np.array(
            [1.0 - CONTRAST_GAIN[int(p["contrast"])] if "contrast" in p else 0.0 for p in scene.plans]
        )
        score = self.score(scene.labels) - HOLD_PENALTY * (1.0 - scene.shown_share) - CONTRAST_PENALTY * lost
        return np.clip(score, 0.0, 100.0)

    def save(self, path: Path) -> None:
        """Write JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


def load_opinion(path: Path) -> OpinionMap:
    """Read what `OpinionMap.save` wrote."""
    fields = json.loads(path.read_text(encoding="utf-8"))
    return OpinionMap(tuple(fields["weights"]), fields["bias"])


def _terms(measures: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bounded, roughly linear in opinion: xpsnr share, structural loss in decades, information per scale."""
    xpsnr = measures[..., :1] / XPSNR_CEILING
    ssim = -np.log10(1.0 - np.clip(measures[..., 1:2], 0.0, 1.0) + 1e-3) / 3.0
    vif = np.clip(measures[..., 2:], 0.0, 1.0)
    return np.concatenate([xpsnr, ssim, vif], axis=-1)


def fit_opinion(scenes: Sequence[Scene], stills: Sequence[Still]) -> OpinionMap:
    """Fit on scenes of the training split and stills of the calibration split only."""
    by_height = _height_curve([still for still in stills if still.split == "calibration"])
    measures, targets = [], []
    for scene in scenes:
        if scene.split != "train":
            continue
        for row, plan in zip(scene.labels, scene.plans, strict=True):
            target = _anchor(plan, by_height)
            if target is not None:
                measures.append(row)
                targets.append(target)
    if len(targets) < MIN_ANCHORS:
        raise CorpusError(
            f"only {len(targets)} clips with known opinion to fit the labels on, {MIN_ANCHORS} are needed: "
            "run qoed-train scenes first, or with a larger --per-source"
        )
    terms, wanted = _terms(np.array(measures)), np.array(targets)

    def loss(parameters: NDArray[np.float64]) -> float:
        score = 100.0 / (1.0 + np.exp(-(terms @ parameters[:-1] + parameters[-1])))
        return float(np.mean((score - wanted) ** 2) + 0.05 * np.sum(parameters[:-1] ** 2))

    start = np.array([1.0] * terms.shape[1] + [-3.0])
    bounds = [(0.0, None)] * terms.shape[1] + [(None, None)]
    found = minimize(loss, start, bounds=bounds, method="L-BFGS-B")
    return OpinionMap(tuple(float(value) for value in found.x[:-1]), float(found.x[-1]))


def _anchor(
    plan: dict[str, object], by_height: tuple[NDArray[np.float64], NDArray[np.float64]]
) -> float | None:
    steps = set(plan) - {"seed", "preset"}
    if not steps:
        return score_of_mos(MOS_UNTOUCHED)
    if steps == {"codec", "quality"} and plan["codec"] == "h264" and plan.get("preset") == "faster":
        mos = MOS_BY_CRF.get(int(str(plan["quality"])))
        return score_of_mos(mos) if mos else None
    if steps == {"codec", "quality", "rung_share"} and int(str(plan["quality"])) < CLEAN_CRF:
        return score_of_mos(float(np.interp(float(str(plan["rung_share"])) * DISPLAY_HEIGHT, *by_height)))
    return None


def _height_curve(stills: Sequence[Still]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean opinion of cleanly coded stills by height: bin centres and values made ascending."""
    edges = np.array([120, 200, 280, 360, 440, 520, 640, 780, 1000])
    clean = [(still.height, still.mos) for still in stills if still.crf < CLEAN_CRF]
    heights, opinions = (np.array(column) for column in zip(*clean, strict=True))
    centres, means = [], []
    for low, high in pairwise(edges):
        inside = (heights >= low) & (heights < high)
        if inside.any():
            centres.append(float(heights[inside].mean()))
            means.append(float(opinions[inside].mean()))
    curve = np.maximum.accumulate(means)
    return np.array([*centres, DISPLAY_HEIGHT]), np.array([*curve, max(MOS_UNTOUCHED, float(curve[-1]))])
