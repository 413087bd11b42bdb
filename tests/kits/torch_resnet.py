"""torchvision's resnet18 as a plain PyTorch module: the same names, the same numbers. It stands in for torchvision in tests."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class _Block(nn.Module):
    def __init__(self, before: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample: nn.Module | None = None
        if stride > 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(before, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        sum_: Tensor = out + (x if self.downsample is None else self.downsample(x))
        return sum_.relu()


class ResNet18(nn.Module):
    """`blocks` of each stage: 2 is resnet18. Without `fc`, `forward` returns the 512 features."""

    def __init__(self, blocks: int = 2) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        before = 64
        for stage, channels in enumerate((64, 128, 256, 512), start=1):
            stages = [
                _Block(before if i == 0 else channels, channels, 2 if stage > 1 and i == 0 else 1)
                for i in range(blocks)
            ]
            self.add_module(f"layer{stage}", nn.Sequential(*stages))
            before = channels
        self.fc = nn.Linear(512, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.max_pool2d(self.bn1(self.conv1(x)).relu(), 3, 2, 1)
        for stage in range(1, 5):
            x = self.get_submodule(f"layer{stage}")(x)
        return x.mean((2, 3))


def trained(blocks: int = 2) -> ResNet18:
    """Return a net whose numbers are drawn, with statistics as a training would leave them."""
    torch.manual_seed(3)
    net = ResNet18(blocks).eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_(0, 0.2)
            module.running_mean.normal_(0, 0.3)  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
    return net
