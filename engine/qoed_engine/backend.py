"""The seam between the daemon and whatever runs the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from qoed_engine.manifest import Manifest


class EngineError(Exception):
    """The engine cannot be trusted or used. `sticky` errors do not heal: the process must end (exit 75)."""

    def __init__(self, message: str, *, sticky: bool = False) -> None:
        super().__init__(message)
        self.sticky = sticky


@dataclass(frozen=True, slots=True)
class Outputs:
    """Raw network outputs of one batch, before calibration.

    `raw` is `float32 [B]` (higher is better), `distortions` `float32 [B,K]` probabilities in the order of
    `Manifest.distortions`.
    """

    raw: NDArray[np.float32]
    distortions: NDArray[np.float32]


class Engine(Protocol):
    """A loaded network. Not thread-safe: one thread owns it."""

    manifest: Manifest
    backend: str
    """Backend and precision for humans and payloads, such as `openvino-f32`."""

    def infer(self, clips: NDArray[np.uint8]) -> Outputs:
        """Score `uint8 [B,T,H,W,3]`, any B >= 1. Raises `EngineError`."""
        ...

    def close(self) -> None:
        """Free what the engine holds; it must not be used afterwards."""
        ...


def one_line(error: Exception) -> str:
    """A native library's many-line message on one line of bearable length."""
    return " ".join(str(error).split())[:300]
