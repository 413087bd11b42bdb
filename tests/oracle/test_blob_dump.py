"""The reader of blobs against the compiler's own dump of what it wrote, and against depthai's reader."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format

from caffe_io.caffe_pb2 import TEST, NetParameter
from kits.compiler_dump import Dump, DumpedData, read_dump
from kits.ncs import net_of
from kits.oracle import movidius
from myriad import Blob, read_blob
from myriad.data import Data, Shape
from myriad.unit import Job
from myriad.work import multiply_adds
from ncs import compiler
from tools.zoo import NETS

pytestmark = [pytest.mark.oracle, pytest.mark.slow, pytest.mark.timeout(300)]

_CONV = "num_output: 16 kernel_size: 3 pad: 1 weight_filler { type: 'gaussian' std: 0.2 }"


def layer(kind: str, settings: str = "", bottoms: str = "data", top: str = "y") -> str:
    reads = " ".join(f'bottom: "{bottom}"' for bottom in bottoms.split())
    return f'layer {{ name: "{top}" type: "{kind}" {reads} top: "{top}" {settings} }} '


_POOL = "pooling_param {{ pool: {} kernel_size: {} stride: {} }}"
LAYERS = {
    "convolution": layer("Convolution", f"convolution_param {{ {_CONV} }}", top="c") + layer("ReLU", bottoms="c"),
    "dilated": layer(
        "Convolution", "convolution_param { num_output: 8 kernel_size: 3 dilation: 2 stride: 2 group: 2 }"
    ),
    "depthwise": layer("Convolution", "convolution_param { num_output: 8 kernel_size: 3 pad: 1 group: 8 }"),
    "deconvolution": layer("Deconvolution", "convolution_param { num_output: 4 kernel_size: 4 stride: 2 pad: 1 }"),
    "maximum": layer("Pooling", _POOL.format("MAX", 3, 2)),
    "averages": layer("Pooling", _POOL.format("AVE", 3, 2), top="a")
    + layer("Pooling", _POOL.format("AVE", 2, 2), top="b"),
    "activations": layer("PReLU", top="p") + layer("ELU", bottoms="p", top="e") + layer("Sigmoid", bottoms="e"),
    "normalised": layer("LRN", "lrn_param { local_size: 5 k: 2 }", top="n") + layer("MVN", bottoms="n"),
    "arithmetic": layer("Power", "power_param { power: 2 shift: 1 }", top="p")
    + layer("Eltwise", "eltwise_param { coeff: 1 coeff: -0.5 }", "data p"),
    "slices": layer("Slice", "slice_param { slice_point: 3 } top: 'z'") + layer("TanH", bottoms="z", top="t"),
    "order": layer("Permute", "permute_param { order: 0 order: 2 order: 3 order: 1 }", top="p")
    + layer("Softmax", "softmax_param { axis: 3 }", "p"),
    "products": layer(
        "InnerProduct", "inner_product_param { num_output: 20 weight_filler { type: 'xavier' } }", top="f"
    )
    + layer("Softmax", bottoms="f"),
    "choice": layer("ArgMax", "argmax_param { axis: 1 }"),
}
"""Small nets on a blob of 1 x 8 x 19 x 17."""
ZOO = ("GoogLeNet", "MobileNet v2", "ResNet-18", "U-Net")


@dataclass(frozen=True)
class Compiled:
    """A net's blob as we read it, the compiler's dump, and the blob's file."""

    net: NetParameter
    blob: Blob
    dump: Dump
    path: Path

    def find(self, shape: Shape) -> DumpedData:
        """Return what the compiler says of data: where their strides lie is theirs alone."""
        (found,) = (data for data in self.dump.data.values() if data.strides_at == shape.strides_at)
        return found


def parsed(name: str) -> NetParameter:
    if name in LAYERS:
        return net_of(LAYERS[name], (1, 8, 19, 17))
    entry = NETS[name]
    return text_format.Parse(entry.writer(entry.small, entry.width).text, NetParameter())


@pytest.fixture(scope="module", params=[*LAYERS, *ZOO])
def compiled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    from ncs.converter import convert
    from ncs.ir import write_ir
    from training.nets.net import Net

    movidius("python")
    folder = tmp_path_factory.mktemp("net")
    net = parsed(request.param)
    weights = Net(net, TEST, seed=1).weights()
    for each in net.layer:
        if each.type == "BatchNorm":
            mean, variance, factor = weights[each.name]
            weights[each.name] = [mean, np.ones_like(variance), np.ones_like(factor)]
    files = [folder / f"net.{kind}" for kind in ("xml", "bin", "blob")]
    write_ir(convert(net, weights), *files[:2])
    compiler.compile_blob(*files, folder, compiler.Resources(4, 4, 1), dump=folder / "graph.dot")
    return Compiled(net, read_blob(folder / "net.blob"), read_dump(folder / "graph.dot"), folder / "net.blob")


