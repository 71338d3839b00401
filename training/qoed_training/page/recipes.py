"""What a sampling recipe costs and what it brings."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from qoed_training.page.draw import QUIET, SERIES, Figure, drawn
from qoed_training.page.material import Evaluation, RecipePoint
from qoed_training.tables.layout import Row, Table


def recipes(evaluation: Evaluation) -> Figure:
    """Spearman on held-out clips over CPU time a decision; the chosen recipe marked, the best ones joined."""
    points = _by_cost(evaluation)
    front, best = [], -np.inf
    for point in points:
        if point.spearman > best:
            front.append(point)
            best = point.spearman
    chosen = [point for point in points if point.chosen]

    def paint(axes: Axes) -> None:
        axes.plot([p.cpu_ms for p in front], [p.spearman for p in front], color=QUIET, linewidth=1)
        axes.scatter([p.cpu_ms for p in points], [p.spearman for p in points], s=30, color=SERIES[0])
        ring: dict[str, Any] = {
            "facecolors": "none",
            "edgecolors": SERIES[1],
            "linewidths": 2,
            "label": "chosen",
        }
        axes.scatter([p.cpu_ms for p in chosen], [p.spearman for p in chosen], s=130, **ring)
        for number, point in enumerate(points, 1):
            place: dict[str, Any] = {"xytext": (0, 9), "textcoords": "offset points", "ha": "center"}
            axes.annotate(str(number), (point.cpu_ms, point.spearman), **place)
        axes.set_xscale("log")
        axes.margins(0.12, 0.16)
        ticks = np.unique(np.geomspace(points[0].cpu_ms, points[-1].cpu_ms, 4).round())
        axes.set_xticks(ticks, [f"{value:g}" for value in ticks], minor=False)
        axes.minorticks_off()
        axes.set(xlabel="CPU milliseconds a decision", ylabel="Spearman")
        if chosen:
            axes.legend(loc="lower right")

    told = "; ".join(f"{p.name}: {p.cpu_ms:.0f} ms, {p.gflop:.1f} GFLOP, {p.spearman:.3f}" for p in points)
    return Figure(
        name="recipes",
        title="Accuracy and cost of sampling",
        svg=drawn("recipes", paint),
        shows="Each dot is a way to sample a clip (fragments, whole view, frames). "
        "Up is better, left is cheaper; the line joins those that none beats at their cost. "
        "Numbers as in the table.",
        good="The chosen one lies on the line, where it begins to flatten.",
        alt=f"Spearman over cost by recipe. {told}.",
    )


def recipe_table(evaluation: Evaluation) -> Table:
    """The same recipes by name, cheapest first."""
    rows = [
        Row(
            name=f"{number}  {point.name}" + (" (chosen)" if point.chosen else ""),
            cells=(f"{point.spearman:.3f}", f"{point.cpu_ms:.1f}", f"{point.gflop:.2f}"),
            bar=max(0.0, point.spearman),
        )
        for number, point in enumerate(_by_cost(evaluation), 1)
    ]
    columns = ("Spearman", "CPU ms a decision", "GFLOP a decision")
    return Table(
        name="recipes",
        title="Recipes",
        head="recipe",
        columns=columns,
        rows=tuple(rows),
        notes=evaluation.recipe_notes,
    )


def _by_cost(evaluation: Evaluation) -> list[RecipePoint]:
    return sorted(evaluation.recipes, key=lambda point: (point.cpu_ms, -point.spearman))
