"""The mean score over x264 CRFs beside what people said of 900 videos at the same CRFs."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qoed_training.agreement import apply_logistic, fit_logistic
from qoed_training.data.corpus import CorpusError
from qoed_training.data.opinion import MOS_BY_CRF, score_of_mos
from qoed_training.evaluation.figures import confidence, pearson, rounded
from qoed_training.evaluation.ladders import CRF, CRF_LADDER, Ladder
from qoed_training.evaluation.scoring import Floats

CURVE_FROM = 17
"""CRFs from here on are the curve that is compared; CRF 0 looks like 17 to people."""
FLAT = 1e-9
INVISIBLE_TO = 22
"""From CRF 0 to here people hardly see a change."""
_NAME = re.compile(r"(?P<source>.+)_crf_(?P<crf>\d+)\.yuv")


def read_opinions(path: Path) -> Floats:
    """Mean opinion `[sources, len(CRF_LADDER)]`, 1-5, of `ugcset_mos.json` (sunwei925/CompressedVQA).

    Raises `CorpusError`.
    """
    try:
        parts = json.loads(path.read_text(encoding="utf-8")).values()
        table: dict[str, dict[int, float]] = {}
        for part in parts:
            for name, mos in zip(part["dis"], part["mos"], strict=True):
                if (found := _NAME.fullmatch(name)) is None:
                    raise ValueError(f"{name} names no CRF")
                table.setdefault(found["source"], {})[int(found["crf"])] = float(mos)
        rows = [[row[crf] for crf in CRF_LADDER] for row in table.values()]
    except OSError as error:
        raise CorpusError(f"{path}: {error.strerror}; point the option at ugcset_mos.json") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorpusError(f"{path}: not the opinions of CompressedVQA ({error})") from error
    return np.array(rows)


def people_receipt(ladders: Sequence[Ladder], opinions: Floats | None) -> dict[str, Any]:
    """Mean and spread over clips at each CRF beside people's; `opinions` as `read_opinions` gives them.

    Pearson between the two mean curves from `CURVE_FROM` on is given bare and after one monotone map,
    the four-parameter logistic (VQEG 2000) from score to opinion, fitted to those points. Without `opinions`
    people's spread is left out, their mean is the published one.
    """
    chosen = [ladder for ladder in ladders if ladder.kind == CRF]
    if not chosen:
        return {}
    table = np.array([ladder.scores for ladder in chosen])
    judged = [place for place, crf in enumerate(CRF_LADDER) if crf >= CURVE_FROM]
    published = [MOS_BY_CRF[crf] for crf in CRF_LADDER]
    human = np.array(
        [score_of_mos(mos) for mos in (published if opinions is None else opinions.mean(axis=0))]
    )

    mine, theirs = table.mean(axis=0)[judged], human[judged]
    curve = fit_logistic(mine, theirs) if np.ptp(mine) > FLAT else None

    def after_map(rows: Any) -> float | None:
        """With the map held: it is part of what is judged, not of the draw."""
        if curve is None:
            return None
        value = pearson(apply_logistic(curve, table[rows].mean(axis=0)[judged]), theirs)
        return value if value is None or curve.rises else -value

    sources, scenes = [ladder.source for ladder in chosen], [ladder.scene for ladder in chosen]
    drop = table[:, 0] - table[:, CRF_LADDER.index(INVISIBLE_TO)]
    return {
        "crf": list(CRF_LADDER),
        "mean_score": [rounded(value) for value in table.mean(axis=0)],
        "people_mean": [rounded(value) for value in human],
        "spread": [rounded(value) for value in _source_spread(chosen, table)],
        "people_spread": None if opinions is None else [rounded(25 * v) for v in opinions.std(axis=0)],
        "people_sources": None if opinions is None else len(opinions),
        "map": "four-parameter logistic",
        "pearson": rounded(pearson(mine, theirs)),
        "pearson_after_map": rounded(after_map(slice(None))),
        "pearson_after_map_confidence": confidence(after_map, sources, scenes),
        "drop_0_to_22_mean": rounded(drop.mean()),
        "drop_0_to_22_worst": rounded(drop.max()),
    }


def _source_spread(ladders: Sequence[Ladder], table: Floats) -> Floats:
    """Standard deviation over sources of their mean score: `[R]`, as people's spread is over sources."""
    names = np.array([ladder.source for ladder in ladders])
    means = np.array([table[names == name].mean(axis=0) for name in np.unique(names)])
    return np.asarray(means.std(axis=0))
