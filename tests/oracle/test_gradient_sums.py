"""Gradients of weights over several passes: Caffe adds them up, but Scale and Parameter lose some (BVLC/caffe#6604)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from caffe_io.prototxt import read_solver
from caffe_io.weights import read_weights
from kits.commands import inside
from kits.oracle import ONE_THREAD, run_caffe
from kits.oracle_layers import Array, Judge, compare
from kits.training import make_lmdb, write_solver

pytestmark = pytest.mark.oracle

LAYERS = {
    "Convolution": 'type: "Convolution" convolution_param { num_output: 4 kernel_size: 3 }',
    "Convolution, groups": 'type: "Convolution" convolution_param { num_output: 4 kernel_size: 2 group: 2 }',
    "Convolution, dilated, no bias": 'type: "Convolution" convolution_param { num_output: 3 kernel_size: 2 dilation: 2 '
    "bias_term: false }",
    "Convolution, 1x1": 'type: "Convolution" convolution_param { num_output: 3 kernel_size: 1 }',
    "Deconvolution": 'type: "Deconvolution" convolution_param { num_output: 3 kernel_size: 2 stride: 2 }',
    "Deconvolution, depthwise": 'type: "Deconvolution" convolution_param { num_output: 4 group: 4 kernel_size: 2 stride: 2 }',
    "InnerProduct": 'type: "InnerProduct" inner_product_param { num_output: 3 }',
    "InnerProduct, transposed": 'type: "InnerProduct" inner_product_param { num_output: 3 transpose: true }',
    "InnerProduct, axis 2": 'type: "InnerProduct" inner_product_param { num_output: 3 axis: 2 bias_term: false }',
    "PReLU": 'type: "PReLU"',
    "PReLU, one slope": 'type: "PReLU" prelu_param { channel_shared: true }',
    "Bias": 'type: "Bias"',
    "Bias, all": 'type: "Bias" bias_param { axis: 0 num_axes: -1 }',
    "Bias, one number": 'type: "Bias" bias_param { num_axes: 0 }',
    "Scale": 'type: "Scale"',
    "Scale and bias": 'type: "Scale" scale_param { bias_term: true }',
    "Scale, axis 0": 'type: "Scale" scale_param { axis: 0 }',
    "Scale, axis 0, two axes": 'type: "Scale" scale_param { axis: 0 num_axes: 2 bias_term: true }',
    "Scale, axis 2": 'type: "Scale" scale_param { axis: 2 num_axes: -1 }',
    "Scale, last axis": 'type: "Scale" scale_param { axis: -1 }',
    "Scale, all": 'type: "Scale" scale_param { axis: 0 num_axes: -1 }',
    "Scale, one number": 'type: "Scale" scale_param { num_axes: 0 bias_term: true }',
    "Scale, one number, axis 0": 'type: "Scale" scale_param { axis: 0 num_axes: 0 }',
}


def numbers(shape: tuple[int, ...], seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", LAYERS)
def test_two_passes(judge: Judge, name: str, batch: int) -> None:
    compare(
        judge, f'layer {{ name: "it" bottom: "x" top: "y" {LAYERS[name]} }}', {"x": numbers((batch, 4, 6, 6))}, rounds=2
    )


def test_two_passes_of_a_single_number(judge: Judge) -> None:
    for settings in ("", "scale_param { axis: 0 }", "scale_param { axis: 0 num_axes: 0 }"):
        compare(
            judge,
            f'layer {{ name: "it" type: "Scale" bottom: "x" top: "y" {settings} }}',
            {"x": numbers((1, 1))},
            rounds=2,
        )


@pytest.mark.parametrize("batch", [1, 2])
def test_two_passes_in_place(judge: Judge, batch: int) -> None:
    text = 'layer { name: "it" type: "Scale" bottom: "x" top: "x" scale_param { bias_term: true } }'
    before = 'layer { name: "p" type: "Power" bottom: "in" top: "x" power_param { scale: 2 } }'
    compare(judge, f"{before}\n{text}", {"in": numbers((batch, 3, 4, 4))}, rounds=2, note="Scale")


@pytest.mark.parametrize("batch", [1, 3])
def test_embed(judge: Judge, batch: int) -> None:
    text = 'layer { name: "it" type: "Embed" bottom: "x" top: "y" embed_param { input_dim: 5 num_output: 3 } }'
    loss = 'layer { name: "loss" type: "EuclideanLoss" bottom: "y" bottom: "r" top: "loss" }'
    data = {"x": np.float32([[1, 4, 1]] * batch), "r": numbers((batch, 3, 3))}
    compare(judge, f"{text}\n{loss}", data, rounds=2, force=False, note="Embed")


@pytest.mark.parametrize("rounds", [1, 2])
@pytest.mark.parametrize("batches", [(1, 1), (3, 3), (1, 3), (3, 1)])
def test_shared_factors(judge: Judge, batches: tuple[int, int], rounds: int) -> None:
    """Of two layers with one factor, the one that writes last, which is the first of the net, may replace the sum."""
    share = 'param { name: "factor" }'
    text = "\n".join(
        f'layer {{ name: "{name}" type: "Scale" bottom: "{bottom}" top: "{top}" {share} }}'
        for name, bottom, top in (("one", "a", "c"), ("two", "b", "d"))
    )
    data = {"a": numbers((batches[0], 3, 4, 4), 1), "b": numbers((batches[1], 3, 4, 4), 2)}
    compare(
        judge, text, data, weights={("one", 0): numbers((3,)), ("two", 0): numbers((3,))}, rounds=rounds, note="Scale"
    )


@pytest.mark.parametrize("consumers", [1, 2])
def test_parameter(judge: Judge, consumers: int) -> None:
    """The weight's diff is the top's own, which the consumer writes."""
    text = 'layer { name: "it" type: "Parameter" top: "w" parameter_param { shape { dim: 2 dim: 3 } } }\n' + "\n".join(
        f'layer {{ name: "sum{i}" type: "Eltwise" bottom: "x" bottom: "w" top: "y{i}" eltwise_param {{ operation: PROD }} }}'
        for i in range(consumers)
    )
    compare(judge, text, {"x": numbers((2, 3))}, rounds=2, note="Parameter")


NET = """
layer { name: "data" type: "Data" top: "data" top: "label" transform_param { scale: 0.01 }
  data_param { source: "records" backend: LMDB batch_size: 1 } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 stride: 2 weight_filler { type: "xavier" } } }
