"""Scenes on disk, as `qoed-train scenes` leaves them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from qoed_training.data.scenes import Scene


def write_scene(folder: Path, scene: Scene) -> None:
    """The two files of a scene."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"{scene.name}.clips.npy", scene.clips)
    np.savez(
        folder / f"{scene.name}.npz",
        **{name: getattr(scene, name) for name in ("group", "split", "labels", "shown_share", "targets")},
        plans=json.dumps(scene.plans),
    )
