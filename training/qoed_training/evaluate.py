"""The accuracy receipt: what the exported engine gets right on material it never learned from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import pearsonr, spearmanr

from qoed_engine import Engine
from qoed_engine.manifest import Calibration, Recipe
from qoed_training.data.corpus import Source, duration_s
from qoed_training.data.degrade import Degradation
from qoed_training.data.opinion import MOS_BY_CRF, OpinionMap, score_of_mos
from qoed_training.data.scenes import SECTION_S, Scene, SceneSpec, screen_heights
from qoed_training.data.stills import Still, still_clips

CRF_LADDER = tuple(sorted(MOS_BY_CRF))
SHARE_LADDER = (0.75, 0.5, 0.333, 0.25)
SHARE_CRF = 20
FIRST_VISIBLE_CRF = 22
"""People cannot order pairs below this CRF (CompressedVQA labels), so the receipt does not ask for it."""
HEIGHT_BANDS = ((144, 240), (240, 400), (400, 600), (600, 1080))
Floats = NDArray[np.float64]


def raw_of_scenes(engine: Engine, scenes: Sequence[Scene]) -> list[Floats]:
    """Raw output of every entry of every scene, averaged over its cuts: one `[K]` a scene."""
    results = []
    for scene in scenes:
        entries, cuts = scene.clips.shape[:2]
        clips = np.ascontiguousarray(scene.clips).reshape(entries * cuts, *scene.clips.shape[2:])
        results.append(engine.infer(clips).raw.reshape(entries, cuts).mean(axis=1).astype(np.float64))
    return results


def raw_of_stills(engine: Engine, stills: Iterable[Still], recipe: Recipe) -> Floats:
    """Raw output of every still, averaged over its cuts."""
    return np.array([float(engine.infer(still_clips(still, recipe)).raw.mean()) for still in stills])


def ladder_specs(sources: Sequence[Source]) -> list[SceneSpec]:
    """One CRF ladder and one resolution ladder for each test source."""
    plans = (
        *(Degradation(codec="h264", quality=crf, preset="faster") for crf in CRF_LADDER),
        *(
            Degradation(rung_share=share, codec="h264", quality=SHARE_CRF, preset="faster")
            for share in SHARE_LADDER
        ),
    )
    return [
        SceneSpec(
            source=source,
            start_s=round(max(0.0, (duration_s(source.path) - SECTION_S) / 2), 2),
            display_height=screen_heights(source)[0],
            plans=plans,
            ordinals=(3, 8),
        )
        for source in sources
        if source.split == "test"
    ]


def scene_receipt(
    scenes: Sequence[Scene], scores: Sequence[Floats], opinion: OpinionMap, calibration: Calibration
) -> dict[str, Any]:
    """Agreement with full-reference opinion labels on held-out productions."""
    labels = [opinion.label(scene) for scene in scenes]
    flat_label, flat_score = np.concatenate(labels), np.concatenate(scores)
    bounds = np.array([calibration.interval(float(score)) for score in flat_score])
    inside = (flat_label >= bounds[:, 0]) & (flat_label <= bounds[:, 1])
    within = [_spearman(label, score) for label, score in zip(labels, scores, strict=True)]
    return {
        "clips": len(flat_label),
        "scenes": len(scenes),
        "groups": sorted({scene.group for scene in scenes}),
        "spearman": _round(_spearman(flat_label, flat_score)),
        "pearson": _round(_pearson(flat_label, flat_score)),
        "rmse": _round(np.sqrt(np.mean((flat_label - flat_score) ** 2))),
        "spearman_within_scene_mean": _round(_mean(within)),
        "interval_coverage": _round(inside.mean()),
        "interval_coverage_wanted": calibration.coverage,
    }


def ladder_receipt(scores: Sequence[Floats]) -> dict[str, Any]:
    """Order along CRF and resolution; rows as `ladder_specs` plans them, the untouched clip first.

    A share of pairs is right when the worse rung scores strictly lower.
    """
    table = np.array(scores)
    crf = table[:, 1 : 1 + len(CRF_LADDER)]
    first = CRF_LADDER.index(FIRST_VISIBLE_CRF)
    visible = crf[:, first:]
    shares = np.concatenate([table[:, :1], table[:, 1 + len(CRF_LADDER) :]], axis=1)
    human = [score_of_mos(MOS_BY_CRF[value]) for value in CRF_LADDER]
    return {
        "sources": len(table),
        "crf_mean_score": {
            str(value): _round(mean) for value, mean in zip(CRF_LADDER, crf.mean(axis=0), strict=True)
        },
        "crf_pearson_to_human_mean": _round(_pearson(np.array(human), crf.mean(axis=0))),
        "crf_adjacent_pairs_right": _round((np.diff(visible, axis=1) < 0).mean()),
        "crf_two_steps_right": _round((visible[:, 2:] < visible[:, :-2]).mean()),
        "crf_worst_rise_points": _round(max(0.0, float(np.diff(visible, axis=1).max()))),
        "resolution_mean_score": {
            str(value): _round(mean)
            for value, mean in zip((1.0, *SHARE_LADDER), shares.mean(axis=0), strict=True)
        },
        "resolution_adjacent_pairs_right": _round((np.diff(shares, axis=1) < 0).mean()),
    }


def still_receipt(stills: Sequence[Still], scores: Floats) -> dict[str, Any]:
    """Agreement with lab opinion on H.265 stills of held-out sources."""
    mos = np.array([still.mos for still in stills])
    heights = np.array([still.height for still in stills])
    sources = np.array([still.source for still in stills])
    bands = {}
    for low, high in HEIGHT_BANDS:
        inside = (heights >= low) & (heights < high)
        if inside.sum() >= 5:
            bands[f"{low}-{high}"] = {
                "n": int(inside.sum()),
                "spearman": _round(_spearman(mos[inside], scores[inside])),
            }
    within = [
        _spearman(mos[sources == name], scores[sources == name])
        for name in np.unique(sources)
        if (sources == name).sum() >= 4
    ]
    return {
        "stills": len(mos),
        "sources": len(set(sources)),
        "spearman": _round(_spearman(mos, scores)),
        "pearson": _round(_pearson(mos, scores)),
        "spearman_of_height_alone": _round(_spearman(mos, heights)),
        "spearman_within_height_band": bands,
        "spearman_within_source_mean": _round(_mean(within)),
    }


def _spearman(a: NDArray[Any], b: NDArray[Any]) -> float | None:
    return _agreement(spearmanr, a, b)


def _pearson(a: NDArray[Any], b: NDArray[Any]) -> float | None:
    return _agreement(pearsonr, a, b)


def _agreement(measure: Callable[..., Any], a: NDArray[Any], b: NDArray[Any]) -> float | None:
    """None where there is nothing to agree on: too few points, or all alike on one side."""
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(measure(a, b).statistic)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _round(value: Any) -> float | None:
    return None if value is None else round(float(value), 4)
