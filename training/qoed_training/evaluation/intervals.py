"""Whether the interval holds what it promises on productions and pictures of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from qoed_engine.manifest import Calibration
from qoed_training.evaluation.figures import confidence, rounded
from qoed_training.evaluation.scoring import Floats
from qoed_training.evaluation.table import Table


def interval_receipt(
    table: Table, calibration: Calibration, still_score: Floats, still_truth: Floats
) -> dict[str, Any]:
    """Share of labels inside the interval: overall, by score, by group, and of people's opinion of stills.

    `still_score` and `still_truth` are `[n]`, both 0-100.
    """
    inside = table.inside
    edges = np.array(calibration.bin_edges)
    place = np.minimum(np.searchsorted(edges, table.score), len(edges) - 1)
    bounds = np.array([calibration.interval(float(score)) for score in still_score]).reshape(-1, 2)
    truth_inside = (still_truth >= bounds[:, 0]) & (still_truth <= bounds[:, 1])
    by_group = {group: float(inside[table.group == group].mean()) for group in np.unique(table.group)}
    return {
        "wanted": calibration.coverage,
        "coverage": rounded(inside.mean()),
        "coverage_confidence": confidence(
            lambda rows: float(inside[rows].mean()), list(table.group), list(table.scene)
        ),
        "off_by": rounded(abs(inside.mean() - calibration.coverage)),
        "coverage_mean_of_groups": rounded(np.mean(list(by_group.values()))),
        "coverage_by_group": {str(group): rounded(value) for group, value in by_group.items()},
        "coverage_by_score": [
            {
                "up_to": edge,
                "n": int((place == index).sum()),
                "coverage": rounded(inside[place == index].mean()) if (place == index).any() else None,
                "half_width": rounded(calibration.half_width[index]),
            }
            for index, edge in enumerate(calibration.bin_edges)
        ],
        "mean_width": rounded(np.diff(table.bounds, axis=1).mean()),
        "coverage_of_stills": rounded(truth_inside.mean()) if len(truth_inside) else None,
    }
