"""Whether the network was made for a clip at all: a linear probe on its frozen feature.

The probe is a logistic regression (Alain & Bengio, ICLR workshop 2017, on probes of frozen layers). It learns
from the training split, its bias is set on the calibration split so that at most `TOLERATED` of real pictures
abstain, and the receipt is of the test split: other productions, other fonts and patterns, another app.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from scipy.optimize import minimize
from scipy.special import expit
from torch import Tensor, nn

from qoed_engine.manifest import sha256_of
from qoed_training.atomic import replacing, write_text
from qoed_training.checkpoint import load_weights
from qoed_training.data.corpus import CorpusError, read_corpus
from qoed_training.data.scenes import Scene, load_scenes
from qoed_training.data.unfit import SCREEN_GROUPS, Take, build_takes, load_takes, plan_takes
from qoed_training.evaluation.figures import rounded
from qoed_training.evaluation.head import area_under_curve
from qoed_training.network.model import SMALL, NetworkConfig, QualityNetwork

TOLERATED = 0.005
"""Share of real pictures that may be left without a score."""
ABOVE = 0.5
"""Abstain above this probability; the probe's bias is set so that it is the right one."""
DECAY = 1e-3
"""Weight of the squared norm of the probe's weights in its loss."""
RECORDED_SCREEN = "recorded_screen"
_STEPS = ("loss", "hold", "blur", "motion_blur", "contrast", "noise", "banding", "sharpen")
_BATCH = 8
Floats = NDArray[np.float64]


class Fitness(nn.Module):
    """The probability that the network was not made for a clip, from its feature after the neck."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, 1)

    def forward(self, feature_BF: Tensor) -> Tensor:
        """`[B,F]` to `[B]`, 0-1."""
        return torch.sigmoid(self.linear(feature_BF))[:, 0]


@dataclass(frozen=True, slots=True)
class Examples:
    """Features `float32 [N,F]` after the neck, what each clip is, and the split it belongs to."""

    features: NDArray[np.float32]
    unfit: NDArray[np.bool_]
    kinds: NDArray[np.str_]
    splits: NDArray[np.str_]

    def of(self, split: str) -> Examples:
        """Those of a split."""
        mine = self.splits == split
        return Examples(self.features[mine], self.unfit[mine], self.kinds[mine], self.splits[mine])


@dataclass(frozen=True, slots=True)
class Fitted:
    """A finished probe, the probability above which to abstain, and what that finds and spares."""

    probe: Fitness
    above: float
    receipt: dict[str, Any]


def fit_fitness(
    network: QualityNetwork, scenes: Sequence[Scene], takes: Iterable[Take], folder: Path
) -> Iterator[str]:
    """Fit, set and judge the probe of `network`; writes `fitness.safetensors` and `.json` into `folder`.

    Yields progress lines. Raises `CorpusError` when a split lacks one of the two sides.
    """
    examples = yield from gather(network, scenes, takes)
    for split in ("train", "calibration", "test"):
        sides = examples.of(split).unfit
        if not sides.any() or sides.all():
            raise CorpusError(f"the {split} split lacks clips to score or clips to abstain on")
    probe = fit_probe(examples.of("train"))
    tolerate(probe, examples.of("calibration"))
    receipt = judge(probe, examples.of("test"))
    save_fitted(folder, Fitted(probe, ABOVE, receipt))
    yield json.dumps(receipt, indent=2)


def gather(
    network: QualityNetwork, scenes: Sequence[Scene], takes: Iterable[Take]
) -> Generator[str, None, Examples]:
    """Features of one clip of every entry of all scenes, and of all takes; yields progress lines."""
    network.eval()
    features: list[NDArray[np.float32]] = []
    unfit: list[bool] = []
    kinds: list[str] = []
    splits: list[str] = []

    def add(clips: NDArray[np.uint8], what: Sequence[str], split: str, *, fit: bool) -> None:
        features.append(_features(network, clips))
        kinds.extend(what)
        unfit.extend([not fit] * len(clips))
        splits.extend([split] * len(clips))

    for done, scene in enumerate(scenes, 1):
        entries, cuts = scene.clips.shape[:2]
        clips = np.stack([scene.clips[entry, entry % cuts] for entry in range(entries)])
        filmed = scene.group not in SCREEN_GROUPS
        add(
            clips,
            [_kind(plan) if filmed else RECORDED_SCREEN for plan in scene.plans],
            scene.split,
            fit=filmed,
        )
        if done % 20 == 0 or done == len(scenes):
            yield f"looked at {done}/{len(scenes)} scenes"
    for done, take in enumerate(takes, 1):
        add(take.clips, [take.kind] * len(take.clips), take.split, fit=not take.unfit)
        if done % 50 == 0:
            yield f"looked at {done} takes"
    if not features:
        raise CorpusError("neither scenes nor takes to learn from: run qoed-train scenes first")
    return Examples(np.concatenate(features), np.array(unfit), np.array(kinds), np.array(splits))


def fit_probe(examples: Examples) -> Fitness:
    """Logistic regression with both sides weighing the same; the same examples give the same probe."""
    x_NF, unfit = examples.features.astype(np.float64), examples.unfit
    sign = np.where(unfit, 1.0, -1.0)
    weight = np.where(unfit, 0.5 / unfit.sum(), 0.5 / (~unfit).sum())

    def loss(parameters: Floats) -> tuple[float, Floats]:
        slope, bias = parameters[:-1], parameters[-1]
        margin = sign * (x_NF @ slope + bias)
        value = weight @ np.logaddexp(0.0, -margin) + DECAY * slope @ slope
        pull = -weight * sign * expit(-margin)
        return float(value), np.append(pull @ x_NF + 2 * DECAY * slope, pull.sum())

    found = minimize(
        loss, np.zeros(x_NF.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": 500}
    ).x
    probe = Fitness(x_NF.shape[1])
    with torch.no_grad():
        probe.linear.weight.copy_(torch.from_numpy(found[None, :-1]))
        probe.linear.bias.copy_(torch.from_numpy(found[-1:]))
    return probe.eval()


def tolerate(probe: Fitness, examples: Examples) -> None:
    """Lower the probe's bias until at most `TOLERATED` of the real pictures are above `ABOVE`.

    A bias and not a level near 1, which bfloat16 could not tell from 1.
    """
    real = _logits(probe, examples.features[~examples.unfit])
    level = float(np.sort(real)[::-1][int(TOLERATED * len(real))])
    with torch.no_grad():
        probe.linear.bias.sub_(max(0.0, level))


def judge(probe: Fitness, examples: Examples) -> dict[str, Any]:
    """AUC, share of unfit clips found and of real ones lost, in all and by kind."""
    logits = _logits(probe, examples.features)
    abstained = logits > 0
    unfit = examples.unfit
    return {
        "clips_unfit": int(unfit.sum()),
        "clips_real": int((~unfit).sum()),
        "auc": rounded(area_under_curve(unfit.astype(np.float64), logits.astype(np.float64))),
        "found": round(float(abstained[unfit].mean()), 4),
        "found_by_kind": _shares(examples.kinds[unfit], abstained[unfit]),
        "real_abstained": round(float(abstained[~unfit].mean()), 4),
        "real_abstained_by_kind": _shares(examples.kinds[~unfit], abstained[~unfit]),
    }


def save_fitted(folder: Path, fitted: Fitted) -> None:
    """Write `fitness.safetensors` and `fitness.json`, the latter last and each atomically."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / "fitness.safetensors") as temporary:
        save_file(fitted.probe.state_dict(), temporary)
    fields = {"above": fitted.above, "weights": _weights_of(folder), "receipt": fitted.receipt}
    write_text(folder / "fitness.json", json.dumps(fields, indent=2) + "\n")


