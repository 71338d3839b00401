"""3D residual backbone with bottlenecks, factored into 1x3x3 and 3x1x1 convolutions.

After ResNet-50 (He et al., CVPR 2016) and R(2+1)D (Tran et al., CVPR 2018); the factored form costs 1.5 times
less than full 3x3x3 on CPUs.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


def conv_bn(inputs: int, outputs: int, kernel: tuple[int, int, int], *, stride: int = 1) -> nn.Sequential:
    """Same-padded Conv3d (spatial `stride` only) and batch norm."""
    padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
    conv = nn.Conv3d(inputs, outputs, kernel, stride=(1, stride, stride), padding=padding, bias=False)
    return nn.Sequential(conv, nn.BatchNorm3d(outputs))


class Bottleneck(nn.Module):
    """1x1x1 down, 1x3x3 in space, 3x1x1 in time, 1x1x1 up, plus the shortcut: `[B,C,T,H,W]` in and out."""

    def __init__(self, inputs: int, middle: int, outputs: int, *, stride: int = 1) -> None:
        super().__init__()
        self.reduce = conv_bn(inputs, middle, (1, 1, 1))
        self.space = conv_bn(middle, middle, (1, 3, 3), stride=stride)
        self.time = conv_bn(middle, middle, (3, 1, 1))
        self.expand = conv_bn(middle, outputs, (1, 1, 1))
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else conv_bn(inputs, outputs, (1, 1, 1), stride=stride)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        """Residual block; spatial size shrinks by `stride`."""
        y = self.relu(self.reduce(x_BCTHW))
        y = self.relu(self.space(y))
        y = self.relu(self.time(y))
        out: Tensor = self.relu(self.expand(y) + self.shortcut(x_BCTHW))
        return out


class Backbone(nn.Module):
    """Stem (spatial stride 4) and four stages; gives the maps C2-C5 at strides 4, 8, 16, 32."""

    def __init__(self, stem: int, widths: Sequence[int], blocks: Sequence[int], expansion: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            conv_bn(6, stem, (1, 3, 3), stride=2),
            nn.ReLU(inplace=True),
            conv_bn(stem, widths[0], (1, 3, 3), stride=2),
            nn.ReLU(inplace=True),
        )
        stages = []
        inputs = widths[0]
        for index, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            layers = []
            for block in range(count):
                stride = 2 if index > 0 and block == 0 else 1
                layers.append(Bottleneck(inputs, width // expansion, width, stride=stride))
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
