"""What ncs/lowering makes of operations with random parameters: OpenVINO 2021.4.2's CPU plugin, and its MYRIAD compiler."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kits.ncs import run_feed
from kits.operations import CASES, model_of
from kits.oracle import Worker, movidius
from ncs import compiler
from ncs.errors import ConversionError
from ncs.ir import write_ir
from ncs.lowering.reading import ModelFile
from ncs.lowering.rebuild import rebuild

pytestmark = [pytest.mark.oracle, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def old_openvino() -> Iterator[Worker]:
    worker = Worker(movidius("python"), Path(__file__).with_name("ncs_worker.py"))
    yield worker
    worker.close()


def lowered(names: list[str], seed: int) -> tuple[Any, Any, dict[str, Any]]:
    model, feed = model_of(names, seed)
    shapes = {name: values.shape for name, values in feed.items()}
    return model, rebuild(ModelFile(model, shapes, names, ""), {}, "cases.xml"), feed


def possible(seed: int, of: Iterable[str]) -> list[str]:
    """The cases that are not refused with this seed: windows may lie in the padding alone."""
    names = []
    for name in of:
        if "pool" not in name:
            names.append(name)
            continue
        try:
            lowered([name], seed)
        except ConversionError:
            continue
        names.append(name)
    return names


@pytest.mark.parametrize("first", [0, 4, 8])
def test_cpu_of_2021(first: int, old_openvino: Worker, tmp_path: Path) -> None:
    """A dozen sets of parameters for each operation."""
    for seed in range(first, first + 4):
        check(old_openvino, possible(seed, CASES), seed, tmp_path)


def test_pooling_on_the_cpu_of_2021(old_openvino: Worker, tmp_path: Path) -> None:
    """Thirty more for each pooling, whose paddings and roundings differ most from version to version."""
    pools = [name for name in CASES if "pool" in name]
    for seed in range(12, 42):
        check(old_openvino, possible(seed, pools), seed, tmp_path)


def check(worker: Worker, names: list[str], seed: int, folder: Path) -> None:
    model, found, feed = lowered(names, seed)
    expected = run_feed(model, feed)
    write_ir(found, folder / "net.xml", folder / "net.bin", "FP32")
    np.savez(folder / "feed.npz", **feed)
    files = {"model": folder / "net.xml", "weights": folder / "net.bin", "pictures": folder / "feed.npz"}
    worker.ask(engine="openvino_feed", answers=folder / "answers.npz", **files)
    answers = np.load(folder / "answers.npz")
    for name, values in expected.items():
        limit = 1e-4 * max(1, np.abs(values).max())
        np.testing.assert_allclose(answers[name], values, rtol=0, atol=limit, err_msg=f"{name}, seed {seed}")


@pytest.mark.parametrize("seed", [0, 1])
def test_myriad(seed: int, tmp_path: Path) -> None:
    """The compiler takes all of them, and depthai reads their outputs."""
    import depthai

    movidius("python")
    names = possible(seed, CASES)
    model, found, _ = lowered(names, seed)
    files = [tmp_path / f"net.{kind}" for kind in ("xml", "bin", "blob")]
    write_ir(found, *files[:2])
    compiler.compile_blob(*files, tmp_path, compiler.Resources(4, 4, 1))
    blob = depthai.OpenVINO.Blob(files[2])
    for name, port in zip(names, model.outputs, strict=True):
        sides = blob.networkOutputs[name].dims
        assert [side for side in reversed(sides) if side > 1] == [side for side in port.get_shape() if side > 1], name
