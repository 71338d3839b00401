"""`qoed-train model`: the sizes side by side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from qoed_training.network.cost import Cost, Share, cost
from qoed_training.network.model import BASE, SIZES, SMALL, QualityNetwork

ROUNDS = 15


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(model)


def model(
    time: Annotated[bool, typer.Option("--time", help="Also measure milliseconds a clip.")] = False,
) -> None:
    """Print parameters and cost of each size, module by module."""
    costs = {name: cost(config) for name, config in SIZES.items()}
    for line in cost_table(costs):
        typer.echo(line)
    if time:
        # Here, since exporting takes imports that the table needs not.
        from qoed_training.network.speed import clip_ms

        taken = clip_ms({name: QualityNetwork(config) for name, config in SIZES.items()}, rounds=ROUNDS)
        each = ", ".join(f"{name} {value:.1f} ms" for name, value in taken.items())
        ratio = taken[BASE.name] / taken[SMALL.name]
        typer.echo(f"a clip on one thread (ONNX Runtime, f32): {each}; ratio {ratio:.1f}")


def cost_table(costs: dict[str, Cost]) -> Iterator[str]:
    """Lines of a table: a row a module, for each size M parameters and GFLOP a clip, then base / small."""
    small, base = costs[SMALL.name], costs[BASE.name]
    units = "".join(f"{'M parameters':>16}{'GFLOP a clip':>14}" for _ in costs)
    yield f"{'':<20}" + "".join(f"{name:>30}" for name in costs)
    yield f"{'module':<20}{units}{'ratio of FLOP':>15}"
    for name in small.modules:
        shares = [each.modules[name] for each in costs.values()]
        yield _row(name, shares, small.modules[name], base.modules[name])
    totals = [Share(each.parameters, each.flops) for each in costs.values()]
    yield _row("whole network", totals, totals[0], totals[-1])
    yield f"parameters: base / small {base.parameters / small.parameters:.1f}"


def _row(name: str, shares: list[Share], small: Share, base: Share) -> str:
    cells = "".join(f"{share.parameters / 1e6:>16.3f}{share.flops / 1e9:>14.3f}" for share in shares)
    return f"{name:<20}{cells}" + (f"{base.flops / small.flops:>15.1f}" if small.flops else "")
