"""Checkpoints as safetensors only: no pickle is ever read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from qoed_training.atomic import replacing


def save_checkpoint(
    path: Path, *, model: nn.Module, average: dict[str, Tensor], optimizer: torch.optim.Optimizer, step: int
) -> None:
    """Write model, moving average and optimiser state, atomically."""
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": torch.as_tensor(value) for name, value in state.items()}
    _save(path, tensors, {"step": str(step)})


def load_checkpoint(
    path: Path, *, model: nn.Module, average: dict[str, Tensor], optimizer: torch.optim.Optimizer
) -> int:
    """Restore in place what `save_checkpoint` wrote and return its step."""
    model_state: dict[str, Tensor] = {}
    optimizer_state: dict[int, dict[str, Any]] = {}
    with safe_open(path, framework="pt") as file:
        step = int(file.metadata()["step"])
        for key in file.keys():  # noqa: SIM118 - not a dict
            kind, _, name = key.partition(".")
            if kind == "model":
                model_state[name] = file.get_tensor(key)
            elif kind == "average":
                average[name] = file.get_tensor(key).to(average[name].device)
            else:
                index, _, field = name.partition(".")
                optimizer_state.setdefault(int(index), {})[field] = file.get_tensor(key)
    model.load_state_dict(model_state)
    state = optimizer.state_dict()
    state["state"] = optimizer_state
    optimizer.load_state_dict(state)
    return step


def step_of(path: Path) -> int | None:
    """Steps behind a checkpoint, None where there is none."""
    if not path.exists():
        return None
    with safe_open(path, framework="pt") as file:
        return int(file.metadata()["step"])


def save_weights(path: Path, average: dict[str, Tensor]) -> None:
    """The averaged weights alone, for evaluation and export; written atomically."""
    _save(path, average)


def load_weights(path: Path, model: nn.Module) -> None:
    """Load weights saved by `save_weights` into `model`, strictly."""
    with safe_open(path, framework="pt") as file:
        model.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118 - not a dict


def _save(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    # Copies, since safetensors refuses tensors that share memory.
    copies = {name: value.detach().clone().contiguous() for name, value in tensors.items()}
    with replacing(path) as temporary:
        save_file(copies, temporary, metadata)
