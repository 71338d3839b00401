"""The embedded CPU engine on OpenVINO: bf16 where the CPU has it in hardware, else f32."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qoed_engine.backend import EngineError, Outputs, one_line
from qoed_engine.manifest import Manifest

# Importing openvino reports usage to its makers from a thread. A None module makes that import fail, upon
# which openvino falls back to its own stub: a monitoring host must not call anyone it was not told to.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
CACHE_VARIABLE = "CACHE_DIRECTORY"
"""systemd's CacheDirectory=; compiled models are kept there when it is set."""


class OpenVinoEngine:
    """`Engine` over a compiled OpenVINO model, any batch; one clip a stream, streams in parallel."""

    def __init__(self, manifest: Manifest, weights: Path, threads: int | None) -> None:
        import openvino

        self.manifest = manifest
        self._core = openvino.Core()
        self._threads = threads or os.cpu_count() or 1
        settings: dict[str, Any] = {
            # One thread a stream: barriers between threads cost more than they bring on small networks.
            "PERFORMANCE_HINT": "THROUGHPUT",
            "INFERENCE_NUM_THREADS": self._threads,
            "NUM_STREAMS": self._threads,
        }
        if cache := os.environ.get(CACHE_VARIABLE):
            settings["CACHE_DIR"] = str(Path(cache.split(":")[0]) / "openvino")
        try:
            model = self._core.read_model(weights)
            shape = [1, *manifest.recipe.clip_shape]
            model.reshape({manifest.input_name: shape})
            self._compiled = self._core.compile_model(model, "CPU", settings)
            self._requests = openvino.AsyncInferQueue(self._compiled, self._threads)
        except RuntimeError as error:
            raise EngineError(f"OpenVINO cannot compile {weights.name}: {one_line(error)}") from error
        self._requests.set_callback(_keep)
        names = [port.get_names() for port in self._compiled.outputs]
        self._places = tuple(
            next(i for i, each in enumerate(names) if name in each) for name in manifest.output_names
        )
        precision = str(self._compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name())
        self.backend = f"openvino-{precision}"

    def infer(self, clips: NDArray[np.uint8]) -> Outputs:
        """Score `uint8 [B,T,H,W,3]`; clips are spread over the streams. Raises `EngineError`."""
        raw = np.empty(len(clips), np.float32)
        distortions = np.empty((len(clips), len(self.manifest.distortions)), np.float32)

        try:
            for index in range(len(clips)):
                slot = (raw, distortions, index, self._places)
                self._requests.start_async({self.manifest.input_name: clips[index : index + 1]}, slot)
            self._requests.wait_all()
        except (RuntimeError, ValueError) as error:
            raise EngineError(f"OpenVINO failed: {one_line(error)}") from error
        return Outputs(raw, distortions)

    def close(self) -> None:
        """Drop the compiled model."""
        self._requests.wait_all()
        del self._requests, self._compiled, self._core


def _keep(request: Any, slot: tuple[NDArray[np.float32], NDArray[np.float32], int, tuple[int, ...]]) -> None:
    """Copy one request's outputs out. Not a closure: a queue that refers to its owner is a cycle."""
    raw, distortions, index, (raw_at, distortions_at) = slot
    raw[index] = request.get_output_tensor(raw_at).data[0]
    distortions[index] = request.get_output_tensor(distortions_at).data[0]


def make_engine(manifest: Manifest, weights: Path, threads: int | None) -> OpenVinoEngine:
    """Entry point for the loader."""
    return OpenVinoEngine(manifest, weights, threads)
