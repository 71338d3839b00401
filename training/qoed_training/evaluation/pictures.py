"""Agreement with lab opinion on stills of held-out sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from qoed_training.agreement import agreement
from qoed_training.data.stills import Still
from qoed_training.evaluation.figures import confidence, mean, rounded, spearman
from qoed_training.evaluation.scoring import Floats

HEIGHT_BANDS = ((144, 240), (240, 400), (400, 600), (600, 1080))
MIN_IN_BAND, MIN_IN_SOURCE = 5, 4


def still_receipt(stills: Sequence[Still], scores: Floats) -> dict[str, Any]:
    """Agreement of scores `[n]` with opinion: overall, inside bands of coded height, inside a source."""
    mos = np.array([still.mos for still in stills])
    heights = np.array([still.height for still in stills])
    sources = np.array([still.source for still in stills])
    bands = {}
    for low, high in HEIGHT_BANDS:
        inside = (heights >= low) & (heights < high)
        if inside.sum() >= MIN_IN_BAND:
            bands[f"{low}-{high}"] = {
                "n": int(inside.sum()),
                **_spearman_of(mos[inside], scores[inside], list(sources[inside])),
            }
    within = [
        spearman(mos[sources == name], scores[sources == name])
        for name in np.unique(sources)
        if (sources == name).sum() >= MIN_IN_SOURCE
    ]
    found = agreement(scores, mos).rounded()
    known = [row["spearman"] for row in bands.values() if row["spearman"] is not None]
    return {
        "stills": len(mos),
        "sources": len(set(sources)),
        **_spearman_of(mos, scores, list(sources)),
        "kendall": found.krocc,
        "pearson": found.plcc,
        "rmse": found.rmse,
        "spearman_of_height_alone": rounded(spearman(mos, heights)),
        "spearman_within_height_band": bands,
        "spearman_within_height_band_lowest": min(known, default=None),
        "spearman_within_height_band_mean": rounded(mean(known)),
        "spearman_within_source_mean": rounded(mean(within)),
    }


def _spearman_of(mos: Floats, scores: Floats, sources: list[str]) -> dict[str, Any]:
    return {
        "spearman": rounded(spearman(mos, scores)),
        "spearman_confidence": confidence(
            lambda rows: spearman(mos[rows], scores[rows]), sources, [str(row) for row in range(len(mos))]
        ),
    }
