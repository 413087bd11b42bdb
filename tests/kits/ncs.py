"""Small nets for the tests of ncs: from prototxt text and arrays to what today's OpenVINO computes from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from google.protobuf import text_format
from numpy.typing import NDArray

from caffe_io.caffe_pb2 import NetParameter
from caffe_io.weights import write_weights

if TYPE_CHECKING:
    from ncs.inputs.preprocessing import Preprocessing

Floats = NDArray[np.float32]


def net_of(layers: str, shape: Sequence[int] = (1, 3, 9, 8)) -> NetParameter:
    """A net "Small" whose Input layer makes the blob "data", followed by `layers` (prototxt text)."""
    dims = " ".join(f"dim: {dim}" for dim in shape)
    text = f'name: "Small" layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ {dims} }} }} }} {layers}'
    return text_format.Parse(text, NetParameter())


def pixels(shape: Sequence[int] = (1, 3, 9, 8), seed: int = 0) -> NDArray[np.uint8]:
    """Random bytes of an input."""
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def smooth_pictures(count: int, channels: int, height: int, width: int) -> NDArray[np.uint8]:
    """Bytes that hang together as those of photographs do: waves of several lengths, and noise."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    pictures = np.empty((count, channels, height, width), np.uint8)
    for picture in pictures.reshape(-1, height, width):
        waves = sum(np.sin(2 * np.pi * (rng.normal() * 3 * x + rng.normal() * 3 * y + rng.random())) for _ in range(4))
        picture[:] = np.clip(128 + 40 * waves + rng.normal(0, 10, (height, width)), 0, 255)
    return pictures


def values(*shape: int, seed: int = 1) -> Floats:
    """Random normal numbers: weights."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def run_model(model: Any, pictures: NDArray[Any]) -> dict[str, Floats]:
    """Blob name -> what `model` (openvino.Model, or the path of an .xml) makes of each of `pictures`, in float32."""
    import openvino

    core = openvino.Core()
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    rows = []
    for picture in pictures:
        answer = compiled({0: picture[None]})
        rows.append({output.get_any_name(): np.array(answer[output]) for output in compiled.outputs})
    return {blob: np.concatenate([row[blob] for row in rows]) for blob in rows[0]}


def run_feed(model: Any, feed: Mapping[str, NDArray[Any]]) -> dict[str, Floats]:
    """Blob name -> what `model` makes of one item for each of its inputs, in float32; those it lacks are passed over."""
    import openvino

    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    types = {source.get_any_name(): source.get_element_type().to_dtype() for source in compiled.inputs}
    answer = compiled({name: feed[name].astype(dtype) for name, dtype in types.items()})
    return {output.get_any_name(): np.array(answer[output]) for output in compiled.outputs}


def run_net(
    layers: str,
    picture: NDArray[np.uint8],
    weights: Mapping[str, Sequence[Floats]] | None = None,
    mean: Floats | float = 128.0,
) -> dict[str, Floats]:
    """The outputs of the net `layers` on "data", from which `mean` is subtracted first (so that signs are mixed)."""
    from ncs.converter import convert

    array = np.full((picture.shape[1], 1, 1), mean, np.float32) if isinstance(mean, float) else mean
    return run_model(convert(net_of(layers, picture.shape), weights or {}, subtract(array)), picture)


def subtract(mean: Floats) -> dict[str, Preprocessing]:
    """What `convert` takes, to subtract a mean from the blob "data"."""
    from ncs.inputs.preprocessing import Preprocessing

    return {"data": Preprocessing(mean=mean)}


def write_small_net(folder: Path, name: str = "SmallNet", classes: int = 3) -> dict[str, Path]:
    """A whole set of files in `folder`, laid out as the commands want it: deploy and train_test, card, snapshot, mean."""
    import json

    from caffe_io.mean import write_mean
    from caffe_io.prototxt import to_text

    net = net_of(
        'layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"'
        " convolution_param { num_output: 4 kernel_size: 3 } }"
        'layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }'
        'layer { name: "fc" type: "InnerProduct" bottom: "conv" top: "fc"'
        f" inner_product_param {{ num_output: {classes} }} }}"
        'layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }'
    )
    net.name = name
    files = {
        "net": folder / f"prototxt/{name}_deploy.prototxt",
        "train_test": folder / f"prototxt/{name}_train_test.prototxt",
        "card": folder / f"prototxt/{name}.json",
        "weights": folder / f"models/{name}/{name}_iter_20.caffemodel",
        "mean": folder / "data/mean/mean.binaryproto",
    }
    for file in files.values():
        file.parent.mkdir(parents=True, exist_ok=True)
    files["net"].write_text(to_text(net))
    files["train_test"].write_text(
        'layer { name: "data" type: "Data" top: "data" top: "label"'
        ' transform_param { mean_file: "data/mean/mean.binaryproto" } data_param { source: "none" backend: LMDB } }'
    )
    card = {
        "name": name,
        "channel_order": "BGR",
        "resize": "stretch",
        "crop_margin": 0.0,
        "outputs": [{"blob": "prob", "task": "colour", "read": "argmax", "classes": [f"c{i}" for i in range(classes)]}],
    }
    files["card"].write_text(json.dumps(card))
    weights = {"conv": [values(4, 3, 3, 3) / 100, values(4)], "fc": [values(classes, 4 * 7 * 6) / 20, values(classes)]}
    write_weights(files["weights"], net, weights)
    write_mean(files["mean"], np.linspace(90, 160, 3 * 9 * 8, dtype=np.float32).reshape(3, 9, 8), force=True)
    return files
