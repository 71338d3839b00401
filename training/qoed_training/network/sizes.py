"""Networks by name, and one small enough to train many times over."""

from __future__ import annotations

from collections.abc import Mapping

import typer

from qoed_engine.manifest import Recipe
from qoed_training.network.model import SIZES, NetworkConfig

NANO = NetworkConfig(
    name="nano",
    stem=8,
    widths=(16, 32, 64, 128),
    blocks=(1, 1, 1, 1),
    fused=16,
    heads=4,
    recipe=Recipe(grid=3),
)
"""Every module of the paper's network on a quarter of the pixels: for ablations on few cores, not for use."""
NETWORKS: dict[str, NetworkConfig] = {NANO.name: NANO, **SIZES}


def size_named(name: str, sizes: Mapping[str, NetworkConfig] | None = None) -> NetworkConfig:
    """The one of `sizes` (None: those that are shipped) of that name. Raises `typer.BadParameter`."""
    known = SIZES if sizes is None else sizes
    if name not in known:
        raise typer.BadParameter(f"no size {name}: choose from {', '.join(known)}")
    return known[name]
