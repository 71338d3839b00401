"""Score against lab opinion on rated pictures, by height."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from qoed_training.agreement import agreement, apply_logistic
from qoed_training.evaluation.pictures import HEIGHT_BANDS
from qoed_training.page.agree import words_of
from qoed_training.page.draw import MARKERS, QUIET, SERIES, Figure, drawn
from qoed_training.page.material import Evaluation


def stills(evaluation: Evaluation) -> Figure:
    """Each rated picture, coloured by its height band; height alone orders them well, so bands say more."""
    score = np.array([still.score for still in evaluation.stills])
    mos = np.array([still.mos for still in evaluation.stills])
    height = np.array([still.height for still in evaluation.stills])
    found = agreement(score, mos)
    bands = {band: (height >= band[0]) & (height < band[1]) for band in HEIGHT_BANDS}
    within = {band: agreement(score[inside], mos[inside]).srocc for band, inside in bands.items()}

    banded = np.any(list(bands.values()), axis=0)

    def paint(axes: Axes) -> None:
        axes.scatter(score[~banded], mos[~banded], s=16, color=QUIET, alpha=0.8, linewidths=0)
        for number, ((low, high), inside) in enumerate(bands.items()):
            label = f"{low}–{high - 1} lines"
            style: dict[str, Any] = {
                "color": SERIES[number],
                "marker": MARKERS[number],
                "alpha": 0.8,
                "linewidths": 0,
            }
            axes.scatter(score[inside], mos[inside], s=26, label=label, **style)
        if found.curve is not None:
            line = np.linspace(score.min(), score.max(), 100)
            axes.plot(line, apply_logistic(found.curve, line), color=QUIET, linewidth=1.5)
        axes.set(xlabel="score", ylabel="mean opinion", xlim=(0, 100), ylim=(0.9, 5.1))
        axes.legend(loc="upper left", handletextpad=0.2)

    told = ", ".join(
        f"{low}–{high - 1} lines {value:.2f}" for (low, high), value in within.items() if value is not None
    )
    return Figure(
        name="stills",
        title="Pictures rated in a lab",
        svg=drawn("stills", paint),
        shows=f"{len(mos)} H.265 pictures of held-out sources, one dot each. {words_of(found)}. "
        f"Spearman within a height band: {told or 'too few pictures'}.",
        good="Spearman at least 0.93 overall and 0.80 within each band; a meter of sharpness alone passes "
        "the first and fails the second.",
        alt=f"Scatter of opinion over score. {words_of(found)}.",
    )