layer { name: "scale" type: "Scale" bottom: "conv" top: "conv" scale_param { bias_term: true } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "fc" type: "InnerProduct" bottom: "conv" top: "fc"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }
"""


def test_training_with_batch_1_and_iter_size(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As FCN and PSPNet are trained. With caffe_bugs off the factors differ from Caffe's."""
    from training.solvers.solver import Solver

    make_lmdb(tmp_path / "records", 20, 16, 3, seed=5)
    (tmp_path / "net.prototxt").write_text(NET)
    settings = 'base_lr: 0.02 momentum: 0.9 weight_decay: 0.001 lr_policy: "fixed" iter_size: 2 random_seed: 7'
    values = {"net": "net.prototxt", "max_iter": 12, "display": 4}
    with inside(tmp_path):
        start = Solver(read_solver(write_solver(Path("start.prototxt"), settings, **values, snapshot_prefix="start")))
        assert (
            "net.prototxt: scale (Scale): the gradient of the weight does not add up over the 2 batches" in caplog.text
        )
        assert "BVLC/caffe#6604" in caplog.text
        start.snapshot()
        start.close()
        caffes = write_solver(Path("caffes.prototxt"), settings, **values, snapshot_prefix="caffes")
        words = ("train", f"--solver={caffes}", "--weights=start_iter_0.caffemodel")
        run_caffe("caffe", *words, folder=Path(), **ONE_THREAD)
        theirs = read_weights("caffes_iter_12.caffemodel")
        for bugs, same in ((True, True), (False, False)):
            caplog.clear()
            param = read_solver(write_solver(Path("ours.prototxt"), settings, **values, snapshot_prefix="ours"))
            ours = Solver(param, caffe_bugs=bugs)
            assert ("#6604" in caplog.text) == bugs
            ours.load("start_iter_0.caffemodel")
            ours.step(12)
            ours.close()
            factor = ours.net.weights()["scale"][0]
            assert (np.abs(factor - theirs["scale"][0]).max() < 1e-5) == same
            if same:
                for layer, blobs in theirs.items():
                    for mine, his in zip(ours.net.weights()[layer], blobs, strict=True):
                        np.testing.assert_allclose(mine, his, atol=1e-5)
