"""Engines for tests: a real small one made on the spot, and one that does what it is told."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from qoed_engine import Calibration, EngineError, Manifest, Outputs, Recipe
from qoed_engine.manifest import canary_clips, sha256_of

RECIPE = Recipe(frames=2, span_s=1.0, grid=2, patch=16)
"""Small clips: `[2,64,32,3]`."""


def write_mean_network(folder: Path, recipe: Recipe = RECIPE) -> Path:
    """A real ONNX network whose raw output is the clip's mean pixel / 255; returns its manifest's path."""
    shape = ["batch", *recipe.clip_shape]
    nodes = [
        helper.make_node("Cast", ["clips"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["f", "axes"], ["mean"], keepdims=0),
        helper.make_node("Div", ["mean", "scale"], ["raw"]),
        helper.make_node("Unsqueeze", ["raw", "one"], ["distortions"]),
    ]
    graph = helper.make_graph(
        nodes,
        "mean",
        [helper.make_tensor_value_info("clips", TensorProto.UINT8, shape)],
        [
            helper.make_tensor_value_info("raw", TensorProto.FLOAT, ["batch"]),
            helper.make_tensor_value_info("distortions", TensorProto.FLOAT, ["batch", 1]),
        ],
        [
            helper.make_tensor("axes", TensorProto.INT64, [4], [1, 2, 3, 4]),
            helper.make_tensor("scale", TensorProto.FLOAT, [], [255.0]),
            helper.make_tensor("one", TensorProto.INT64, [1], [1]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, folder / "mean.onnx")
    manifest = mean_manifest(sha256=sha256_of(folder / "mean.onnx"), recipe=recipe)
    path = folder / "mean.json"
    path.write_text(manifest.to_json(), encoding="utf-8")
    return path


def mean_manifest(*, sha256: str = "0" * 64, recipe: Recipe = RECIPE) -> Manifest:
    """Manifest of the mean network: the score is the brightness in percent."""
    canary = canary_clips(recipe, 1, 2)
    return Manifest(
        model_id="mean-1",
        weights="mean.onnx",
        sha256=sha256,
        recipe=recipe,
        calibration=Calibration(half_width=(5.0,)),
        distortions=("blur",),
        canary_seed=1,
        canary_raw=tuple(float(value) for value in canary.mean(axis=(1, 2, 3, 4)) / 255),
    )


class ScriptedEngine:
    """Scores clips by their mean pixel; `fail_with` makes it fail, `hold` makes it wait."""

    backend = "scripted-f32"

    def __init__(self, recipe: Recipe = RECIPE) -> None:
        self.manifest = mean_manifest(recipe=recipe)
        self.batches: list[int] = []
        self.fail_with: EngineError | None = None
        self.offset = 0.0
        self.hold = threading.Event()
        self.hold.set()
        self.closed = False

    def infer(self, clips: NDArray[np.uint8]) -> Outputs:
        """Mean pixel / 255, plus `offset`."""
        self.hold.wait(10)
        if self.fail_with is not None:
            raise self.fail_with
        self.batches.append(len(clips))
        raw = (clips.mean(axis=(1, 2, 3, 4)) / 255 + self.offset).astype(np.float32)
        return Outputs(raw, np.zeros((len(clips), 1), np.float32))

    def close(self) -> None:
        """Note that it was closed."""
        self.closed = True
