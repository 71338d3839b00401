"""Ladders: score along CRF beside what people said, and along resolution."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from qoed_training.agreement import agreement
from qoed_training.data.opinion import MOS_BY_CRF, score_of_mos
from qoed_training.evaluation.order import FIRST_VISIBLE_CRF
from qoed_training.evaluation.people import CURVE_FROM
from qoed_training.page.draw import QUIET, SERIES, Figure, drawn
from qoed_training.page.material import Evaluation
from qoed_training.tables.published import COMPRESSED, MOS_SPREAD_BY_CRF
from qoed_training.tables.spread import number


def crf_curve(evaluation: Evaluation) -> Figure:
    """Mean score at each CRF over held-out sources, the human mean and its spread behind."""
    crf = evaluation.ladders[0].crf
    rows = np.array([ladder.crf_score for ladder in evaluation.ladders])
    human = {value: (score_of_mos(mos), 25.0 * MOS_SPREAD_BY_CRF[value]) for value, mos in MOS_BY_CRF.items()}
    x, middle, sd = (
        np.array(column) for column in zip(*((v, *human[v]) for v in sorted(human)), strict=True)
    )

    def paint(axes: Axes) -> None:
        axes.fill_between(x, middle - sd, middle + sd, color=SERIES[1], alpha=0.22, linewidth=0)
        axes.plot(x, middle, color=SERIES[1], linewidth=2, label="people, mean of 900 sources")
        for row in rows:
            axes.plot(crf, row, color=SERIES[0], alpha=0.35, linewidth=0.9)
        axes.plot(crf, rows.mean(axis=0), color=SERIES[0], linewidth=2.4, marker="o", label="qoed, mean")
        axes.set(xlabel="CRF of x264", ylabel="score", ylim=(0, 102))
        axes.legend(loc="lower left")

    shared = [index for index, value in enumerate(crf) if value in human and value >= CURVE_FROM]
    found = agreement(rows.mean(axis=0)[shared], [human[crf[index]][0] for index in shared])
    pearson = number(found.plcc)
    return Figure(
        name="crf",
        title="Compression as people see it",
        svg=drawn("crf", paint),
        shows=f"{len(rows)} held-out clips (thin), their mean, and mean opinion with its spread over "
        f"sources (band; {COMPRESSED}). Pearson of the means from CRF {CURVE_FROM} on, after one monotone "
        f"map: {pearson}.",
        good=f"Flat up to CRF {FIRST_VISIBLE_CRF}, where people see nothing, then down with the band; "
        "Pearson at least 0.98; no thin line ever rises.",
        alt=f"Curve of scores over CRF beside human opinion, Pearson {pearson}.",
    )


def resolution(evaluation: Evaluation) -> Figure:
    """Score by the share of the screen's lines that was coded."""
    share = (1.0, *evaluation.ladders[0].share)
    rows = np.array([(ladder.untouched, *ladder.share_score) for ladder in evaluation.ladders])
    order = np.argsort(share)
    right = float((np.diff(rows[:, order], axis=1) > 0).mean())

    def paint(axes: Axes) -> None:
        x = np.array(share)[order]
        for row in rows:
            axes.plot(x, row[order], color=SERIES[0], alpha=0.35, linewidth=0.9)
        axes.plot(x, rows.mean(axis=0)[order], color=SERIES[0], linewidth=2.4, marker="o")
        axes.axvline(1.0, color=QUIET, linewidth=1, linestyle=(0, (4, 3)))
        axes.set(xlabel="coded lines as a share of the screen's", ylabel="score", ylim=(0, 102))
        axes.set_xticks(x, [f"{value:.2g}" for value in x])

    return Figure(
        name="resolution",
        title="Fewer lines, lower score",
        svg=drawn("resolution", paint),
        shows="The same clips coded with fewer lines and enlarged to the screen. "
        f"{100 * right:.1f} % of neighbouring rungs in the right order.",
        good="Every line climbs to the right, and 100 % in order.",
        alt=f"Score over resolution, {100 * right:.1f} % of neighbours in order.",
    )
