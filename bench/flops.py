"""Arithmetic of a network, counted from the shapes of its graph: 2 operations for each multiply-add."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import qoed_engine.openvino_cpu  # noqa: F401  first: it keeps openvino from reporting usage
from qoed_engine import Recipe

import openvino  # isort: skip


def count_flop(weights: Path, input_name: str, recipe: Recipe) -> float:
    """Floating-point operations of one clip in the convolutions and matrix products of an ONNX file.

    What is neither (activations, norms, softmax) is left out, as is usual: some percent of the whole.
    """
    model = openvino.Core().read_model(weights)
    model.reshape({input_name: [1, *recipe.clip_shape]})
    return float(sum(map(_flop_of, model.get_ordered_ops())))


def _flop_of(node: Any) -> int:
    kind = node.get_type_name()
    if kind not in ("Convolution", "GroupConvolution", "MatMul"):
        return 0
    first, second = (tuple[int, ...](node.get_input_shape(index)) for index in (0, 1))
    made: int = prod(node.get_output_shape(0))
    if kind == "Convolution":  # weights [out, in, *kernel]
        return 2 * made * prod(second[1:])
    if kind == "GroupConvolution":  # weights [groups, out, in, *kernel]
        return 2 * made * prod(second[2:])
    inner: int = first[-2] if node.get_attributes()["transpose_a"] and len(first) > 1 else first[-1]
    return 2 * made * inner
