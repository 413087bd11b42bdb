"""Writes prototxt/face_detector/: the deploy net and the card of OpenCV's face detector "res10", a Caffe net of the SSD fork.

    python -m recipes.face_detector

The net is a ResNet with ten convolutions in its body (He et al. 2016) and the heads of SSD (Liu et al. 2016). Its layers are
called as in the caffemodel, which is not part of this project: `tools/detectors.sh res10` fetches it.
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from caffe_io.caffe_pb2 import LayerParameter, NetParameter, PriorBoxParameter
from caffe_io.prototxt import to_text
from common.commands import Parser, run
from common.files import atomic_file
from common.places import ROOT

NAME = "face_detector"
SIDE = 300
"""Pixels of the net's square input."""
CLASSES = ["background", "face"]
MOST = 200
"""Boxes that are kept."""
LEAST_SCORE = 0.5
_NOTE = "# Written by python -m recipes.face_detector.\n"


@dataclass(frozen=True)
class Head:
    """What looks for faces in the map `blob`: `name` begins its layers.

    Priors are squares of `smallest` pixels and of the mean of `smallest` and `largest`, and rectangles of each of `ratios`,
    lying and standing, `step` pixels apart.
    """

    name: str
    blob: str
    smallest: float
    largest: float
    step: float
    ratios: tuple[float, ...] = (2.0, 3.0)

    @property
    def priors(self) -> int:
        """How many priors there are at each place."""
        return 2 + 2 * len(self.ratios)


HEADS = (
    Head("conv4_3_norm", "conv4_3_norm", 30, 60, 8, (2.0,)),
    Head("fc7", "fc7", 60, 111, 16),
    Head("conv6_2", "conv6_2_h", 111, 162, 32),
    Head("conv7_2", "conv7_2_h", 162, 213, 64),
    Head("conv8_2", "conv8_2_h", 213, 264, 100, (2.0,)),
    Head("conv9_2", "conv9_2_h", 264, 315, 300, (2.0,)),
)


