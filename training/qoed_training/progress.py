"""What every loop shares: learning rate by step, smoothed losses, time left."""

from __future__ import annotations

import math
import time


class Recent:
    """Running mean of loss parts: single batches are too noisy to read."""

    def __init__(self, decay: float = 0.9) -> None:
        self._decay = decay
        self._means: dict[str, float] = {}

    def add(self, parts: dict[str, float]) -> str:
        """Take in one step's parts and give the means as text."""
        for name, value in parts.items():
            self._means[name] = self._decay * self._means.get(name, value) + (1 - self._decay) * value
        return " ".join(f"{name} {value:.4f}" for name, value in self._means.items())


def cosine_rate(peak: float, step: int, *, warmup: int, steps: int) -> float:
    """Linear warm-up to `peak`, then a cosine down to a hundredth of it."""
    if step < warmup:
        return peak * (step + 1) / warmup
    phase = (step - warmup) / max(1, steps - warmup)
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * phase)))


def seconds_left(started: float, done: int, todo: int) -> float:
    """Time that `todo` more steps take at the pace of `done` since `started` (monotonic)."""
    return (time.monotonic() - started) / max(1, done) * todo
