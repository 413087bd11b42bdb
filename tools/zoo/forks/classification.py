"""Classifiers: SE-ResNet-50 with Axpy, ShuffleNet with ShuffleChannel, MobileNet v3 with HardSwish and HardSigmoid."""

from __future__ import annotations

from ..writer import Writer

_HARD = "hardsigmoid_param { alpha: 0.16666667 beta: 0.5 }"


def senet(net: Writer) -> None:
    """Write SE-ResNet-50 (Hu et al. 2018). Each block weighs its channels, and adds its input in the same layer, Axpy."""
    top = net.pool("pool1", net.conv_bn("conv1", "data", net.wide(64), 7, 2, 3))
    for part, (count, inner) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512)), 2):
        for number in range(1, count + 1):
            name, stride, outputs = f"conv{part}_{number}", 2 if part > 2 and number == 1 else 1, net.wide(4 * inner)
            main = net.conv_bn(f"{name}_reduce", top, net.wide(inner), 1, stride)
            main = net.conv_bn(f"{name}_3x3", main, net.wide(inner), 3, 1, 1)
            main = net.conv_bn(f"{name}_increase", main, outputs, 1, act="", factor=0.4)
            if number == 1:
                top = net.conv_bn(f"{name}_proj", top, outputs, 1, stride, act="")
            squeezed = net.relu(net.conv(f"{name}_down", net.mean(f"{name}_pool", main), max(4, outputs // 16), 1))
            gate = net.relu(net.conv(f"{name}_up", squeezed, outputs, 1), "Sigmoid")
            top = net.relu(net.add(name, "Axpy", [gate, main, top]))
    net.classify(net.fc("classifier", net.mean("pool5", top), net.wide(1000)), net.wide(1000))


def shufflenet(net: Writer) -> None:
    """Write ShuffleNet v1 with three groups (Zhang et al. 2018)."""
    groups, channels = 3, 24
    top = net.pool("pool1", net.conv_bn("conv1", "data", channels, 3, 2, 1))
    for part, (outputs, count) in enumerate(((240, 4), (480, 8), (960, 4)), 2):
        outputs = max(12, round(outputs * net.width / 12) * 12)
        for number in range(count):
            name, stride = f"stage{part}_{number}", 2 if number == 0 else 1
            made = outputs - channels if stride == 2 else outputs
            made = -(-made // groups) * groups
            inner = -(-(made // 4) // groups) * groups
            main = net.conv_bn(f"{name}_a", top, inner, 1, group=1 if part == 2 and stride == 2 else groups)
            main = net.add(f"{name}_shuffle", "ShuffleChannel", main, f"shuffle_channel_param {{ group: {groups} }}")
            main = net.conv_bn(f"{name}_b", main, inner, 3, stride, 1, inner, act="")
            main = net.conv_bn(f"{name}_c", main, made, 1, group=groups, act="", factor=0.4)
            if stride == 2:
                top = net.relu(net.add(name, "Concat", [net.pool(f"{name}_pool", top, how="AVE"), main]))
                channels += made
            else:
                top = net.relu(net.add(name, "Eltwise", [top, main]))
    net.classify(net.fc("fc", net.mean("pool5", top), net.wide(1000)), net.wide(1000))


def mobilenet3(net: Writer) -> None:
    """Write MobileNet v3 small (Howard et al. 2019)."""
    channels = net.wide(16)
    top = net.conv_bn("conv1", "data", channels, 3, 2, 1, act="HardSwish")
    steps = (
        (3, 16, 16, True, "ReLU", 2),
        (3, 72, 24, False, "ReLU", 2),
        (3, 88, 24, False, "ReLU", 1),
        (5, 96, 40, True, "HardSwish", 2),
        (5, 240, 40, True, "HardSwish", 1),
        (5, 120, 48, True, "HardSwish", 1),
        (5, 288, 96, True, "HardSwish", 2),
        (5, 576, 96, True, "HardSwish", 1),
    )
    for number, (kernel, expand, outputs, weighs, act, stride) in enumerate(steps, 2):
        name, inner, made = f"conv{number}", net.wide(expand), net.wide(outputs)
        main = net.conv_bn(f"{name}_expand", top, inner, 1, act=act)
        main = net.conv_bn(f"{name}_dw", main, inner, kernel, stride, kernel // 2, inner, act=act)
        if weighs:
            squeezed = net.relu(net.fc(f"{name}_fc1", net.mean(f"{name}_pool", main), net.wide(expand / 4)))
            gate = net.fc(f"{name}_fc2", squeezed, inner)
            net.add(f"{name}_gate", "HardSigmoid", gate, _HARD, top=gate)
            main = net.add(f"{name}_weighed", "Scale", [main, gate], "scale_param { axis: 0 }")
        main = net.conv_bn(f"{name}_project", main, made, 1, act="", factor=0.4)
        top = net.add(name, "Eltwise", [top, main]) if stride == 1 and made == channels else main
        channels = made
    top = net.conv_bn("conv10", top, net.wide(576), 1, act="HardSwish")
    top = net.relu(net.fc("fc11", net.mean("pool", top), net.wide(1024)), "HardSwish")
    net.classify(net.fc("fc12", top, net.wide(1000)), net.wide(1000))
