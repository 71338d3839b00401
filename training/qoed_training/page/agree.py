"""How scores meet labels: scatter with the fitted curve, coverage of the interval."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from qoed_training.agreement import Agreement, agreement, apply_logistic
from qoed_training.page.draw import PAPER, QUIET, SERIES, Figure, drawn
from qoed_training.page.material import Evaluation

SHOWN = 1500
"""Points drawn at most; more only blacken the picture. Figures in the text count all."""
BINS = 5
MIN_IN_BIN = 10
"""A share of fewer clips than this is not drawn."""


def scatter(evaluation: Evaluation) -> Figure:
    """Score against label of held-out clips, with the four-parameter logistic."""
    score = np.array([clip.score for clip in evaluation.clips])
    label = np.array([clip.label for clip in evaluation.clips])
    found = agreement(score, label)
    every = np.unique(np.linspace(0, len(score) - 1, min(SHOWN, len(score))).round().astype(int))

    def paint(axes: Axes) -> None:
        axes.plot([0, 100], [0, 100], color=QUIET, linewidth=1, linestyle=(0, (4, 3)), label="perfect")
        axes.scatter(score[every], label[every], s=11, color=SERIES[0], alpha=0.4, linewidths=0)
        if found.curve is not None:
            line = np.linspace(score.min(), score.max(), 100)
            axes.plot(line, apply_logistic(found.curve, line), color=SERIES[1], linewidth=2, label="fitted")
        axes.set(xlabel="score", ylabel="label", xlim=(0, 100), ylim=(-2, 102))
        axes.legend(loc="upper left")

    return Figure(
        name="scatter",
        title="Score and label",
        svg=drawn("scatter", paint),
        shows=f"Each dot is a held-out clip. {words_of(found)}, {len(score)} clips; "
        "Pearson and RMSE after the curve.",
        good="A narrow cloud along the dashed line; the curve shows how the scale would have to bend.",
        alt=f"Scatter of labels over scores. {words_of(found)}.",
    )


def words_of(found: Agreement) -> str:
    """The measures in a sentence, or why there are none."""
    if found.srocc is None:
        return f"No agreement can be measured: {found.note}"
    plcc = "none" if found.plcc is None else f"{found.plcc:.3f}"
    return f"Spearman {found.srocc:.3f}, Pearson {plcc}, Kendall {found.krocc:.3f}, RMSE {found.rmse:.1f}"


def coverage(evaluation: Evaluation) -> Figure:
    """Share of labels inside the interval by score, fifth by fifth of the scale."""
    clips = evaluation.clips
    score = np.array([clip.score for clip in clips])
    inside = np.array([clip.lo <= clip.label <= clip.hi for clip in clips])
    width = np.array([clip.hi - clip.lo for clip in clips])
    place = np.clip(score * BINS / 100.0, 0, BINS - 1).astype(int)
    size = 100.0 / BINS
    bins = [number for number in range(BINS) if (place == number).sum() >= MIN_IN_BIN]
    shares = [100.0 * float(inside[place == number].mean()) for number in bins]

    def paint(axes: Axes) -> None:
        centres = [(number + 0.5) * size for number in bins]
        axes.bar(centres, shares, width=size * 0.86, color=SERIES[0], alpha=0.9)
        for x, share, number in zip(centres, shares, bins, strict=True):
            text = f"{share:.0f} %\n±{width[place == number].mean() / 2:.0f}"
            axes.text(x, 4, text, ha="center", va="bottom", color=PAPER, fontsize=9.5)
        axes.axhline(100 * evaluation.coverage, color=SERIES[1], linewidth=2)
        axes.set(xlabel="score", ylabel="labels inside, %", xlim=(0, 100), ylim=(0, 105))

    whole = 100.0 * float(inside.mean())
    wanted = 100.0 * evaluation.coverage
    return Figure(
        name="coverage",
        title="Does the interval hold?",
        svg=drawn("coverage", paint),
        shows=f"Labels that fall inside the interval: {whole:.1f} % of all, {wanted:.0f} % promised (line). "
        "The second number in each bar is the interval's mean half-width in points.",
        good=f"All within 2 points of {wanted:.0f} %, and narrow: a wide interval keeps any promise.",
        alt=f"Bars of interval coverage by score; {whole:.1f} % overall.",
    )
