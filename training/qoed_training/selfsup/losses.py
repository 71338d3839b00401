"""The five losses of self-supervised pretraining and their sum, each a pure function of tensors.

The numbers (1)-(6) are this module's: of the paper only its definitions were at hand. Views come in two
halves: views i and i + N are two augmentations (crop, flip) of sample i. Where the paper leaves a choice:

- sim(x, y) = x^T y does not say whether x and y have unit length. With T = 0.07 free lengths would let the
  loss fall by growing them, and overflow in bfloat16; this temperature is that of unit vectors (Wu et al.,
  CVPR 2018; He et al., CVPR 2020), and l_distance looks at directions only. So the projection head ends on
  the unit sphere (`PretextNetwork`), where x^T y is the cosine; the functions here take z as it is.
- "over 2N views" is read as in SimCLR (Chen et al., ICML 2020): of the 2N - 1 other views one is positive,
  and each view takes its turn.
- l_dis, l_pace and l_distance are means over both views of every sample.
- l_distance belongs to the contrast task, since it reads the same projections.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as nnf
from torch import Tensor

TEMPERATURE = 0.07
ALPHA, BETA, GAMMA = 1.0, 1.0, 0.5


@dataclass(frozen=True, slots=True)
class Tasks:
    """Which pretext tasks are on (the rows of the ablation); at least one. Raises ValueError for none."""

    distortion: bool = True
    pace: bool = True
    contrast: bool = True

    def __post_init__(self) -> None:
        if not (self.distortion or self.pace or self.contrast):
            raise ValueError(f"pretraining needs at least one task of {', '.join(TASK_NAMES)}")

    @property
    def names(self) -> tuple[str, ...]:
        """Those that are on, in a fixed order."""
        return tuple(name for name in TASK_NAMES if getattr(self, name))

    @property
    def distorted(self) -> bool:
        """Whether any task looks at distorted clips: the pace task does not."""
        return self.distortion or self.contrast


TASK_NAMES = tuple(field.name for field in fields(Tasks))


def distortion_loss(logits_VK: Tensor, type_V: Tensor) -> Tensor:
    """(1) l_dis = -1/V sum_i log softmax(D(h_o,i - h_d,i))[t_i], t the type of distortion, int64 `[V]`.

    `logits` are the distortion head D's answer to the *difference* of the siamese features of an original
    and its distorted version, never to either alone.
    """
    return nnf.cross_entropy(logits_VK.float(), type_V)


def pace_loss(logits_VR: Tensor, pace_V: Tensor) -> Tensor:
    """(2) l_pace = -1/V sum_i log softmax(P(h_o,i))[r_i - 1], r the sample rate, on originals only.

    `pace` is r - 1, int64 `[V]` (Wang et al., ECCV 2020).
    """
    return nnf.cross_entropy(logits_VR.float(), pace_V)


def contrast_loss(z_VC: Tensor, *, temperature: float = TEMPERATURE) -> Tensor:
    """(3), (4) l_con = -1/2N sum_i log(exp(s_ij / T) / sum_{k != i} exp(s_ik / T)), s_ik = z_i^T z_k.

    InfoNCE (van den Oord et al., 2018) over the 2N views of N samples `[2N,C]`, with j = i + N mod 2N the
    other view of i's sample: once on originals (l_con_org), once on distorted ones (l_con_dis).
    """
    z = z_VC.float()
    views = len(z)
    itself = torch.eye(views, dtype=torch.bool, device=z.device)
    logits = (z @ z.T / temperature).masked_fill(itself, float("-inf"))
    positive = torch.arange(views, device=z.device).roll(views // 2)
    return nnf.cross_entropy(logits, positive)


def distance_loss(original_VC: Tensor, distorted_VC: Tensor) -> Tensor:
    """(5) l_distance = 1/V sum_i cos(z_o,i, z_d,i), from -1 to 1.

    Falling, it drives an original and its distorted version apart: the feature must not overlook quality.
    """
    return nnf.cosine_similarity(original_VC.float(), distorted_VC.float(), dim=1).mean()


def total_loss(
    parts: Mapping[str, Tensor], *, alpha: float = ALPHA, beta: float = BETA, gamma: float = GAMMA
) -> Tensor:
    """(6) L = l_dis + l_pace + alpha l_con_org + beta l_con_dis + gamma l_distance over the parts present.

    Keys are `dis`, `pace`, `con_org`, `con_dis`, `distance`; a task that is off leaves its own out.
    """
    weights = {"dis": 1.0, "pace": 1.0, "con_org": alpha, "con_dis": beta, "distance": gamma}
    return torch.stack([weights[name] * part for name, part in parts.items()]).sum()
