"""Nets without branches: LeNet, CaffeNet, VGG-16."""

from __future__ import annotations

from .writer import Writer


def lenet(net: Writer) -> None:
    """Write LeNet (LeCun et al. 1998) as Caffe does, with ReLU and max pooling."""
    top = net.pool("pool1", net.conv("conv1", "data", net.wide(20), 5), 2)
    top = net.pool("pool2", net.conv("conv2", top, net.wide(50), 5), 2)
    net.classify(net.fc("ip2", net.relu(net.fc("ip1", top, net.wide(500))), 10), 10)


def caffenet(net: Writer) -> None:
    """Write CaffeNet: AlexNet (Krizhevsky et al. 2012) with pooling before normalisation."""
    w = net.wide
    top = net.lrn("norm1", net.pool("pool1", net.conv_relu("conv1", "data", w(96), 11, 4)))
    top = net.lrn("norm2", net.pool("pool2", net.conv_relu("conv2", top, w(256), 5, 1, 2, 2)))
    top = net.conv_relu("conv4", net.conv_relu("conv3", top, w(384), 3, 1, 1), w(384), 3, 1, 1, 2)
    top = net.pool("pool5", net.conv_relu("conv5", top, w(256), 3, 1, 1, 2))
    top = net.fc_relu_drop("fc7", net.fc_relu_drop("fc6", top, w(4096)), w(4096))
    net.classify(net.fc("fc8", top, w(1000)), w(1000))


def vgg16(net: Writer) -> None:
    """Write VGG-16 (Simonyan and Zisserman 2014, column D)."""
    top = "data"
    for block, (count, channels) in enumerate(((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)), 1):
        for number in range(1, count + 1):
            top = net.conv_relu(f"conv{block}_{number}", top, net.wide(channels), 3, 1, 1)
        top = net.pool(f"pool{block}", top, 2)
    top = net.fc_relu_drop("fc7", net.fc_relu_drop("fc6", top, net.wide(4096)), net.wide(4096))
    net.classify(net.fc("fc8", top, net.wide(1000)), net.wide(1000))
