"""Nets that find things: YOLO v1 to v3, and the bodies of OpenPose and PVANet."""

from __future__ import annotations

from collections.abc import Sequence

from ..writer import Writer

_CLASSES = 3
_LEAKY = "relu_param { negative_slope: 0.1 }"


def _leaky(net: Writer, name: str, bottom: str, outputs: int, kernel: int, stride: int = 1) -> str:
    """Add what darknet's [convolutional] becomes in Caffe."""
    blob = net.conv_bn(name, bottom, outputs, kernel, stride, kernel // 2, act="")
    return net.add(f"{name}_act", "ReLU", blob, _LEAKY, top=blob)


def yolo1(net: Writer) -> None:
    """Write tiny YOLO (Redmon et al. 2016): one InnerProduct makes classes, confidences and boxes of 7 x 7 cells."""
    top = "data"
    for number, channels in enumerate((16, 32, 64, 128, 256, 512), 1):
        top = net.pool(f"pool{number}", _leaky(net, f"conv{number}", top, net.wide(channels), 3), 2)
    for number, channels in enumerate((1024, 256), 7):
        top = _leaky(net, f"conv{number}", top, net.wide(channels), 3)
    net.fc("result", top, 7 * 7 * (_CLASSES + 2 * 5))


def yolo2(net: Writer) -> None:
    """Write YOLO v2 (Redmon and Farhadi 2017) on a small body, with Reorg beside the deepest map."""
    top = "data"
    for number, channels in enumerate((32, 64, 128, 256), 1):
        top = net.pool(f"pool{number}", _leaky(net, f"conv{number}", top, net.wide(channels), 3), 2)
    early = _leaky(net, "conv5", top, net.wide(512), 3)
    top = _leaky(net, "conv6", net.pool("pool5", early, 2), net.wide(1024), 3)
    passed = net.add("reorg", "Reorg", _leaky(net, "conv7", early, net.wide(64), 1), "reorg_param { stride: 2 }")
    top = _leaky(net, "conv8", net.add("joined", "Concat", [passed, top]), net.wide(1024), 3)
    top = net.conv("conv9", top, 5 * (5 + _CLASSES), 1)
    biases = " ".join(f"biases: {side}" for side in (0.6, 0.7, 1.9, 2.1, 3.3, 5.5, 7.9, 3.5, 9.8, 9.2))
    setting = f"num_classes: {_CLASSES} num_box: 5 confidence_threshold: 0.2 nms_threshold: 0.45 {biases}"
    net.add("detection_out", "YoloDetectionOutput", top, f"yolo_detection_output_param {{ {setting} }}")


def yolo3(net: Writer) -> None:
    """Write tiny YOLO v3 (Redmon and Farhadi 2018), with Upsample between its two maps."""
    top = "data"
    for number, channels in enumerate((16, 32, 64, 128), 1):
        top = net.pool(f"pool{number}", _leaky(net, f"conv{number}", top, net.wide(channels), 3), 2)
    early = _leaky(net, "conv5", top, net.wide(256), 3)
    top = _leaky(net, "conv6", net.pool("pool5", early, 2), net.wide(512), 3)
    top = _leaky(net, "conv7", top, net.wide(256), 1)
    large = net.conv("conv9", _leaky(net, "conv8", top, net.wide(512), 3), 3 * (5 + _CLASSES), 1)
    up = net.add("up", "Upsample", _leaky(net, "conv10", top, net.wide(128), 1), "upsample_param { scale: 2 }")
    top = _leaky(net, "conv11", net.add("joined", "Concat", [up, early]), net.wide(256), 3)
    small = net.conv("conv12", top, 3 * (5 + _CLASSES), 1)
    numbers = " ".join(f"biases: {side}" for side in (10, 14, 23, 27, 37, 58, 81, 82, 135, 169, 344, 319))
    numbers += "".join(f" mask: {number}" for number in (3, 4, 5, 0, 1, 2)) + " anchors_scale: 32 anchors_scale: 16"
    setting = (
        f"num_classes: {_CLASSES} num_box: 3 confidence_threshold: 0.2 nms_threshold: 0.45 mask_group_num: 2 {numbers}"
    )
    net.add("detection_out", "Yolov3DetectionOutput", [large, small], f"yolov3_detection_output_param {{ {setting} }}")


def openpose(net: Writer) -> None:
    """Write OpenPose's first two stages (Cao et al. 2017): ten convolutions of VGG-19, then maps of limbs and of joints."""
    top = "data"
    for part, channels in enumerate(((64, 64), (128, 128), (256,) * 4, (512, 512, 256, 128)), 1):
        for number, outputs in enumerate(channels, 1):
            top = net.conv_relu(f"conv{part}_{number}", top, net.wide(outputs), 3, 1, 1)
        top = net.pool(f"pool{part}", top, 2) if part < 4 else top
    maps = _stage(net, 1, top, (3, 3, 3, 1))
    _stage(net, 2, net.add("joined", "Concat", [*maps, top]), (7, 7, 7, 1))


def _stage(net: Writer, stage: int, bottom: str, kernels: Sequence[int]) -> list[str]:
    maps = []
    for branch, outputs in ((1, 38), (2, 19)):
        top = bottom
        for number, kernel in enumerate(kernels, 1):
            top = net.conv_relu(f"stage{stage}_{branch}_{number}", top, net.wide(128), kernel, 1, kernel // 2)
        maps.append(net.conv(f"stage{stage}_L{branch}", top, outputs, 1))
    return maps


def pvanet(net: Writer) -> None:
    """Write PVANet's body (Kim et al. 2016): convolutions with both signs, inceptions, and three scales joined."""
    top = net.pool("pool1", _both_signs(net, "conv1", "data", net.wide(16), 7, 2))
    kept = []
    for part, channels in ((2, 64), (3, 128)):
        for number in range(1, 4):
            stride = 2 if part > 2 and number == 1 else 1
            main = net.conv_bn(f"conv{part}_{number}_1", top, net.wide(channels / 2), 1, stride)
            main = _both_signs(net, f"conv{part}_{number}_2", main, net.wide(channels / 2), 3)
            top = _joined(net, f"conv{part}_{number}", top, main, net.wide(channels), stride, number == 1)
        kept.append(top)
    for part in (4, 5):
        for number in range(1, 3):
            stride = 2 if number == 1 else 1
            main = _inception(net, f"conv{part}_{number}", top, stride)
            top = _joined(net, f"conv{part}_{number}", top, main, net.wide(256), stride, number == 1)
        kept.append(top)
    size = {"num_output": net.wide(256), "group": net.wide(256)}
    fields = " ".join(f"{name}: {value}" for name, value in size.items())
    bilinear = f'{fields} kernel_size: 4 stride: 2 pad: 1 bias_term: false weight_filler {{ type: "bilinear" }}'
    up = net.add("up", "Deconvolution", kept[3], f"convolution_param {{ {bilinear} }}")
    joined = net.add("joined", "Concat", [net.pool("down", kept[1], 3), kept[2], up])
    net.conv_relu("features", joined, net.wide(256), 1)


def _both_signs(net: Writer, name: str, bottom: str, outputs: int, kernel: int, stride: int = 1) -> str:
    """Add a C.ReLU: the convolution and its negative side by side, scaled, above 0."""
    blob = net.conv_bn(name, bottom, outputs, kernel, stride, kernel // 2, act="")
    negative = net.add(f"{name}_neg", "Power", blob, "power_param { power: 1 scale: -1.0 shift: 0 }")
    both = net.add(f"{name}_both", "Concat", [blob, negative])
    filler = 'scale_param { bias_term: true filler { value: 1 } bias_filler { type: "uniform" min: 0 max: 0.5 } }'
    return net.relu(net.add(f"{name}_both_scale", "Scale", both, filler, top=both))


def _inception(net: Writer, name: str, bottom: str, stride: int) -> str:
    parts = [net.conv_bn(f"{name}_one", bottom, net.wide(64), 1, stride)]
    parts.append(
        net.conv_bn(
            f"{name}_three", net.conv_bn(f"{name}_thin3", bottom, net.wide(48), 1, stride), net.wide(128), 3, 1, 1
        )
    )
    five = net.conv_bn(f"{name}_thin5", bottom, net.wide(24), 1, stride)
    for number in range(2):
        five = net.conv_bn(f"{name}_five{number}", five, net.wide(48), 3, 1, 1)
    parts.append(five)
    if stride == 2:
        parts.append(net.conv_bn(f"{name}_pooled", net.pool(f"{name}_pool", bottom, 3, 2), net.wide(128), 1))
    return net.add(f"{name}_all", "Concat", parts)


def _joined(net: Writer, name: str, side: str, main: str, outputs: int, stride: int, projected: bool) -> str:
    main = net.conv_bn(f"{name}_out", main, outputs, 1, act="", factor=0.4)
    if projected:
        side = net.conv_bn(f"{name}_proj", side, outputs, 1, stride, act="")
    return net.relu(net.add(name, "Eltwise", [side, main]))
