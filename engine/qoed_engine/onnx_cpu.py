"""The portable CPU engine on ONNX Runtime, in f32: second choice for speed, the oracle for parity."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qoed_engine.backend import EngineError, Outputs, one_line
from qoed_engine.manifest import Manifest


class OnnxEngine:
    """`Engine` over an ONNX Runtime session."""

    backend = "onnxruntime-f32"

    def __init__(self, manifest: Manifest, weights: Path, threads: int | None) -> None:
        import onnxruntime

        self.manifest = manifest
        options = onnxruntime.SessionOptions()
        if threads:
            options.intra_op_num_threads = threads
        try:
            self._session = onnxruntime.InferenceSession(
                str(weights), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime raises its own unrelated classes
            raise EngineError(f"ONNX Runtime cannot load {weights.name}: {one_line(error)}") from error

    def infer(self, clips: NDArray[np.uint8]) -> Outputs:
        """Score `uint8 [B,T,H,W,3]`. Raises `EngineError`."""
        try:
            raw, distortions = self._session.run(
                list(self.manifest.output_names), {self.manifest.input_name: clips}
            )
        except Exception as error:  # as above
            raise EngineError(f"ONNX Runtime failed: {one_line(error)}") from error
        return Outputs(np.asarray(raw, np.float32), np.asarray(distortions, np.float32))

    def close(self) -> None:
        """Drop the session."""
        del self._session


def make_engine(manifest: Manifest, weights: Path, threads: int | None) -> OnnxEngine:
    """Entry point for the loader."""
    return OnnxEngine(manifest, weights, threads)
