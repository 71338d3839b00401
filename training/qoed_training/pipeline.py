"""The whole way from videos to shipped weights, one resumable stage after another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from qoed_engine import Calibration, Engine, load_engine
from qoed_training.calibrate import fit_calibration
from qoed_training.checkpoint import load_weights
from qoed_training.data.corpus import CorpusError, read_corpus
from qoed_training.data.opinion import OpinionMap, fit_opinion, load_opinion, score_of_mos
from qoed_training.data.scenes import Scene, build_scenes, load_scenes, plan_scenes
from qoed_training.data.stills import Still, read_stills
from qoed_training.evaluate import (
    Floats,
    ladder_receipt,
    ladder_specs,
    raw_of_scenes,
    raw_of_stills,
    scene_receipt,
    still_receipt,
)
from qoed_training.export import export_onnx, write_manifest
from qoed_training.network.model import NetworkConfig, QualityNetwork
from qoed_training.train import TrainConfig, train
from qoed_training.warmup import WarmupConfig, warm_up

STILL_SHARE = 0.3
"""Weight of human stills against labelled clips when the scale is fitted."""
PER_SOURCE, PLANS = 7, 13


class StageError(Exception):
    """An earlier stage has not been run; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Where a run reads and writes. Everything under `work` can be deleted and made again."""

    corpus: Path
    stills: Path
    work: Path
    network: NetworkConfig
    training: TrainConfig
    warmup: WarmupConfig = field(default_factory=WarmupConfig)
    per_source: int = PER_SOURCE
    plans: int = PLANS
    seed: int = 1

    @property
    def opinion(self) -> Path:
        """The fitted label blend."""
        return self.work / "opinion.json"

    def network_file(self, suffix: str) -> Path:
        """`<work>/<variant><suffix>`."""
        return self.work / f"{self.network.name}{suffix}"


def make_scenes(run: Run, *, workers: int) -> Iterator[str]:
    """Stage 1: degraded, labelled, cut scenes, and the ladders of the test sources."""
    sources = read_corpus(run.corpus)
    specs = plan_scenes(sources, seed=run.seed, per_source=run.per_source, plans=run.plans)
    yield from build_scenes(specs, run.work / "scenes", run.network.recipe, workers=workers)
    yield from build_scenes(ladder_specs(sources), run.work / "ladders", run.network.recipe, workers=workers)


def fit(run: Run) -> Iterator[str]:
    """Stage 2: fit the labels (once), warm up the backbone, train."""
    scenes = load_scenes(run.work / "scenes")
    if not run.opinion.exists():
        fit_opinion(scenes, read_stills(run.stills)).save(run.opinion)
    opinion, folder = load_opinion(run.opinion), run.work / run.network.name
    yield from warm_up(scenes, opinion, folder, run.network, run.warmup)
    yield from train(scenes, opinion, folder, run.network, run.training)


def export(run: Run) -> Iterator[str]:
    """Stage 3: ONNX and a manifest that is not calibrated yet. Raises `StageError` before training."""
    network = QualityNetwork(run.network)
    load_weights(_made(run.work / run.network.name / "weights.safetensors", "train"), network)
    export_onnx(network, run.network_file(".onnx"))
    write_manifest(
        run.network_file(".onnx"),
        run.network_file(".json"),
        network,
        model_id=f"{run.network.name}-1",
        calibration=Calibration(),
        receipt={},
    )
    yield f"wrote {run.network_file('.onnx')} ({run.network_file('.onnx').stat().st_size / 1e6:.1f} MB)"


def evaluate(run: Run) -> Iterator[str]:
    """Stage 4: calibrate on the calibration split, judge on the test split, write both into the manifest.

    Raises `StageError` before training and export, `CorpusError` for splits that hold nothing.
    """
    opinion = load_opinion(_made(run.opinion, "train"))
    scenes = load_scenes(run.work / "scenes")
    stills = read_stills(run.stills)
    tested, ladders = [s for s in scenes if s.split == "test"], load_scenes(run.work / "ladders")
    if not tested or not ladders:
        raise CorpusError(f"{run.work}: no scenes of the test split to judge on; run qoed-train scenes first")
    engine = load_engine("auto", _made(run.network_file(".json"), "export"))
    try:
        yield f"scoring with {engine.backend}"
        calibration = _calibrate(engine, [s for s in scenes if s.split == "calibration"], stills, opinion)
        yield "scale and interval fitted on the calibration split"
        receipt: dict[str, Any] = {
            "backend": engine.backend,
            "held_out_clips": scene_receipt(
                tested, _scores(calibration, raw_of_scenes(engine, tested)), opinion, calibration
            ),
        }
        yield "held-out clips judged"
        receipt["ladders"] = ladder_receipt(_scores(calibration, raw_of_scenes(engine, ladders)))
        held_out = [still for still in stills if still.split == "test"]
        raw = raw_of_stills(engine, held_out, engine.manifest.recipe)
        receipt["held_out_stills"] = still_receipt(held_out, _scores(calibration, [raw])[0])
        receipt["training"] = {"steps": run.training.steps, "scenes": sum(s.split == "train" for s in scenes)}
    finally:
        engine.close()
    network = QualityNetwork(run.network)
    write_manifest(
        run.network_file(".onnx"),
        run.network_file(".json"),
        network,
        model_id=f"{run.network.name}-1",
        calibration=calibration,
        receipt=receipt,
    )
    yield json.dumps(receipt, indent=2)


def _made(path: Path, stage: str) -> Path:
    if not path.exists():
        raise StageError(f"{path} is missing: run qoed-train {stage} first")
    return path


def _calibrate(engine: Engine, scenes: list[Scene], stills: list[Still], opinion: OpinionMap) -> Calibration:
    if not scenes:
        raise CorpusError("no scenes of the calibration split; run qoed-train scenes first")
    raws = raw_of_scenes(engine, scenes)
    rated = [still for still in stills if still.split == "calibration"]
    clip_raw, clip_score = np.concatenate(raws), np.concatenate([opinion.label(scene) for scene in scenes])
    still_raw = raw_of_stills(engine, rated, engine.manifest.recipe)
    still_score = np.array([score_of_mos(still.mos) for still in rated])
    still_weight = STILL_SHARE / (1 - STILL_SHARE) * len(clip_raw) / max(1, len(still_raw))
    return fit_calibration(
        np.concatenate([clip_raw, still_raw]),
        np.concatenate([clip_score, still_score]),
        np.concatenate([np.ones(len(clip_raw)), np.full(len(still_raw), still_weight)]),
    )


def _scores(calibration: Calibration, raws: list[Floats]) -> list[Floats]:
    return [np.array([calibration.to_score(float(value)) for value in raw]) for raw in raws]
