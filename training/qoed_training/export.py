"""From trained weights to what is shipped: safetensors, one ONNX file and its manifest."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from qoed_engine.loader import CANARY_CLIPS
from qoed_engine.manifest import Abstain, Calibration, Manifest, canary_clips, sha256_of
from qoed_training.atomic import replacing, write_text
from qoed_training.data.corpus import CorpusError
from qoed_training.data.degrade import DISTORTIONS
from qoed_training.network.model import QualityNetwork

CANARY_SEED = 20_26
OUTPUT_NAMES = ("raw", "distortions")
UNFIT = "unfit"
"""The third output, where the network can tell what it was not made for."""
_NETWORK, _FITNESS = "network.", "fitness."


class Exported(nn.Module):
    """The network as the daemon runs it: raw quality `[B]`, probabilities `[B,K]` and, if told, unfit `[B]`.

    `fitness` maps the feature after the neck, `[B,F]`, to the probability that the clip is none to score.
    """

    def __init__(self, network: QualityNetwork, fitness: nn.Module | None = None) -> None:
        super().__init__()
        self.network = network
        self.fitness = fitness

    def forward(self, clips: Tensor) -> tuple[Tensor, ...]:
        """`uint8 [B,T,2S,S,3]` to the outputs."""
        feature_BF = self.network.neck(self.network.features(clips))
        raw = self.network.quality(feature_BF)[:, 0]
        probabilities = torch.sigmoid(self.network.distortions(feature_BF))
        if self.fitness is None:
            return raw, probabilities
        return raw, probabilities, self.fitness(feature_BF)


def export_onnx(network: QualityNetwork, path: Path, fitness: nn.Module | None = None) -> None:
    """Write a single-file f32 ONNX with a dynamic batch, input `clips` uint8 `[B,T,2S,S,3]`.

    With `fitness` it has a third output, `unfit`. The same weights give the same file, bit for bit.
    """
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses torchvision, which nothing here needs
    exported = Exported(network, fitness).eval()
    example = torch.from_numpy(canary_clips(network.config.recipe, CANARY_SEED, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's own, about itself
        program = torch.onnx.export(
            exported,
            (example,),
            input_names=["clips"],
            output_names=[*OUTPUT_NAMES, *([] if fitness is None else [UNFIT])],
            dynamic_shapes={"clips": {0: torch.export.Dim("batch", min=1, max=256)}},
            opset_version=18,
            dynamo=True,
            verbose=False,
        )
        assert program is not None
    with replacing(path) as temporary:
        onnx.save_model(_bare(program.model_proto), str(temporary), save_as_external_data=False)


def _bare(model: onnx.ModelProto) -> onnx.ModelProto:
    """Without the exporter's notes: a sixth of the file, and stack traces with paths of this machine."""
    graph = model.graph
    values = (*graph.initializer, *graph.value_info, *graph.input, *graph.output)
    for noted in (model, graph, *graph.node, *values):
        noted.ClearField("metadata_props")
        noted.ClearField("doc_string")
    return model


def save_release(path: Path, network: QualityNetwork, fitness: nn.Module | None) -> None:
    """Write the weights behind an ONNX file, from which it can be exported again bit for bit."""
    tensors = {_NETWORK + name: value for name, value in network.state_dict().items()}
    if fitness is not None:
        tensors |= {_FITNESS + name: value for name, value in fitness.state_dict().items()}
    copies = {name: value.detach().clone().contiguous() for name, value in tensors.items()}
    with replacing(path) as temporary:
        save_file(copies, temporary)


def load_release(path: Path, network: QualityNetwork, fitness: nn.Module | None) -> None:
    """Restore in place what `save_release` wrote. Raises `CorpusError` for another network's weights."""
    modules = [(_NETWORK, network), *([] if fitness is None else [(_FITNESS, fitness)])]
    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            for prefix, module in modules:
                state = {n.removeprefix(prefix): file.get_tensor(n) for n in names if n.startswith(prefix)}
                module.load_state_dict(state)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise _foreign(path, error) from error


def _foreign(path: Path, error: Exception) -> CorpusError:
    reason = str(error).splitlines()[0]
    return CorpusError(f"{path}: not the weights of this network ({reason}); export them again")


def has_fitness(path: Path) -> bool:
    """Whether a release tells what it was not made for. Raises `CorpusError` for no safetensors."""
    try:
        with safe_open(path, framework="pt") as file:
            return any(name.startswith(_FITNESS) for name in file.keys())  # noqa: SIM118 - not a dict
    except (OSError, SafetensorError) as error:
        raise _foreign(path, error) from error


def write_manifest(
    weights: Path,
    manifest: Path,
    network: QualityNetwork,
    *,
    model_id: str,
    calibration: Calibration,
    receipt: Mapping[str, Any],
    abstain: Abstain | None = None,
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
        abstain=abstain,
        receipt=dict(receipt),
    )
    write_text(manifest, made.to_json())
    return made
