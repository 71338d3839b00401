"""One opinion-scaled label from full-reference measures.

xpsnr, ssim, VMAF and its features rank well inside one kind of distortion but share no scale. A logistic
blend of them is fitted so that, on average, x264 at each CRF scores what 900 sources scored with people
(CompressedVQA), and that a picture shown from a smaller rung scores what stills of that height scored with
people (image_quality_test). What the logistic leaves over is bent away by a monotone curve through the same
anchors: people see no difference between CRF 0 and 17, measures do.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression, minimize

from qoed_training.atomic import write_text
from qoed_training.data.corpus import CorpusError
from qoed_training.data.fullref import XPSNR_CEILING
from qoed_training.data.pictures import CONTRAST_GAIN
from qoed_training.data.scenes import Scene
from qoed_training.data.stills import DISPLAY_HEIGHT, Still

MOS_BY_CRF = {0: 4.48, 17: 4.46, 22: 4.42, 27: 4.25, 32: 3.74, 37: 2.84, 42: 1.87, 47: 1.21}
"""Mean opinion over 900 sources (ICME 2021 challenge labels, sunwei925/CompressedVQA)."""
MOS_UNTOUCHED = MOS_BY_CRF[0]
HOLD_PENALTY = 25.0
"""Points lost when a whole second shows one frame; full-reference measures cannot see time."""
CONTRAST_PENALTY = 40.0
"""Points lost by a picture without any contrast; the loss grows with the missing share."""
CLEAN_CRF = 16
MIN_ANCHORS = 50
KNOTS = 24
"""Of the curve from blend to opinion."""


def score_of_mos(mos: float) -> float:
    """ACR 1-5 to 0-100, the inverse of `qoed_engine.manifest.mos_of`."""
    return 25.0 * (mos - 1.0)


@dataclass(frozen=True, slots=True)
class OpinionMap:
    """`score = curve(100 * sigmoid(bias + weights . terms(measures)))`; weights are never negative.

    The curve is linear between its knots (`blend`, `opinion`, ascending); without knots it is the identity.
    """

    weights: tuple[float, ...]
    bias: float
    blend: tuple[float, ...] = ()
    opinion: tuple[float, ...] = ()

    def score(self, measures: NDArray[np.float64]) -> NDArray[np.float64]:
        """0-100 for measures `[...,M]`."""
        logit: NDArray[np.float64] = _terms(measures) @ np.array(self.weights) + self.bias
        blended = 100.0 / (1.0 + np.exp(-logit))
        return np.interp(blended, self.blend, self.opinion) if self.blend else blended

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
        write_text(path, json.dumps(asdict(self), indent=2) + "\n")


def load_opinion(path: Path) -> OpinionMap:
    """Read what `OpinionMap.save` wrote. Raises `CorpusError` for nothing, or what another version wrote."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        return OpinionMap(
            tuple(fields["weights"]), fields["bias"], tuple(fields["blend"]), tuple(fields["opinion"])
        )
    except FileNotFoundError as error:
        raise CorpusError(f"{path} is missing: run qoed-train train first") from error
    except (KeyError, ValueError, TypeError) as error:
        raise CorpusError(f"{path} is of another version of qoed: delete it, run qoed-train train") from error


def _terms(measures: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bounded, roughly linear in opinion: xpsnr share, structural loss in decades, VMAF, its features."""
    xpsnr = measures[..., :1] / XPSNR_CEILING
    ssim = -np.log10(1.0 - np.clip(measures[..., 1:2], 0.0, 1.0) + 1e-3) / 3.0
    vmaf = measures[..., 2:3] / 100.0
    features = np.clip(measures[..., 3:], 0.0, 1.0)
    return np.concatenate([xpsnr, ssim, vmaf, features], axis=-1)


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
    bare = OpinionMap(tuple(float(value) for value in found.x[:-1]), float(found.x[-1]))
    blend, opinion = _curve(bare.score(np.array(measures)), wanted)
    return replace(bare, blend=blend, opinion=opinion)


def _curve(
    blended: NDArray[np.float64], wanted: NDArray[np.float64]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Isotonic regression of opinion on the blend, thinned to `KNOTS` knots, with 0 at the bottom."""
    order = np.argsort(blended, kind="stable")
    x, y = blended[order], isotonic_regression(wanted[order]).x
    # Evenly spaced over the scale, not over the anchors: most of them are good pictures.
    edges = np.linspace(x[0], x[-1] + 1e-9, KNOTS + 1)
    bins = [(x >= low) & (x < high) for low, high in pairwise(edges)]
    knots = [(float(x[inside].mean()), float(y[inside].mean())) for inside in bins if inside.any()]
    blend, opinion = zip((0.0, 0.0), *knots, (100.0, max(knots[-1][1], float(wanted.max()))), strict=True)
    return blend, opinion


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
