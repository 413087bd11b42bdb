"""IR files: version, precision, wholeness."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from kits.ncs import Floats, net_of, pixels, run_model, subtract, values
from ncs.converter import convert
from ncs.errors import ConversionError, NcsError
from ncs.ir import _check_complete, write_ir

LAYERS = 'layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param { num_output: 4 } }'


def write(folder: Path, weight: Floats | None = None) -> tuple[Path, Path]:
    weights = {"fc": [values(4, 216) / 100 if weight is None else weight, values(4)]}
    xml, bin = folder / "net.xml", folder / "net.bin"
    write_ir(convert(net_of(LAYERS), weights, subtract(values(3, 9, 8) * 20 + 120)), xml, bin)
    return xml, bin


def test_version_10_opset1_fp16_and_byte_input(tmp_path: Path) -> None:
    xml, _ = write(tmp_path)
    root = ElementTree.parse(xml).getroot()
    assert root.get("version") == "10"
    assert {layer.get("version") for layer in root.iter("layer")} == {"opset1"}
    precisions = {port.get("precision") for output in root.iter("output") for port in output}
    assert precisions == {"U8", "FP16", "I64"}
    assert ElementTree.tostring(root).count(b'"U8"') == 2  # the input, and the conversion that takes it


def test_reads_back_with_the_same_answers(tmp_path: Path) -> None:
    xml, _ = write(tmp_path)
    exact = run_model(
        convert(net_of(LAYERS), {"fc": [values(4, 216) / 100, values(4)]}, subtract(values(3, 9, 8) * 20 + 120)),
        pixels(),
    )
    got = run_model(xml, pixels())
    assert list(got) == ["fc"]
    np.testing.assert_allclose(got["fc"], exact["fc"], atol=2e-2)  # FP16 weights; the answers lie around 10


def test_same_model_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    first, second = write(tmp_path / "a"), write(tmp_path / "b")
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]


def test_smallest_fp16_numbers_are_kept(tmp_path: Path) -> None:
    weight = np.full((4, 216), 6e-7, np.float32)
    _, bin = write(tmp_path, weight)
    assert np.isin(np.float16(6e-7), np.frombuffer(bin.read_bytes()[: bin.stat().st_size // 2 * 2], np.float16))


@pytest.mark.parametrize("bad", [70000.0, -1e9, np.nan, np.inf])
def test_numbers_beyond_fp16_are_refused(tmp_path: Path, bad: float) -> None:
    weight = values(4, 216)
    weight[1, 2] = bad
    with pytest.raises(ConversionError, match=r"fc/.*FP16"):
        write(tmp_path, weight)


def test_half_written_files_are_noticed(tmp_path: Path) -> None:
    xml, bin = write(tmp_path)
    whole, text = bin.read_bytes(), xml.read_bytes()
    _check_complete(xml, bin)
    bin.write_bytes(whole[:-1])
    with pytest.raises(NcsError, match=f"only {len(whole) - 1} of {len(whole)}"):
        _check_complete(xml, bin)
    bin.write_bytes(whole)
    xml.write_bytes(text[:-40])
    with pytest.raises(NcsError, match="is incomplete"):
        _check_complete(xml, bin)


def test_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NcsError, match="cannot be written"):
        write(tmp_path / "file")