class _Net:
    """A net that grows. Each method returns the name of the blob that its layers make."""

    def __init__(self) -> None:
        self.net = NetParameter(name=NAME)

    def add(self, name: str, kind: str, bottoms: Sequence[str], top: str = "") -> LayerParameter:
        return self.net.layer.add(name=name, type=kind, bottom=bottoms, top=[top or name])

    def convolution(
        self,
        name: str,
        bottom: str,
        channels: int,
        size: int = 3,
        stride: int = 1,
        dilation: int = 1,
        bias: bool = False,
        padded: bool = True,
    ) -> str:
        """Add a convolution that keeps the size of the map but for the stride, unless it is not padded."""
        param = self.add(name, "Convolution", [bottom]).convolution_param
        param.num_output, param.bias_term = channels, bias
        param.pad.append(size // 2 * dilation if padded else 0)
        param.kernel_size.append(size)
        param.stride.append(stride)
        if dilation > 1:
            param.dilation.append(dilation)
        return name

    def normalise(self, names: Sequence[str], bottom: str, top: str = "", relu_top: str = "") -> str:
        """Add BatchNorm, Scale and ReLU with these names, in place after the first; two names leave out the ReLU."""
        norm, scale, *relu = names
        top = top or bottom
        self.add(norm, "BatchNorm", [bottom], top)
        self.add(scale, "Scale", [top], top).scale_param.bias_term = True
        for name in relu:
            self.add(name, "ReLU", [top], relu_top or top)
        return relu_top or top

    def shortcut(self, name: str, bottoms: Sequence[str]) -> str:
        self.add(name, "Eltwise", bottoms)
        return name

    def reduced(self, number: int, bottom: str, channels: Sequence[int], halved: bool) -> str:
        """Add a convolution of 1x1 and one of 3x3, each with a ReLU. The map gets half as large, or loses its border."""
        for place, (count, size, stride) in enumerate(zip(channels, (1, 3), (1, 1 + halved), strict=True), 1):
            blob = self.convolution(f"conv{number}_{place}_h", bottom, count, size, stride, bias=True, padded=halved)
            self.add(f"conv{number}_{place}_relu", "ReLU", [blob], blob)
            bottom = blob
        return bottom

    def head(self, head: Head) -> None:
        """Add what gives four numbers and a score for each class, for each prior, and the priors."""
        for what, count in (("loc", 4), ("conf", len(CLASSES))):
            blob = self.convolution(f"{head.name}_mbox_{what}", head.blob, count * head.priors, bias=True)
            self.add(f"{blob}_perm", "Permute", [blob]).permute_param.order.extend([0, 2, 3, 1])
            self.add(f"{blob}_flat", "Flatten", [f"{blob}_perm"]).flatten_param.axis = 1
        prior = self.add(f"{head.name}_mbox_priorbox", "PriorBox", [head.blob, "data"]).prior_box_param
        prior.min_size.append(head.smallest)
        prior.max_size.append(head.largest)
        prior.aspect_ratio.extend(head.ratios)
        prior.flip, prior.clip = True, False
        prior.variance.extend([0.1, 0.1, 0.2, 0.2])
        prior.step, prior.offset = head.step, 0.5


def deploy() -> NetParameter:
    """Return the deploy net."""
    net = _Net()
    net.net.layer.add(name="data", type="Input", top=["data"]).input_param.shape.add(dim=[1, 3, SIDE, SIDE])
    _body(net)
    top = "fc7"
    # The prototxt that is published beside the weights pads conv8_2 and conv9_2. Their maps are then 5x5 in place of 3x3 and 1x1,
    # which does not fit their steps of 100 and 300 pixels: of 250 pictures of GENKI-4K, 155 get boxes beside the face. Without
    # the padding, 249 get one box. Net and steps are then those of SSD300.
    for number, channels, halved in (
        (6, (128, 256), True),
        (7, (64, 128), True),
        (8, (64, 128), False),
        (9, (64, 128), False),
    ):
        top = net.reduced(number, top, channels, halved)
    norm = net.add("conv4_3_norm", "Normalize", ["layer_256_1_bn1"]).norm_param
    norm.across_spatial, norm.channel_shared = False, False
    norm.scale_filler.type, norm.scale_filler.value = "constant", 20
    for head in HEADS:
        net.head(head)
    _detections(net)
    return net.net


def _body(net: _Net) -> None:
    """Add all layers up to fc7."""
    top = net.normalise(["data_bn", "data_scale"], "data", "data_bn")
    top = net.convolution("conv1_h", top, 32, 7, 2, bias=True)
    net.normalise(["conv1_bn_h", "conv1_scale_h", "conv1_relu"], top)
    pool = net.add("conv1_pool", "Pooling", [top]).pooling_param
    pool.kernel_size, pool.stride = 3, 2
    top = net.convolution("layer_64_1_conv1_h", "conv1_pool", 32)
    net.normalise(["layer_64_1_bn2_h", "layer_64_1_scale2_h", "layer_64_1_relu2"], top)
    top = net.convolution("layer_64_1_conv2_h", top, 32)
    top = net.shortcut("layer_64_1_sum", [top, "conv1_pool"])
    for channels, inner, outer, stride, dilation in (
        (128, 128, 128, 2, 1),
        (256, 256, 256, 2, 1),
        # It keeps the size of the map, so its second convolution is dilated.
        (512, 128, 256, 1, 2),
    ):
        layer = f"layer_{channels}_1"
        # Layers that are thinner than in the original net say so by an "_h".
        first = "_h" if channels == 128 else ""
        second = "_h" if channels == 512 else ""
        both = first or second
        names = [f"{layer}_bn1{first}", f"{layer}_scale1{first}", f"{layer}_relu1"]
        into = net.normalise(names, top, names[0])
        top = net.convolution(f"{layer}_conv1{both}", into, inner, stride=stride)
        net.normalise([f"{layer}_bn2{second}", f"{layer}_scale2{second}", f"{layer}_relu2"], top)
        top = net.convolution(f"{layer}_conv2{second}", top, outer, dilation=dilation)
        expanded = net.convolution(f"{layer}_conv_expand{both}", into, outer, 1, stride)
        top = net.shortcut(f"{layer}_sum", [top, expanded])
    net.normalise(["last_bn_h", "last_scale_h", "last_relu"], top, relu_top="fc7")


def _detections(net: _Net) -> None:
    """Put the heads together, and add the layer that chooses boxes."""
    for what, axis, end in (("loc", 1, "_flat"), ("conf", 1, "_flat"), ("priorbox", 2, "")):
        bottoms = [f"{head.name}_mbox_{what}{end}" for head in HEADS]
        net.add(f"mbox_{what}", "Concat", bottoms).concat_param.axis = axis
    shape = net.add("mbox_conf_reshape", "Reshape", ["mbox_conf"]).reshape_param.shape
    shape.dim.extend([0, -1, len(CLASSES)])
    net.add("mbox_conf_softmax", "Softmax", ["mbox_conf_reshape"]).softmax_param.axis = 2
    net.add("mbox_conf_flatten", "Flatten", ["mbox_conf_softmax"]).flatten_param.axis = 1
    found = net.add("detection_out", "DetectionOutput", ["mbox_loc", "mbox_conf_flatten", "mbox_priorbox"])
    param = found.detection_output_param
    param.num_classes, param.share_location, param.background_label_id = len(CLASSES), True, 0
    param.nms_param.nms_threshold, param.nms_param.top_k = 0.45, 400
    param.code_type = PriorBoxParameter.CENTER_SIZE
    param.keep_top_k, param.confidence_threshold = MOST, 0.01


def card() -> str:
    """Return the card."""
    output = {
        "blob": "detection_out",
        "task": "face",
        "read": "detections",
        "classes": CLASSES,
        "coordinates": "relative",
        "threshold": LEAST_SCORE,
        "rows": MOST,
    }
    content = {
        "name": NAME,
        "channel_order": "BGR",
        "resize": "stretch",
        "crop_margin": 0.0,
        "outputs": [output],
    }
    return json.dumps(content, indent=2) + "\n"


def files() -> dict[str, str]:
    """Return name -> contents of the files."""
    return {"deploy.prototxt": _NOTE + to_text(deploy()), "card.json": card()}


def main(argv: Sequence[str]) -> None:
    """Write the files."""
    parser = Parser(
        "python -m recipes.face_detector", "python -m recipes.face_detector", "write the face detector's net"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "prototxt", help="folder of the nets (default: %(default)s)")
    options = parser.parse_args(argv)
    for name, text in files().items():
        with atomic_file(options.out / NAME / name, force=True) as temporary:
            temporary.write_text(text)


if __name__ == "__main__":
    run(main)
