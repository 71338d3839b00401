"""What a clip costs: parameters, arithmetic, size on disk, milliseconds on one core."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from qoed_engine import load_engine
from qoed_engine.manifest import canary_clips, read_manifest
from qoed_training.evaluation.figures import rounded
from qoed_training.network.cost import cost
from qoed_training.network.model import NetworkConfig

REPEATS = 20
CANARY_SEED = 1


def cost_receipt(network: NetworkConfig, manifest: Path, *, backend: str = "auto") -> dict[str, Any]:
    """Of an exported network: CPU milliseconds are the median of `REPEATS` single clips, one thread.

    CPU time, not time on the wall: what else the machine does is no cost of the network.
    """
    found = read_manifest(manifest)
    engine = load_engine(backend, manifest, threads=1)
    try:
        took = []
        for clip in canary_clips(found.recipe, CANARY_SEED, REPEATS):
            begun = time.process_time()
            engine.infer(clip[None])
            took.append(time.process_time() - begun)
    finally:
        engine.close()
    weighed = cost(network)
    return {
        "parameters": weighed.parameters,
        "gflop_a_clip": rounded(weighed.flops / 1e9),
        "megabytes": rounded((manifest.parent / found.weights).stat().st_size / 1e6),
        "cpu_ms_a_clip": rounded(1e3 * float(np.median(took))),
        "cpu_ms_measured_on": f"{engine.backend}, one thread",
    }


def against_receipt(own: Mapping[str, Any], other: Path) -> dict[str, Any]:
    """A receipt beside that of the larger network's manifest `other`: how much cheaper, how far behind.

    Cheaper is told in arithmetic, which does not depend on what else the machine did. Empty where the other
    was not judged, or on other clips.
    """
    theirs = read_manifest(other)
    try:
        gflop = theirs.receipt["cost"]["gflop_a_clip"]
        judged = theirs.receipt["held_out_clips"]
        clips, spearman = judged["clips"], judged["all"]["spearman"]
    except (KeyError, TypeError):
        return {}
    if clips != own["held_out_clips"]["clips"]:
        return {}
    mine = own["held_out_clips"]["all"]["spearman"]
    return {
        "model": theirs.model,
        "times_cheaper": rounded(gflop / own["cost"]["gflop_a_clip"]),
        "spearman_behind": None if mine is None or spearman is None else rounded(spearman - mine),
    }
