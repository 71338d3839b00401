"""Swin Transformer encoder over a small video map (Liu et al., ICCV 2021; video form CVPR 2022)."""

from __future__ import annotations

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn


class WindowAttention(nn.Module):
    """Multi-head self-attention in windows of `T x window x window` tokens with a relative position bias."""

    index: Tensor
    """Which entry of `bias` each pair of tokens uses, `[N,N]`."""

    def __init__(self, width: int, heads: int, frames: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        grid = torch.stack(
            torch.meshgrid(torch.arange(frames), torch.arange(window), torch.arange(window), indexing="ij")
        ).flatten(1)
        offset = (
            grid[:, :, None]
            - grid[:, None, :]
            + torch.tensor([frames - 1, window - 1, window - 1])[:, None, None]
        )
        side = 2 * window - 1
        index = (offset[0] * side + offset[1]) * side + offset[2]
        self.register_buffer("index", index, persistent=False)
        self.bias = nn.Parameter(torch.zeros((2 * frames - 1) * side * side, heads))

    def forward(self, x_BNC: Tensor, mask_WNN: Tensor | None) -> Tensor:
        """`[B*windows, N, C]`; `mask` parts tokens that only the cyclic shift made neighbours."""
        batch, tokens, width = x_BNC.shape
        qkv = (
            self.qkv(x_BNC).reshape(batch, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        )
        query, key, value = qkv[0], qkv[1], qkv[2]
        logits = query @ key.transpose(-2, -1) * (width // self.heads) ** -0.5
        logits = logits + self.bias[self.index].permute(2, 0, 1)
        if mask_WNN is not None:
            windows = mask_WNN.shape[0]
            logits = logits.reshape(batch // windows, windows, self.heads, tokens, tokens) + mask_WNN[:, None]
            logits = logits.reshape(batch, self.heads, tokens, tokens)
        mixed = torch.softmax(logits, dim=-1) @ value
        out: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, tokens, width))
        return out


class SwinBlock(nn.Module):
    """(Shifted-)window attention and MLP, both pre-norm and residual, on `[B,T,H,W,C]`."""

    mask: Tensor | None
    """0 between tokens that may see each other, -100 elsewhere, `[windows,N,N]`; None without a shift."""

    def __init__(self, width: int, heads: int, frames: int, size: int, window: int, *, shifted: bool) -> None:
        super().__init__()
        if size % window:
            raise ValueError(f"map side {size} is no multiple of the window {window}")
        self.window, self.shift = window, window // 2 if shifted else 0
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = WindowAttention(width, heads, frames, window)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.register_buffer("mask", self._mask(frames, size) if shifted else None, persistent=False)

    def forward(self, x_BTHWC: Tensor) -> Tensor:
        """Same shape out."""
        batch, frames, rows, columns, width = x_BTHWC.shape
        y = self.norm1(x_BTHWC)
        if self.shift:
            y = torch.roll(y, shifts=(-self.shift, -self.shift), dims=(2, 3))
        w = self.window
        y = y.reshape(batch, frames, rows // w, w, columns // w, w, width).permute(0, 2, 4, 1, 3, 5, 6)
        y = self.attention(y.reshape(-1, frames * w * w, width), self.mask)
        y = y.reshape(batch, rows // w, columns // w, frames, w, w, width).permute(0, 3, 1, 4, 2, 5, 6)
        y = y.reshape(batch, frames, rows, columns, width)
        if self.shift:
            y = torch.roll(y, shifts=(self.shift, self.shift), dims=(2, 3))
        x = x_BTHWC + y
        out: Tensor = x + self.mlp(self.norm2(x))
        return out

    def _mask(self, frames: int, size: int) -> Tensor:
        region = torch.zeros(size, size)
        spans = (slice(0, -self.window), slice(-self.window, -self.shift), slice(-self.shift, None))
        for number, (rows, columns) in enumerate((r, c) for r in spans for c in spans):
            region[rows, columns] = number
        w = self.window
        tiles = region.reshape(size // w, w, size // w, w).permute(0, 2, 1, 3).reshape(-1, 1, w * w)
        labels = tiles.expand(-1, frames, -1).reshape(tiles.shape[0], -1)
        return torch.where(labels[:, None, :] == labels[:, :, None], 0.0, -100.0)


class SwinEncoder(nn.Module):
    """Alternating plain and shifted blocks: `[B,C,T,H,W]` to a pooled feature `[B,C]`."""

    def __init__(self, width: int, *, heads: int, depth: int, frames: int, size: int, window: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            SwinBlock(width, heads, frames, size, window, shifted=bool(index % 2)) for index in range(depth)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        """Encode and average over all tokens."""
        x = x_BCTHW.permute(0, 2, 3, 4, 1)
        for block in self.blocks:
            x = block(x)
        return nnf.layer_norm(
            x.mean(dim=(1, 2, 3)), self.norm.normalized_shape, self.norm.weight, self.norm.bias
        )
