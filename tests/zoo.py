"""Well-known nets as prototxt text, written from their papers, in any width and picture size.

Each function takes `size` (height and width of the picture), `width` (1.0: the paper's channels) and gives a deploy net
with a batch of 1, input "data". `NETS` holds them by name, with the size of the paper and a small one for quick tests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

_FILLER = 'weight_filler { type: "msra" } bias_filler { type: "constant" value: 0.1 }'


class Writer:
    """Layers of a net in their order; each method adds a layer or a few and returns its top's name."""

    def __init__(
        self, name: str, channels: int, size: int, width: float = 1.0, inputs: Sequence[str] = ("data",)
    ) -> None:
        self.width = width
        self.lines = [f'name: "{name}"']
        for data in inputs:
            dims = f"dim: 1 dim: {channels} dim: {size} dim: {size}"
            self.lines.append(
                f'layer {{ name: "{data}" type: "Input" top: "{data}" input_param {{ shape {{ {dims} }} }} }}'
            )

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"

    def wide(self, channels: float) -> int:
        """A count of channels in this width: a multiple of 4."""
        return max(4, round(channels * self.width / 4) * 4)

    def add(self, name: str, kind: str, bottoms: str | Sequence[str], setting: str = "", top: str = "") -> str:
        bottoms = [bottoms] if isinstance(bottoms, str) else bottoms
        names = " ".join(f'bottom: "{bottom}"' for bottom in bottoms)
        self.lines.append(f'layer {{ name: "{name}" type: "{kind}" {names} top: "{top or name}" {setting} }}')
        return top or name

    def conv(
        self,
        name: str,
        bottom: str,
        outputs: int,
        kernel: int,
        stride: int = 1,
        pad: int = 0,
        group: int = 1,
        bias: bool = True,
        extra: str = "",
        kind: str = "Convolution",
        top: str = "",
    ) -> str:
        param = f"num_output: {outputs} kernel_size: {kernel} stride: {stride} pad: {pad} group: {group} {_FILLER}"
        return self.add(
            name, kind, bottom, f"convolution_param {{ {param}{'' if bias else ' bias_term: false'} }} {extra}", top
        )

    def relu(self, blob: str, kind: str = "ReLU") -> str:
        return self.add(f"{blob}_{kind.lower()}", kind, blob, top=blob)

    def conv_relu(
        self, name: str, bottom: str, outputs: int, kernel: int, stride: int = 1, pad: int = 0, group: int = 1
    ) -> str:
        return self.relu(self.conv(name, bottom, outputs, kernel, stride, pad, group))

    def conv_bn(
        self,
        name: str,
        bottom: str,
        outputs: int,
        kernel: int,
        stride: int = 1,
        pad: int = 0,
        group: int = 1,
        act: str = "ReLU",
    ) -> str:
        """Convolution without bias, BatchNorm and Scale in place, and an activation."""
        blob = self.conv(name, bottom, outputs, kernel, stride, pad, group, bias=False)
        self.add(f"{name}_bn", "BatchNorm", blob, top=blob)
        self.add(f"{name}_scale", "Scale", blob, "scale_param { bias_term: true }", top=blob)
        return self.relu(blob, act) if act else blob

    def pool(self, name: str, bottom: str, kernel: int = 3, stride: int = 2, pad: int = 0, how: str = "MAX") -> str:
        return self.add(
            name,
            "Pooling",
            bottom,
            f"pooling_param {{ pool: {how} kernel_size: {kernel} stride: {stride} pad: {pad} }}",
        )

    def mean(self, name: str, bottom: str) -> str:
        return self.add(name, "Pooling", bottom, "pooling_param { pool: AVE global_pooling: true }")

    def fc(self, name: str, bottom: str, outputs: int, extra: str = "", top: str = "") -> str:
        return self.add(
            name, "InnerProduct", bottom, f"inner_product_param {{ num_output: {outputs} {_FILLER} }} {extra}", top
        )

    def fc_relu_drop(self, name: str, bottom: str, outputs: int) -> str:
        blob = self.relu(self.fc(name, bottom, outputs))
        return self.add(f"{name}_drop", "Dropout", blob, top=blob)

    def lrn(self, name: str, bottom: str) -> str:
        return self.add(name, "LRN", bottom, "lrn_param { local_size: 5 alpha: 0.0001 beta: 0.75 }")

    def prob(self, bottom: str, name: str = "prob") -> str:
        return self.add(name, "Softmax", bottom)


def lenet(size: int = 28, width: float = 1.0) -> str:
    """LeCun et al. 1998, in Caffe's manner: ReLU, maxima."""
    net = Writer("LeNet", 1, size, width)
    top = net.pool("pool1", net.conv("conv1", "data", net.wide(20), 5), 2)
    top = net.pool("pool2", net.conv("conv2", top, net.wide(50), 5), 2)
    net.prob(net.fc("ip2", net.relu(net.fc("ip1", top, net.wide(500))), 10))
    return net.text


