"""Well-known nets as prototxt text in any width and picture size, for tests and benchmarks. They are written from their papers.

NETS holds them by name, with the picture size of the paper, and a small size and width for quick tests. Each family of nets
has a module.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .chains import caffenet, lenet, vgg16
from .faces import onet, siamese
from .inception import googlenet
from .mobile import mobilenet1, mobilenet2, squeezenet
from .residual import resnet18, resnet50
from .unet import unet
from .writer import SOURCE, Top, Writer

__all__ = ["NETS", "SOURCE", "Entry", "Top", "Writer"]


@dataclass(frozen=True)
class Entry:
    """A net: the function that writes it, the picture size of the paper, a small size and width, channels, inputs."""

    write: Callable[[Writer], None]
    full: int
    small: int
    width: float
    channels: int = 3
    inputs: Sequence[str] = ("data",)

    def writer(self, size: int, width: float, batch: int = 0) -> Writer:
        """Write the net: a deploy net for one picture, or with `batch` a train net."""
        net = Writer(self.write.__name__, (self.channels, size, size), width, self.inputs, batch)
        self.write(net)
        return net


NETS: dict[str, Entry] = {
    "LeNet": Entry(lenet, 28, 28, 1.0, 1),
    "CaffeNet": Entry(caffenet, 227, 99, 0.25),
    "VGG-16": Entry(vgg16, 224, 64, 0.25),
    "GoogLeNet": Entry(googlenet, 224, 96, 0.25),
    "ResNet-18": Entry(resnet18, 224, 64, 0.25),
    "ResNet-50": Entry(resnet50, 224, 64, 0.25),
    "SqueezeNet 1.1": Entry(squeezenet, 227, 99, 0.5),
    "MobileNet v1": Entry(mobilenet1, 224, 64, 0.5),
    "MobileNet v2": Entry(mobilenet2, 224, 64, 0.5),
    "U-Net": Entry(unet, 188, 108, 0.25, 1),
    "PReLU net": Entry(onet, 48, 48, 1.0),
    "Siamese": Entry(siamese, 28, 28, 1.0, 1, ("data", "data_p")),
}
