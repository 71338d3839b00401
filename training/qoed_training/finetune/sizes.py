"""Networks by name, and one small enough to train many times over."""

from __future__ import annotations

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
