"""The check of a new blob: it passes what the compiler gets right, and refuses what it gets wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import openvino.opset1 as op
import pytest
from openvino import Model

from common.errors import MokaError
from kits.ncs import write_small_net
from kits.oracle import movidius
from myriad import read_blob
from myriad.data import Place
from ncs import compiler
from ncs.__main__ import ROOM
from ncs.checking import Check, check_blob, pieces
from ncs.errors import CompilerError
from ncs.ir import write_ir

pytestmark = [pytest.mark.oracle, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def net(working_folder: Path) -> dict[str, Path]:
    movidius("python")
    return write_small_net(working_folder)


def checked(model: Model, folder: Path) -> Check:
    """Compile a model as it is, without the converter's rewrites, and check the blob."""
    xml, bin, blob, dump = (folder / f"net.{kind}" for kind in ("xml", "bin", "blob", "dot"))
    write_ir(model, xml, bin)
    compiler.compile_blob(xml, bin, blob, folder, compiler.Resources(4, 4, 1), dump=dump)
    return check_blob(xml, blob, dump)


def averages(size: int, exclude_pad: bool) -> Model:
    """Mean of 3 x 3 with stride 3, whose last windows reach beyond the bottom."""
    source = op.parameter([1, 8, size, size], np.float32, name="data")
    source.output(0).set_names({"data"})
    positive = op.relu(source, name="positive")
    pool = op.avg_pool(positive, [3, 3], [0, 0], [-size % 3] * 2, [3, 3], exclude_pad, "floor", name="average")
    end = op.relu(pool, name="end")
    end.output(0).set_names({"end"})
    return Model([op.result(end)], [source], "averages")


def test_a_miscompile_is_refused_with_the_layer(tmp_path: Path) -> None:
    """2021.4.2 has the pooling unit divide by the whole kernel, though exclude-pad says otherwise."""
    movidius("python")
    with pytest.raises(CompilerError, match=r'layer "average": its stage average .*is up to .*--output'):
        checked(averages(20, exclude_pad=True), tmp_path)


def test_the_same_layer_where_the_compiler_is_right(tmp_path: Path) -> None:
    """No window reaches beyond a bottom of 21."""
    movidius("python")
    model = averages(21, exclude_pad=True)
    found = checked(model, tmp_path)
    assert (found.not_checked, found.zero) == ("", 0)
    assert found.wide < 5e-6
    assert found.layers >= 2


def test_a_miscompile_that_the_output_does_not_show(tmp_path: Path) -> None:
    """The Softmax after the average is 1 for one class whatever the average is, so outputs alone would agree."""
    movidius("python")
    model = averages(20, exclude_pad=True)
    (end,) = (node for node in model.get_ordered_ops() if node.get_friendly_name() == "end")
    bias = np.zeros((1, 8, 1, 1), np.float32)
    bias[0, 3] = 30
    scores = op.relu(op.add(end, op.constant(bias)), name="scores")
    prob = op.softmax(scores, 1, name="prob")
    prob.output(0).set_names({"prob"})
    with pytest.raises(CompilerError, match='layer "average"'):
        checked(Model([op.result(prob)], model.get_parameters(), "saturated"), tmp_path)


def test_a_fault_of_the_judge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Today's CPU plugin is made to lie. 2021.4.2's is asked, agrees with the blob, and the blob is right."""
    movidius("python")
    compute = pieces._Cut.compute
    lies = {"end": 1.5}
    monkeypatch.setattr(
        pieces._Cut,
        "compute",
        lambda self, feed, inputs: {
            layer: lies.get(layer, 1) * values for layer, values in compute(self, feed, inputs).items()
        },
    )
    assert checked(averages(21, exclude_pad=True), tmp_path).not_checked == ""
    assert 'computes "end" of the IR wrong on a CPU' in caplog.text


def test_an_overflow_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Numbers of about 1 become 300 and then 90,000."""
    movidius("python")
    source = op.parameter([1, 8, 9, 8], np.float32, name="data")
    source.output(0).set_names({"data"})
    large = op.multiply(source, np.float32(300), name="large")
    square = op.multiply(large, large, name="square")
    square.output(0).set_names({"square"})
    found = checked(Model([op.result(square)], [source], "overflow"), tmp_path)
    assert found.chip == np.inf
    assert "above 65504, which FP16 cannot hold, in layer square." in caplog.text


def test_compile_checks_and_says_so(net: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    ROOM.main(["compile", "--net", "SmallNet"])
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("  check"))
    assert "computes what the IR does" in line
    ROOM.main(["compile", "--net", "SmallNet", "--force", "--no-check"])
    assert "  check" not in capsys.readouterr().out


def test_a_wrong_blob_is_not_written(
    net: dict[str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One weight of the blob is changed: the file is refused, and nothing appears."""
    original = compiler.compile_blob

    def spoil(*words: Any, **settings: Any) -> compiler.Compiled:
        done = original(*words, **settings)
        change_a_weight(words[2])
        return done

    monkeypatch.setattr(compiler, "compile_blob", spoil)
    with pytest.raises(MokaError, match=r'SmallNet\.blob: the MYRIAD compiler made something else of layer "conv"'):
        ROOM.main(["compile", "--net", "SmallNet"])
    assert not Path("graph").exists()
    ROOM.main(["compile", "--net", "SmallNet", "--no-check"])
    assert json.loads(Path("graph/SmallNet.json").read_text())["blob"]["file"] == "SmallNet.blob"


def change_a_weight(file: Path) -> None:
    """Double the largest weight of the first convolution."""
    blob = read_blob(file)
    stage = next(stage for stage in blob.stages if "weights" in stage.roles)
    weights = stage.find("weights")
    assert weights.place is Place.CONSTANT
    at = blob.header.constants_at + weights.offset
    content = bytearray(file.read_bytes())
    numbers = np.frombuffer(content, np.float16, weights.shape.span // 2, at)
    numbers[np.argmax(np.abs(numbers))] *= 2
    file.write_bytes(content)
