"""What the network's features know of distortions: t-SNE of held-out clips."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from qoed_training.page.draw import MARKERS, QUIET, SERIES, Figure, drawn
from qoed_training.page.material import Evaluation

PERPLEXITY = 30.0
NEIGHBOURS = 10
MIN_ROWS = 3 * NEIGHBOURS


def tsne(evaluation: Evaluation) -> Figure:
    """Features `[N,F]` laid out in two dimensions, coloured by distortion (van der Maaten, JMLR 2008)."""
    rows = evaluation.features
    names = np.array([row.distortion for row in rows])
    place = embed(np.array([row.features for row in rows], dtype=np.float64))
    known = [*evaluation.distortions, "several", "none"]
    kinds = [name for name in known if (names == name).any()]
    share, chance = kinship(place, names)

    def paint(axes: Axes) -> None:
        for name in kinds:
            inside = names == name
            number = known.index(name)
            plain = name in ("several", "none")
            style: dict[str, Any] = {
                "color": QUIET if plain else SERIES[number % len(SERIES)],
                "linewidths": 0,
            }
            marker = {"several": "x", "none": "."}.get(name, MARKERS[number % len(MARKERS)])
            if marker == "x":
                style["linewidths"] = 0.8
            axes.scatter(
                place[inside, 0],
                place[inside, 1],
                s=16,
                marker=marker,
                label=name.replace("_", " "),
                alpha=0.8,
                **style,
            )
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        axes.legend(
            loc="upper center",
            bbox_to_anchor=(0.5, 0.0),
            ncols=3,
            handletextpad=0,
            columnspacing=0.6,
            fontsize=8.5,
        )

    return Figure(
        name="tsne",
        title="Features by distortion",
        svg=drawn("tsne", paint, height=4.2),
        shows=f"Features of {len(rows)} held-out clips, alike ones close (t-SNE; axes mean nothing). "
        f"Of a clip's {NEIGHBOURS} neighbours {100 * share:.0f} % share its distortion, "
        f"{100 * chance:.0f} % would by chance.",
        good="Islands of one colour, far more like neighbours than by chance.",
        alt=f"t-SNE map of features; {100 * share:.0f} % of neighbours share the distortion.",
    )


def embed(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """t-SNE `[N,2]` of standardised features `[N,F]`, the same every time."""
    spread = features.std(axis=0)
    scaled = (features - features.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    perplexity = min(PERPLEXITY, (len(features) - 1) / 3)
    # Threads add in an order of their own, and t-SNE makes much of the last bit.
    with threadpool_limits(1):
        made = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(scaled)
    return np.asarray(made, dtype=np.float64)


def kinship(place: NDArray[np.float64], names: NDArray[np.str_]) -> tuple[float, float]:
    """Share of the nearest neighbours in `[N,2]` that have the same name, and that share by chance."""
    distance = ((place[:, None] - place[None]) ** 2).sum(axis=-1)
    np.fill_diagonal(distance, np.inf)
    near = np.argsort(distance, axis=1)[:, :NEIGHBOURS]
    alike = names[:, None] == names[None]
    others = len(names) - 1
    return float(np.take_along_axis(alike, near, axis=1).mean()), float(
        (alike.sum(axis=1) - 1).mean() / others
    )
