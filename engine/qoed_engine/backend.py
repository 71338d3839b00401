"""The seam between the daemon and whatever runs the network."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
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
    `Manifest.distortions`, `unfit` `float32 [B]` probabilities that the network was not made for the clip
    (None: these weights cannot tell; see `Manifest.abstain`).
    """

    raw: NDArray[np.float32]
    distortions: NDArray[np.float32]
    unfit: NDArray[np.float32] | None = None


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


def check_outputs(weights: Path, manifest: Manifest, there: Collection[str]) -> None:
    """Raise `EngineError` when the network lacks an output that its manifest names."""
    if absent := [name for name in manifest.outputs if name not in there]:
        raise EngineError(
            f"{weights.name} has no output {', '.join(absent)} that its manifest names; reinstall it",
            sticky=True,
        )


def one_line(error: Exception) -> str:
    """A native library's many-line message on one line of bearable length."""
    return " ".join(str(error).split())[:300]
