"""GoogLeNet."""

from __future__ import annotations

from .writer import Writer

# Outputs of: 1x1; 3x3 reduce, 3x3; 5x5 reduce, 5x5; the 1x1 after the pooling.
_INCEPTIONS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


def googlenet(net: Writer) -> None:
    """Write GoogLeNet (Szegedy et al. 2014). The train net has the two auxiliary heads, with a loss weight of 0.3."""
    w = net.wide
    top = net.lrn("norm1", net.pool("pool1", net.conv_relu("conv1", "data", w(64), 7, 2, 3)))
    top = net.lrn("norm2", net.conv_relu("conv2", net.conv_relu("conv2_reduce", top, w(64), 1), w(192), 3, 1, 1))
    top = net.pool("pool2", top)
    for name, (one, before3, three, before5, five, pooled) in _INCEPTIONS.items():
        branches = [
            net.conv_relu(f"{name}_1x1", top, w(one), 1),
            net.conv_relu(f"{name}_3x3", net.conv_relu(f"{name}_3x3_reduce", top, w(before3), 1), w(three), 3, 1, 1),
            net.conv_relu(f"{name}_5x5", net.conv_relu(f"{name}_5x5_reduce", top, w(before5), 1), w(five), 5, 1, 2),
            net.conv_relu(f"{name}_pool_proj", net.pool(f"{name}_pool", top, 3, 1, 1), w(pooled), 1),
        ]
        top = net.add(f"{name}_output", "Concat", branches)
        if net.batch and name in ("4a", "4d"):
            side = net.conv_relu(f"{name}_side", net.pool(f"{name}_side_pool", top, 5, 3, how="AVE"), w(128), 1)
            side = net.fc_relu_drop(f"{name}_side_fc", side, w(1024))
            net.classify(net.fc(f"{name}_side_classifier", side, w(1000)), w(1000), weight=0.3)
        if name in ("3b", "4e"):
            top = net.pool(f"pool_{name}", top)
    top = net.drop("drop", net.mean("pool5", top))
    net.classify(net.fc("classifier", top, w(1000)), w(1000))
