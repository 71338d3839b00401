"""What a network weighs and computes, module by module; found from shapes alone, nothing is run."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from qoed_training.network.model import NetworkConfig, QualityNetwork

MODULES = (
    "backbone.stem",
    "backbone.stages.0",
    "backbone.stages.1",
    "backbone.stages.2",
    "backbone.stages.3",
    "fragments.fusion",
    "fragments.encoder",
    "view.fusion",
    "view.encoder",
    "quality",
    "distortions",
)
"""The rows of the account; SimAM, norms and the look offsets multiply nothing worth counting."""
OTHER = "the rest"


@dataclass(frozen=True, slots=True)
class Share:
    """Parameters and floating-point operations a clip of one module."""

    parameters: int
    flops: int


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a whole network. `flops` counts a multiply-add of convolutions and matrix products as two.

    The shares of `modules` add up to the whole; the backbone's count both looks at a clip.
    """

    parameters: int
    flops: int
    modules: dict[str, Share]


def cost(config: NetworkConfig) -> Cost:
    """Parameters and FLOPs a clip of a variant, also of one too large for this machine."""
    with torch.device("meta"):
        network = QualityNetwork(config).eval()
        return cost_of(network)


def cost_of(network: QualityNetwork) -> Cost:
    """The same of a network at hand, on the device it is on."""
    shape = (1, *network.config.recipe.clip_shape)
    clip = torch.zeros(shape, dtype=torch.uint8, device=network.kind.device)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(clip)
    counts = {name: sum(kinds.values()) for name, kinds in counter.get_flop_counts().items()}
    root = type(network).__name__
    modules = {
        name: Share(_parameters(network.get_submodule(name)), counts.get(f"{root}.{name}", 0))
        for name in MODULES
    }
    parameters, flops = _parameters(network), counter.get_total_flops()
    modules[OTHER] = Share(
        parameters - sum(share.parameters for share in modules.values()),
        flops - sum(share.flops for share in modules.values()),
    )
    return Cost(parameters, flops, modules)


def _parameters(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
