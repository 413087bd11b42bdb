"""Each operation of the table, with random parameters: today's OpenVINO on the operation and on its older form."""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino.opset1 as op
import pytest
from numpy.typing import NDArray
from openvino import Model
from openvino.opset3 import non_zero
from openvino.opset14 import avg_pool

from kits.ncs import run_feed
from kits.operations import CASES, model_of
from ncs.errors import ConversionError
from ncs.lowering.reading import ModelFile
from ncs.lowering.rebuild import rebuild
from ncs.lowering.table import LOWERINGS

OLD = {f"opset{number}" for number in range(1, 8)}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if "pool" in name else name for name in CASES]
)
def test_the_older_form_computes_the_same(name: str) -> None:
    seeds = 30 if "pool" in name else 3
    refused = 0
    for seed in range(seeds):
        model, feed = model_of([name], seed)
        try:
            found = rebuilt(model, feed, name)
        except ConversionError as error:
            assert "lie in the padding alone" in str(error)
            refused += 1
            continue
        expected = run_feed(model, feed)[name]
        assert {node.get_type_info().version_id for node in found.get_ops()} <= OLD
        answer = run_feed(found, feed)[name]
        assert answer.shape == expected.shape
        limit = 1e-5 * max(1, np.abs(expected).max())
        np.testing.assert_allclose(answer, expected, rtol=0, atol=limit, err_msg=f"seed {seed}")
    assert refused <= seeds / 8


def rebuilt(model: Any, feed: dict[str, NDArray[np.float32]], name: str) -> Any:
    return rebuild(ModelFile(model, {key: values.shape for key, values in feed.items()}, [name], ""), {}, "cases.xml")


def test_ceiling_of_pytorch() -> None:
    """The zeros of a padding count, and what lies beyond it does not."""
    import torch

    beyond = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        side, size = int(random.integers(2, 6)), int(random.integers(7, 15))
        stride, pad = int(random.integers(1, side + 1)), int(random.integers(0, side // 2 + 1))
        source = op.parameter([1, 20, size, size], np.float32, name="x_in")
        source.output(0).set_names({"x_in"})
        pool = avg_pool(source, [stride] * 2, [pad] * 2, [pad] * 2, [side] * 2, False, "ceil_torch", "explicit")
        pool.output(0).set_names({"x"})
        model = Model([op.result(pool)], [source], "pool")
        values = random.standard_normal((1, 20, size, size)).astype(np.float32)
        expected = torch.nn.functional.avg_pool2d(torch.from_numpy(values), side, stride, pad, ceil_mode=True).numpy()
        answer = run_feed(rebuilt(model, {"x_in": values}, "x"), {"x_in": values})["x"]
        np.testing.assert_allclose(answer, expected, rtol=0, atol=1e-5, err_msg=f"seed {seed}")
        beyond += (expected.shape[2] - 1) * stride + side > size + 2 * pad
    assert beyond > 5


def test_what_has_no_counterpart_is_named() -> None:
    source = op.parameter([1, 20], np.float32, name="x_in")
    source.output(0).set_names({"x_in"})
    turned = op.cosh(source)
    turned.set_friendly_name("turn")
    model = Model([op.result(turned)], [source], "net")
    with pytest.raises(ConversionError, match=r'x.onnx: operation "turn" \(Cosh, opset1\).*--output NAME'):
        rebuild(ModelFile(model, {"x_in": (1, 20)}, ["turn"], ""), {}, "x.onnx")


def test_sizes_that_depend_on_numbers_are_refused() -> None:
    source = op.parameter([1, 20], np.float32, name="x_in")
    source.output(0).set_names({"x_in"})
    model = Model([op.result(non_zero(source))], [source], "net")
    with pytest.raises(ConversionError, match="depends on the numbers"):
        rebuild(ModelFile(model, {"x_in": (1, 20)}, ["y"], ""), {}, "x.onnx")


def test_quantised_nets_are_refused_with_the_next_step() -> None:
    assert "FakeQuantize" in LOWERINGS
    source = op.parameter([1, 20], np.float32, name="x_in")
    source.output(0).set_names({"x_in"})
    limits = [np.float32(value) for value in (0, 1, 0, 1)]
    model = Model([op.result(op.fake_quantize(source, *limits, 256))], [source], "net")
    with pytest.raises(ConversionError, match="before its quantisation"):
        rebuild(ModelFile(model, {"x_in": (1, 20)}, ["y"], ""), {}, "x.onnx")
