"""How long networks take for a clip here: exported to ONNX, one thread, in turn."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime

from qoed_engine.manifest import canary_clips
from qoed_training.export import export_onnx
from qoed_training.network.model import QualityNetwork


def clip_ms(networks: Mapping[str, QualityNetwork], *, rounds: int) -> dict[str, float]:
    """Milliseconds a clip of each network: the median of `rounds`, f32 in ONNX Runtime on one thread.

    The networks take turns, so that whatever else the machine does slows all of them alike.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    sessions, clips = {}, {}
    with TemporaryDirectory() as folder:
        for name, network in networks.items():
            path = Path(folder) / "network.onnx"
            export_onnx(network, path)
            sessions[name] = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
            clips[name] = canary_clips(network.config.recipe, 0, 1)
    taken: dict[str, list[float]] = {name: [] for name in networks}
    for turn in range(rounds + 1):
        for name, session in sessions.items():
            started = time.perf_counter()
            session.run(["raw"], {"clips": clips[name]})
            if turn:  # the first is the warm-up
                taken[name].append(1e3 * (time.perf_counter() - started))
    return {name: float(np.median(values)) for name, values in taken.items()}
