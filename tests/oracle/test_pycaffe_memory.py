"""pycaffe's arrays of blobs and weights, for each type of layer: layout, shared memory, and writes through views."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.places import ROOT
from kits.oracle import ONE_THREAD, caffe

pytestmark = [pytest.mark.oracle, pytest.mark.timeout(300)]

SCRIPT = Path(__file__).with_name("pycaffe_memory_script.py")
FOUR = (2, 3, 4, 5)


def net(
    kind: str, settings: str = "", tops: str = "y", after: str = "", back: bool = True, **bottoms: tuple[int, ...]
) -> str:
    """A layer with its bottoms from Input layers (default: x of 2x3x4x5), and with what comes after it."""
    bottoms = bottoms or {"x": FOUR}
    inputs = "".join(
        f'layer {{ name: "{name}_in" type: "Input" top: "{name}" '
        f"input_param {{ shape {{ {' '.join(f'dim: {size}' for size in shape)} }} }} }}\n"
        for name, shape in bottoms.items()
    )
    names = " ".join(f'bottom: "{name}"' for name in bottoms) + " ".join(f' top: "{name}"' for name in tops)
    force = "force_backward: true\n" if back else ""
    return f'{force}{inputs}layer {{ name: "it" type: "{kind}" {names} {settings} }}\n{after}'


def power(bottom: str, top: str) -> str:
    return f'layer {{ name: "{top}" type: "Power" bottom: "{bottom}" top: "{top}" power_param {{ scale: 2 }} }}\n'


def neuron(kind: str, settings: str = "", back: bool = True) -> str:
    """The layer by itself, with another behind it."""
    return net(kind, settings, after=power("y", "z"), back=back)


LOSS = {"x": (4, 3), "label": (4,)}
WINDOW = "convolution_param { num_output: 6 kernel_size: 2"
NETS = {
    **{
        kind: neuron(kind)
        for kind in (
            "AbsVal", "BNLL", "ELU", "Exp", "LRN", "Log", "MVN", "Power", "PReLU", "Reduction", "ReLU", "Sigmoid",
            "Softmax", "Split", "TanH", "Bias", "Scale",
        )
    },
    **{
        f"{kind} in place": net(kind, after=power("x", "z"), tops="x")
        for kind in ("Power", "ReLU", "Sigmoid", "PReLU", "TanH", "Scale")
    },
    "ArgMax": neuron("ArgMax", back=False),
    "Threshold": neuron("Threshold", back=False),
    "Accuracy": net("Accuracy", back=False, **LOSS),
    "BatchNorm": neuron("BatchNorm", "batch_norm_param { use_global_stats: true }"),
    "BatchReindex": net("BatchReindex", back=False, x=FOUR, index=(3,)),
    "Concat": net("Concat", a=FOUR, b=FOUR, after=power("y", "z")),
    "Concat of one": neuron("Concat"),
    "ContrastiveLoss": net("ContrastiveLoss", a=(4, 3), b=(4, 3), label=(4,)),
    "Convolution": neuron("Convolution", f"{WINDOW} }}"),
    "Convolution in groups": neuron("Convolution", f"{WINDOW} group: 3 pad: 1 stride: 2 }}"),
    "Crop": net("Crop", "crop_param { axis: 2 offset: 1 }", a=FOUR, b=(2, 3, 2, 3), after=power("y", "z")),
    "Deconvolution": neuron("Deconvolution", f"{WINDOW} stride: 2 }}"),
    "DummyData": 'layer { name: "it" type: "DummyData" top: "y" dummy_data_param { shape { dim: 2 dim: 3 } } }' + power("y", "z"),
    "Eltwise": net("Eltwise", a=FOUR, b=FOUR, after=power("y", "z")),
    "Embed": net("Embed", "embed_param { input_dim: 3 num_output: 4 }", back=False, index=(2, 2), after=power("y", "z"))
        ,
    "EuclideanLoss": net("EuclideanLoss", a=FOUR, b=FOUR),
    "Filter": net("Filter", back=False, a=FOUR, label=(2,)),
    "Flatten": neuron("Flatten"),
    "HingeLoss": net("HingeLoss", **LOSS),
    "Im2col": neuron("Im2col", f"{WINDOW} }}"),
    "InnerProduct": neuron("InnerProduct", "inner_product_param { num_output: 4 }"),
    "InnerProduct transposed": neuron("InnerProduct", "inner_product_param { num_output: 4 transpose: true axis: 2 }"),
    "MultinomialLogisticLoss": net("MultinomialLogisticLoss", **LOSS),
    "Parameter": 'layer { name: "it" type: "Parameter" top: "y" parameter_param { shape { dim: 2 dim: 3 } } }' + power("y", "z"),
    "Pooling": neuron("Pooling", "pooling_param { kernel_size: 2 }"),
    "Pooling average": neuron("Pooling", "pooling_param { pool: AVE global_pooling: true }"),
    "Reshape": neuron("Reshape", "reshape_param { shape { dim: 0 dim: -1 } }"),
    "SPP": neuron("SPP", "spp_param { pyramid_height: 2 }"),
    "SigmoidCrossEntropyLoss": net("SigmoidCrossEntropyLoss", a=FOUR, b=FOUR),
    "Silence": net("Silence", tops=""),
    "Slice": net("Slice", tops="abc", after=power("a", "z")),
    "Slice of one": neuron("Slice"),
    "SoftmaxWithLoss": net("SoftmaxWithLoss", **LOSS),
    "Tile": neuron("Tile", "tile_param { tiles: 2 }"),
    "in place on shared memory": net(
        "Sigmoid",
        after='layer { name: "i" type: "InnerProduct" bottom: "y" top: "i" inner_product_param { num_output: 2 } }\n'
        'layer { name: "f" type: "Flatten" bottom: "y" top: "f" }\n'
        'layer { name: "n" type: "TanH" bottom: "f" top: "f" }\n' + power("y", "z"),
    ),
    "two consumers": net("AbsVal", after=power("y", "a") + power("y", "b")),
    "a chain of the same memory": net(
        "Flatten",
        after='layer { name: "r" type: "Reshape" bottom: "y" top: "z" reshape_param { shape { dim: 0 dim: 3 dim: 4 dim: 5 } } }\n'
        'layer { name: "n" type: "ReLU" bottom: "z" top: "z" relu_param { negative_slope: 2 } }' + power("z", "end"),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the script found with ours and with theirs, by net."""
    folder = tmp_path_factory.mktemp("memory")
    (folder / "nets.json").write_text(json.dumps(NETS))
    found = {}
    for whose, python in (("ours", sys.executable), ("theirs", caffe("python"))):
        done = subprocess.run(
            [python, str(SCRIPT), whose, "nets.json", f"{whose}.json"],
            cwd=folder, capture_output=True, text=True, timeout=200,
            env={**os.environ, **ONE_THREAD} | ({"PYTHONPATH": str(ROOT)} if whose == "ours" else {}),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        found[whose] = json.loads((folder / f"{whose}.json").read_text())
    return found


@pytest.mark.parametrize("name", NETS)
def test_arrays_are_pycaffe_s(found: dict[str, dict[str, Any]], name: str) -> None:
    ours, theirs = found["ours"][name], found["theirs"][name]
    assert ours["layouts"] == theirs["layouts"]
    apart = [["y diff", "it 0 weight diff"]] if name == "Parameter" else []
    assert ours["shared"] == [names for names in theirs["shared"] if names not in apart]
    assert len(ours["ends"]) == len(theirs["ends"]) > 1 or name in ("Silence", "Split")
    for mine, his in zip(ours["ends"], theirs["ends"], strict=True):
        assert mine.keys() == his.keys()
        for blob, values in his.items():
            np.testing.assert_allclose(mine[blob], values, rtol=1e-4, atol=1e-5, err_msg=blob)
    assert ours["still held"] == theirs["still held"]
