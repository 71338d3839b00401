"""The portable CPU engine on ONNX Runtime, in f32: second choice for speed, the oracle for parity."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qoed_engine.backend import EngineError, Outputs, check_outputs, one_line
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
        check_outputs(weights, manifest, [port.name for port in self._session.get_outputs()])

    def infer(self, clips: NDArray[np.uint8]) -> Outputs:
        """Score `uint8 [B,T,H,W,3]`. Raises `EngineError`."""
        try:
            found = self._session.run(list(self.manifest.outputs), {self.manifest.input_name: clips})
        except Exception as error:  # as above
            raise EngineError(f"ONNX Runtime failed: {one_line(error)}") from error
        return Outputs(*(np.asarray(values, np.float32) for values in found))

    def close(self) -> None:
        """Drop the session."""
        del self._session


def make_engine(manifest: Manifest, weights: Path, threads: int | None) -> OnnxEngine:
    """Entry point for the loader."""
    return OnnxEngine(manifest, weights, threads)
