"""A small detector of the SSD fork with random weights: two maps, priors, and DetectionOutput."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from google.protobuf import text_format

from caffe_io.caffe_pb2 import NetParameter
from caffe_io.weights import write_weights
from kits.ncs import values

HEIGHT, WIDTH, CLASSES = 40, 56, 3
PRIORS = 4
"""At each place of a map."""
# What is a default is written out, because OpenCV has others.
BOXES = "flip: true clip: false variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.2"
CHOICE = (
    "share_location: true background_label_id: 0 nms_param { nms_threshold: 0.45 top_k: 100 } code_type: CENTER_SIZE"
)


def small_ssd(batch: int = 1) -> str:
    """The deploy net as text."""
    layers = [
        f'name: "SmallSsd" layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: {batch} dim: 3 '
        f"dim: {HEIGHT} dim: {WIDTH} }} }} }}"
    ]

    def add(name: str, kind: str, bottoms: str, setting: str = "", top: str = "") -> None:
        names = " ".join(f'bottom: "{bottom}"' for bottom in bottoms.split())
        layers.append(f'layer {{ name: "{name}" type: "{kind}" {names} top: "{top or name}" {setting} }}')

    def convolution(name: str, bottom: str, channels: int, stride: int = 1) -> None:
        add(
            name,
            "Convolution",
            bottom,
            f"convolution_param {{ num_output: {channels} kernel_size: 3 pad: 1 stride: {stride} }}",
        )

    convolution("conv1", "data", 8, 4)
    add("relu1", "ReLU", "conv1", top="conv1")
    convolution("conv2", "conv1", 8, 2)
    add("relu2", "ReLU", "conv2", top="conv2")
    for number, (small, large) in ((1, (8, 16)), (2, (16, 32))):
        for what, count in (("loc", 4), ("conf", CLASSES)):
            convolution(f"{what}{number}", f"conv{number}", PRIORS * count)
            add(
                f"{what}{number}_perm",
                "Permute",
                f"{what}{number}",
                "permute_param { order: 0 order: 2 order: 3 order: 1 }",
            )
            add(f"{what}{number}_flat", "Flatten", f"{what}{number}_perm")
        sizes = f"min_size: {small} max_size: {large} aspect_ratio: 2 {BOXES}"
        add(f"prior{number}", "PriorBox", f"conv{number} data", f"prior_box_param {{ {sizes} }}")
    add("loc", "Concat", "loc1_flat loc2_flat")
    add("conf", "Concat", "conf1_flat conf2_flat")
    add("prior", "Concat", "prior1 prior2", "concat_param { axis: 2 }")
    add("scores", "Reshape", "conf", f"reshape_param {{ shape {{ dim: 0 dim: -1 dim: {CLASSES} }} }}")
    add("shares", "Softmax", "scores", "softmax_param { axis: 2 }")
    add("shares_flat", "Flatten", "shares")
    param = f"num_classes: {CLASSES} keep_top_k: 20 confidence_threshold: 0.4 {CHOICE}"
    add(
        "found",
        "DetectionOutput",
        "loc shares_flat prior",
        f"detection_output_param {{ {param} }}",
    )
    return "\n".join(layers)


def write_small_ssd(folder: Path, batch: int = 1) -> tuple[Path, Path]:
    """Write its prototxt and a caffemodel; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    net, weights = folder / "SmallSsd.prototxt", folder / "SmallSsd.caffemodel"
    net.write_text(small_ssd(batch))
    parsed = text_format.Parse(small_ssd(batch), NetParameter())
    blobs, channels = {}, {"data": 3, "conv1": 8, "conv2": 8}
    for number, layer in enumerate(layer for layer in parsed.layer if layer.type == "Convolution"):
        inputs = channels[layer.bottom[0]]
        outputs = layer.convolution_param.num_output
        scale = 0.004 if inputs == 3 else 0.25
        blobs[layer.name] = [
            values(outputs, inputs, 3, 3, seed=number) * np.float32(scale),
            values(outputs, seed=50 + number),
        ]
    write_weights(weights, parsed, blobs, force=True)
    return net, weights
