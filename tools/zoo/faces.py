"""Nets with several outputs or inputs: one like the last net of MTCNN, and a Siamese net."""

from __future__ import annotations

from .writer import Top, Writer


def onet(net: Writer) -> None:
    """Write a net like the last one of MTCNN (Zhang et al. 2016), with PReLU and three outputs."""
    w = net.wide
    top = net.pool("pool1", net.relu(net.conv("conv1", "data", w(32), 3), "PReLU"))
    top = net.pool("pool2", net.relu(net.conv("conv2", top, w(64), 3), "PReLU"))
    top = net.pool("pool3", net.relu(net.conv("conv3", top, w(64), 3), "PReLU"), 2)
    top = net.relu(net.conv("conv4", top, w(128), 2), "PReLU")
    top = net.relu(net.fc("conv5", top, w(256)), "PReLU")
    net.classify(net.fc("face", top, 2), 2)
    for name, numbers, weight in (("box", 4, 0.5), ("points", 10, 1.0)):
        net.fc(name, top, numbers)
        if net.batch:
            net.tops[f"true_{name}"] = Top((numbers,))
            net.loss("EuclideanLoss", [name, f"true_{name}"], weight)


def siamese(net: Writer) -> None:
    """Write a Siamese net (Chopra et al. 2005): two pictures, shared weights, and a loss on the distance of the outputs."""
    for end in ("", "_p"):

        def shared(name: str) -> str:
            return f'param {{ name: "{name}_w" }} param {{ name: "{name}_b" }}'

        top = net.conv(f"conv1{end}", f"data{end}", net.wide(20), 5, extra=shared("conv1"))
        top = net.conv(f"conv2{end}", net.pool(f"pool1{end}", top, 2), net.wide(50), 5, extra=shared("conv2"))
        top = net.relu(net.fc(f"ip1{end}", net.pool(f"pool2{end}", top, 2), net.wide(500), shared("ip1")))
        net.fc(f"feat{end}", net.fc(f"ip2{end}", top, 10, shared("ip2")), 2, shared("feat"))
    if net.batch:
        net.tops["alike"] = Top((), 2)
        net.loss("ContrastiveLoss", ["feat", "feat_p", "alike"], setting="contrastive_loss_param { margin: 4 }")
