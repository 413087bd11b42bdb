"""What the MYRIAD compiler of OpenVINO 2021.4.2 makes of averages: the stages in the blob."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import openvino.opset1 as op
import pytest
from openvino import Model, opset14

from kits.ncs import net_of
from kits.oracle import movidius
from myriad import read_blob
from myriad.stage import Stage
from myriad.unit import Job
from ncs import compiler
from ncs.converter import convert
from ncs.ir import write_ir
from ncs.lowering.reading import ModelFile
from ncs.lowering.rebuild import rebuild

pytestmark = [pytest.mark.oracle, pytest.mark.slow, pytest.mark.timeout(300)]


def compiled(param: str, size: int, folder: Path) -> Path:
    movidius("python")
    layer = f'layer {{ name: "p" type: "Pooling" bottom: "data" top: "p" pooling_param {{ pool: AVE {param} }} }}'
    files = [folder / f"net.{kind}" for kind in ("xml", "bin", "blob")]
    write_ir(convert(net_of(layer, (1, 8, size, size)), {}), *files[:2])
    compiler.compile_blob(*files, folder, compiler.Resources(4, 4, 1))
    return files[2]


def stages(blob: Path) -> list[Stage]:
    """The stages between the input's Convert and the copy to the output, but for those that run beside another."""
    found = (stage for stage in read_blob(blob).stages if stage.injected_in < 0)
    return [stage for stage in found if stage.name not in ("Convert", "Copy")]


def kinds(found: list[Stage]) -> list[str]:
    """What each stage does; of one of the unit, what its first job is."""
    return [f"{_job(stage)} in the unit" if stage.jobs else stage.name for stage in found]


def _job(stage: Stage) -> str:
    job = stage.jobs[0]
    return ("Average" if job.average else "MaxPool") if job.job is Job.POOLING else "Convolution"


def test_two_averages_that_the_compiler_took_for_one(tmp_path: Path) -> None:
    """`3/3` and `3/3 pad 1` gave the same bytes: the pooling unit padded both by one row and one column."""
    blobs = []
    for name, param in (("plain", "kernel_size: 3 stride: 3"), ("padded", "kernel_size: 3 stride: 3 pad: 1")):
        (tmp_path / name).mkdir()
        blobs.append(compiled(param, 20, tmp_path / name))
    plain, padded = (stages(blob) for blob in blobs)
    assert blobs[0].read_bytes() != blobs[1].read_bytes()
    assert kinds(plain) == ["Pad", "Convolution in the unit", "Convolution in the unit", "Prod"]
    assert kinds(padded) == ["Average in the unit"]


@pytest.mark.parametrize(
    ("param", "size", "expected"),
    [
        ("kernel_size: 5 stride: 2", 18, ["Pad", "Average in the unit", "Prod"]),
        ("kernel_size: 7 stride: 4", 33, ["Pad", "Average in the unit", "Prod"]),
        ("kernel_size: 6 stride: 5 pad: 1", 42, ["Pad", "Average in the unit", "Prod"]),
        ("kernel_size: 3 stride: 2", 20, ["AvgPool"]),
        ("kernel_size: 5 stride: 3", 21, ["AvgPool"]),
        ("kernel_size: 2 stride: 2", 15, ["AvgPool"]),
        ("kernel_size: 3 stride: 3", 14, ["AvgPool"]),
    ],
)
def test_stages_of_an_average(param: str, size: int, expected: list[str], tmp_path: Path) -> None:
    """In the unit every window is divided by the whole kernel; an AvgPool stage knows exclude-pad."""
    found = stages(compiled(param, size, tmp_path))
    assert kinds(found) == expected
    if expected == ["AvgPool"]:
        assert found[-1].parameters["exclude_pad"] == 1


@pytest.mark.parametrize(
    ("settings", "size", "expected"),
    [
        ({"kernel": 3, "stride": 2, "pad": (1, 1, 1, 1)}, 20, ["AvgPool"]),
        ({"kernel": 3, "stride": 1, "pad": (1, 1, 1, 1)}, 20, ["Average in the unit"]),
        ({"kernel": 3, "stride": 1, "pad": (1, 1, 1, 1), "exclude": True}, 20, ["Average in the unit", "Prod"]),
        (
            {"kernel": 3, "stride": 3, "pad": (0, 0, 1, 1), "exclude": True},
            20,
            ["Pad", "Convolution in the unit", "Prod"],
        ),
        (
            {"kernel": 3, "stride": 3, "pad": (0, 0, 0, 0), "rounding": "ceil"},
            20,
            ["Pad", "Convolution in the unit", "Prod"],
        ),
        ({"kernel": 3, "stride": 1, "pad": (1, 0, 0, 1)}, 20, ["Pad", "Convolution in the unit"]),
        ({"kernel": 2, "stride": 2, "pad": (0, 0, 0, 0)}, 20, ["Average in the unit"]),
    ],
)
def test_averages_of_other_models(settings: dict[str, Any], size: int, expected: list[str], tmp_path: Path) -> None:
    """AvgPool of ONNX and TFLite takes the same ways: nothing is left to the unit that it would compute otherwise."""
    movidius("python")
    source = op.parameter([1, 32, size, size], np.float32, name="x")
    source.output(0).set_names({"x"})
    side, stride, pad = settings["kernel"], settings["stride"], settings["pad"]
    exclude, rounding = settings.get("exclude", False), settings.get("rounding", "floor")
    pool = opset14.avg_pool(source, [stride] * 2, pad[:2], pad[2:], [side] * 2, exclude, rounding, "explicit")
    model = Model([op.result(pool)], [source], "pool")
    files = [tmp_path / f"net.{kind}" for kind in ("xml", "bin", "blob")]
    write_ir(rebuild(ModelFile(model, {"x": (1, 32, size, size)}, ["y"], ""), {}, "pool.xml"), *files[:2])
    compiler.compile_blob(*files, tmp_path, compiler.Resources(4, 4, 1))
    found = [
        kind for number, kind in enumerate(kinds(stages(files[2]))) if kind not in kinds(stages(files[2]))[:number]
    ]
    assert found == expected


def test_a_pad_before_an_average_is_not_joined_with_it(tmp_path: Path) -> None:
    """2021.4.2 joins them, and the unit would pad at the top and the left what is padded at the bottom and the right."""
    movidius("python")
    source = op.parameter([1, 8, 20, 20], np.float32, name="x")
    source.output(0).set_names({"x"})
    around = op.pad(source, np.array([0, 0, 0, 0]), np.array([0, 0, 1, 1]), "constant", np.float32(0))
    pool = op.avg_pool(around, [3, 3], [0, 0], [0, 0], [3, 3], False, "floor")
    model = Model([op.result(pool)], [source], "pool")
    files = [tmp_path / f"net.{kind}" for kind in ("xml", "bin", "blob")]
    write_ir(rebuild(ModelFile(model, {"x": (1, 8, 20, 20)}, ["y"], ""), {}, "pool.xml"), *files[:2])
    compiler.compile_blob(*files, tmp_path, compiler.Resources(4, 4, 1))
    found = kinds(stages(files[2]))
    assert found[0] == "Pad"
    assert set(found[1:]) == {"Convolution in the unit"}