def caffenet(size: int = 227, width: float = 1.0) -> str:
    """Krizhevsky et al. 2012, pooling before normalisation."""
    net = Writer("CaffeNet", 3, size, width)
    w = net.wide
    top = net.lrn("norm1", net.pool("pool1", net.conv_relu("conv1", "data", w(96), 11, 4)))
    top = net.lrn("norm2", net.pool("pool2", net.conv_relu("conv2", top, w(256), 5, 1, 2, 2)))
    top = net.conv_relu("conv4", net.conv_relu("conv3", top, w(384), 3, 1, 1), w(384), 3, 1, 1, 2)
    top = net.pool("pool5", net.conv_relu("conv5", top, w(256), 3, 1, 1, 2))
    top = net.fc_relu_drop("fc7", net.fc_relu_drop("fc6", top, w(4096)), w(4096))
    net.prob(net.fc("fc8", top, w(1000)))
    return net.text


def vgg16(size: int = 224, width: float = 1.0) -> str:
    """Simonyan and Zisserman 2014, column D."""
    net = Writer("VGG16", 3, size, width)
    top = "data"
    for block, (count, channels) in enumerate(((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)), 1):
        for number in range(1, count + 1):
            top = net.conv_relu(f"conv{block}_{number}", top, net.wide(channels), 3, 1, 1)
        top = net.pool(f"pool{block}", top, 2)
    top = net.fc_relu_drop("fc7", net.fc_relu_drop("fc6", top, net.wide(4096)), net.wide(4096))
    net.prob(net.fc("fc8", top, net.wide(1000)))
    return net.text


