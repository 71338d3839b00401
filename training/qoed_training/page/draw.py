"""Figures as inline SVG: text stays text, colours follow the page, the same input gives the same bytes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Canvas

INK, QUIET, GRID, PAPER = "#010101", "#010102", "#010103", "#010104"
GOOD, BAD = "#010105", "#010106"
SERIES = tuple(f"#0102{number:02x}" for number in range(12))
"""Colours that no one sees: each stands for a variable of the page's style, which has a light and a dark."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*")
_VARIABLES = {INK: "ink", QUIET: "quiet", GRID: "grid", PAPER: "card", GOOD: "good", BAD: "bad"} | {
    colour: f"s{number}" for number, colour in enumerate(SERIES)
}
WIDTH, HEIGHT = 4.5, 3.4
"""Inches at 72 units: shown at about that size on a phone and on a desk, so that text keeps its size."""

_STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": QUIET,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "none",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "text.color": INK,
    "text.hinting": "none",
    "xtick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.color": QUIET,
    "ytick.labelcolor": INK,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A drawn figure: `svg`, what it shows, what a good one looks like, and what it says without eyes."""

    name: str
    title: str
    svg: str
    shows: str
    good: str
    alt: str


def drawn(name: str, paint: Callable[[Axes], None], *, width: float = WIDTH, height: float = HEIGHT) -> str:
    """The SVG element of one panel that `paint` fills; `name` keeps its ids apart from other figures'."""
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        canvas = Canvas(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(canvas)
        paint(canvas.add_subplot())
        out = StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        canvas.savefig(out, format="svg", metadata=nothing)
    return _inline(out.getvalue())


def _inline(text: str) -> str:
    """Without prologue, fixed size, font and ids that nothing refers to; colours become variables."""
    text = text[text.index("<svg") :]
    for pattern in _DROPPED:
        text = re.sub(pattern, "", text, flags=re.DOTALL)
    text = re.sub(r"#0[0-9a-f]{5}", lambda found: f"var(--{_VARIABLES[found[0]]})", text)
    return re.sub(r"\n\s*", "\n", text).strip()


_DROPPED = (
    r"<metadata>.*?</metadata>",
    r"<defs>\s*<style.*?</style>\s*</defs>",
    r' id="[A-Za-z0-9.]+_\d+"',
    r' (?:width|height)="[\d.]+pt"',
    r" font-family: [^;\"]*;",
    r' transform="rotate\(-0 [^"]*"',
)
