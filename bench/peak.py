"""What the machine can do at most: operations per second of dense kernels, in the engine's precision."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

import qoed_engine.openvino_cpu  # noqa: F401  first: it keeps openvino from reporting usage

import openvino  # isort: skip
from openvino import opset13 as ops  # isort: skip

SIDE = 1024
"""Of the square matrices."""
CHANNELS, PICTURE = 256, 32
"""Of the 3x3 convolution: the size that ResNets spend most of their time in."""


class Kernel:
    """One dense kernel compiled by OpenVINO, a thread a stream, as the engine is."""

    def __init__(self, name: str, model: openvino.Model, flop: float, precision: str, threads: int) -> None:
        self.name = name
        self._flop = flop
        self._threads = threads
        settings: dict[str, Any] = {
            "PERFORMANCE_HINT": "THROUGHPUT",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": threads,
            "INFERENCE_PRECISION_HINT": precision,
        }
        compiled = openvino.Core().compile_model(model, "CPU", settings)
        self._requests = [compiled.create_infer_request() for _ in range(threads)]
        shape = list(compiled.input(0).shape)
        self._input = {0: np.random.default_rng(0).random(shape, dtype=np.float32)}
        self.rate()

    def rate(self) -> float:
        """Operations per second: of CPU time with one thread, of wall time with more."""
        rounds = 4 * self._threads
        began, began_cpu = time.perf_counter(), time.process_time()
        for number in range(rounds):
            request = self._requests[number % self._threads]
            if number >= self._threads:
                request.wait()
            request.start_async(self._input)
        for request in self._requests:
            request.wait()
        wall, cpu = time.perf_counter() - began, time.process_time() - began_cpu
        return rounds * self._flop / (cpu if self._threads == 1 else wall)


def kernels(precision: str, threads: int) -> list[Kernel]:
    """A matrix product and a convolution; the faster one is the peak."""
    rng = np.random.default_rng(1)
    left = ops.parameter([SIDE, SIDE], dtype=np.float32)
    product = ops.matmul(left, ops.constant(rng.random((SIDE, SIDE), dtype=np.float32)), False, False)
    picture = ops.parameter([1, CHANNELS, PICTURE, PICTURE], dtype=np.float32)
    weights = rng.random((CHANNELS, CHANNELS, 3, 3), dtype=np.float32)
    convolved = ops.convolution(picture, ops.constant(weights), [1, 1], [1, 1], [1, 1], [1, 1])
    return [
        Kernel(
            f"matrix product {SIDE}x{SIDE}",
            openvino.Model([product], [left], "matmul"),
            2.0 * SIDE**3,
            precision,
            threads,
        ),
        Kernel(
            f"3x3 convolution, {CHANNELS} channels",
            openvino.Model([convolved], [picture], "convolution"),
            2.0 * 9 * CHANNELS**2 * PICTURE**2,
            precision,
            threads,
        ),
    ]