_INCEPTIONS = {  # 1x1, 3x3 reduced, 3x3, 5x5 reduced, 5x5, pool's 1x1
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


def googlenet(size: int = 224, width: float = 1.0) -> str:
    """Szegedy et al. 2014, without the two heads of training."""
    net = Writer("GoogLeNet", 3, size, width)
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
        if name in ("3b", "4e"):
            top = net.pool(f"pool_{name}", top)
    top = net.mean("pool5", top)
    net.prob(net.fc("classifier", net.add("drop", "Dropout", top, top=top), w(1000)))
    return net.text


def resnet(blocks: Sequence[int], deep: bool, size: int = 224, width: float = 1.0) -> str:
    """He et al. 2015; deep: three convolutions a block, else two."""
    net = Writer(f"ResNet{(3 if deep else 2) * sum(blocks) + 2}", 3, size, width)
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
                main = net.conv_bn(f"{name}_c", main, outer, 1, act="")
            else:
                main = net.conv_bn(f"{name}_a", top, inner, 3, stride, 1)
                main = net.conv_bn(f"{name}_b", main, outer, 3, 1, 1, act="")
            top = net.relu(net.add(name, "Eltwise", [short, main]))
    net.prob(net.fc("fc", net.mean("pool5", top), net.wide(1000)))
    return net.text


def resnet18(size: int = 224, width: float = 1.0) -> str:
    """18 layers."""
    return resnet((2, 2, 2, 2), False, size, width)


def resnet50(size: int = 224, width: float = 1.0) -> str:
    """50 layers."""
    return resnet((3, 4, 6, 3), True, size, width)


def squeezenet(size: int = 227, width: float = 1.0) -> str:
    """Iandola et al. 2016, version 1.1."""
    net = Writer("SqueezeNet", 3, size, width)
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
    top = net.add("drop9", "Dropout", top, top=top)
    net.prob(net.mean("pool10", net.conv_relu("conv10", top, net.wide(1000), 1)))
    return net.text


def mobilenet1(size: int = 224, width: float = 1.0) -> str:
    """Howard et al. 2017."""
    net = Writer("MobileNet1", 3, size, width)
    channels = net.wide(32)
    top = net.conv_bn("conv1", "data", channels, 3, 2, 1)
    steps = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    for number, (outputs, stride) in enumerate(steps, 2):
        top = net.conv_bn(f"conv{number}_dw", top, channels, 3, stride, 1, channels)
        channels = net.wide(outputs)
        top = net.conv_bn(f"conv{number}", top, channels, 1)
    net.prob(net.conv("fc7", net.mean("pool6", top), net.wide(1000), 1))
    return net.text


def mobilenet2(size: int = 224, width: float = 1.0) -> str:
    """Sandler et al. 2018: inverted residuals, ReLU up to 6 (as a Clip, for Caffe 1.0 has no ReLU6)."""
    net = Writer("MobileNet2", 3, size, width)

    def bend(blob: str) -> str:
        return net.add(f"{blob}_clip", "Clip", blob, "clip_param { min: 0 max: 6 }", top=blob)

    channels = net.wide(32)
    top = bend(net.conv_bn("conv1", "data", channels, 3, 2, 1, act=""))
    steps = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    for part, (expand, outputs, count, first) in enumerate(steps, 2):
        for number in range(1, count + 1):
            name, stride, inner = f"conv{part}_{number}", first if number == 1 else 1, channels * expand
            main = top if expand == 1 else bend(net.conv_bn(f"{name}_expand", top, inner, 1, act=""))
            main = bend(net.conv_bn(f"{name}_dw", main, inner, 3, stride, 1, inner, act=""))
            main = net.conv_bn(f"{name}_project", main, net.wide(outputs), 1, act="")
            top = net.add(name, "Eltwise", [top, main]) if number > 1 else main
            channels = net.wide(outputs)
    top = bend(net.conv_bn("conv9", top, net.wide(1280), 1, act=""))
    net.prob(net.conv("fc", net.mean("pool", top), net.wide(1000), 1))
    return net.text


def unet(size: int = 188, width: float = 1.0) -> str:
    """Ronneberger et al. 2015: unpadded convolutions, Deconvolution up, Crop of what is joined. Two classes a pixel."""
    net = Writer("UNet", 1, size, width)
    top, skips = "data", []
    for level in range(4):
        for half in "ab":
            top = net.conv_relu(f"down{level}{half}", top, net.wide(64 * 2**level), 3)
        if level < 3:
            skips.append(top)
            top = net.pool(f"pool{level}", top, 2)
    for level in reversed(range(3)):
        channels = net.wide(64 * 2**level)
        up = net.relu(net.conv(f"up{level}", top, channels, 2, 2, kind="Deconvolution"))
        offset = f"crop_param {{ axis: 2 offset: {(40, 16, 4)[level]} }}"  # half of what the way down and up lost
        cut = net.add(f"crop{level}", "Crop", [skips[level], up], offset)
        top = net.add(f"join{level}", "Concat", [cut, up])
        for half in "ab":
            top = net.conv_relu(f"merge{level}{half}", top, channels, 3)
    net.prob(net.conv("score", top, 2, 1))
    return net.text


def onet(size: int = 48, width: float = 1.0) -> str:
    """Zhang et al. 2016, in the manner of MTCNN's last net: PReLU, three outputs."""
    net = Writer("ONet", 3, size, width)
    w = net.wide
    top = net.pool("pool1", net.relu(net.conv("conv1", "data", w(32), 3), "PReLU"))
    top = net.pool("pool2", net.relu(net.conv("conv2", top, w(64), 3), "PReLU"))
    top = net.pool("pool3", net.relu(net.conv("conv3", top, w(64), 3), "PReLU"), 2)
    top = net.relu(net.conv("conv4", top, w(128), 2), "PReLU")
    top = net.relu(net.fc("conv5", top, w(256)), "PReLU")
    net.prob(net.fc("face", top, 2))
    net.fc("box", top, 4)
    net.fc("points", top, 10)
    return net.text


def siamese(size: int = 28, width: float = 1.0) -> str:
    """Chopra et al. 2005: two pictures, one set of weights, two points whose distance counts."""
    net = Writer("Siamese", 1, size, width, ("data", "data_p"))
    for end in ("", "_p"):

        def shared(name: str) -> str:
            return f'param {{ name: "{name}_w" }} param {{ name: "{name}_b" }}'

        top = net.conv(f"conv1{end}", f"data{end}", net.wide(20), 5, extra=shared("conv1"))
        top = net.conv(f"conv2{end}", net.pool(f"pool1{end}", top, 2), net.wide(50), 5, extra=shared("conv2"))
        top = net.relu(net.fc(f"ip1{end}", net.pool(f"pool2{end}", top, 2), net.wide(500), shared("ip1")))
        net.fc(f"feat{end}", net.fc(f"ip2{end}", top, 10, shared("ip2")), 2, shared("feat"))
    return net.text


@dataclass(frozen=True)
class Entry:
    """A net, with the picture size of its paper, and a size and width for quick tests."""

    write: Callable[[int, float], str]
    full: int
    small: int
    width: float


NETS: dict[str, Entry] = {
    "LeNet": Entry(lenet, 28, 28, 1.0),
    "CaffeNet": Entry(caffenet, 227, 99, 0.25),
    "VGG-16": Entry(vgg16, 224, 64, 0.25),
    "GoogLeNet": Entry(googlenet, 224, 96, 0.25),
    "ResNet-18": Entry(resnet18, 224, 64, 0.25),
    "ResNet-50": Entry(resnet50, 224, 64, 0.25),
    "SqueezeNet 1.1": Entry(squeezenet, 227, 99, 0.5),
    "MobileNet v1": Entry(mobilenet1, 224, 64, 0.5),
    "MobileNet v2": Entry(mobilenet2, 224, 64, 0.5),
    "U-Net": Entry(unet, 188, 108, 0.25),
    "PReLU net": Entry(onet, 48, 48, 1.0),
    "Siamese": Entry(siamese, 28, 28, 1.0),
}
