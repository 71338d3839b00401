"""Find weights, check their hash, build the wanted backend, and trust it only after its canary."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import cast

import numpy as np

from qoed_engine.backend import Engine, EngineError, Outputs
from qoed_engine.manifest import Manifest, ManifestError, canary_clips, read_manifest, sha256_of

SHIPPED = Path(__file__).parent / "weights" / "small.json"
BACKENDS = {
    "openvino": ("openvino", "qoed_engine.openvino_cpu", "pip install qoed"),
    "onnxruntime": ("onnxruntime", "qoed_engine.onnx_cpu", "pip install 'qoed[ort]'"),
}
"""Name: (library, our module, how to get it), best first."""
CANARY_CLIPS = 3


def load_engine(backend: str = "auto", manifest: Path | None = None, *, threads: int | None = None) -> Engine:
    """A checked engine: manifest read, weights' hash right, canary scored right.

    `backend` is `auto` or a key of `BACKENDS`; `threads` limits the CPU threads (default: one per core).
    Raises `EngineError` with what is wrong and what to do.
    """
    path = manifest or SHIPPED
    try:
        found = read_manifest(path)
        weights = _checked_weights(path, found)
    except ManifestError as error:
        raise EngineError(str(error), sticky=True) from error
    engine = _build(backend, found, weights, threads)
    try:
        check_canary(engine)
    except EngineError:
        engine.close()
        raise
    return engine


def check_canary(engine: Engine) -> Outputs:
    """Score the manifest's known input. Raises a sticky `EngineError` when the answer is not the recorded."""
    manifest = engine.manifest
    outputs = engine.infer(canary_clips(manifest.recipe, manifest.canary_seed, len(manifest.canary_raw)))
    worst = float(np.abs(outputs.raw - np.array(manifest.canary_raw, np.float32)).max())
    if not worst <= manifest.canary_tolerance:  # also catches NaN
        raise EngineError(
            f"engine {engine.backend} answers its canary {worst:.4f} off "
            f"(allowed {manifest.canary_tolerance}): scores would be wrong; restart, and if it stays, "
            "set engine.backend to another one",
            sticky=True,
        )
    return outputs


def _checked_weights(path: Path, manifest: Manifest) -> Path:
    weights = path.parent / manifest.weights
    if not weights.is_file():
        raise ManifestError(
            f"{path}: its weights {weights.name} are missing beside it; reinstall qoed or fix engine.weights"
        )
    actual = sha256_of(weights)
    if actual != manifest.sha256:
        raise ManifestError(
            f"{weights}: sha256 is {actual[:12]}…, the manifest says {manifest.sha256[:12]}…; "
            "the file was changed or cut short, reinstall it"
        )
    return weights


def _build(backend: str, manifest: Manifest, weights: Path, threads: int | None) -> Engine:
    names = list(BACKENDS) if backend == "auto" else [backend]
    for name in names:
        if name not in BACKENDS:
            raise EngineError(f"engine.backend {name!r} is unknown; use auto or one of {', '.join(BACKENDS)}")
        library, module, remedy = BACKENDS[name]
        if find_spec(library) is None:
            if backend == "auto":
                continue
            raise EngineError(f"engine.backend {name} needs {library}: {remedy}")
        make = cast(
            "Callable[[Manifest, Path, int | None], Engine]", importlib.import_module(module).make_engine
        )
        return make(manifest, weights, threads)
    raise EngineError("no CPU engine is installed: pip install qoed (OpenVINO) or pip install 'qoed[ort]'")
