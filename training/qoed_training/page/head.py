"""How far the head that names distortions can be believed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from qoed_training.evaluation.head import BINS, area_under_curve, calibration_error
from qoed_training.page.draw import INK, QUIET, SERIES, Figure, drawn
from qoed_training.page.material import Clip, Evaluation
from qoed_training.tables.layout import Row, Table
from qoed_training.tables.spread import number

Floats = NDArray[np.float64]


def reliability(evaluation: Evaluation) -> Figure:
    """Stated probability of a distortion against how often it is there, all distortions pooled."""
    stated, there = (column.ravel() for column in head_of(evaluation.clips))
    rows = reliability_bins(stated, there)
    error = mean_error(evaluation)

    def paint(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=QUIET, linewidth=1, linestyle=(0, (4, 3)))
        x, y, n = (np.array(column) for column in zip(*rows, strict=True))
        axes.plot(x, y, color=SERIES[0], linewidth=1.5)
        axes.scatter(x, y, s=14 + 160 * np.sqrt(n / n.max()), color=SERIES[0], alpha=0.6, linewidths=0)
        axes.set(xlabel="stated probability", ylabel="share that has it", xlim=(-0.05, 1.05))
        axes.set_ylim(-0.05, 1.05)
        axes.text(0.98, 0.04, f"ECE {error:.3f}", transform=axes.transAxes, ha="right", color=INK)

    return Figure(
        name="reliability",
        title="Can the named distortions be believed?",
        svg=drawn("reliability", paint),
        shows="Of all the times that the network gave a probability (across), how often the distortion was "
        f"there (up). Bigger dots hold more cases. Mean calibration error of the types: {error:.3f}.",
        good="Dots on the dashed line, error below 0.05. Below the line the network is too sure.",
        alt=f"Reliability diagram, expected calibration error {error:.3f}.",
    )


def reliability_bins(stated: Floats, there: Floats) -> list[tuple[float, float, int]]:
    """Mean stated probability, share present and count of each filled bin of equal width."""
    place = np.minimum((stated * BINS).astype(int), BINS - 1)
    return [
        (float(stated[place == b].mean()), float(there[place == b].mean()), int((place == b).sum()))
        for b in range(BINS)
        if (place == b).any()
    ]


def head_table(evaluation: Evaluation) -> Table:
    """For each distortion: how often it is there, how well its probability ranks, how true it is."""
    stated, there = head_of(evaluation.clips)
    rows = []
    for place, name in enumerate(evaluation.distortions):
        x, y = stated[:, place], there[:, place]
        area, error = area_under_curve(y, x), calibration_error(y, x)
        if area is None:
            why = "no held-out clip has it" if y.max() == 0 else "every held-out clip has it"
            rows.append(Row(name=name.replace("_", " "), kind="missing", note=why))
        else:
            cells = (number(area), f"{error:.3f}", f"{100 * y.mean():.0f} %")
            rows.append(Row(name=name.replace("_", " "), cells=cells, bar=area))
    return Table(
        name="head",
        title="Each distortion",
        head="distortion",
        columns=("ROC area", "ECE", "clips that have it"),
        rows=tuple(rows),
        notes=("ROC area: the chance that a clip with it gets the higher probability; 0.5 is a coin.",),
    )


def mean_error(evaluation: Evaluation) -> float:
    """Expected calibration error, mean of the types."""
    stated, there = head_of(evaluation.clips)
    types = range(len(evaluation.distortions))
    return float(np.mean([calibration_error(there[:, k], stated[:, k]) for k in types]))


def head_of(clips: Sequence[Clip]) -> tuple[Floats, Floats]:
    """Stated probabilities and what is there, both `[N,K]`."""
    stated = np.array([clip.probabilities for clip in clips], dtype=np.float64)
    return stated, np.array([clip.targets for clip in clips], dtype=np.float64)
