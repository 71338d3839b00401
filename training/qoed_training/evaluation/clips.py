"""Agreement with full-reference labels on held-out productions, whole and in parts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qoed_training.agreement import agreement
from qoed_training.data.degrade import DISTORTIONS
from qoed_training.data.unfit import SCREEN_GROUPS
from qoed_training.evaluation.figures import confidence, mean, rounded, spearman
from qoed_training.evaluation.table import Table

CODECS_AND_SCALES = frozenset({"codec", "quality", "preset", "gop", "rung_share", "seed"})
"""A plan of these fields alone is what a clean encoder ladder does to a picture."""


def clip_receipt(table: Table, *, abstain_above: float | None = None) -> dict[str, Any]:
    """SROCC, KROCC, PLCC and RMSE over parts of the held-out entries, by distortion, group and scene.

    `abstain_above` is the manifest's threshold on `Table.unfit`.
    """
    coded = np.array([set(plan) <= CODECS_AND_SCALES for plan in table.plan])
    camera = ~np.isin(table.group, sorted(SCREEN_GROUPS))
    everything = np.ones(len(table.label), dtype=bool)
    receipt: dict[str, Any] = {
        "clips": len(table.label),
        "scenes": len(set(table.scene)),
        "groups": sorted({str(group) for group in table.group}),
        "screen_groups": sorted(SCREEN_GROUPS & {str(group) for group in table.group}),
        "all": _part(table, everything),
        "codecs_and_scales": _part(table, coded),
        "all_without_screens": _part(table, camera),
        "codecs_and_scales_without_screens": _part(table, coded & camera),
        "by_distortion": {
            name: _short(table, table.targets[:, place] > 0.5) for place, name in enumerate(DISTORTIONS)
        },
        "by_group": {str(group): _short(table, table.group == group) for group in np.unique(table.group)},
        "spearman_within_scene_mean": rounded(mean(_within(table))),
        "rmse_on_scale": rounded(np.sqrt(np.mean((table.label - table.score) ** 2))),
    }
    if table.unfit is not None and abstain_above is not None:
        abstained = table.unfit > abstain_above
        receipt["all_that_get_a_score"] = _part(table, ~abstained)
        receipt["abstained_share_by_group"] = {
            str(group): rounded(abstained[table.group == group].mean()) for group in np.unique(table.group)
        }
    return receipt


def _part(table: Table, rows: NDArray[np.bool_]) -> dict[str, Any]:
    label, score = table.label[rows], table.score[rows]
    found = agreement(score, label).rounded()
    interval = confidence(
        lambda drawn: spearman(label[drawn], score[drawn]), list(table.group[rows]), list(table.scene[rows])
    )
    return {
        "n": int(rows.sum()),
        "spearman": found.srocc,
        "spearman_confidence": interval,
        "kendall": found.krocc,
        "pearson": found.plcc,
        "rmse": found.rmse,
    }


def _short(table: Table, rows: NDArray[np.bool_]) -> dict[str, Any]:
    return {"n": int(rows.sum()), "spearman": rounded(spearman(table.label[rows], table.score[rows]))}


def _within(table: Table) -> list[float | None]:
    rows = [table.scene == name for name in np.unique(table.scene)]
    return [spearman(table.label[each], table.score[each]) for each in rows]
