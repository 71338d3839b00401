"""From trained weights to what the daemon loads: one ONNX file and its manifest."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from qoed_engine.loader import CANARY_CLIPS
from qoed_engine.manifest import Calibration, Manifest, canary_clips, sha256_of
from qoed_training.data.degrade import DISTORTIONS
from qoed_training.network.model import QualityNetwork

CANARY_SEED = 20_26
OUTPUT_NAMES = ("raw", "distortions")


class _Exported(nn.Module):
    """The network with probabilities for logits."""

    def __init__(self, network: QualityNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        raw, logits = self.network(clips)
        return raw, torch.sigmoid(logits)


def export_onnx(network: QualityNetwork, path: Path) -> None:
    """Write a single-file f32 ONNX with a dynamic batch, input `clips` uint8 `[B,T,2S,S,3]`.

    The same weights give the same file, bit for bit.
    """
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses torchvision, which nothing here needs
    network.eval()
    example = torch.from_numpy(canary_clips(network.config.recipe, CANARY_SEED, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's own, about itself
        program = torch.onnx.export(
            _Exported(network).eval(),
            (example,),
            input_names=["clips"],
            output_names=list(OUTPUT_NAMES),
            dynamic_shapes={"clips": {0: torch.export.Dim("batch", min=1, max=256)}},
            opset_version=18,
            dynamo=True,
            verbose=False,
        )
        assert program is not None
    temporary = path.with_suffix(".tmp")
    onnx.save_model(_bare(program.model_proto), str(temporary), save_as_external_data=False)
    os.replace(temporary, path)


def _bare(model: onnx.ModelProto) -> onnx.ModelProto:
    """Without the exporter's notes: a sixth of the file, and stack traces with paths of this machine."""
    graph = model.graph
    values = (*graph.initializer, *graph.value_info, *graph.input, *graph.output)
    for noted in (model, graph, *graph.node, *values):
        noted.ClearField("metadata_props")
        noted.ClearField("doc_string")
    return model


def write_manifest(
    weights: Path,
    manifest: Path,
    network: QualityNetwork,
    *,
    model_id: str,
    calibration: Calibration,
    receipt: Mapping[str, Any],
) -> Manifest:
    """Describe exported weights; the canary's answers come from ONNX Runtime, the parity oracle."""
    recipe = network.config.recipe
    session = onnxruntime.InferenceSession(str(weights), providers=["CPUExecutionProvider"])
    raw = session.run(["raw"], {"clips": canary_clips(recipe, CANARY_SEED, CANARY_CLIPS)})[0]
    made = Manifest(
        model_id=model_id,
        weights=weights.name,
        sha256=sha256_of(weights),
        recipe=recipe,
        calibration=calibration,
        distortions=DISTORTIONS,
        canary_seed=CANARY_SEED,
        canary_raw=tuple(float(value) for value in raw),
        receipt=dict(receipt),
    )
    manifest.write_text(made.to_json(), encoding="utf-8")
    return made
