"""qoed_engine: run the quality network. Import `Engine`, `load_engine` and the rest of `__all__` here."""

from qoed_engine.backend import Engine, EngineError, Outputs
from qoed_engine.loader import load_engine
from qoed_engine.manifest import Abstain, Calibration, Manifest, Recipe, read_manifest
from qoed_engine.preprocess import PreprocessError, clip_from_frames

__all__ = [
    "Abstain",
    "Calibration",
    "Engine",
    "EngineError",
    "Manifest",
    "Outputs",
    "PreprocessError",
    "Recipe",
    "clip_from_frames",
    "load_engine",
    "read_manifest",
]
