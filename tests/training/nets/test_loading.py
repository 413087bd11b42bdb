"""No figure without its weights: what a caffemodel lacks, and numbers in it that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format

from caffe_io.caffe_pb2 import TEST, NetParameter
from caffe_io.errors import WeightsError
from caffe_io.weights import read_weights, write_weights
from kits.training import small_solver
from kits.training_commands import command
from training.nets.net import Net

INPUT = 'layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 1 dim: 2 dim: 4 dim: 4 } } }'
CONV = (
    'layer { name: "conv" type: "Convolution" bottom: "x" top: "y" convolution_param { num_output: 2 kernel_size: 1 } }'
)


def make(*layers: str) -> Net:
    return Net(text_format.Parse("\n".join([INPUT, CONV, *layers]), NetParameter()), TEST, "n.prototxt")


def saved(net: Net, path: Path, *layers: str) -> Path:
    """Write the weights of these layers of the net."""
    write_weights(path, net.param, {name: net.weights()[name] for name in layers})
    return path


@pytest.mark.parametrize(
    ("layer", "complete"),
    [
        (
            'type: "Deconvolution" convolution_param { num_output: 2 group: 2 kernel_size: 4 stride: 2 bias_term: false '
            'weight_filler { type: "bilinear" } }',
            True,
        ),
        ('type: "Deconvolution" convolution_param { num_output: 2 kernel_size: 2 weight_filler { value: 1 } }', True),
        ('type: "Scale" scale_param { filler { value: 0.017 } }', True),
        # The fillers that every layer of a deploy net has: none.
        ('type: "Convolution" convolution_param { num_output: 2 kernel_size: 1 }', False),
        ('type: "Scale"', False),
        ('type: "PReLU"', False),
        ('type: "BatchNorm"', False),
        (
            'type: "InnerProduct" inner_product_param { num_output: 2 weight_filler { type: "xavier" } '
            'bias_filler { type: "constant" value: 0.1 } }',
            False,
        ),
    ],
)
def test_a_layer_that_the_file_lacks(tmp_path: Path, layer: str, complete: bool) -> None:
    """Only one that the prototxt itself fills, as Caffe does, may be missing."""
    net = make(f'layer {{ name: "more" bottom: "y" top: "z" {layer} }}')
    path = saved(net, tmp_path / "m.caffemodel", "conv")
    if complete:
        net.load_all(path)
    else:
        with pytest.raises(WeightsError, match=r"m\.caffemodel: holds no weights for more of n\.prototxt"):
            net.load_all(path)


def test_several_files_are_complete_together(tmp_path: Path) -> None:
    net = make(CONV.replace('"conv"', '"two"').replace('"x"', '"y"').replace('top: "y"', 'top: "z"'))
    first, second = (saved(net, tmp_path / f"{name}.caffemodel", name) for name in ("conv", "two"))
    with pytest.raises(WeightsError, match="holds no weights for two of"):
        net.load_all(first)
    net.load_all(first, second)


def test_weights_that_another_layer_owns(tmp_path: Path) -> None:
    shared = 'param { name: "w" } param { name: "b" }'
    layers = CONV.replace("bottom", f"{shared} bottom")
    two = layers.replace('"conv"', '"two"').replace('"x"', '"y"').replace('top: "y"', 'top: "z"')
    net = Net(text_format.Parse("\n".join([INPUT, layers, two]), NetParameter()), TEST, "n.prototxt")
    net.load_all(saved(net, tmp_path / "m.caffemodel", "conv"))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_none(tmp_path: Path, value: float) -> None:
    net = make()
    weights = net.weights()
    weights["conv"][0][0, 1] = value
    write_weights(tmp_path / "m.caffemodel", net.param, weights)
    with pytest.raises(WeightsError, match=r'm\.caffemodel: layer "conv", blob 0, holds 1 numbers that are NaN or inf'):
        net.load_all(tmp_path / "m.caffemodel")
    # pycaffe loads it, to look at.
    assert net.load(tmp_path / "m.caffemodel").copied == ["conv"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with net.prototxt, and two wrong caffemodels for it: lacks.caffemodel without fc8, nan.caffemodel with a NaN."""
    small_solver(tmp_path, max_iter=1, display=0, test_interval=100, test_initialization=False, snapshot=0)
    assert command("train", "--solver", "solver.prototxt", folder=tmp_path).code == 0
    weights = read_weights(tmp_path / "small_iter_1.caffemodel")
    net = text_format.Parse((tmp_path / "net.prototxt").read_text(), NetParameter())
    del net.layer[0]
    lacks = {name: blobs for name, blobs in weights.items() if name != "fc8"}
    write_weights(tmp_path / "lacks.caffemodel", net, lacks)
    weights["fc8"][1][0] = np.nan
    write_weights(tmp_path / "nan.caffemodel", net, weights)
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        ("test", "--model", "net.prototxt", "--iterations", "1", "--weights"),
        ("extract_features", "net.prototxt", "fc8", "features", "1"),
    ],
)
def test_commands_end_without_a_figure(folder: Path, words: tuple[str, ...]) -> None:
    for name, message in (
        ("lacks", "holds no weights for fc8 of net.prototxt"),
        ("nan", 'layer "fc8", blob 1, holds 1'),
    ):
        weights = f"{name}.caffemodel"
        whole = (*words, weights) if words[0] == "test" else (words[0], weights, *words[1:])
        done = command(*whole, folder=folder)
        assert done.code == 1
        assert message in done.err
        assert "Batch" not in done.err
        assert not (folder / "features").exists()


def test_no_file_at_all(folder: Path) -> None:
    done = command("test", "--model", "net.prototxt", "--weights", "", folder=folder)
    assert (done.code, done.err) == (2, "error: --weights is empty; expected a caffemodel.\n")


def test_a_loss_that_is_no_number_although_the_weights_are(folder: Path) -> None:
    net = folder / "net.prototxt"
    log = 'layer { name: "log" type: "Log" bottom: "fc8" top: "logs" log_param { shift: -1000 } }'
    net.write_text(
        net.read_text().replace('type: "SoftmaxWithLoss" bottom: "fc8"', 'type: "SoftmaxWithLoss" bottom: "logs"')
    )
    text = net.read_text()
    place = text.index('layer { name: "loss"')
    net.write_text(text[:place] + log + "\n" + text[place:])
    done = command("test", "--model", "net.prototxt", "--weights", "small_iter_1.caffemodel", folder=folder)
    assert done.code == 1
    assert "net.prototxt: the loss is not finite, though all weights are" in done.err


def test_training_from_weights_with_nan(folder: Path) -> None:
    words = ("train", "--solver", "solver.prototxt", "--weights", "nan.caffemodel", "--force")
    done = command(*words, folder=folder)
    assert done.code == 1
    assert 'nan.caffemodel: layer "fc8", blob 1, holds 1 numbers that are NaN' in done.err
