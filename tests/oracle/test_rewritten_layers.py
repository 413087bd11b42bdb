"""Layers that the MYRIAD compiler of OpenVINO 2021.4.2 got wrong, as we write them now: what stands in the blob.

The hunt (tools/hunt) found each of them. The blob is computed and compared with the IR as well, as `compile` does it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import openvino.opset1 as op
import pytest
from openvino import Model

from kits.ncs import Floats, net_of, run_model
from kits.oracle import movidius
from myriad import Blob, read_blob
from ncs import compiler
from ncs.checking import check_blob
from ncs.converter import convert
from ncs.ir import write_ir

pytestmark = [pytest.mark.oracle, pytest.mark.slow, pytest.mark.timeout(300)]
SCALED = 'layer { name: "x" type: "Power" bottom: "data" top: "x" power_param { scale: 0.0234375 shift: -3 } } '


def compiled(
    layers: str,
    folder: Path,
    weights: Mapping[str, Sequence[Floats]] | None = None,
    shape: Sequence[int] = (1, 3, 9, 8),
) -> Blob:
    """Compile the layers on "x", whose numbers are about -3 to 3, and check the blob."""
    return compiled_model(convert(net_of(SCALED + layers, shape), weights or {}), folder)


def compiled_model(model: Model, folder: Path) -> Blob:
    movidius("python")
    xml, bin, blob, dump = (folder / f"net.{kind}" for kind in ("xml", "bin", "blob", "dot"))
    write_ir(model, xml, bin)
    compiler.compile_blob(xml, bin, blob, folder, compiler.Resources(4, 4, 1), dump=dump)
    found = check_blob(xml, blob, dump)
    assert not found.not_checked
    assert found.wide < 1e-5
    return read_blob(blob)


def alpha_in_blob(blob: Blob) -> float:
    return float(next(stage for stage in blob.stages if stage.name == "LRN").parameters["alpha"])


@pytest.mark.parametrize(("alpha", "k"), [(1e-4, 2.0), (1e-5, 1.0), (1e-8, 1.0)])
def test_a_small_alpha_of_lrn(alpha: float, k: float, tmp_path: Path) -> None:
    """The compiler made 0 or 2^-14 of an alpha / k below 2^-14: 22 % too much of 1e-4 / 2."""
    layers = (
        f'layer {{ name: "n" type: "LRN" bottom: "x" top: "n" lrn_param {{ local_size: 3 alpha: {alpha} k: {k} }} }}'
    )
    assert alpha_in_blob(compiled(layers, tmp_path)) >= 2**-14
    picture = np.full((1, 3, 9, 8), 255, np.uint8)
    x = np.full((3, 9, 8), 255 * 0.0234375 - 3)
    sums = np.array([2, 3, 2])[:, None, None] * x**2
    expected = x / (k + alpha / 3 * sums) ** 0.75
    found = run_model(convert(net_of(SCALED + layers), {}), picture)["n"][0]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_what_the_compiler_makes_of_such_an_alpha(tmp_path: Path) -> None:
    """If this fails, the rewrite is no longer needed."""
    movidius("python")
    source = op.parameter([1, 8, 9, 8], np.float32, name="data")
    source.output(0).set_names({"data"})
    norm = op.lrn(source, op.constant(np.array([1])), 5e-5, 0.75, 1.0, 3)
    norm.output(0).set_names({"n"})
    files = [tmp_path / f"net.{kind}" for kind in ("xml", "bin", "blob")]
    write_ir(Model([op.result(norm)], [source], "lrn"), *files[:2])
    compiler.compile_blob(*files, tmp_path, compiler.Resources(4, 4, 1))
    assert alpha_in_blob(read_blob(files[2])) == 2**-14


def test_normalize_keeps_an_eps(tmp_path: Path) -> None:
    """Caffe's default of 1e-10 became 0 in the blob, and a pixel of zeros 0 / 0."""
    layers = (
        'layer { name: "relu" type: "ReLU" bottom: "x" top: "relu" } '
        'layer { name: "n" type: "Normalize" bottom: "relu" top: "n" norm_param { across_spatial: false } }'
    )
    blob = compiled(layers, tmp_path, {"n": [np.float32(1).reshape(())]})
    stage = next(stage for stage in blob.stages if stage.name == "Normalize")
    assert stage.parameters["eps"] > 0


@pytest.mark.parametrize(
    "layer",
    [
        'type: "ArgMax" argmax_param { axis: 2 top_k: 3 out_max_val: true }',
        'type: "Tile" tile_param { axis: 1 tiles: 1 }',
    ],
    ids=["argmax", "tile"],
)
def test_outputs_keep_their_names(layer: str, tmp_path: Path) -> None:
    """They were called last.0 and last.1, which no card says."""
    layers = (
        'layer { name: "s" type: "Slice" bottom: "x" top: "a" top: "b" slice_param { axis: 2 slice_point: 4 } } '
        f'layer {{ name: "last" bottom: "b" top: "last" {layer} }}'
    )
    blob = compiled(layers, tmp_path)
    assert {output.name for output in blob.outputs} == {"a", "last"}
