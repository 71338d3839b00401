"""The whole way from videos to shipped weights, one resumable stage after another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from qoed_engine import Abstain, Calibration, load_engine
from qoed_training.calibrate import fit_calibration
from qoed_training.checkpoint import load_weights, step_of
from qoed_training.data.corpus import CorpusError, read_corpus
from qoed_training.data.opinion import OpinionMap, fit_opinion, load_opinion, score_of_mos
from qoed_training.data.photos import read_photos
from qoed_training.data.scenes import build_scenes, load_scenes, plan_scenes
from qoed_training.data.stills import Still, read_stills
from qoed_training.evaluation.cost import against_receipt, cost_receipt
from qoed_training.evaluation.evidence import evidence
from qoed_training.evaluation.head import HeadScale, fit_head
from qoed_training.evaluation.judge import HeldOut, Judgement, judge
from qoed_training.evaluation.ladders import ladder_specs
from qoed_training.evaluation.people import read_opinions
from qoed_training.evaluation.scoring import Floats, Scored, score_scenes, score_stills
from qoed_training.evaluation.targets import judged_targets
from qoed_training.export import UNFIT, export_onnx, save_release, write_manifest
from qoed_training.fitness import Fitted, load_fitted
from qoed_training.network.model import BASE, NetworkConfig, QualityNetwork
from qoed_training.page import material
from qoed_training.train import TrainConfig, train
from qoed_training.warmup import WarmupConfig, warm_up

STILL_SHARE = 0.3
"""Weight of human stills against labelled clips when the scale is fitted."""
PER_SOURCE, PLANS = 6, 11


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
    photos: Path | None = None
    """Folder of photographs that are filmed as further sources; None leaves them out."""
    people: Path | None = None
    """`ugcset_mos.json` of CompressedVQA, for people's spread in the receipt; None leaves it out."""

    @property
    def opinion(self) -> Path:
        """The fitted label blend."""
        return self.work / "opinion.json"

    def network_file(self, suffix: str) -> Path:
        """`<work>/<variant><suffix>`."""
        return self.work / f"{self.network.name}{suffix}"


def make_scenes(run: Run, *, workers: int) -> Iterator[str]:
    """Stage 1: degraded, labelled, cut scenes, and the ladders of the test sources."""
    sources = [*read_corpus(run.corpus), *(read_photos(run.photos) if run.photos is not None else ())]
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
    """Stage 3: safetensors, ONNX and a manifest that is not calibrated yet.

    Raises `StageError` before training.
    """
    network, fitted = _trained(run)
    _release(run, network, fitted)
    _describe(run, network, fitted, Calibration(), {})
    yield f"wrote {run.network_file('.onnx')} ({run.network_file('.onnx').stat().st_size / 1e6:.1f} MB)"


def evaluate(run: Run) -> Iterator[str]:
    """Stage 4: calibrate on the calibration split, judge on the test split, write both into the manifest.

    Raises `StageError` before training and export, `CorpusError` for splits that hold nothing.
    """
    opinion = load_opinion(_made(run.opinion, "train"))
    scenes, stills = load_scenes(run.work / "scenes"), read_stills(run.stills)
    held_out = HeldOut(
        scenes=[scene for scene in scenes if scene.split == "test"],
        ladders=load_scenes(run.work / "ladders"),
        stills=[still for still in stills if still.split == "test"],
        opinion=opinion,
        opinions=None if run.people is None else read_opinions(run.people),
    )
    if not held_out.scenes or not held_out.ladders:
        raise CorpusError(f"{run.work}: no scenes of the test split to judge on; run qoed-train scenes first")
    calibrating = [scene for scene in scenes if scene.split == "calibration"]
    if not calibrating:
        raise CorpusError("no scenes of the calibration split; run qoed-train scenes first")
    _made(run.network_file(".json"), "export")
    # What is calibrated are the weights as they are now, with the head as trained: what was exported before
    # may be of older weights, without the probe, or with a head calibrated already.
    yield from export(run)
    engine = load_engine("auto", run.network_file(".json"))
    try:
        yield f"scoring with {engine.backend}"
        scored = yield from score_scenes(engine, calibrating, "calibration split")
        rated = [still for still in stills if still.split == "calibration"]
        still_raw = score_stills(engine, rated, engine.manifest.recipe)
    finally:
        engine.close()
    calibration, head = _calibrated(scored, still_raw, rated, opinion)
    yield "scale and interval fitted on the calibration split"
    network, fitted = _trained(run)
    if head.changes:
        head.fold(network.distortions)
        _release(run, network, fitted)
        yield "distortion head calibrated, exported again"
    _describe(run, network, fitted, calibration, {})
    engine = load_engine("auto", run.network_file(".json"))
    try:
        judgement = yield from judge(engine, calibration, held_out)
        yield "held-out clips judged"
        rows = evidence(engine, judgement, held_out.scenes, held_out.stills, network, calibration.coverage)
    finally:
        engine.close()
    receipt = _receipt(run, judgement, fitted, trained_on=sum(scene.split == "train" for scene in scenes))
    _describe(run, network, fitted, calibration, receipt)
    rows.save(run.work / material.FILE)
    yield json.dumps(receipt, indent=2)
    reached = [target["reached"] for target in receipt["targets"]]
    yield f"{sum(reached)} of {len(reached)} targets reached"


