"""3D residual backbone with bottlenecks: full 3x3x3 convolutions, or factored into 1x3x3 and 3x1x1.

Full is ResNet-50 (He et al., CVPR 2016) with time added, as in the paper; the factored form, after R(2+1)D
(Tran et al., CVPR 2018), costs 1.5 times less on CPUs.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from qoed_training.network.full_precision import full_precision


class Conv3d(nn.Conv3d):
    """`nn.Conv3d` that leaves autocast where clips are shorter than the kernel.

    There oneDNN's bfloat16 weight gradient reads memory that nobody wrote (torch 2.13, AVX512_BF16; seen as
    gradients of 1e30 and NaN with two frames and a kernel of three).
    """

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        """As `nn.Conv3d`."""
        if x_BCTHW.device.type == "cpu" and x_BCTHW.shape[2] < self.kernel_size[0]:
            with full_precision(x_BCTHW):
                return super().forward(x_BCTHW.float())
        return super().forward(x_BCTHW)


def conv_bn(inputs: int, outputs: int, kernel: tuple[int, int, int], *, stride: int = 1) -> nn.Sequential:
    """Same-padded Conv3d (spatial `stride` only) and batch norm."""
    padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
    conv = Conv3d(inputs, outputs, kernel, stride=(1, stride, stride), padding=padding, bias=False)
    return nn.Sequential(conv, nn.BatchNorm3d(outputs))


class Bottleneck(nn.Module):
    """1x1x1 down, the middle, 1x1x1 up, plus the shortcut: `[B,C,T,H,W]` in and out.

    The middle is 1x3x3 in space then 3x1x1 in time if `factored`, else one 3x3x3 (`space`; no `time`).
    """

    def __init__(
        self, inputs: int, middle: int, outputs: int, *, stride: int = 1, factored: bool = True
    ) -> None:
        super().__init__()
        self.reduce = conv_bn(inputs, middle, (1, 1, 1))
        self.space = conv_bn(middle, middle, (1 if factored else 3, 3, 3), stride=stride)
        self.time = conv_bn(middle, middle, (3, 1, 1)) if factored else None
        self.expand = conv_bn(middle, outputs, (1, 1, 1))
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else conv_bn(inputs, outputs, (1, 1, 1), stride=stride)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        """Residual block; spatial size shrinks by `stride`."""
        y = self.relu(self.reduce(x_BCTHW))
        y = self.relu(self.space(y))
        if self.time is not None:
            y = self.relu(self.time(y))
        out: Tensor = self.relu(self.expand(y) + self.shortcut(x_BCTHW))
        return out


def two_step_stem(stem: int, outputs: int) -> nn.Sequential:
    """Two 1x3x3 convolutions of stride 2, the cheaper stem: `[B,6,T,H,W]` to `[B,outputs,T,H/4,W/4]`."""
    return nn.Sequential(
        conv_bn(6, stem, (1, 3, 3), stride=2),
        nn.ReLU(inplace=True),
        conv_bn(stem, outputs, (1, 3, 3), stride=2),
        nn.ReLU(inplace=True),
    )


def resnet_stem(outputs: int) -> nn.Sequential:
    """ResNet's own stem with time added, 3x7x7 and max pooling: `[B,6,T,H,W]` to `[B,outputs,T,H/4,W/4]`."""
    return nn.Sequential(
        conv_bn(6, outputs, (3, 7, 7), stride=2),
        nn.ReLU(inplace=True),
        nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1)),
    )


class Backbone(nn.Module):
    """Stem (spatial stride 4) and four stages; gives the maps C2-C5 at strides 4, 8, 16, 32."""

    def __init__(
        self,
        stem: int,
        widths: Sequence[int],
        blocks: Sequence[int],
        expansion: int,
        *,
        factored: bool = True,
    ) -> None:
        super().__init__()
        self.stem = two_step_stem(stem, widths[0]) if factored else resnet_stem(stem)
        stages = []
        inputs = widths[0] if factored else stem
        for index, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            layers = []
            for block in range(count):
                stride = 2 if index > 0 and block == 0 else 1
                middle = width // expansion
                layers.append(Bottleneck(inputs, middle, width, stride=stride, factored=factored))
                inputs = width
            stages.append(nn.Sequential(*layers))
        self.stages = nn.ModuleList(stages)

    def forward(self, x_B6THW: Tensor) -> list[Tensor]:
        """`float [B,6,T,H,W]` to four maps `[B,C_i,T,H/s_i,W/s_i]`, finest first."""
        x = self.stem(x_B6THW)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps
