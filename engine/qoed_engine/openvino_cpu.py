"""The embedded CPU engine on OpenVINO: bf16 where the CPU has it in hardware, else f32."""

from __future__ import annotations

import os
import sys
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qoed_engine.backend import EngineError, Outputs, check_outputs, one_line
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
            # Not openvino.AsyncInferQueue: its completion threads call Python, and its destructor, which
            # holds the interpreter lock, now and then waits for one of them for ever.
            self._requests = [self._compiled.create_infer_request() for _ in range(self._threads)]
        except RuntimeError as error:
            raise EngineError(f"OpenVINO cannot compile {weights.name}: {one_line(error)}") from error
        names = [port.get_names() for port in self._compiled.outputs]
        check_outputs(weights, manifest, set().union(*names))
        self._places = tuple(
            next(i for i, each in enumerate(names) if name in each) for name in manifest.outputs
        )
        precision = str(self._compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name())
        self.backend = f"openvino-{precision}"

    def infer(self, clips: NDArray[np.uint8]) -> Outputs:
        """Score `uint8 [B,T,H,W,3]`; the streams take clips in turn. Raises `EngineError`."""
        outputs = Outputs(
            np.empty(len(clips), np.float32),
            np.empty((len(clips), len(self.manifest.distortions)), np.float32),
            None if self.manifest.abstain is None else np.empty(len(clips), np.float32),
        )
        running: deque[tuple[int, Any]] = deque()
        try:
            for index in range(len(clips)):
                if len(running) == len(self._requests):
                    self._collect(*running.popleft(), outputs)
                request = self._requests[index % len(self._requests)]
                request.start_async({self.manifest.input_name: clips[index : index + 1]})
                running.append((index, request))
            while running:
                self._collect(*running.popleft(), outputs)
        except (RuntimeError, ValueError) as error:
            for _, request in running:  # none may still run when the next batch begins
                with suppress(RuntimeError):
                    request.wait()
            raise EngineError(f"OpenVINO failed: {one_line(error)}") from error
        return outputs

    def close(self) -> None:
        """Drop the compiled model."""
        self._requests.clear()
        del self._compiled, self._core

    def _collect(self, index: int, request: Any, outputs: Outputs) -> None:
        """Wait for a request and copy out what it found about clip `index`."""
        request.wait()
        wanted = (outputs.raw, outputs.distortions, outputs.unfit)
        for place, values in zip(self._places, wanted, strict=False):  # the third only where it is named
            if values is not None:
                values[index] = request.get_output_tensor(place).data[0]


def make_engine(manifest: Manifest, weights: Path, threads: int | None) -> OpenVinoEngine:
    """Entry point for the loader."""
    return OpenVinoEngine(manifest, weights, threads)