def described(shape: Shape) -> tuple[object, ...]:
    return (
        shape.element,
        shape.letters,
        dict(zip(shape.letters, shape.dims, strict=True)),
        dict(zip(shape.letters, shape.strides, strict=True)),
    )


def test_stages_in_their_order(compiled: Compiled) -> None:
    expected = [(stage.type, stage.shaves, stage.is_carried) for stage in compiled.dump.in_order()]
    assert [(stage.name, stage.shaves, stage.injected_in >= 0) for stage in compiled.blob.stages] == expected
    assert sum(not stage.is_carried for stage in compiled.dump.in_order()) == compiled.blob.header.stages


def test_data(compiled: Compiled) -> None:
    """Type, order, sizes, strides, place and offset of all data of all stages."""
    for stage in compiled.blob.stages:
        for data in stage.data:
            found = compiled.find(data.shape)
            assert described(data.shape) == (found.element, found.order, found.dims, found.strides), stage
            assert (data.place.name, data.offset) == (found.place, found.offset), stage


def test_inputs_and_outputs(compiled: Compiled) -> None:
    for entry in compiled.blob.inputs + compiled.blob.outputs:
        found = compiled.find(entry.shape)
        assert found.name.split("@")[0] == entry.name
        assert described(entry.shape) == (found.element, found.order, found.dims, found.strides)


def test_roles_of_data(compiled: Compiled) -> None:
    """The dump says which data a stage takes and makes. Of one that carries another, it names the data of both."""

    def ours(many: Iterator[Data]) -> set[str]:
        return {compiled.find(data.shape).name for data in many if data.place.name != "NONE"}

    carriers = {stage.injected_in for stage in compiled.blob.stages}
    for stage, expected in zip(compiled.blob.stages, compiled.dump.in_order(), strict=True):
        if stage.number in carriers or stage.injected_in >= 0:
            continue
        named = {key: data.name for key, data in compiled.dump.data.items() if data.place != "NONE"}
        assert ours(iter(stage.outputs)) == {named[key] for key in expected.outputs}, stage
        reads = (data for role, data in zip(stage.roles, stage.data, strict=True) if not role.startswith("out"))
        assert ours(reads) == {named[key] for key in expected.inputs if key in named}, stage


def test_what_the_unit_is_told(compiled: Compiled) -> None:
    for stage, expected in zip(compiled.blob.stages, compiled.dump.in_order(), strict=True):
        if not stage.jobs:
            continue
        told, job = expected.attributes, stage.jobs[0]
        assert len(stage.jobs) == int(told["numDescr"])
        assert job.kernel == (int(told["kernelSizeX"]), int(told["kernelSizeY"]))
        assert job.stride == int(told["kernelStride"])
        assert told["mode"] == f"MODE_{1 << job.mode}_{256 >> job.mode}"
        kinds = {
            "CONV": Job.CONVOLUTION,
            "CONV_POOL": Job.CONVOLUTION_AND_POOLING,
            "POOL": Job.POOLING,
        }
        assert job.job is kinds[told["hwOpType"]]
        assert (job.relu is not None) == (told.get("withReLU", "0") == "1")


def test_depthai_reads_the_same(compiled: Compiled) -> None:
    import depthai

    other = depthai.OpenVINO.Blob(compiled.path)
    blob = compiled.blob
    for entries, theirs in ((blob.inputs, other.networkInputs), (blob.outputs, other.networkOutputs)):
        assert {entry.name for entry in entries} == set(theirs)
        for entry in entries:
            tensor = theirs[entry.name]
            assert list(tensor.dims) == list(reversed(entry.shape.dims))
            assert tensor.dataType.name == {"U8": "U8F", "FP16": "FP16"}[entry.shape.element]
            assert tensor.offset == entry.offset
    assert (other.stageCount, other.numShaves, other.numSlices) == (
        blob.header.stages,
        blob.header.shaves,
        blob.header.cmx_slices,
    )


def test_multiply_adds(compiled: Compiled) -> None:
    """What `./moka draw` counts in the Caffe net. A blob also counts channels that only fill up, and dense weights."""
    from training.drawing.net_table import make_table
    from training.layers import Context

    rows = make_table(compiled.net, "net", Context(TEST)).rows
    weighted = [row for row in rows if row.layer.type in ("Convolution", "InnerProduct", "Deconvolution")]
    expected = sum(row.multiply_adds for row in weighted)
    ours = sum(map(multiply_adds, compiled.blob.stages))
    grouped = any(row.layer.convolution_param.group > 1 or row.layer.type == "Deconvolution" for row in weighted)
    assert expected <= ours
    assert grouped or ours <= 1.3 * expected
