"""Nets with few weights: SqueezeNet 1.1, MobileNet v1 and v2."""

from __future__ import annotations

from .writer import Writer


def squeezenet(net: Writer) -> None:
    """Write SqueezeNet 1.1 (Iandola et al. 2016)."""
    top = net.pool("pool1", net.conv_relu("conv1", "data", net.wide(64), 3, 2))
    for number, (squeeze, expand) in enumerate(
        ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256)), 2
    ):
        thin = net.conv_relu(f"fire{number}_squeeze", top, net.wide(squeeze), 1)
        both = [
            net.conv_relu(f"fire{number}_1x1", thin, net.wide(expand), 1),
            net.conv_relu(f"fire{number}_3x3", thin, net.wide(expand), 3, 1, 1),
        ]
        top = net.add(f"fire{number}", "Concat", both)
        if number in (3, 5):
            top = net.pool(f"pool{number}", top)
    top = net.conv_relu("conv10", net.drop("drop9", top), net.wide(1000), 1)
    net.classify(net.mean("pool10", top), net.wide(1000))


def mobilenet1(net: Writer) -> None:
    """Write MobileNet v1 (Howard et al. 2017)."""
    channels = net.wide(32)
    top = net.conv_bn("conv1", "data", channels, 3, 2, 1)
    steps = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    for number, (outputs, stride) in enumerate(steps, 2):
        top = net.conv_bn(f"conv{number}_dw", top, channels, 3, stride, 1, channels)
        channels = net.wide(outputs)
        top = net.conv_bn(f"conv{number}", top, channels, 1)
    net.classify(net.conv("fc7", net.mean("pool6", top), net.wide(1000), 1), net.wide(1000))


def mobilenet2(net: Writer) -> None:
    """Write MobileNet v2 (Sandler et al. 2018), with inverted residuals and ReLU6."""
    channels = net.wide(32)
    top = net.conv_bn("conv1", "data", channels, 3, 2, 1, act="Clip")
    steps = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    for part, (expand, outputs, count, first) in enumerate(steps, 2):
        for number in range(1, count + 1):
            name, stride, inner = f"conv{part}_{number}", first if number == 1 else 1, channels * expand
            main = top if expand == 1 else net.conv_bn(f"{name}_expand", top, inner, 1, act="Clip")
            main = net.conv_bn(f"{name}_dw", main, inner, 3, stride, 1, inner, act="Clip")
            joined = number > 1
            main = net.conv_bn(f"{name}_project", main, net.wide(outputs), 1, act="", factor=0.2 if joined else 1)
            top = net.add(name, "Eltwise", [top, main]) if joined else main
            channels = net.wide(outputs)
    top = net.conv_bn("conv9", top, net.wide(1280), 1, act="Clip")
    net.classify(net.conv("fc", net.mean("pool", top), net.wide(1000), 1), net.wide(1000))
