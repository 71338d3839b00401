"""The accuracy and cost of sampling recipes, measured on held-out scenes.

A trained network judges the scenes with parts of its clips withheld: one of its two looks grey, frames
repeated, one clip instead of two. What is left of it is what a cheaper recipe would see.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from scipy.stats import spearmanr
from torch import Tensor

from qoed_training.atomic import write_text
from qoed_training.data.corpus import CorpusError
from qoed_training.data.opinion import OpinionMap, load_opinion
from qoed_training.data.scenes import Scene, load_scenes
from qoed_training.network.model import SMALL, LookName, QualityNetwork
from qoed_training.network.sizes import size_named
from qoed_training.network.trained import read_network
from qoed_training.recipe_cost import RecipeCost, recipe_costs
from qoed_training.sampling import Sampling, fewer_frames, samplings

GREY = 128
NOTES = (
    "The network was trained on whole clips: a recipe that withholds something is judged as this network "
    "takes it. Clips whose frames repeat are among its training, clips with a grey look are not; a network "
    "trained for a recipe may do better with it.",
    "Costs are those of the network that the recipe would run (its looks and frames only; f32, one thread) "
    "and of cutting its clips from decoded 1280x720 pictures. Decoding, much the same for all, is left out.",
    "Two clips a decision are two sets of places in the same frames: the whole view alone comes with one.",
)
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judged:
    """One point of the curve; agreement is None where there is nothing to agree on."""

    name: str
    looks: tuple[LookName, ...]
    frames: int
    clips: int
    gflop: float
    preprocess_ms: float
    network_ms: float
    spearman: float | None
    spearman_within_scene_mean: float | None
    on_the_curve: bool = False
    """No other recipe agrees as well, over all clips, for less time."""

    @property
    def milliseconds(self) -> float:
        """Preprocessing and network of a decision."""
        return self.preprocess_ms + self.network_ms


def judge_recipes(
    network: QualityNetwork, scenes: Sequence[Scene], opinion: OpinionMap, out: Path
) -> Iterator[str]:
    """Judge and cost every recipe on `scenes`, write `out` (JSON), yielding a line a recipe.

    Raises `CorpusError` without scenes.
    """
    if not scenes:
        raise CorpusError("no held-out scenes to judge recipes on: run qoed-train scenes first")
    wanted = samplings(network.config, min(scene.clips.shape[1] for scene in scenes))
    yield f"{len(wanted)} recipes on {len(scenes)} scenes; first, what each costs"
    costs, labels = recipe_costs(network.config, wanted), [opinion.label(scene) for scene in scenes]
    judged: list[Judged] = []
    for frames in dict.fromkeys(sampling.frames for sampling in wanted):
        alike = [sampling for sampling in wanted if sampling.frames == frames]
        raws = [raw_by_recipe(network, scene, alike) for scene in scenes]
        for sampling in alike:
            judged.append(_judged(sampling, costs[sampling], labels, [raw[sampling] for raw in raws]))
            point = judged[-1]
            yield (
                f"recipe {len(judged)}/{len(wanted)} {point.name}: Spearman {point.spearman}, within scenes "
                f"{point.spearman_within_scene_mean}, {point.milliseconds:.1f} ms, {point.gflop:.2f} GFLOP"
            )
    page = {
        "network": network.config.name,
        "scenes": len(scenes),
        "clips": sum(map(len, labels)),
        "notes": list(NOTES),
        "recipes": [asdict(point) for point in mark_curve(judged)],
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    write_text(out, json.dumps(page, indent=2) + "\n")
    yield f"wrote {out}"


def raw_by_recipe(network: QualityNetwork, scene: Scene, alike: Sequence[Sampling]) -> dict[Sampling, Floats]:
    """Raw score of every entry of a scene, `[K]`, by each of some recipes of equally many frames."""
    network.eval()
    most = max(sampling.clips for sampling in alike)
    clips = np.ascontiguousarray(scene.clips[:, :most])
    flat = fewer_frames(clips.reshape(-1, *clips.shape[2:]), alike[0].frames, network.config)
    found = {}
    with torch.no_grad():
        # A look has its own half of the feature, and a grey one has the same for all: each is run once.
        seen = network.features(torch.from_numpy(flat))
        grey = network.features(torch.full_like(torch.from_numpy(flat[:1]), GREY))
        for sampling in alike:
            raw = network.quality(network.neck(_withheld(seen, grey, sampling)))
            by_clip = raw.double().numpy().reshape(len(clips), most)
            found[sampling] = by_clip[:, : sampling.clips].mean(axis=1)
    return found


def _withheld(seen_BF: Tensor, grey_1F: Tensor, sampling: Sampling) -> Tensor:
    """The feature with the halves of missing looks replaced by those of a grey clip."""
    fragments, view = seen_BF.chunk(2, dim=1)
    grey_fragments, grey_view = grey_1F.expand_as(seen_BF).chunk(2, dim=1)
    return torch.cat(
        [
            fragments if "fragments" in sampling.looks else grey_fragments,
            view if "view" in sampling.looks else grey_view,
        ],
        dim=1,
    )


def _judged(sampling: Sampling, cost: RecipeCost, labels: Sequence[Floats], raws: Sequence[Floats]) -> Judged:
    within = [_spearman(label, raw) for label, raw in zip(labels, raws, strict=True)]
    known = [value for value in within if value is not None]
    return Judged(
        name=sampling.name,
        looks=sampling.looks,
        frames=sampling.frames,
        clips=sampling.clips,
        gflop=round(cost.gflop, 4),
        preprocess_ms=round(cost.preprocess_ms, 3),
        network_ms=round(cost.network_ms, 3),
        spearman=_spearman(np.concatenate(labels), np.concatenate(raws)),
        spearman_within_scene_mean=round(float(np.mean(known)), 4) if known else None,
    )


def _spearman(label: Floats, raw: Floats) -> float | None:
    if len(label) < 2 or np.ptp(label) == 0 or np.ptp(raw) == 0:
        return None
    return round(float(spearmanr(label, raw).statistic), 4)


def mark_curve(points: Sequence[Judged]) -> list[Judged]:
    """The same points, those marked that no other matches in agreement for less time."""

    def beaten(point: Judged, agreed: float) -> bool:
        return any(
            other.spearman is not None
            and other.spearman >= agreed
            and other.milliseconds < point.milliseconds
            for other in points
        )

    return [
        replace(point, on_the_curve=point.spearman is not None and not beaten(point, point.spearman))
        for point in points
    ]


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command(name="recipes")(_command)


def _command(
    work: Annotated[Path, typer.Option(help="Folder with scenes, opinion.json and trained weights.")],
    out: Annotated[Path, typer.Option(help="JSON file to write.")],
    size: Annotated[str, typer.Option(help="Size of the network.")] = SMALL.name,
    weights: Annotated[Path | None, typer.Option(help="Weights, if not those in the work folder.")] = None,
) -> None:
    """Measure accuracy and cost of sampling recipes on the held-out scenes."""
    torch.set_num_threads(1)
    config = size_named(size)
    network = read_network(weights or work / config.name / "weights.safetensors", config)
    scenes = [scene for scene in load_scenes(work / "scenes") if scene.split == "test"]
    for line in judge_recipes(network, scenes, load_opinion(work / "opinion.json"), out):
        typer.echo(line)
