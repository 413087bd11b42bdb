"""ResNets."""

from __future__ import annotations

from collections.abc import Sequence

from .writer import Writer


def _resnet(net: Writer, blocks: Sequence[int], deep: bool) -> None:
    """Write a ResNet (He et al. 2015). A block has three convolutions if `deep`, otherwise two."""
    top = net.pool("pool1", net.conv_bn("conv1", "data", net.wide(64), 7, 2, 3))
    for stage, count in enumerate(blocks):
        inner = net.wide(64 * 2**stage)
        outer = inner * 4 if deep else inner
        for block in range(count):
            name, stride = f"res{stage + 2}_{block + 1}", 2 if stage and not block else 1
            short = top
            if not block and (deep or stage):
                short = net.conv_bn(f"{name}_short", top, outer, 1, stride, act="")
            if deep:
                main = net.conv_bn(f"{name}_b", net.conv_bn(f"{name}_a", top, inner, 1, stride), inner, 3, 1, 1)
                main = net.conv_bn(f"{name}_c", main, outer, 1, act="", factor=0.2)
            else:
                main = net.conv_bn(f"{name}_a", top, inner, 3, stride, 1)
                main = net.conv_bn(f"{name}_b", main, outer, 3, 1, 1, act="", factor=0.2)
            top = net.relu(net.add(name, "Eltwise", [short, main]))
    net.classify(net.fc("fc", net.mean("pool5", top), net.wide(1000)), net.wide(1000))


def resnet18(net: Writer) -> None:
    """Write ResNet-18."""
    _resnet(net, (2, 2, 2, 2), False)


def resnet50(net: Writer) -> None:
    """Write ResNet-50."""
    _resnet(net, (3, 4, 6, 3), True)
