"""Detectors of the SSD fork: SSD300 on VGG-16 (Liu et al. 2016), and on MobileNet v1. Deploy nets that end in rows of boxes.

SSD_NETS holds them as FORK_NETS holds other nets of forks. The paper's maps fit pictures of 300 x 300 only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .. import Entry
from ..writer import Writer

CLASSES = 21
"""Those of PASCAL VOC, and the background."""
_VARIANCES = "variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.2"


@dataclass(frozen=True)
class Head:
    """Looks for things in the map `blob`: squares of `smallest` pixels and of the mean with `largest`, and rectangles."""

    blob: str
    smallest: float
    largest: float | None
    ratios: tuple[int, ...]
    step: int | None = None

    @property
    def priors(self) -> int:
        """How many priors there are at each place."""
        return 1 + (self.largest is not None) + 2 * len(self.ratios)

    @property
    def setting(self) -> str:
        """The settings of its PriorBox."""
        words = [f"min_size: {self.smallest}"]
        if self.largest is not None:
            words.append(f"max_size: {self.largest}")
        words += [f"aspect_ratio: {ratio}" for ratio in self.ratios]
        if self.step is not None:
            words.append(f"step: {self.step}")
        return f"prior_box_param {{ {' '.join(words)} flip: true clip: false {_VARIANCES} offset: 0.5 }}"


def ssd_vgg(net: Writer) -> None:
    """Write SSD300 on VGG-16, whose fully connected layers are convolutions, the first with holes."""
    top = "data"
    for part, (outputs, count) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), 1):
        if part > 1:
            size, stride, pad = (2, 2, 0)
            top = net.pool(f"pool{part - 1}", top, size, stride, pad)
        for number in range(1, count + 1):
            top = net.conv_relu(f"conv{part}_{number}", top, net.wide(outputs), 3, 1, 1)
    norm = "norm_param { across_spatial: false channel_shared: false scale_filler { value: 20 } }"
    net.add("conv4_3_norm", "Normalize", "conv4_3", norm)
    top = net.pool("pool5", top, 3, 1, 1)
    setting = f"num_output: {net.wide(1024)} kernel_size: 3 pad: 6 dilation: 6"
    top = net.relu(net.add("fc6", "Convolution", top, _convolution(setting)))
    top = net.conv_relu("fc7", top, net.wide(1024), 1)
    for part, (inner, outputs, stride, pad) in enumerate(
        ((256, 512, 2, 1), (128, 256, 2, 1), (128, 256, 1, 0), (128, 256, 1, 0)), 6
    ):
        top = net.conv_relu(f"conv{part}_1", top, net.wide(inner), 1)
        top = net.conv_relu(f"conv{part}_2", top, net.wide(outputs), 3, stride, pad)
    wide = (2, 3)
    detect(
        net,
        [
            Head("conv4_3_norm", 30, 60, (2,), 8),
            Head("fc7", 60, 111, wide, 16),
            Head("conv6_2", 111, 162, wide, 32),
            Head("conv7_2", 162, 213, wide, 64),
            Head("conv8_2", 213, 264, (2,), 100),
            Head("conv9_2", 264, 315, (2,), 300),
        ],
    )


def ssd_mobilenet(net: Writer) -> None:
    """Write SSD on MobileNet v1 (Howard et al. 2017), without its last pooling, and four more pairs of convolutions."""
    channels = net.wide(32)
    top = net.conv_bn("conv0", "data", channels, 3, 2, 1)
    steps = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    for number, (outputs, stride) in enumerate(steps, 1):
        top = net.conv_bn(f"conv{number}_dw", top, channels, 3, stride, 1, channels)
        channels = net.wide(outputs)
        top = net.conv_bn(f"conv{number}", top, channels, 1)
    for number, outputs in enumerate((512, 256, 256, 128), 14):
        top = net.conv_bn(f"conv{number}_1", top, net.wide(outputs / 2), 1)
        top = net.conv_bn(f"conv{number}_2", top, net.wide(outputs), 3, 2, 1)
    sides = [60, 105, 150, 195, 240, 285, 300]
    blobs = ["conv11", "conv13", *(f"conv{number}_2" for number in range(14, 18))]
    heads = [Head(blob, sides[place], sides[place + 1], (2, 3)) for place, blob in enumerate(blobs)]
    detect(net, [Head(blobs[0], sides[0], None, (2,)), *heads[1:]])


def detect(net: Writer, heads: Sequence[Head]) -> None:
    """End the net with predictions at the priors of each head, and the layers that make boxes of them: "detection_out"."""
    for head in heads:
        name = f"{head.blob}_mbox"
        for what, count in (("loc", 4), ("conf", CLASSES)):
            setting = f"num_output: {head.priors * count} kernel_size: 3 pad: 1"
            made = net.add(f"{name}_{what}", "Convolution", head.blob, _convolution(setting))
            turned = net.add(f"{made}_perm", "Permute", made, "permute_param { order: 0 order: 2 order: 3 order: 1 }")
            net.add(f"{made}_flat", "Flatten", turned)
        net.add(f"{name}_priorbox", "PriorBox", [head.blob, "data"], head.setting)
    for what, axis in (("loc_flat", 1), ("conf_flat", 1), ("priorbox", 2)):
        bottoms = [f"{head.blob}_mbox_{what}" for head in heads]
        net.add(f"mbox_{what.removesuffix('_flat')}", "Concat", bottoms, f"concat_param {{ axis: {axis} }}")
    shape = f"reshape_param {{ shape {{ dim: 0 dim: -1 dim: {CLASSES} }} }}"
    shaped = net.add("mbox_conf_reshape", "Reshape", "mbox_conf", shape)
    scores = net.add(
        "mbox_conf_flatten", "Flatten", net.add("mbox_prob", "Softmax", shaped, "softmax_param { axis: 2 }")
    )
    setting = (
        f"num_classes: {CLASSES} share_location: true background_label_id: 0 code_type: CENTER_SIZE keep_top_k: 100 "
        "confidence_threshold: 0.1 nms_param { nms_threshold: 0.45 top_k: 100 }"
    )
    net.add(
        "detection_out",
        "DetectionOutput",
        ["mbox_loc", scores, "mbox_priorbox"],
        f"detection_output_param {{ {setting} }}",
    )


def _convolution(setting: str) -> str:
    return f'convolution_param {{ {setting} weight_filler {{ type: "xavier" }} }}'


SSD_NETS: dict[str, Entry] = {
    "MobileNet-SSD": Entry(ssd_mobilenet, 300, 300, 0.25),
    "VGG-SSD300": Entry(ssd_vgg, 300, 300, 0.125),
}