def load_fitted(folder: Path) -> Fitted | None:
    """What `save_fitted` wrote, None where there is none. Raises `CorpusError` for that of other weights."""
    if not (folder / "fitness.json").exists():
        return None
    fields = json.loads((folder / "fitness.json").read_text())
    if fields.get("weights") != _weights_of(folder):
        raise CorpusError(f"{folder}/fitness.json is of other weights: run qoed-train fitness again")
    state = load_file(folder / "fitness.safetensors")
    probe = Fitness(state["linear.weight"].shape[1])
    probe.load_state_dict(state)
    return Fitted(probe.eval(), float(fields["above"]), fields["receipt"])


def _weights_of(folder: Path) -> str | None:
    """Hash of the weights whose features the probe reads, None where there are none."""
    weights = folder / "weights.safetensors"
    return sha256_of(weights) if weights.exists() else None


def make_fitness(
    work: Path, corpus: Path, network: NetworkConfig = SMALL, *, takes: Mapping[str, int] | None = None
) -> Iterator[str]:
    """The stage: takes into `work/takes`, the probe into `work/<variant>`. Yields progress lines.

    Raises `CorpusError` before training, and for a corpus or splits that hold too little.
    """
    weights = work / network.name / "weights.safetensors"
    if not weights.exists():
        raise CorpusError(f"{weights} is missing: run qoed-train train first")
    model = QualityNetwork(network)
    load_weights(weights, model)
    planned = plan_takes(seed=1) if takes is None else plan_takes(seed=1, count=takes)
    yield from build_takes(planned, read_corpus(corpus), work / "takes", network.recipe)
    yield from fit_fitness(
        model, load_scenes(work / "scenes"), load_takes(work / "takes"), work / network.name
    )


def register(app: typer.Typer) -> None:
    """Add `qoed-train fitness`."""

    @app.command()
    def fitness(
        work: Annotated[Path, typer.Option(help="Folder of scenes and trained weights.")] = Path("data/work"),
        corpus: Annotated[Path, typer.Option(help="Folder of videos with sources.csv.")] = Path(
            "data/corpus"
        ),
    ) -> None:
        """Teach the trained network what it was not made for; export takes it along."""
        for line in make_fitness(work, corpus):
            typer.echo(line)


def _features(network: QualityNetwork, clips: NDArray[np.uint8]) -> NDArray[np.float32]:
    with torch.inference_mode():
        found = [
            network.neck(network.features(torch.from_numpy(clips[first : first + _BATCH]))).numpy()
            for first in range(0, len(clips), _BATCH)
        ]
    return np.concatenate(found)


def _logits(probe: Fitness, features: NDArray[np.float32]) -> NDArray[np.float32]:
    with torch.inference_mode():
        logits: NDArray[np.float32] = probe.linear(torch.from_numpy(features))[:, 0].numpy()
    return logits


def _kind(plan: Mapping[str, Any]) -> str:
    """What was mainly done to a scene's entry."""
    done = next((step for step in _STEPS if step in plan), None)
    return done or ("scaled" if "rung_share" in plan else str(plan.get("codec", "clean")))


def _shares(kinds: NDArray[np.str_], abstained: NDArray[np.bool_]) -> dict[str, float]:
    return {str(kind): round(float(abstained[kinds == kind].mean()), 4) for kind in np.unique(kinds)}