def _made(path: Path, stage: str) -> Path:
    if not path.exists():
        raise StageError(f"{path} is missing: run qoed-train {stage} first")
    return path


def _trained(run: Run) -> tuple[QualityNetwork, Fitted | None]:
    network = QualityNetwork(run.network)
    load_weights(_made(run.work / run.network.name / "weights.safetensors", "train"), network)
    return network.eval(), load_fitted(run.work / run.network.name)


def _release(run: Run, network: QualityNetwork, fitted: Fitted | None) -> None:
    probe = None if fitted is None else fitted.probe
    export_onnx(network, run.network_file(".onnx"), probe)
    save_release(run.network_file(".safetensors"), network, probe)


def _describe(
    run: Run,
    network: QualityNetwork,
    fitted: Fitted | None,
    calibration: Calibration,
    receipt: dict[str, Any],
) -> None:
    write_manifest(
        run.network_file(".onnx"),
        run.network_file(".json"),
        network,
        model_id=f"{run.network.name}-1",
        calibration=calibration,
        receipt=receipt,
        abstain=None if fitted is None else Abstain(UNFIT, fitted.above),
    )


def _calibrated(
    scored: list[Scored], still_raw: Floats, stills: list[Still], opinion: OpinionMap
) -> tuple[Calibration, HeadScale]:
    """Scale and interval from clips and stills, the head's own scale from clips."""
    clip_raw = np.concatenate([each.raw for each in scored])
    clip_score = np.concatenate([opinion.label(each.scene) for each in scored])
    group = np.repeat([each.scene.group for each in scored], [len(each.raw) for each in scored])
    still_weight = STILL_SHARE / (1 - STILL_SHARE) * len(clip_raw) / max(1, len(still_raw))
    calibration = fit_calibration(
        np.concatenate([clip_raw, still_raw]),
        np.concatenate([clip_score, [score_of_mos(still.mos) for still in stills]]),
        np.concatenate([np.ones(len(clip_raw)), np.full(len(still_raw), still_weight)]),
        group=np.concatenate([group, np.array([f"still {still.source}" for still in stills], dtype=np.str_)]),
    )
    targets = np.concatenate([each.scene.targets for each in scored])
    return calibration, fit_head(targets, np.concatenate([each.distortions for each in scored]), group)


def _receipt(run: Run, judgement: Judgement, fitted: Fitted | None, *, trained_on: int) -> dict[str, Any]:
    folder = run.work / run.network.name
    receipt = judgement.receipt | {
        "cost": cost_receipt(run.network, run.network_file(".json")),
        "training": {"steps": step_of(folder / "checkpoint.safetensors"), "scenes": trained_on},
    }
    if fitted is not None:
        receipt["abstention"] = fitted.receipt
    larger = run.work / f"{BASE.name}.json"
    if run.network.name != BASE.name:
        receipt["against_base"] = against_receipt(receipt, larger) if larger.exists() else {}
    receipt["targets"] = judged_targets(receipt)
    return receipt
