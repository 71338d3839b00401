"""`qoed-train parity`: torch, ONNX Runtime and OpenVINO give the same answers to the same golden clips."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import av
import numpy as np
import onnxruntime
import torch
import typer
from numpy.typing import NDArray

import qoed_engine.openvino_cpu  # noqa: F401 - before openvino itself, which it keeps from calling home
from qoed_engine import EngineError, clip_from_frames
from qoed_engine.loader import SHIPPED
from qoed_engine.manifest import Manifest, Recipe, read_manifest
from qoed_training.data.corpus import CorpusError
from qoed_training.export import Exported, has_fitness, load_release
from qoed_training.fitness import Fitness
from qoed_training.network.model import SIZES, NetworkConfig, QualityNetwork

TOLERANCE = 1e-3
GOLDEN, GOLDEN_SEED = 6, 4
SCREEN = (480, 270)
Answers = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Difference:
    """The worst absolute difference of one output between two runtimes."""

    runtimes: str
    output: str
    worst: float

    @property
    def allowed(self) -> bool:
        """Within `TOLERANCE`."""
        return self.worst <= TOLERANCE


def golden_clips(recipe: Recipe, count: int = GOLDEN, seed: int = GOLDEN_SEED) -> NDArray[np.uint8]:
    """Moving pictures from a seed, `uint8 [count,T,2S,S,3]`: pans over coloured 1/f noise, ever noisier.

    1/f noise has the spectrum of natural pictures (Field, JOSA A 1987), so that every layer has work to do.
    """
    width, height = SCREEN
    clips = []
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        step = 1 + 2 * index
        wide = _natural(rng, height, width + step * recipe.frames)
        frames = []
        for moment in range(recipe.frames):
            picture = wide[:, step * moment : step * moment + width] * (1 - index / (2 * count))
            picture = picture + rng.normal(0, 6.0 * index, picture.shape)
            frame = av.VideoFrame.from_ndarray(
                np.ascontiguousarray(picture.clip(0, 255).astype(np.uint8)), format="rgb24"
            )
            frames.append(frame.reformat(format="yuv420p"))
        clips.append(clip_from_frames(frames, recipe, display_height=height, ordinal=index))
    return np.stack(clips)


def _natural(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float64]:
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    falloff = np.hypot(rows, columns).clip(1 / width)[..., None]
    noise = np.fft.rfft2(rng.normal(size=(height, width, 3)), axes=(0, 1)) / falloff
    picture = np.fft.irfft2(noise, s=(height, width), axes=(0, 1))
    low, high = picture.min(), picture.max()
    return np.asarray(255 * (picture - low) / (high - low))


def parity(manifest: Path, network: NetworkConfig) -> list[Difference]:
    """Differences of every output along torch, ONNX Runtime f32 and OpenVINO f32.

    Torch runs the safetensors beside the manifest. Raises `CorpusError` or `EngineError`.
    """
    described = read_manifest(manifest)
    onnx = manifest.parent / described.weights
    release = onnx.with_suffix(".safetensors")
    if not release.exists():
        raise CorpusError(f"{release} is missing: run qoed-train export, or copy it beside the manifest")
    clips = golden_clips(described.recipe)
    answers = {
        "torch": _by_torch(release, network, described, clips),
        "ONNX Runtime f32": _by_onnxruntime(onnx, described, clips),
        "OpenVINO f32": _by_openvino(onnx, described, clips),
    }
    return [
        Difference(f"{one} and {other}", name, float(np.abs(answers[one][name] - answers[other][name]).max()))
        for one, other in pairwise(answers)
        for name in described.outputs
    ]


def _by_torch(release: Path, network: NetworkConfig, manifest: Manifest, clips: NDArray[np.uint8]) -> Answers:
    model = QualityNetwork(network)
    probe = Fitness(model.quality.in_features) if has_fitness(release) else None
    load_release(release, model, probe)
    with torch.inference_mode():
        found = Exported(model, probe).eval()(torch.from_numpy(clips))
    return {name: values.numpy() for name, values in zip(manifest.outputs, found, strict=True)}


def _by_onnxruntime(onnx: Path, manifest: Manifest, clips: NDArray[np.uint8]) -> Answers:
    session = onnxruntime.InferenceSession(str(onnx), providers=["CPUExecutionProvider"])
    found = session.run(list(manifest.outputs), {manifest.input_name: clips})
    return dict(zip(manifest.outputs, found, strict=True))


def _by_openvino(onnx: Path, manifest: Manifest, clips: NDArray[np.uint8]) -> Answers:
    import openvino

    # The engine takes bf16 where the CPU has it; here the arithmetic must be the same on both sides.
    compiled = openvino.Core().compile_model(onnx, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = compiled({manifest.input_name: clips})
    return {name: found[name] for name in manifest.outputs}


def register(app: typer.Typer) -> None:
    """Add `qoed-train parity`."""

    @app.command(name="parity")
    def command(
        manifest: Annotated[Path, typer.Option(help="Manifest of the weights to check.")] = SHIPPED,
    ) -> None:
        """Compare torch, ONNX Runtime and OpenVINO on golden clips; ends with an error where they part."""
        model_id = read_manifest(manifest).model_id
        name = model_id.rpartition("-")[0]
        if name not in SIZES:
            raise CorpusError(f"{manifest}: {model_id} is none of the networks here: {', '.join(SIZES)}")
        differences = parity(manifest, SIZES[name])
        for each in differences:
            typer.echo(f"{each.runtimes}, {each.output}: {each.worst:.2e} apart (allowed {TOLERANCE:g})")
        if apart := [each for each in differences if not each.allowed]:
            worst = max(apart, key=lambda each: each.worst)
            raise EngineError(f"{worst.runtimes} are {worst.worst:.4f} apart in {worst.output}: export again")
